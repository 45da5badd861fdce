"""The door of our own JSON API, `/api/v1`: what stands behind it is loaded when the first request comes."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, URLResolver
from django.urls.resolvers import RegexPattern

from broadsheet.api.answers import json, public, readable


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """A problem detail (RFC 9457)."""
    told = {"title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
    return readable(json(told, status, "application/problem+json"))


@public()
def door(request: HttpRequest, rest: str) -> HttpResponse:
    if rest == "openapi.json":
        return json(_document())
    try:
        match = _routes().resolve(rest)
    except Resolver404 as error:
        raise Http404("There is no such address. /api/v1/openapi.json lists those that there are.") from error
    answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return answer


@cache
def _routes() -> URLResolver:
    from broadsheet.api.v1_routes import api

    patterns, *_ = api.urls
    return URLResolver(RegexPattern(r""), list(patterns))


@cache
def _document() -> dict[str, Any]:
    from broadsheet.api.v1_routes import api

    return dict(api.get_openapi_schema(path_prefix="/api/v1/"))
