"""Our own JSON API: listings, search and papers in our own words, described by OpenAPI."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from broadsheet import __version__, search, trending
from broadsheet.api import v1, v1_acts, v1_interests, v1_keeping, v1_recommending, v1_webhooks
from broadsheet.api.v1_shapes import (
    Cursor,
    FoundOut,
    Limit,
    ListingOut,
    Page,
    PapersOut,
    Problem,
    Social,
    WholePaperOut,
    all_told,
    bad,
    named,
    told,
)
from broadsheet.models import Link, Paper
from broadsheet.trending.latest import BadCursor, walk

api = NinjaAPI(
    title="Broadsheet",
    version=__version__,
    description="Research papers with their rankings. Reading what everybody may read needs no key.",
    docs_url=None,
    openapi_url=None,
    urls_namespace="api-v1",
)

Period = Literal["day", "week", "month", "trending", "all"]

REFUSALS: dict[Any, Any] = dict.fromkeys((400, 401, 404, 405, 429), Problem)


@api.exception_handler(ValidationError)
def _not_valid(request: HttpRequest, error: Any) -> HttpResponse:
    wrong = [
        {"where": _where(each.get("loc", ())), "detail": str(each.get("msg", ""))[:200]}
        for each in error.errors[:20]
    ]
    first = error.errors[0]
    where = str(first.get("loc", ("",))[-1])
    sentence = f"“{where[:40]}”: {str(first.get('msg', 'is not valid'))[:200]}."
    return v1.problem(400, sentence, errors=wrong)


def _where(place: tuple[Any, ...]) -> str:
    """`body.text`: where it stands, and the name that was sent; the framework names its argument between."""
    names = [str(each) for each in place]
    return ".".join([*names[:1], *(names[2:] if names[1:2] == ["body"] else names[1:])])[:100]


@api.exception_handler(HttpError)
def _not_read(request: HttpRequest, error: HttpError) -> HttpResponse:
    return v1.problem(error.status_code, str(error)[:300])


@api.exception_handler(Http404)
def _not_here(request: HttpRequest, error: Any) -> HttpResponse:
    return v1.problem(404, str(error.args[0]) if error.args else "There is nothing here.")


@api.get(
    "/papers", response={200: PapersOut, **REFUSALS}, summary="All papers, newest first", tags=["Papers"]
)
def papers(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    try:
        found, after = walk(cursor, limit, Paper.objects.cards())
    except BadCursor as refusal:
        raise bad(refusal) from refusal
    return {"papers": all_told(request, found), "next": after}


@api.get(
    "/listings/{period}", response={200: ListingOut, **REFUSALS}, summary="A ranked list", tags=["Papers"]
)
def listing(
    request: HttpRequest,
    period: Period,
    limit: Limit,
    page: Page,
    social: Social,
    key: str = "",
    category: str = "",
) -> dict[str, Any]:
    """`key` names the day (2025-03-14), week (2025-W11) or month (2025-03). `why` says what each paper's
    place is made of."""
    window = trending.parse(period, key[:40])
    found = trending.listing(window, trending.Filters.parse(category), page, limit, social / 100)
    return {
        "period": window.period,
        "key": window.key,
        "title": window.title,
        "total": found.total,
        "page": found.page,
        "pages": found.pages,
        "papers": [
            {
                **told(request, entry.paper),
                "place": entry.place,
                "reserved": entry.reserved,
                "score": entry.paper.score or 0.0,
                "why": [asdict(reason) for reason in entry.reasons],
            }
            for entry in found.entries
        ],
    }


@api.get("/search", response={200: FoundOut, **REFUSALS}, summary="A search", tags=["Papers"])
def find(
    request: HttpRequest,
    q: str,
    limit: Limit,
    cursor: Cursor,
    sort: Literal["relevance", "date", "votes", "trending"] = "relevance",
) -> dict[str, Any]:
    try:
        found = search.search(q, per_page=limit, sort=sort, after=cursor)
    except search.BadQuery as refusal:
        raise bad(refusal) from refusal
    return {
        "papers": all_told(request, found.papers),
        "next": found.next,
        "total": found.total,
        "corrected": found.corrected,
        "notes": found.notes,
    }


@api.get(
    "/related/{path:identifier}",
    response={200: PapersOut, **REFUSALS},
    summary="Papers like one paper",
    tags=["Papers"],
)
def related(request: HttpRequest, identifier: str, limit: Limit) -> dict[str, Any]:
    found = search.related(named(identifier), per_page=limit)
    return {"papers": all_told(request, found.papers), "next": ""}


@api.get(
    "/papers/{path:identifier}",
    response={200: WholePaperOut, **REFUSALS},
    summary="One paper",
    tags=["Papers"],
)
def paper(request: HttpRequest, identifier: str) -> dict[str, Any]:
    """By any spelling of its identifier: `2503.01234v2`, `doi:10.1145/…`, an address."""
    found = named(identifier)
    links = Link.objects.filter(paper=found).order_by("pk").values("kind", "url")
    return {
        **told(request, found),
        "comment": found.comment,
        "journal_ref": found.journal_ref,
        "licence": found.licence,
        "doi": found.doi,
        "links": list(links),
        "score": found.score or 0.0,
        "why": [asdict(reason) for reason in trending.reasons(found, trending.TRENDING)],
    }


api.add_router("", v1_acts.router)
api.add_router("", v1_keeping.router)
api.add_router("", v1_webhooks.router)
api.add_router("", v1_recommending.router)
api.add_router("", v1_interests.router)
