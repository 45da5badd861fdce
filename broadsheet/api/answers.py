"""What every dialect does alike: lets any site's scripts read, counts requests, reads numbers strictly."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import wraps
from html import escape
from typing import Any, Concatenate, Final, ParamSpec

import orjson
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import BadRequest, DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from broadsheet.api import memory
from broadsheet.models import Link, Paper
from broadsheet.web import errors
from broadsheet.web.context import base
from broadsheet.web.limits import TooMany, digest, place_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

MINUTE: Final = 60
JSON: Final = "application/json; charset=utf-8"


def public(*methods: str) -> Callable[[View[P]], View[P]]:
    """A view of public data: any site's scripts may read it, and each address may ask so often a minute.

    Without `methods` it answers GET and HEAD. POST here is a question too long for an address: it changes
    nothing and no cookie counts, so it needs no token.
    """
    allowed = methods or ("GET", "HEAD")

    def decorate(view: View[P]) -> View[P]:
        @csrf_exempt
        @wraps(view)
        def asked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method == "OPTIONS":
                return _preflight(allowed)
            if request.method not in allowed:
                response = errors.answer(
                    request, 405, "This address is read with " + " or ".join(allowed) + "."
                )
                response.headers["Allow"] = ", ".join([*allowed, "OPTIONS"])
                return readable(response)
            left, wait = count(request)
            response = memory.answered(request, lambda: readable(view(request, *args, **kwargs)))
            if settings.API_LIMIT:
                response.headers["RateLimit"] = f'"api";r={left};t={wait}'
                response.headers["RateLimit-Policy"] = (
                    f'"fixed window";"api";q={settings.API_LIMIT};w={MINUTE}'
                )
            return response

        asked.asks_only = True  # type: ignore[attr-defined]
        return asked

    return decorate


def count(request: HttpRequest, who: str = "") -> tuple[int, int]:
    """One more request in this minute of `who`, or of this address: (how many are left, seconds until it
    begins anew).

    Counted in the memory of each web process. Raises TooMany.
    """
    window, passed = divmod(time.time(), MINUTE)
    wait = max(1, round(MINUTE - passed))
    if not settings.API_LIMIT:
        return 0, wait
    key = digest("api", str(int(window)), who or place_of(request))
    cache.add(key, 0, 2 * MINUTE)
    try:
        asked = cache.incr(key)
    except ValueError:
        return settings.API_LIMIT, wait  # it was thrown out of a full memory between the two lines
    if asked > settings.API_LIMIT:
        raise TooMany(wait)
    return settings.API_LIMIT - asked, wait


def readable(response: HttpResponse) -> HttpResponse:
    """Lets scripts of any site read the answer."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = (
        "Link, ETag, Location, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id, "
        "X-Error-Message"
    )
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _preflight(methods: Sequence[str]) -> HttpResponse:
    response = readable(HttpResponse(status=204))
    response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    response.headers["Access-Control-Allow-Headers"] = (
        "Authorization, Content-Type, X-Api-Key, Mcp-Protocol-Version"
    )
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def json(found: Any, status: int = 200, content_type: str = JSON) -> HttpResponse:
    # Lone surrogates cannot be sent as UTF-8 at all; everything else goes out as it is.
    try:
        body = orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        body = orjson.dumps(_sendable(found))
    return HttpResponse(body, status=status, content_type=content_type)


def _sendable(found: Any) -> Any:
    if isinstance(found, str):
        return found.encode("utf-8", "replace").decode()
    if isinstance(found, dict):
        return {_sendable(key): _sendable(value) for key, value in found.items()}
    return [_sendable(each) for each in found] if isinstance(found, list | tuple) else found


def here(request: HttpRequest) -> str:
    """Where this server is, for a refusal too: "" where the request names a host that is not ours."""
    try:
        return base(request)
    except DisallowedHost:
        return ""


# --- reading what was asked ------------------------------------------------------------------------------


def number(request: HttpRequest, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query. Raises BadRequest with a sentence that says the limits."""
    said = request.GET.get(name, "")
    if not said:
        return default
    if not (said.isascii() and said.isdecimal() and len(said) <= 9 and least <= int(said) <= most):
        raise BadRequest(f"“{name}” is a whole number from {least:,} to {most:,}.")
    return int(said)


def words(request: HttpRequest, name: str, most: int) -> str:
    said = request.GET.get(name, "").strip()
    if len(said) > most:
        raise BadRequest(f"“{name}” is too long: {most:,} characters fit.")
    return said


def choice(request: HttpRequest, name: str, known: Iterable[str], default: str) -> str:
    """One of some words. Raises BadRequest with all of them."""
    said, all_known = request.GET.get(name, "") or default, list(known)
    if said not in all_known:
        raise BadRequest(f"“{name}” is one of {', '.join(all_known)}.")
    return said


def day(text: str, name: str) -> date:
    """Raises BadRequest."""
    try:
        if len(text) != 10:
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"“{name}” is a day such as 2025-03-14.") from error


# --- what goes out -----------------------------------------------------------------------------------------


_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def xml_text(text: str) -> str:
    """For between tags and between double quotes, without the characters that XML 1.0 cannot hold."""
    return escape(_NOT_XML.sub("", text))


def instant(moment: datetime | None) -> str | None:
    """`2025-03-12T09:00:00.000Z`, as every JSON client reads it."""
    if moment is None:
        return None
    said = moment.astimezone(UTC)
    return f"{said:%Y-%m-%dT%H:%M:%S}.{said.microsecond // 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses that belong to one paper, by kind, in the order in which sources named them."""

    by_kind: dict[str, list[str]]

    def all(self, kind: str) -> list[str]:
        return self.by_kind.get(kind, [])

    def first(self, kind: str, host: str = "") -> str | None:
        return next((url for url in self.all(kind) if host in url), None)

    def repositories(self, kind: str, folder: str = "") -> list[str]:
        """`owner/name` of those at the hub where models, datasets and demos live."""
        start = f"https://huggingface.co/{folder}"
        names = [url.removeprefix(start).strip("/") for url in self.all(kind) if url.startswith(start)]
        return [name for name in names if name.count("/") == 1]


def links_of(papers: Sequence[Paper]) -> dict[int, Links]:
    """One query for all of them."""
    found: dict[int, dict[str, list[str]]] = {}
    rows = Link.objects.filter(paper__in=[paper.pk for paper in papers]).order_by("pk")
    for key, kind, url in rows.values_list("paper_id", "kind", "url"):
        if url.startswith(("http://", "https://")):
            found.setdefault(key, {}).setdefault(kind, []).append(url)
    return {paper.pk: Links(found.get(paper.pk, {})) for paper in papers}
