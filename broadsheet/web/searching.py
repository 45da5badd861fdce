"""Answers to what a reader typed, as pages and as files, and the file that teaches browsers to ask here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Self
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from broadsheet import exports, identifiers, search
from broadsheet.community import marks
from broadsheet.models import Reader
from broadsheet.models.category import category_names
from broadsheet.search import Found, Narrowing, Sort
from broadsheet.search.filters import canonical_code
from broadsheet.trending import Filters, PageOutOfRange
from broadsheet.web import authors, cards, links, negotiation, papers
from broadsheet.web.access import SIGN_IN, reader_of
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.context import address
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

SORT_WORDS: Final[dict[Sort, str]] = {
    "relevance": "Relevance",
    "date": "Date",
    "votes": "Votes",
    "trending": "Trending",
}
HAS_WORDS: Final = {"code": "With code", "models": "With models"}
FACETS_SHOWN: Final = 12

EVERY: Final = Filters()

_YEARS = re.compile(r"(?P<first>\d{4})?(?P<range>\.\.)?(?P<last>\d{4})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: the words, how to sort, and what a reader narrowed beside them."""

    words: str = ""
    sort: Sort = "relevance"
    filters: Filters = EVERY
    years: str = ""
    exact: bool = False

    @classmethod
    def of(cls, request: HttpRequest, sort: Sort = "relevance") -> Self:
        """Raises BadRequest and BadFilter with a sentence. `sort`: where the address names none."""
        return cls._read(request.GET, sort)

    @classmethod
    def in_form(cls, request: HttpRequest) -> Self:
        """The same, sent as a form. Raises BadRequest and BadFilter with a sentence."""
        return cls._read(request.POST, "relevance")

    @classmethod
    def _read(cls, sent: QueryDict, sort: Sort) -> Self:
        chosen = sent.get("sort") or sort
        if chosen not in SORT_WORDS:
            raise BadRequest(f"Papers can be sorted by {', '.join(SORT_WORDS)}.")
        filters = Filters.parse(sent.get("category", ""), sent.getlist("has"))
        if filters.category:
            filters = replace(filters, category=canonical_code(filters.category))
        asked = cls(sent.get("q", ""), chosen, filters, sent.get("year", ""), sent.get("exact") == "1")
        _ = asked.narrowing
        return asked

    @property
    def narrowing(self) -> Narrowing:
        match = _YEARS.fullmatch(self.years)
        if match is None or (match["first"] and match["last"] and not match["range"]):
            raise BadRequest("“year” is a year such as 2024, or a range such as 2023..2025.")
        first, last = (int(match[name]) if match[name] else None for name in ("first", "last"))
        return Narrowing(
            categories=(self.filters.category,) if self.filters.category else (),
            first_year=first,
            last_year=last if match["range"] else first,
            has_code="code" in self.filters.has,
            has_models="models" in self.filters.has,
        )

    @property
    def nothing(self) -> bool:
        return not self.words.strip() and self.narrowing == Narrowing()

    @property
    def query(self) -> str:
        """The address's query, without `?`; what is as usual is left out."""
        pairs = [
            ("q", self.words),
            ("sort", self.sort if self.sort != "relevance" else ""),
            ("year", self.years),
            ("exact", "1" if self.exact else ""),
        ]
        said = [urlencode([pair for pair in pairs if pair[1] or pair[0] == "q"]), self.filters.query]
        return "&".join(part for part in said if part)

    @property
    def href(self) -> str:
        return f"/search?{self.query}"

    def with_category(self, category: str) -> Self:
        return replace(self, filters=replace(self.filters, category=category))

    def with_has(self, item: str, on: bool) -> Self:
        others = {other for other in self.filters.has if other != item}
        return replace(
            self, filters=replace(self.filters, has=tuple(sorted(others | ({item} if on else set()))))
        )

    def answer(self, page: int, **more: Any) -> Found:
        """Raises BadRequest with the sentence of a query that cannot be meant."""
        try:
            return search.search(
                self.words, page, narrowing=self.narrowing, sort=self.sort, correct=not self.exact, **more
            )
        except search.BadQuery as refusal:
            raise BadRequest(str(refusal)) from refusal


NO_WORDS: Final = "Say what to search for: “q” holds the words, as in /search?q=newspapers."


@require_safe
def file(request: HttpRequest, form: str) -> HttpResponse:
    """The papers of one page of a search as citations, in its order."""
    asked = Asked.of(request)
    if asked.nothing:
        raise BadRequest(NO_WORDS)
    many = negotiation.many(request, settings.PAGE_SIZE)
    found = asked.answer(page_number(request), per_page=many)
    if not found.papers:
        raise Http404("This search finds no papers.")
    # Cards come without some columns that citations need.
    whole = marks.whole([paper.pk for paper in found.papers])
    return papers.file(request, whole, form, exports.filename("search", form))


def _json_of(request: HttpRequest) -> str:
    """The same search of our JSON API, its filters as words."""
    asked = Asked.of(request)
    try:
        query = search.as_text(asked.words, asked.narrowing)
    except search.BadQuery as refusal:
        raise BadRequest(str(refusal)) from refusal
    return f"/api/v1/search?{urlencode({'q': query, 'sort': asked.sort})}"


@require_safe
@negotiation.also_as(file, _json_of)
def results(request: HttpRequest) -> HttpResponse:
    """The whole page; to htmx, the papers of "Show more", or all of the results while one types."""
    fragment = wants_fragment(request)
    typing = fragment and request.headers.get("HX-Target") == "found"
    response = _typed(request) if typing else _results(request, fragment)
    patch_vary_headers(response, ("HX-Request", "HX-Target"))
    if reader_of(request) is not None:
        # It says what this reader keeps, and its form carries a token of theirs.
        response.headers["Cache-Control"] = "private, no-store"
    return response


@dataclass(frozen=True, slots=True)
class Keep:
    """How this search can be saved: `query` says all of it in words, "" where it cannot be kept."""

    reader: Reader | None
    query: str
    saved: bool
    sign_in: str


def _keep(request: HttpRequest, asked: Asked) -> Keep:
    reader, sign_in = reader_of(request), f"{SIGN_IN}?{urlencode({'next': asked.href})}"
    if reader is None:
        return Keep(None, "", False, sign_in)
    try:
        query = search.as_text(asked.words, asked.narrowing)
    except search.BadQuery:
        return Keep(reader, "", False, sign_in)
    return Keep(reader, query, search.is_saved(reader, query), sign_in)


def _typed(request: HttpRequest) -> HttpResponse:
    """What is typed may be half a query, so a refusal is a sentence in the place of the results."""
    asked = Asked.of(request)
    try:
        found = asked.answer(1, facets=True, typing=True)
    except BadRequest as refusal:
        return render(request, "_found.html", {"refusal": str(refusal), "typed": True})
    return render(request, "_found.html", _known(request, asked, found) | {"typed": True})


def _results(request: HttpRequest, more: bool) -> HttpResponse:
    asked, page = Asked.of(request), page_number(request)
    found = asked.answer(page, facets=not more, after=request.GET.get("after", ""))
    if page > found.pages:
        raise PageOutOfRange(found.pages)
    if more:
        return render(request, "_more.html", _list(request, asked, found))
    return render(request, "search.html", _known(request, asked, found))


def _list(request: HttpRequest, asked: Asked, found: Found) -> dict[str, Any]:
    asked = replace(asked, words=found.query)
    pager = Pager.of_found("/search", asked.query, found)
    return {
        "found": found,
        "asked_for": found.query,
        "cards": cards.of_found(found, look(request).lines),
        "pager": pager,
        "path": "/papers/all",
        "total": found.total,
        "shown": pager.shown,
        "start": pager.start,
    }


def _known(request: HttpRequest, asked: Asked, found: Found) -> dict[str, Any]:
    known = _list(request, asked, found)
    asked = replace(asked, words=found.query)
    known |= {
        "nothing_asked": asked.nothing,
        "keep": _keep(request, asked),
        "author_path": authors.path_of(found.author.slug) if found.author else "",
        "instead": replace(asked, exact=True).href,
        "sorts": [
            (replace(asked, sort=sort).href, word, sort == asked.sort) for sort, word in SORT_WORDS.items()
        ],
        "chips": _chips(asked),
        "groups": _groups(asked, found),
        "suggestions": [(Asked(each.query).href, each.query, each.because) for each in found.suggestions],
        "feeds": links.feeds("/search", asked.query),
        "exports": links.citations("/search", asked.query),
    }
    if said := identifiers.parse(found.query):
        known |= {"identifier": said.identifier, "home": identifiers.abstract_url(said.identifier)}
    return known


def _chips(asked: Asked) -> list[tuple[str, str]]:
    """(what is narrowed, the address without it)."""
    found = []
    if asked.filters.category:
        found.append((asked.filters.category, asked.with_category("").href))
    if asked.years:
        found.append((asked.years.replace("..", "–"), replace(asked, years="").href))
    found += [(HAS_WORDS[item], asked.with_has(item, False).href) for item in asked.filters.has]
    return found


@dataclass(frozen=True, slots=True)
class Choice:
    word: str
    papers: str
    href: str
    on: bool


def _groups(asked: Asked, found: Found) -> list[tuple[str, list[Choice]]]:
    """Filters with how many papers pass each, under a heading. One that is on is taken off by its link."""
    counts = found.facets
    names = category_names()
    on = asked.filters.category
    categories = [
        Choice(
            names.get(code) or code,
            f"{count:,}",
            asked.with_category("" if code == on else code).href,
            code == on,
        )
        for code, count in _most(counts.get("category", {}))
        if code
    ]
    years = [
        Choice(
            year,
            f"{count:,}",
            replace(asked, years="" if year == asked.years else year).href,
            year == asked.years,
        )
        for year, count in sorted(_most(counts.get("year", {})), reverse=True)
        if year.isdecimal() and int(year)
    ]
    coded = counts.get("has_code", {}).get("true", 0)
    has = "code" in asked.filters.has
    code = [Choice("With code", f"{coded:,}", asked.with_has("code", not has).href, has)] if coded else []
    return [
        (word, group) for word, group in (("Field", categories), ("Year", years), ("Links", code)) if group
    ]


def _most(counts: dict[str, int]) -> Iterable[tuple[str, int]]:
    """Facets come with the most frequent first."""
    return islice(counts.items(), FACETS_SHOWN)


@require_safe
def description(request: HttpRequest) -> HttpResponse:
    """OpenSearch 1.1: lets a browser offer this server among its search engines."""
    known = {"search": address(request, "/search"), "icon": address(request, "/favicon.svg")}
    return render(request, "opensearch.xml", known, "application/opensearchdescription+xml; charset=utf-8")
