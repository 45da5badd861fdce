"""The same address in another form, for whoever asks for it: `Accept: application/x-bibtex` (RFC 9110, 12).

Browsers ask for HTML first and get the page. The answer names the address that always has this form
(`Content-Location`), and every answer says that it depends on `Accept`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from broadsheet import exports
from broadsheet.web import access, errors
from broadsheet.web.asked import wants_fragment

View = Callable[..., HttpResponse]

HTML: Final = "text/html"
JSON: Final = "application/json"
# What programs call the formats of `exports`; the first of each is what we call it.
KINDS: Final[dict[str, str]] = {
    HTML: "",
    "application/xhtml+xml": "",
    "application/x-bibtex": "bib",
    "text/x-bibtex": "bib",
    "application/bibtex": "bib",
    "application/x-research-info-systems": "ris",
    "application/vnd.citationstyles.csl+json": "csl.json",
    "application/citeproc+json": "csl.json",
    "application/rdf+xml": "rdf",
    "text/markdown": "md",
    JSON: "json",
}
LONGEST: Final = 2_000
WRONG: Final = (
    "There is no such form of this page. It comes as HTML, JSON, BibTeX, RIS, CSL-JSON, RDF or Markdown."
)


def also_as(file: View, json: Callable[..., str] | None = None) -> Callable[[View], View]:
    """A view whose page `file(request, form=…)` gives as a file, and the address `json` names as JSON."""

    def decorate(view: View) -> View:
        @wraps(view)
        def negotiated(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponse:
            form = form_of(request)
            if form is None:
                response = errors.answer(request, 406, WRONG)
            elif form == "json" and json is not None:
                response = access.see(json(request, *args, **kwargs))
            elif form and form != "json":
                response = file(request, *args, form=form, **kwargs)
            else:
                response = view(request, *args, **kwargs)
            patch_vary_headers(response, ("Accept",))
            return response

        return negotiated

    return decorate


def form_of(request: HttpRequest) -> str | None:
    """The form that is asked for: "" for a page, else one of `exports` or "json"; None where none of ours
    will do."""
    said = request.headers.get("Accept", "")
    # What every browser begins with, and what says that anything will do.
    if not said or said.startswith((HTML, "*/*")) or wants_fragment(request):
        return ""
    ranges = list(map(_read, said[:LONGEST].lower().split(",")))
    best, form = (0.0, 0), None
    for kind, meant in KINDS.items():
        # The most exact range that fits says how much this kind is wanted (RFC 9110, 12.5.1).
        exact, quality = max(((_fits(kind, asked), q) for asked, q in ranges), default=(0, 0.0))
        if exact and quality and (quality, exact) > best:
            best, form = (quality, exact), meant
    return form


def _read(asked: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in asked.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return kind, 0.0


def _fits(kind: str, asked: str) -> int:
    """How exactly a range of media types means this one: 3 itself, 2 its family, 1 anything, 0 not at all."""
    if asked == kind:
        return 3
    if asked == f"{kind.partition('/')[0]}/*":
        return 2
    return 1 if asked == "*/*" else 0


def located(response: HttpResponse, path: str) -> HttpResponse:
    response.headers["Content-Location"] = path
    return response


def many(request: HttpRequest, least: int) -> int:
    """How many papers a file is to hold: `n`, up to a thousand; `least` where nothing is said."""
    said = request.GET.get("n", "")
    if not said:
        return least
    if not (said.isascii() and said.isdecimal() and len(said) <= 4 and 1 <= int(said) <= exports.MOST):
        raise BadRequest(f"“n” says how many papers: a whole number from 1 to {exports.MOST:,}.")
    return int(said)
