"""Our own JSON API: listings, search and papers in our own words, described by OpenAPI."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Query, Schema
from ninja.errors import ValidationError

from broadsheet import __version__, search, trending
from broadsheet.api import v1
from broadsheet.models import Link, Paper
from broadsheet.trending.latest import BadCursor, walk
from broadsheet.web.context import base

api = NinjaAPI(
    title="Broadsheet",
    version=__version__,
    description="Research papers with their rankings. Reading needs no key.",
    docs_url=None,
    openapi_url=None,
    urls_namespace="api-v1",
)

Limit = Annotated[int, Query(50, ge=1, le=100, description="how many papers")]
Page = Annotated[int, Query(1, ge=1, le=6_000, description="the page, from 1")]
Social = Annotated[
    int, Query(100, ge=0, le=100, description="how much votes count in the order, in per cent")
]
Period = Literal["day", "week", "month", "trending", "all"]


class Problem(Schema):
    """RFC 9457."""

    title: str
    status: int
    detail: str


class PaperOut(Schema):
    identifier: str
    url: str
    title: str
    abstract: str
    abstract_is_ours: bool
    authors: list[str]
    categories: list[str]
    published_at: datetime | None
    listed_on: date | None
    revised_at: datetime | None
    organization: str
    withdrawn: bool
    upvotes: int
    comments: int
    outside_upvotes: int
    stars: int | None
    has_code: bool
    has_models: bool


class WhyOut(Schema):
    """One term of a score, in words and points; docs/ranking.md publishes the formula."""

    label: str
    detail: str
    points: float


class ListedOut(PaperOut):
    place: int
    reserved: bool
    """The place is kept for a paper that nobody has voted on."""
    score: float
    why: list[WhyOut]


class LinkOut(Schema):
    kind: str
    url: str


class WholePaperOut(PaperOut):
    comment: str
    journal_ref: str
    licence: str
    doi: str | None
    links: list[LinkOut]
    score: float
    why: list[WhyOut]
    """The terms of the score, then those of trending; the first add up to it."""


class PapersOut(Schema):
    papers: list[PaperOut]
    next: str
    """The cursor of the next page, empty behind the last."""


class ListingOut(Schema):
    period: str
    key: str
    title: str
    total: int
    page: int
    pages: int
    papers: list[ListedOut]


class FoundOut(PapersOut):
    total: int
    corrected: str
    notes: list[str]


_REFUSALS: dict[Any, Any] = dict.fromkeys((400, 404, 429), Problem)


@api.exception_handler(ValidationError)
def _not_valid(request: HttpRequest, error: Any) -> HttpResponse:
    first = error.errors[0]
    where = str(first.get("loc", ("",))[-1])
    return v1.refuse(request, 400, f"“{where[:40]}”: {str(first.get('msg', 'is not valid'))[:200]}.")


@api.exception_handler(Http404)
def _not_here(request: HttpRequest, error: Any) -> HttpResponse:
    return v1.refuse(request, 404, str(error.args[0]) if error.args else "There is nothing here.")


@api.get("/papers", response={200: PapersOut, **_REFUSALS}, summary="All papers, newest first")
def papers(request: HttpRequest, limit: Limit, cursor: str = "") -> dict[str, Any]:
    try:
        found, after = walk(cursor[:60], limit, Paper.objects.cards())
    except BadCursor as refusal:
        raise BadRequest(str(refusal)) from refusal
    return {"papers": _all(request, found), "next": after}


@api.get("/listings/{period}", response={200: ListingOut, **_REFUSALS}, summary="A ranked list")
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
                **_told(request, entry.paper),
                "place": entry.place,
                "reserved": entry.reserved,
                "score": entry.paper.score or 0.0,
                "why": [asdict(reason) for reason in entry.reasons],
            }
            for entry in found.entries
        ],
    }


@api.get("/search", response={200: FoundOut, **_REFUSALS}, summary="A search")
def find(
    request: HttpRequest,
    q: str,
    limit: Limit,
    sort: Literal["relevance", "date", "votes", "trending"] = "relevance",
    cursor: str = "",
) -> dict[str, Any]:
    try:
        found = search.search(q, per_page=limit, sort=sort, after=cursor[:60])
    except search.BadQuery as refusal:
        raise BadRequest(str(refusal)) from refusal
    return {
        "papers": _all(request, found.papers),
        "next": found.next,
        "total": found.total,
        "corrected": found.corrected,
        "notes": found.notes,
    }


@api.get(
    "/related/{path:identifier}", response={200: PapersOut, **_REFUSALS}, summary="Papers like one paper"
)
def related(request: HttpRequest, identifier: str, limit: Limit) -> dict[str, Any]:
    found = search.related(_named(identifier), per_page=limit)
    return {"papers": _all(request, found.papers), "next": ""}


@api.get("/papers/{path:identifier}", response={200: WholePaperOut, **_REFUSALS}, summary="One paper")
def paper(request: HttpRequest, identifier: str) -> dict[str, Any]:
    found = _named(identifier)
    links = Link.objects.filter(paper=found).order_by("pk").values("kind", "url")
    return {
        **_told(request, found),
        "comment": found.comment,
        "journal_ref": found.journal_ref,
        "licence": found.licence,
        "doi": found.doi,
        "links": list(links),
        "score": found.score or 0.0,
        "why": [asdict(reason) for reason in trending.reasons(found, trending.TRENDING)],
    }


def _named(identifier: str) -> Paper:
    found = search.by_identifier(identifier[:300])
    if found is None or found.hidden:
        raise Http404(f"No paper {identifier[:100]} is here.")
    return found


def _all(request: HttpRequest, found: list[Paper]) -> list[dict[str, Any]]:
    return [_told(request, each) for each in found]


def _told(request: HttpRequest, found: Paper) -> dict[str, Any]:
    told = {name: getattr(found, name) for name in PaperOut.model_fields if name != "url"}
    return {**told, "url": base(request) + found.get_absolute_url()}
