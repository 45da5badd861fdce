"""Shows a ranked list: what is hot now, or a day, a week, a month, all time: broadsheet trending --week"""

from __future__ import annotations

from argparse import ArgumentParser, _MutuallyExclusiveGroup
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from broadsheet import trending
from broadsheet.management import elsewhere, showing
from broadsheet.management.elsewhere import Elsewhere
from broadsheet.management.plainly import at_hand
from broadsheet.management.showing import Shown

PERIODS = {"day": "2025-03-14", "week": "2025-W11", "month": "2025-03"}
REFUSALS = (trending.BadWindow, trending.BadFilter, trending.UnknownCategory, trending.PageOutOfRange)
NOTHING = "There are no papers here yet. broadsheet import takes them in."


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        periods(parser)
        parser.add_argument("--cat", default="", metavar="CODE", help="only this category, such as cs.LG")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        parser.add_argument("--page", type=int, default=1, help="the page, of --limit papers each")
        showing.arguments(parser)
        elsewhere.argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        limit, page = max(1, min(options["limit"], 1000)), max(1, options["page"])
        if options["remote"]:
            shown = _remote(Elsewhere(options["remote"]), options, page, limit)
        else:
            with at_hand(self.stderr.write):
                shown = _local(options, page, limit)
        showing.write(shown, options["form"], self.stdout.write)


def periods(parser: ArgumentParser) -> _MutuallyExclusiveGroup:
    """What a listing covers, one thing of all that the group gets."""
    parser.add_argument(
        "--has", action="append", default=[], choices=("code", "models"), help="only papers with; repeatable"
    )
    which = parser.add_mutually_exclusive_group()
    for period, example in PERIODS.items():
        which.add_argument(
            f"--{period}", nargs="?", const="", metavar="KEY", help=f"{example}; the newest without"
        )
    which.add_argument("--all", action="store_true", help="all time")
    return which


def _local(options: dict[str, Any], page: int, limit: int) -> Shown:
    try:
        filters = trending.Filters.parse(options["cat"], options["has"])
        found = trending.listing(window(options), filters, page, limit)
    except REFUSALS as refusal:
        raise CommandError(str(refusal)) from refusal
    rows = [showing.row(entry.paper, place=entry.place) for entry in found.entries]
    return _shown(found.window.period, found.window.key, found.window.title, found.total, rows)


def window(options: dict[str, Any]) -> trending.Window:
    """What the words of `periods` mean."""
    period, key = named(options)
    if period not in PERIODS or key:
        return trending.parse(period, key)
    newest = trending.newest_day()
    if newest is None:
        raise CommandError(NOTHING)
    return around(period, newest)


def named(options: dict[str, Any]) -> tuple[str, str]:
    """The period, and the key where one was named."""
    for period in PERIODS:
        if options[period] is not None:
            return period, options[period]
    return ("all" if options["all"] else "trending"), ""


def around(period: str, day: date) -> trending.Window:
    windows = {"day": trending.day_window, "week": trending.week_window, "month": trending.month_window}
    return windows[period](day)


def _remote(there: Elsewhere, options: dict[str, Any], page: int, limit: int) -> Shown:
    period, key = remote_window(there, options)
    if options["has"]:
        raise CommandError("--has is for this machine's papers; another server is not asked that way.")
    told = there.listing(period, key, options["cat"], page, limit)
    first = (page - 1) * limit + 1
    rows = [elsewhere.row(each, place=place) for place, each in enumerate(told["papers"], first)]
    return _shown(told["period"], told["key"], told["title"], told["total"], rows)


def remote_window(there: Elsewhere, options: dict[str, Any]) -> tuple[str, str]:
    period, key = named(options)
    if period in PERIODS and not key:
        newest = there.newest_day()
        if not newest:
            raise CommandError(f"There are no papers at {there.base} yet.")
        key = around(period, date.fromisoformat(newest)).key
    return period, key


def _shown(period: str, key: str, title: str, total: int, rows: list[showing.Row]) -> Shown:
    facts = {"period": period, "key": key, "title": title, "total": total}
    papers = "paper" if total == 1 else "papers"
    return Shown(f"{title}: {total:,} {papers}", rows, facts)
