"""Reads a listing off an index: two queries for its papers, the others for its total and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, F, Max, Min, Q, QuerySet

from broadsheet import scoring
from broadsheet.models import Category, Paper, PaperCategory
from broadsheet.trending.days import today
from broadsheet.trending.reasons import Reason, reasons
from broadsheet.trending.windows import FLAGS, Filters, Window, day_window, month_window, week_window

# One place in ten is kept for a paper nobody has voted on yet, in the first three hundred places.
RESERVED_EVERY = 10
RESERVED_MOST = 30
# Trending keeps its reserved places for papers listed within this many days.
RESERVED_DAYS = 14
# Beyond this place a listing without an end is not paged through: search or a month finds more.
DEEPEST_PLACE = 30_000

NO_FILTERS = Filters()


class UnknownCategory(LookupError):
    """No paper here is in that category."""


class PageOutOfRange(LookupError):
    """The listing has no such page; `pages` says how many there are."""

    def __init__(self, pages: int) -> None:
        super().__init__(f"This listing has {pages} page{'s' if pages != 1 else ''}.")
        self.pages = pages


@dataclass
class Entry:
    """A paper at its place (from 1). `reserved`: the place is kept for papers nobody has voted on."""

    paper: Paper
    place: int
    reserved: bool = False
    reasons: list[Reason] = field(default_factory=list)


@dataclass
class Listing:
    """One page of a ranked list. `pages` counts from 1; `total` counts the whole list's papers."""

    window: Window
    filters: Filters
    entries: list[Entry]
    total: int
    page: int
    pages: int
    previous: Window | None
    next: Window | None

    @property
    def papers(self) -> list[Paper]:
        return [entry.paper for entry in self.entries]


@dataclass(frozen=True)
class FieldCount:
    code: str
    name: str
    papers: int


def listing(
    window: Window, filters: Filters = NO_FILTERS, page: int = 1, per_page: int | None = None
) -> Listing:
    """One page of a listing in its published order.

    Raises PageOutOfRange when there is no such page and UnknownCategory when no paper is in the category.
    """
    size = per_page or settings.PAGE_SIZE
    rows = _Rows(window, filters)
    total = rows.total()
    pages = max(1, -(-min(total, DEEPEST_PLACE) // size))
    if not 1 <= page <= pages:
        raise PageOutOfRange(pages)
    start = (page - 1) * size
    placed = rows.placed(start, min(start + size, DEEPEST_PLACE), total)
    papers = Paper.objects.cards().in_bulk([pk for pk, _ in placed])
    entries = [
        Entry(papers[pk], start + index, reserved, reasons(papers[pk], window, reserved))
        for index, (pk, reserved) in enumerate(placed, start=1)
        if pk in papers
    ]
    previous, following = rows.neighbours()
    return Listing(window, filters, entries, total, page, pages, previous, following)


class _Rows:
    """The rows of a window under filters, on `Paper` or, within a category, on `PaperCategory`."""

    def __init__(self, window: Window, filters: Filters) -> None:
        self.window = window
        self.filters = filters
        self.key = "pk"
        self.all: QuerySet[Any] = Paper.objects.all()
        if filters.category:
            self.key = "paper_id"
            self.all = PaperCategory.objects.filter(category_id=_category_number(filters.category))
        for item in filters.has:
            self.all = self.all.filter(**{FLAGS[item]: True})
        self.rows = _in_window(self.all, window)
        self.order = "hotness" if window.period == "trending" else "score"

    def total(self) -> int:
        if self.window.period not in ("trending", "all"):
            return self.rows.count()
        # The whole table is counted once a minute; the number of all papers may lag by that much.
        key = f"total:{connection.alias}:{self.window.key}:{self.filters.query}"
        found = cache.get(key)
        if found is None:
            found = self.rows.count()
            if found > 5000:
                cache.set(key, found, 60)
        return int(found)

    def placed(self, start: int, end: int, total: int) -> list[tuple[int, bool]]:
        """The keys at places start+1 … end, each with whether its place is reserved."""
        reserved = self._reserved(total)
        ranked = self.rows.order_by(f"-{self.order}", self.key).values_list(self.key, flat=True)
        if reserved:
            ranked = ranked.exclude(**{f"{self.key}__in": reserved})
        last = min(end, total)
        before = _reserved_before(start, len(reserved))
        upto = _reserved_before(last, len(reserved))
        ordinary = iter(ranked[start - before : last - upto])
        kept = iter(reserved[before:upto])
        placed = []
        for place in range(start + 1, last + 1):
            is_kept = place % RESERVED_EVERY == 0 and place // RESERVED_EVERY <= len(reserved)
            pk = next(kept if is_kept else ordinary, None)
            if pk is not None:
                placed.append((pk, is_kept))
        return placed

    def _reserved(self, total: int) -> list[int]:
        """Papers nobody has voted on, drawn by a lot that turns each day; one for every nine voted ones."""
        if self.window.period == "all" or total < RESERVED_EVERY:
            return []
        recent = self.rows.filter(voted=False)
        if self.window.period == "trending":
            newest = newest_day()
            if newest is None:
                return []
            recent = recent.filter(listed_on__gt=newest - timedelta(days=RESERVED_DAYS))
            voted = RESERVED_EVERY * RESERVED_MOST
        else:
            voted = self.rows.filter(voted=True).count()
        most = min(RESERVED_MOST, voted // (RESERVED_EVERY - 1))
        if not most:
            return []
        turn = scoring.announcement_days(today()) * 16_807 + 11
        lot = (F(self.key) % 2_147_483_647 * 48_271 + turn) % 2_147_483_647
        return list(recent.order_by(lot, self.key).values_list(self.key, flat=True)[:most])

    def neighbours(self) -> tuple[Window | None, Window | None]:
        """The nearest windows before and after that hold papers under the same filters."""
        first, last = self.window.first, self.window.last
        if first is None or last is None:
            return None, None
        if self.window.period == "month":
            here = first.year * 100 + first.month
            before = self.all.filter(month__lt=here).aggregate(at=Max("month"))["at"]
            after = self.all.filter(month__gt=here).aggregate(at=Min("month"))["at"]
            return _month_of(before), _month_of(after)
        make = day_window if self.window.period == "day" else week_window
        before = self.all.filter(listed_on__lt=first).aggregate(at=Max("listed_on"))["at"]
        after = self.all.filter(listed_on__gt=last).aggregate(at=Min("listed_on"))["at"]
        return before and make(before), after and make(after)


def _in_window(rows: QuerySet[Any], window: Window) -> QuerySet[Any]:
    if window.first is None or window.last is None:
        return rows.filter(**{"hotness__isnull" if window.period == "trending" else "score__isnull": False})
    if window.period == "month":
        return rows.filter(month=window.first.year * 100 + window.first.month)
    if window.period == "day":
        return rows.filter(listed_on=window.first)
    return rows.filter(listed_on__range=(window.first, window.last))


def _reserved_before(place: int, reserved: int) -> int:
    """How many of the first `place` places are reserved."""
    return min(place // RESERVED_EVERY, reserved)


def _month_of(number: int | None) -> Window | None:
    return month_window(date(number // 100, number % 100, 1)) if number else None


def _category_number(code: str) -> int:
    found = Category.objects.filter(code=code).values_list("pk", flat=True).first()
    if found is None:
        raise UnknownCategory(code)
    return found


def newest_day() -> date | None:
    """The newest day that has papers and is not after today in the listing time zone."""
    found: date | None = Paper.objects.filter(listed_on__lte=today()).aggregate(at=Max("listed_on"))["at"]
    return found


def calendar(year: int, month: int, filters: Filters = NO_FILTERS) -> dict[date, int]:
    """How many papers each day of a month has; days without papers are left out."""
    rows = _Rows(month_window(date(year, month, 1)), filters).all
    window = month_window(date(year, month, 1))
    days = rows.filter(listed_on__range=(window.first, window.last)).values("listed_on")
    return {row["listed_on"]: row["papers"] for row in days.annotate(papers=Count("*")).order_by("listed_on")}


def fields(window: Window, most: int = 12) -> list[FieldCount]:
    """The categories with the most papers in a window, largest first, whole archives left out.

    Counted at most once a minute for each window.
    """
    key = f"fields:{window.period}:{window.key}"
    found = cache.get(key)
    if found is None:
        rows = _in_window(PaperCategory.objects.all(), window) if window.first else _recent_categories()
        counted = rows.values("category__code", "category__name").annotate(papers=Count("*"))
        narrow = counted.filter(Q(category__code__contains=".") | Q(category__code__contains="-"))
        found = [
            FieldCount(row["category__code"], row["category__name"], row["papers"])
            for row in narrow.order_by("-papers", "category__code")[:most]
        ]
        if found:
            cache.set(key, found, 60)
    return list(found)


def _recent_categories() -> QuerySet[Any]:
    newest = newest_day() or today()
    return PaperCategory.objects.filter(listed_on__range=(newest - timedelta(days=RESERVED_DAYS), newest))
