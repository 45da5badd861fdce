"""What a listing covers and which of its papers: windows of time and filters, and their addresses."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from urllib.parse import urlencode

Period = Literal["day", "week", "month", "trending", "all"]

FLAGS = {"code": "has_code", "models": "has_models"}


class BadWindow(ValueError):
    """The address names no day, week or month; the message tells the reader what would."""


class BadFilter(ValueError):
    """A filter has a value that means nothing; the message says which are known."""


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
        start = (
            f"{self.first.day}"
            if self.first.month == self.last.month
            else f"{self.first.day} {self.first:%B}"
        )
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
    return Window("month", day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


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
                raise BadFilter(
                    f"“{item[:40]}” is nothing that papers are filtered by. Known: {', '.join(FLAGS)}."
                )
        if len(category) > 64:
            raise BadFilter("A category is a short code such as cs.LG.")
        return cls(category, tuple(sorted(wanted)))

    @property
    def query(self) -> str:
        """The address's query, without `?`; empty when nothing is filtered."""
        pairs = [("category", self.category)] if self.category else []
        return urlencode([*pairs, *(("has", item) for item in self.has)])
