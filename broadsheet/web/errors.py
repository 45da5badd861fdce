"""Every refusal, in the kind that was asked for: a page, JSON, XML or a line of text (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from xml.sax.saxutils import escape

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

log = logging.getLogger("broadsheet.web")

HEADINGS = {
    400: "We cannot read that address",
    403: "That form has grown old",
    404: "Not here",
    405: "Not this way",
    406: "Not in that form",
    409: "That cannot be done now",
    410: "No longer here",
    414: "That address is too long",
    429: "Too much at once",
    500: "Something broke",
}
UNREADABLE = "The address holds something that we cannot read. Check it for stray characters."
NOTHING_HERE = "There is no page at this address. It may be mistyped, or the page may have moved."
BROKEN = "This is our fault, not yours. It is noted in the server's log; please try again in a minute."
STALE_FORM = (
    "The form was opened too long ago, or your browser keeps no cookies. Go back, reload the page, try again."
)

XML = (".rss", ".atom", ".xml", ".rdf", ".opml")
TEXT = (".md", ".bib", ".ris", ".txt")

Way = tuple[str, str]


def answer(
    request: HttpRequest, status: int, sentence: str, ways: Sequence[Way] = (), heading: str = ""
) -> HttpResponse:
    """A refusal with a sentence for the reader and `ways` on: (address, words) of what may help."""
    for start, dotted in settings.DIALECTS:
        if request.path.startswith(start):
            spoken: HttpResponse = import_string(dotted)(request, status, sentence)
            return spoken
    path = request.path.lower()
    if request.headers.get("HX-Request"):
        # Shown by our script beside the button; without it htmx would show nothing.
        content, kind = sentence + "\n", "text/plain; charset=utf-8"
    elif path.endswith(".json") or _prefers_json(request):
        content, kind = _json(status, sentence), "application/problem+json"
    elif path.endswith(XML) or path == "/unapi":
        content, kind = _xml(status, sentence), "application/problem+xml; charset=utf-8"
    elif path.endswith(TEXT):
        content, kind = sentence + "\n", "text/plain; charset=utf-8"
    else:
        known = {"heading": heading or HEADINGS[status], "sentence": sentence, "ways": ways, "status": status}
        content, kind = render_to_string("error.html", known, request), "text/html; charset=utf-8"
    return HttpResponse(content, status=status, content_type=kind)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 400, UNREADABLE)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 403, STALE_FORM)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What Django shows instead of a form's answer when the CSRF check fails."""
    return answer(request, 403, STALE_FORM)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """A view may say why in `Http404("a sentence")`; Django's own carry a dictionary for developers."""
    said = exception.args[0] if exception and exception.args else None
    return answer(request, 404, said if isinstance(said, str) and said else NOTHING_HERE)


def broken(request: HttpRequest) -> HttpResponse:
    try:
        return answer(request, 500, BROKEN)
    except Exception:
        # Whatever broke the page may break the page about it.
        log.exception("The error page itself could not be rendered")
        return HttpResponse(BROKEN + "\n", status=500, content_type="text/plain; charset=utf-8")


def _prefers_json(request: HttpRequest) -> bool:
    accept = request.headers.get("Accept", "")
    return "json" in accept and "html" not in accept and "*/*" not in accept


def _json(status: int, sentence: str) -> str:
    return json.dumps({"title": HTTPStatus(status).phrase, "status": status, "detail": sentence})


def _xml(status: int, sentence: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<problem xmlns="urn:ietf:rfc:7807">'
        f"<title>{HTTPStatus(status).phrase}</title><status>{status}</status>"
        f"<detail>{escape(sentence)}</detail></problem>\n"
    )
