"""Ranked listings as pages, as fragments for htmx and as files of citations, and the calendar to jump by."""

from __future__ import annotations

import calendar as calendars
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import exports, trending
from broadsheet.community import marks
from broadsheet.trending import Filters, Listing, Window
from broadsheet.web import access, cards, limits, links, negotiation, papers
from broadsheet.web.asked import filters_of, moment_of, page_number, wants_fragment
from broadsheet.web.context import address
from broadsheet.web.following import Button, button
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

HAS_WORDS = {"code": "With code", "models": "With models"}
TABS = (("day", "Day"), ("week", "Week"), ("month", "Month"), ("trending", "Trending"), ("all", "All time"))


def _json_of(request: HttpRequest, period: str = "day", key: str = "") -> str:
    """The same listing of our JSON API."""
    asked = {"key": key or newest_window(period).key if period not in ("trending", "all") else ""}
    asked["category"] = filters_of(request).category
    said = urlencode({name: value for name, value in asked.items() if value})
    return f"/api/v1/listings/{period}{f'?{said}' if said else ''}"


@require_safe
def newest_file(request: HttpRequest, form: str, period: str = "day") -> HttpResponse:
    return _file(request, newest_window(period), form)


@require_safe
def file(request: HttpRequest, form: str, period: str, key: str = "") -> HttpResponse:
    return _file(request, trending.parse(period, key), form)


@require_safe
@negotiation.also_as(newest_file, _json_of)
def newest(request: HttpRequest, period: str = "day") -> HttpResponse:
    """The newest day, week or month that has papers, under an address that never changes."""
    window = newest_window(period)
    filters = filters_of(request)
    found = trending.listing(window, filters, page_number(request), social=look(request).share)
    if not found.total and found.previous:
        # Not every field has papers every day: on to the last day on which this one has.
        return HttpResponseRedirect(_href(found.previous.path, filters))
    return _shown(request, found)


@require_safe
@negotiation.also_as(file, _json_of)
def listing(request: HttpRequest, period: str, key: str = "") -> HttpResponse:
    window = trending.parse(period, key)
    filters, page, moment = filters_of(request), page_number(request), moment_of(request)
    if moment is None:
        return _shown(request, trending.listing(window, filters, page, social=look(request).share))
    return _past(request, window, moment, filters, page)


# Its order is worked out from the logs of every paper in the window, which may take seconds.
@limits.reads("past", limits.Limit(20, limits.MINUTE))
def _past(
    request: HttpRequest, window: Window, moment: datetime, filters: Filters, page: int
) -> HttpResponse:
    return _shown(request, trending.as_of(window, moment, filters, page, settings.PAGE_SIZE), moment)


def _file(request: HttpRequest, window: Window, form: str) -> HttpResponse:
    """The papers of one page of a listing as citations, in the listing's order; `n` makes the page longer."""
    many = negotiation.many(request, settings.PAGE_SIZE)
    found = trending.listing(window, filters_of(request), page_number(request), many)
    if _is_empty(found):
        raise Http404(f"There are no papers in “{window.title}”.")
    # Cards come without some columns that citations need.
    whole = marks.whole([paper.pk for paper in found.papers])
    return papers.file(request, whole, form, exports.filename(window.key or window.period, form))


def newest_window(period: str) -> Window:
    """The newest day, week or month that has papers; where no paper has a day, the newest month."""
    newest_day = trending.newest_day() if period != "month" else None
    if newest_day is None:
        return trending.newest_month() or trending.ALL_TIME
    return _around(newest_day)[period]


def _around(day: date) -> dict[str, Window]:
    """The day, week and month that hold a day."""
    return {
        "day": trending.day_window(day),
        "week": trending.week_window(day),
        "month": trending.month_window(day),
    }


def _shown(request: HttpRequest, found: Listing, moment: datetime | None = None) -> HttpResponse:
    window, filters = found.window, found.filters
    query = filters.query
    if moment:
        query = "&".join(filter(None, (query, urlencode({"as_of": f"{moment:%Y-%m-%dT%H:%MZ}"}))))
    pager = Pager(window.path, query, found.page, found.pages, found.total)
    known: dict[str, Any] = {
        "found": found,
        "window": window,
        "filters": filters,
        "query": filters.query,
        "cards": cards.of_listing(found, look(request).lines),
        "pager": pager,
        "path": window.path,
        "total": found.total,
        "shown": pager.shown,
        "start": pager.start,
        "moment": moment,
        "by_day": moment and datetime.now(UTC) - moment > timedelta(days=trending.WHOLE_DAYS),
        "now": _href(window.path, filters),
        "turned": look(request).social if not moment and window.period != "all" else "100",
    }
    if wants_fragment(request):
        return render(request, "_more.html", known)
    known |= {
        "previous": _link(found.previous, filters),
        "next": _link(found.next, filters),
        "tabs": _tabs(found),
        "chips": _chips(window, filters),
        "fields": _fields(window, filters),
        "every_field": _href(window.path, Filters("", filters.has)),
        "canonical": address(request, _href(window.path, filters) if moment else pager.href(found.page)),
        "feeds": links.feeds(window.path, _with_share(filters.query, known["turned"])),
        "exports": links.citations(window.path, filters.query),
        "offer": found.page == 1,
        "follow": _follow(request, filters.category, bool(found.papers)),
        "calendar": f"/calendar?month={(_day_in(found) or trending.today()):%Y-%m}",
        "empty_house": not found.total and window.first is None and not filters.query,
    }
    return render(request, "listing.html", known, status=404 if _is_empty(found) else 200)


def _follow(request: HttpRequest, category: str, listed: bool) -> Button | None:
    """The button that follows a field. Where papers are listed, the query for their votes fills it in."""
    if not category:
        return None
    reader = access.reader_of(request)
    if reader and listed:
        return Button("category", category, category, None, True)
    return button(reader, "category", category, category)


def _with_share(query: str, social: str) -> str:
    """A feed reader has no cookie and no account, so a feed's address says how much votes count there."""
    return query if social == "100" else "&".join(filter(None, (query, f"social={social}")))


def _is_empty(found: Listing) -> bool:
    """Whether a day, week or month holds no paper at all: no page for crawlers to keep walking through."""
    return not found.total and found.window.first is not None and not found.filters.query


def _href(path: str, filters: Filters) -> str:
    return f"{path}?{filters.query}" if filters.query else path


def _link(window: Window | None, filters: Filters) -> tuple[str, str] | None:
    return (_href(window.path, filters), window.title) if window else None


def _day_in(found: Listing) -> date | None:
    """A day of this window that surely has papers, or the window's own."""
    first, last = found.window.first, found.window.last
    if first is None or last is None:
        return None
    days = [day for paper in found.papers if (day := paper.listed_on) and first <= day <= last]
    return max(days, default=first)


def _tabs(found: Listing) -> list[tuple[str, str, bool]]:
    """The same papers by day, week and month around what is shown."""
    day = _day_in(found)
    paths = {"day": "/papers", "week": "/papers/week", "month": "/papers/month"}
    if day:
        paths = {period: window.path for period, window in _around(day).items()}
    paths |= {"trending": trending.TRENDING.path, "all": trending.ALL_TIME.path}
    return [
        (_href(paths[period], found.filters), word, period == found.window.period) for period, word in TABS
    ]


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter as a link: following it switches the filter on, or off where it is on."""

    word: str
    href: str
    on: bool


def _chips(window: Window, filters: Filters) -> list[Chip]:
    chips = []
    if filters.category:
        chips.append(Chip(filters.category, _href(window.path, Filters("", filters.has)), True))
    for item, word in HAS_WORDS.items():
        on = item in filters.has
        has = tuple(other for other in filters.has if other != item) if on else (*filters.has, item)
        chips.append(Chip(word, _href(window.path, Filters(filters.category, tuple(sorted(has)))), on))
    return chips


@dataclass(frozen=True, slots=True)
class Field:
    code: str
    name: str
    papers: str
    href: str
    on: bool


def _fields(window: Window, filters: Filters) -> list[Field]:
    return [
        Field(
            field.code,
            field.name or field.code,
            f"{field.papers:,}",
            _href(window.path, Filters(field.code, filters.has)),
            field.code == filters.category,
        )
        for field in trending.fields(window)
    ]


# The calendar


@dataclass(frozen=True, slots=True)
class Week:
    number: int
    href: str
    papers: int
    days: list[Day]


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    papers: int
    href: str
    inside: bool


@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """A month as a grid of days, each a link where it has papers."""
    filters = filters_of(request)
    asked = request.GET.get("month", "")
    month = trending.parse("month", asked) if asked else newest_window("month")
    if month.first is None:
        month = trending.month_window(trending.today())
    first = month.first or trending.today()
    counts = trending.calendar(first.year, first.month, filters)
    known = {
        "month": month,
        "month_href": _href(month.path, filters),
        "weeks": [
            _week(days, first.month, counts, filters)
            for days in calendars.Calendar().monthdatescalendar(first.year, first.month)
        ],
        "total": sum(counts.values()),
        "filters": filters,
        "steps": _steps(first, filters),
        "canonical": address(request, f"/calendar?month={month.key}"),
    }
    return render(request, "_calendar.html" if wants_fragment(request) else "calendar.html", known)


def _week(days: list[date], month: int, counts: dict[date, int], filters: Filters) -> Week:
    cells = [
        Day(day, counts.get(day, 0), _href(trending.day_window(day).path, filters), day.month == month)
        for day in days
    ]
    week = trending.week_window(days[0])
    return Week(
        days[0].isocalendar().week, _href(week.path, filters), sum(cell.papers for cell in cells), cells
    )


def _steps(first: date, filters: Filters) -> list[tuple[str, str, str]]:
    """A year back, a month back, a month on, a year on."""
    steps = (("«", -12), ("‹", -1), ("›", 1), ("»", 12))
    query = f"&{filters.query}" if filters.query else ""
    found = []
    for sign, months in steps:
        number = first.year * 12 + first.month - 1 + months
        there = date(number // 12, number % 12 + 1, 1)
        found.append((f"/calendar?month={there:%Y-%m}{query}", sign, f"{there:%B %Y}"))
    return found
