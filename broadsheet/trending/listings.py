"""Reads a listing off an index: two queries for its papers, the others for its total and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, ExpressionWrapper, F, FloatField, Func, Max, QuerySet, Subquery, Value

from broadsheet import scoring
from broadsheet.models import Category, Paper, PaperCategory
from broadsheet.models.category import archives
from broadsheet.trending.days import today
from broadsheet.trending.reasons import Reason, reasons
from broadsheet.trending.windows import FLAGS, Filters, Window, day_window, month_window, week_window

# One place in ten is kept for a paper nobody has voted on yet, in the first three hundred places.
RESERVED_EVERY = 10
RESERVED_MOST = 30
# Trending keeps its reserved places for papers listed within this many days.
RESERVED_DAYS = 14
# With points turned down, a lot is worth so much, and trending goes back so many days.
CHANCE = 4.0
SOCIAL_DAYS = 60
# Beyond this place a listing without an end is not paged through: search or a month finds more.
DEEPEST_PLACE = 30_000

MOST_FIELDS = 200

NO_FILTERS = Filters()


class UnknownCategory(LookupError):
    """No paper here is in that category; the message says so."""

    def __init__(self, code: str) -> None:
        super().__init__(f"No paper here is in the category “{code[:64]}”. Codes look like cs.LG or math.CO.")
        self.code = code


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
    window: Window,
    filters: Filters = NO_FILTERS,
    page: int = 1,
    per_page: int | None = None,
    social: float = 1.0,
) -> Listing:
    """One page of a listing in its published order, or with what people said turned down.

    `social` (0 to 1): how much points count. The less they do, the more do the date and a lot that turns
    every day; at 0 nothing else does. All time is a record and stays as it is; trending then goes back
    sixty days.

    Raises PageOutOfRange when there is no such page and UnknownCategory when no paper is in the category.
    """
    size = per_page or settings.PAGE_SIZE
    rows = _Rows(window, filters, 1.0 if window.period == "all" else social)
    around = rows.around()
    pages = max(1, -(-min(around.total, DEEPEST_PLACE) // size))
    if not 1 <= page <= pages:
        raise PageOutOfRange(pages)
    start = (page - 1) * size
    placed = rows.placed(start, min(start + size, DEEPEST_PLACE), around)
    papers = Paper.objects.cards().in_bulk([pk for pk, _ in placed])
    entries = [
        Entry(papers[pk], start + index, reserved, reasons(papers[pk], window, reserved))
        for index, (pk, reserved) in enumerate(placed, start=1)
        if pk in papers
    ]
    return Listing(window, filters, entries, around.total, page, pages, around.previous, around.next)


@dataclass(frozen=True)
class _Around:
    """What one query tells of a window: its size, how many of it are voted on, what lies next to it."""

    total: int = 0
    voted: int = 0
    previous: Window | None = None
    next: Window | None = None
    newest: date | None = None


class _Rows:
    """The rows of a window under filters, on `Paper` or, within a category, on `PaperCategory`."""

    def __init__(self, window: Window, filters: Filters, social: float = 1.0) -> None:
        self.social = min(max(social, 0.0), 1.0)
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
        if self.social < 1 and window.period == "trending" and (newest := newest_day()):
            self.rows = self.rows.filter(listed_on__gte=newest - timedelta(days=SOCIAL_DAYS))

    def around(self) -> _Around:
        """One query of four numbers, each read off an index."""
        if self.window.first is None or self.window.last is None:
            total, voted, newest = self._everything()
            return _Around(total, voted, newest=newest)
        column = "month" if self.window.period == "month" else "listed_on"
        first, last = self.window.first, self.window.last
        start = first.year * 100 + first.month if column == "month" else first
        end = start if column == "month" else last
        days = self.all.filter(listed_on__range=(first, last))
        found = Paper.objects.order_by("pk").values_list(
            _count(self.rows),
            _count(days.filter(voted=True)),
            _nearest(self.all.filter(**{f"{column}__lt": start}), f"-{column}"),
            _nearest(self.all.filter(**{f"{column}__gt": end}), column),
        )[:1]
        if not found:
            return _Around()
        total, voted, before, after = found[0]
        return _Around(total, voted, self._window_of(before), self._window_of(after))

    def _everything(self) -> tuple[int, int, date | None]:
        """Size, voted papers and newest day, without an end; counted once a minute where there are many."""
        turned = self.social < 1
        key = f"everything:{connection.alias}:{self.window.key}:{self.filters.query}:{turned:d}"
        known: tuple[int, int, date | None] | None = cache.get(key)
        if known is None:
            newest = _nearest(self.all.filter(listed_on__lte=today()), "-listed_on")
            found = Paper.objects.order_by("pk").values_list(
                _count(self.rows), _count(self.all.filter(voted=True)), newest
            )[:1]
            known = found[0] if found else (0, 0, None)
            if known[0] > 5000:
                cache.set(key, known, 60)
        return known

    def _window_of(self, found: Any) -> Window | None:
        if found is None:
            return None
        if self.window.period == "month":
            return month_window(date(found // 100, found % 100, 1))
        return day_window(found) if self.window.period == "day" else week_window(found)

    def placed(self, start: int, end: int, around: _Around) -> list[tuple[int, bool]]:
        """The keys at places start+1 … end, each with whether its place is reserved."""
        reserved = self._reserved(around)
        order = self._turned_down() if self.social < 1 else F(self.order)
        ranked = self.rows.order_by(order.desc(), self.key).values_list(self.key, flat=True)
        if reserved:
            ranked = ranked.exclude(**{f"{self.key}__in": reserved})
        last = min(end, around.total)
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

    def _turned_down(self) -> ExpressionWrapper[Any]:
        """Points as far as they are wanted, age, and a lot worth up to `CHANCE` points for the rest."""
        kept, left = self.social, 1 - self.social
        drawn = (F(self.key) % _WHEEL * _SCATTER + _turn(today())) % _WHEEL
        chance = ExpressionWrapper(drawn * Value(-left * CHANCE / _WHEEL), output_field=FloatField())
        age = 1.0 if self.window.period == "trending" else left
        return ExpressionWrapper(
            F("score") * Value(kept) + (F("hotness") - F("score")) * Value(age) + chance,
            output_field=FloatField(),
        )

    def _reserved(self, around: _Around) -> list[int]:
        """Papers nobody has voted on, drawn by a lot that turns each day; one for every nine voted ones."""
        most = min(RESERVED_MOST, around.voted // (RESERVED_EVERY - 1))
        if self.social < 1 or self.window.period == "all" or around.total < RESERVED_EVERY or not most:
            return []
        first, last = self.window.first, self.window.last
        if first is None or last is None:
            last = around.newest or today()
            first = last - timedelta(days=RESERVED_DAYS)
        unvoted = self.all.filter(listed_on__range=(first, last), voted=False)
        drawn = (F(self.key) % _WHEEL * _SCATTER + _turn(today())) % _WHEEL
        return list(unvoted.order_by(drawn, self.key).values_list(self.key, flat=True)[:most])


# A multiplicative hash modulo the Mersenne prime 2**31 - 1 scatters the papers around a wheel; each day turns
# it by 0.56 of a round.
_WHEEL, _SCATTER = 2_147_483_647, 1_103_515_245


def _turn(day: date) -> int:
    return scoring.announcement_days(day) * 1_203_248_318 % _WHEEL


def lot(paper: int, day: date) -> int:
    """A paper's lot on a day; the smallest are drawn."""
    return (paper % _WHEEL * _SCATTER + _turn(day)) % _WHEEL


def rows_of(window: Window, filters: Filters) -> tuple[str, QuerySet[Any]]:
    """The rows of a window under filters, and what a paper's key is called on them."""
    rows = _Rows(window, filters)
    return rows.key, rows.rows


def _count(rows: QuerySet[Any]) -> Subquery:
    return Subquery(rows.order_by().annotate(many=Func(Value(1), function="COUNT")).values("many"))


def _nearest(rows: QuerySet[Any], order: str) -> Subquery:
    return Subquery(rows.order_by(order).values(order.removeprefix("-"))[:1])


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


def newest_month() -> Window | None:
    """The newest month that has papers and is not after this one; some papers have a month and no day."""
    now = today()
    found = Paper.objects.filter(month__lte=now.year * 100 + now.month).aggregate(at=Max("month"))["at"]
    return month_window(date(found // 100, found % 100, 1)) if found else None


def fields(window: Window, most: int = 12) -> list[FieldCount]:
    """The categories with the most papers in a window, largest first, whole archives left out.

    Counted at most once a minute for each window, once in five where the window has no end.
    """
    key = f"fields:{connection.alias}:{window.period}:{window.key}"
    found: list[FieldCount] | None = cache.get(key)
    if found is None:
        found = _counted_fields(window)
        if found:
            cache.set(key, found, 60 if window.first else 300)
    return found[:most]


def _counted_fields(window: Window) -> list[FieldCount]:
    rows = _in_window(PaperCategory.objects.all(), window)
    counts = dict(rows.values_list("category_id").annotate(papers=Count("*")))
    found = [
        FieldCount(category.code, category.name, counts[category.pk])
        for category in Category.objects.filter(pk__in=counts)
        if category.code not in archives()
    ]
    return sorted(found, key=lambda field: (-field.papers, field.code))[:MOST_FIELDS]
