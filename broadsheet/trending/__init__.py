"""Keeps each paper's standing and lists papers by it: daily, weekly, monthly, trending, all time.

A listing is read off an index: two queries whatever the window holds (ids in order, then the papers),
a few more for the totals and the neighbours. docs/ranking.md publishes the order.
"""

from broadsheet.scoring import announcement_day
from broadsheet.trending.days import listing_day, listing_zone, today
from broadsheet.trending.foreseeing import foresee_due, forget_outlooks, terms_of
from broadsheet.trending.latest import newest_first
from broadsheet.trending.listings import (
    RESERVED_EVERY,
    Entry,
    FieldCount,
    Listing,
    PageOutOfRange,
    UnknownCategory,
    calendar,
    fields,
    listing,
    newest_day,
    newest_month,
)
from broadsheet.trending.past import as_of
from broadsheet.trending.reasons import Reason, reasons
from broadsheet.trending.signals import Series, citations, growth
from broadsheet.trending.standing import custom, rescore, restand, stand, weights
from broadsheet.trending.thinning import WHOLE_DAYS, thin_due
from broadsheet.trending.windows import (
    ALL_TIME,
    TRENDING,
    BadFilter,
    BadWindow,
    Filters,
    Window,
    day_window,
    month_window,
    parse,
    week_window,
)

__all__ = [
    "ALL_TIME",
    "RESERVED_EVERY",
    "TRENDING",
    "WHOLE_DAYS",
    "BadFilter",
    "BadWindow",
    "Entry",
    "FieldCount",
    "Filters",
    "Listing",
    "PageOutOfRange",
    "Reason",
    "Series",
    "UnknownCategory",
    "Window",
    "announcement_day",
    "as_of",
    "calendar",
    "citations",
    "custom",
    "day_window",
    "fields",
    "foresee_due",
    "forget_outlooks",
    "growth",
    "listing",
    "listing_day",
    "listing_zone",
    "month_window",
    "newest_day",
    "newest_first",
    "newest_month",
    "parse",
    "reasons",
    "rescore",
    "restand",
    "stand",
    "terms_of",
    "thin_due",
    "today",
    "week_window",
    "weights",
]
