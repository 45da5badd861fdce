"""Keeps each paper's standing and lists papers by it: daily, weekly, monthly, trending, all time.

A listing is read off an index: two queries whatever the window holds (ids in order, then the papers),
two more for the totals and the neighbours. docs/ranking.md publishes the order.
"""

from __future__ import annotations

import calendar as calendars
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet

from broadsheet import scoring
from broadsheet.models import Category, Paper, PaperCategory, Signal, bulk
from broadsheet.scoring import announcement_day as announcement_day

Period = Literal["day", "week", "month", "trending", "all"]

# One place in ten is kept for a paper nobody has voted on yet, in the first three hundred places.
RESERVED_EVERY = 10
RESERVED_MOST = 30
# Trending keeps its reserved places for papers listed within this many days.
RESERVED_DAYS = 14
# Beyond this place a listing without an end is not paged through: search or a month finds more.
DEEPEST_PLACE = 30_000

FLAGS = {"code": "has_code", "models": "has_models"}


class BadWindow(ValueError):
    """The address names no day, week or month; the message tells the reader what would."""


class BadFilter(ValueError):
    """A filter has a value that means nothing; the message says which are known."""


class UnknownCategory(LookupError):
    """No paper here is in that category."""


class PageOutOfRange(LookupError):
    """The listing has no such page; `pages` says how many there are."""

    def __init__(self, pages: int) -> None:
        super().__init__(f"This listing has {pages} page{'s' if pages != 1 else ''}.")
        self.pages = pages


# Windows


@dataclass(frozen=True)
class Window:
    """What a listing covers: `first` to `last`, both days included; None without an end."""

    period: Period
    first: date | None = None
    last: date | None = None

    @property
    def key(self) -> str:
        """The last part of the address: `2025-03-14`, `2025-W11`, `2025-03`, `trending`, `all`."""
        if self.first is None:
            return self.period
        if self.period == "week":
            year, week, _ = self.first.isocalendar()
            return f"{year:04d}-W{week:02d}"
        return f"{self.first:%Y-%m-%d}" if self.period == "day" else f"{self.first:%Y-%m}"

    @property
    def path(self) -> str:
        kinds = {"day": "date/", "week": "week/", "month": "month/"}
        return f"/papers/{kinds.get(self.period, '')}{self.key}"

    @property
    def title(self) -> str:
        if self.first is None or self.last is None:
            return "Trending" if self.period == "trending" else "All time"
        if self.period == "day":
            return f"{self.first:%A}, {self.first.day} {self.first:%B %Y}"
        if self.period == "month":
            return f"{self.first:%B %Y}"
        start = f"{self.first.day}" if self.first.month == self.last.month else f"{self.first.day} {self.first:%B}"
        return f"Week of {start}–{self.last.day} {self.last:%B %Y}"


TRENDING = Window("trending")
ALL_TIME = Window("all")


def day_window(day: date) -> Window:
    return Window("day", day, day)


def week_window(day: date) -> Window:
    """The ISO week (Monday to Sunday) that holds `day`."""
    monday = day - timedelta(days=day.weekday())
    return Window("week", monday, monday + timedelta(days=6))


def month_window(day: date) -> Window:
    """The month that holds `day`."""
    return Window("month", day.replace(day=1), day.replace(day=calendars.monthrange(day.year, day.month)[1]))


def parse(period: str, text: str = "") -> Window:
    """The window that an address names: `parse("week", "2025-W11")`. Raises BadWindow with a sentence."""
    if period == "trending":
        return TRENDING
    if period == "all":
        return ALL_TIME
    try:
        return _PARSERS[period](text)
    except (KeyError, ValueError) as error:
        example = {"day": "2025-03-14", "week": "2025-W11", "month": "2025-03"}.get(period, "2025-03-14")
        raise BadWindow(f"“{text[:40]}” is not a {period}. Write it like {example}.") from error


def _parse_day(text: str) -> Window:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    return day_window(_within(date.fromisoformat(text)))


def _parse_week(text: str) -> Window:
    match = re.fullmatch(r"([0-9]{4})-W([0-9]{2})", text)
    if not match:
        raise ValueError(text)
    return week_window(_within(date.fromisocalendar(int(match[1]), int(match[2]), 1)))


def _parse_month(text: str) -> Window:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        raise ValueError(text)
    return month_window(_within(date.fromisoformat(f"{text}-01")))


def _within(day: date) -> date:
    if not 1900 <= day.year <= 2200:
        raise ValueError(day)
    return day


_PARSERS = {"day": _parse_day, "week": _parse_week, "month": _parse_month}


# Filters


@dataclass(frozen=True)
class Filters:
    """Which papers of a window: of one category (a code or an archive), and having certain things."""

    category: str = ""
    has: tuple[str, ...] = ()

    @classmethod
    def parse(cls, category: str = "", has: Sequence[str] = ()) -> Filters:
        """Raises BadFilter for a `has` that is not known; whether a category exists, `listing` says."""
        wanted = tuple(dict.fromkeys(item for item in has if item))
        for item in wanted:
            if item not in FLAGS:
                raise BadFilter(f"“{item[:40]}” is nothing that papers are filtered by. Known: {', '.join(FLAGS)}.")
        if len(category) > 64:
            raise BadFilter("A category is a short code such as cs.LG.")
        return cls(category, tuple(sorted(wanted)))

    @property
    def query(self) -> str:
        """The address's query, without `?`; empty when nothing is filtered."""
        pairs = [("category", self.category)] if self.category else []
        return urlencode([*pairs, *(("has", item) for item in self.has)])


# Listings


@dataclass(frozen=True)
class Reason:
    """One term of why a paper stands where it does, in words and points."""

    label: str
    detail: str
    points: float


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


def listing(window: Window, filters: Filters = Filters(), page: int = 1, per_page: int | None = None) -> Listing:  # noqa: B008
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


def calendar(year: int, month: int, filters: Filters = Filters()) -> dict[date, int]:  # noqa: B008
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


# Why


def reasons(paper: Paper, window: Window, reserved: bool = False) -> list[Reason]:
    """The published score of a paper, term by term, in words."""
    found = [
        Reason(*_words(part, paper), round(part.points, 3))
        for part in scoring.parts(facts(paper))
        if abs(part.points) >= 0.0005
    ]
    if window.period == "trending" and paper.listed_on:
        points = scoring.hotness(0, paper.listed_on) - scoring.hotness(0, today())
        age = scoring.announcement_days(today()) - scoring.announcement_days(paper.listed_on)
        found.append(Reason("Age", f"{age} announcement day{'s' * (age != 1)} old", round(points, 3)))
    if reserved:
        found.insert(0, Reason("Reserved place", "kept for a paper nobody has voted on yet, drawn by lot each day", 0))
    elif paper.place:
        found.append(Reason("Place", f"number {paper.place} on its source’s own list settles ties", 0))
    if not found:
        found.append(Reason("No votes yet", "papers with equal points stand in the order they came in", 0))
    return found


def _words(part: scoring.Part, paper: Paper) -> tuple[str, str]:
    many = f"{part.amount:,.0f}"
    if part.name == "votes":
        return "Votes", f"{paper.upvotes:,} here, {paper.outside_upvotes:,} elsewhere"
    if part.name == "comments":
        return "Comments", f"{many} comment{'s' * (part.amount != 1)}, counted up to the votes"
    if part.name == "stars":
        return "Stars", f"{many} star{'s' * (part.amount != 1)} on its code"
    if part.name == "code":
        return "Code", "the code is public"
    return "Withdrawn", "its authors took it back, so its points do not count"


@dataclass(frozen=True)
class Series:
    """One kind of signal from one source over time, oldest first."""

    kind: str
    source: str
    points: list[tuple[datetime, float]]


def growth(paper: Paper, most: int = 400) -> list[Series]:
    """The signals of a paper over time: its newest `most` sightings, one series for each kind and source."""
    series: dict[tuple[str, str], list[tuple[datetime, float]]] = {}
    newest = Signal.objects.filter(paper=paper).order_by("-seen_at")[:most]
    for signal in reversed(newest):
        series.setdefault((signal.kind, signal.source), []).append((signal.seen_at, signal.value))
    return [Series(kind, source, points) for (kind, source), points in sorted(series.items())]


# Standing


class Standable(Protocol):
    """What `stand` reads and writes: a Paper, or anything with its columns."""

    submitted_at: datetime | None
    hidden: bool
    upvotes: int
    outside_upvotes: int
    comments: int
    outside_comments: int
    stars: int | None
    withdrawn: bool
    place: int | None
    has_code: bool
    listed_on: date | None
    month: int | None
    score: float | None
    hotness: float | None
    voted: bool


def stand(paper: Standable) -> None:
    """Works out a paper's standing from its other columns. Writes nothing to the database."""
    if paper.submitted_at:
        paper.listed_on = listing_day(paper.submitted_at)
        paper.month = paper.listed_on.year * 100 + paper.listed_on.month
    found = scoring.score(facts(paper))
    paper.score, paper.hotness = found, scoring.hotness(found, paper.listed_on or _middle(paper.month))
    paper.voted = bool(paper.upvotes or paper.outside_upvotes)
    if paper.hidden:
        paper.listed_on = paper.month = paper.score = paper.hotness = None


def _middle(month: int | None) -> date | None:
    return date(month // 100, month % 100, 15) if month else None


def facts(paper: Standable) -> scoring.Facts:
    return scoring.Facts(
        paper.upvotes,
        paper.outside_upvotes,
        paper.comments,
        paper.outside_comments,
        paper.stars or 0,
        paper.has_code,
        paper.withdrawn,
        paper.place,
    )


_STANDING = ("listed_on", "month", "score", "hotness", "voted", "has_code", "has_models")
_READ = (
    "submitted_at", "hidden", "upvotes", "outside_upvotes", "comments", "outside_comments", "stars", "withdrawn",
    "place", "has_code", "has_models", "listed_on", "month", "score", "hotness", "voted",
)  # fmt: skip


def rescore(keys: Sequence[int] | None = None, batch: int = 2000) -> int:
    """Works every paper's standing out again (or those of `keys`) and writes what differs; returns how many."""
    changed = 0
    last = 0
    chosen = Paper.objects.all() if keys is None else Paper.objects.filter(pk__in=keys)
    while papers := list(chosen.filter(pk__gt=last).order_by("pk").only("pk", *_READ)[:batch]):
        last = papers[-1].pk
        differing = []
        for paper in papers:
            before = [getattr(paper, name) for name in _STANDING]
            stand(paper)
            if before != [getattr(paper, name) for name in _STANDING]:
                differing.append(paper)
        if differing:
            rows = [(*(getattr(paper, name) for name in _STANDING), paper.pk) for paper in differing]
            with transaction.atomic():
                bulk.update(Paper, _STANDING, rows)
                bulk.update(PaperCategory, _STANDING, rows, key="paper_id")
            changed += len(differing)
    return changed


# Days


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def listing_zone() -> ZoneInfo:
    return _zone(settings.LISTING_TIME_ZONE)


def today() -> date:
    """Today in the listing time zone."""
    return datetime.now(UTC).astimezone(listing_zone()).date()


def listing_day(moment: datetime) -> date:
    """The day of the daily list that holds this moment."""
    return _listing_day(moment, settings.LISTING_TIME_ZONE)


@lru_cache(maxsize=16_384)
def _listing_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(_zone(zone)).date()
