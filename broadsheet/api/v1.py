"""The door of our own JSON API, `/api/v1`: what stands behind it is loaded when the first request comes."""

from __future__ import annotations

import json as plain_json
import re
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RegexPattern
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from broadsheet import community
from broadsheet.api.answers import MINUTE, count, json, readable
from broadsheet.web import limits
from broadsheet.web.context import base

PREFIX: Final = "/api/v1/"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READING: Final = ("GET", "HEAD")
# Bytes of what may be sent; a comment is the longest.
LARGEST: Final = 128 * 1024

TOO_LARGE: Final = f"What was sent is too large: {LARGEST // 1024} kB fit."
NOT_JSON: Final = "What is sent here is JSON. Say so: “Content-Type: application/json”."
NO_LENGTH: Final = "Say how long what you send is (Content-Length)."
NOT_THIS_WAY: Final = "This address does not answer that method."
NO_TEXT: Final = "What was sent holds characters that are no text. Remove them and try again."

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """A problem detail (RFC 9457)."""
    return problem(status, sentence)


def problem(status: int, sentence: str, **more: Any) -> HttpResponse:
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return readable(json(told | more, status, "application/problem+json"))


@csrf_exempt  # A key needs no token of a form; where a session asks, v1_asking looks for one.
def door(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Everything below /api/v1: who asks, how often, in what form; then the operation that is meant."""
    if request.method == "OPTIONS":
        return _preflight()
    from broadsheet.api import v1_asking as asking

    try:
        asking.read_key(request)
    except asking.NotAllowed as refusal:
        # Guessing keys is asking, too.
        count(request)
        return _not_allowed(refusal)
    key = asking.key_of(request)
    left, wait = count(request, f"key {key.pk}" if key else "")
    try:
        response = _answer(request, rest)
    except asking.NotAllowed as refusal:
        response = _not_allowed(refusal)
    except asking.UsedBefore as refusal:
        response = problem(422, str(refusal))
    except limits.TooMany:
        asking.note(request, 429)
        raise
    except community.Refused as refusal:
        asking.note(request, refusal.status)
        raise
    else:
        asking.note(request, response.status_code)
    if settings.API_LIMIT:
        response.headers["RateLimit"] = f'"api";r={left};t={wait}'
        response.headers["RateLimit-Policy"] = f'"fixed window";"api";q={settings.API_LIMIT};w={MINUTE}'
    return _for_whom(request, response, by_key=key is not None)


def _answer(request: HttpRequest, rest: str) -> HttpResponse:
    if rest in ("", "openapi.json", "docs"):
        return _about(request, rest)
    try:
        match = _routes().resolve(rest)
    except Resolver404 as error:
        raise Http404(f"There is no such address. {PREFIX}docs lists those that there are.") from error
    if (refused := _unreadable(request)) is not None:
        return refused
    if request.method == "HEAD":
        request.method = "GET"
    answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
    if answer.status_code == 405:
        known = sorted({*answer.headers["Allow"].split(", "), "OPTIONS"})
        answer = problem(405, NOT_THIS_WAY)
        answer.headers["Allow"] = ", ".join([*known, *(["HEAD"] if "GET" in known else [])])
    return answer


def _about(request: HttpRequest, rest: str) -> HttpResponse:
    """What this interface says of itself."""
    if request.method not in READING:
        answer = problem(405, NOT_THIS_WAY)
        answer.headers["Allow"] = "GET, HEAD, OPTIONS"
        return answer
    if rest == "openapi.json":
        return json(_document())
    if rest == "docs":
        from broadsheet.api import v1_guide

        return render(request, "api.html", {**v1_guide.known(_document()), "here": base(request)})
    return json({"documentation": f"{PREFIX}docs", "openapi": f"{PREFIX}openapi.json"})


def _unreadable(request: HttpRequest) -> HttpResponse | None:
    """A refusal of what no operation could read: 411, 413, 415, or characters that are no text."""
    if request.method in READING:
        return None
    if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
        return problem(411, NO_LENGTH)
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or int(length) > LARGEST:
        return problem(413, TOO_LARGE)
    if not int(length):
        return None
    if request.content_type != "application/json":
        return problem(415, NOT_JSON)
    try:
        sent = plain_json.loads(request.body)
    except (ValueError, RecursionError):
        return problem(400, "What was sent is not JSON.")
    return problem(400, NO_TEXT) if _holds_no_text(sent) else None


def _holds_no_text(sent: Any) -> bool:
    ahead = [sent]
    while ahead:
        found = ahead.pop()
        if isinstance(found, str):
            if _NO_TEXT.search(found):
                return True
        elif isinstance(found, list):
            ahead.extend(found)
        elif isinstance(found, dict):
            ahead.extend(found)
            ahead.extend(found.values())
    return False


def _for_whom(request: HttpRequest, response: HttpResponse, by_key: bool) -> HttpResponse:
    """Scripts of every site may read what everybody may; what one key or session is shown stays with it."""
    if by_key:
        response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Authorization",))
    if not by_key and hasattr(request, "auth"):
        # By a session: other sites' scripts have no business here.
        response.headers["Cache-Control"] = "private, no-store"
        response.headers.pop("Access-Control-Allow-Origin", None)
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response
    return readable(response)


def _not_allowed(refusal: Any) -> HttpResponse:
    response = problem(refusal.status, str(refusal))
    response.headers["WWW-Authenticate"] = refusal.challenge
    return response


def _preflight() -> HttpResponse:
    response = readable(HttpResponse(status=204))
    response.headers["Access-Control-Allow-Methods"] = ", ".join(METHODS)
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Idempotency-Key"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


@cache
def _routes() -> URLResolver:
    from broadsheet.api.v1_routes import api

    patterns, *_ = api.urls
    return URLResolver(RegexPattern(r""), list(patterns))


@cache
def _document() -> dict[str, Any]:
    from broadsheet.api import v1_guide
    from broadsheet.api.v1_routes import api

    return v1_guide.complete(dict(api.get_openapi_schema(path_prefix=PREFIX)))
