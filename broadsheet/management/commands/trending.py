"""Shows a ranked list: what is hot now, or a day, a week, a month, all time: broadsheet trending --week"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from broadsheet import exports, trending
from broadsheet.management.commands.search import line


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        for period, example in (("day", "2025-03-14"), ("week", "2025-W11"), ("month", "2025-03")):
            which.add_argument(
                f"--{period}", nargs="?", const="", metavar="KEY", help=f"{example}; the newest without"
            )
        which.add_argument("--all", action="store_true", help="all time")
        parser.add_argument("--cat", default="", metavar="CODE", help="only this category, such as cs.LG")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        how.add_argument("--markdown", action="store_true", help="each paper as a page of Markdown")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = trending.listing(
                _window(options),
                trending.Filters.parse(options["cat"]),
                per_page=max(1, min(options["limit"], 1000)),
            )
        except (trending.BadWindow, trending.BadFilter, trending.UnknownCategory) as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["json"]:
            self.stdout.write(json.dumps(_told(found), ensure_ascii=False, indent=1))
        elif options["markdown"]:
            here = settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT}"
            self.stdout.write("".join(exports.markdown(found.papers, here)))
        else:
            said = [f"{found.window.title}: {found.total:,} papers"]
            said += [f"{entry.place:>4}  {line(entry.paper)}" for entry in found.entries]
            self.stdout.write("\n".join(said))


def _window(options: dict[str, Any]) -> trending.Window:
    windows = {"day": trending.day_window, "week": trending.week_window, "month": trending.month_window}
    for period, window in windows.items():
        key = options[period]
        if key is None:
            continue
        if key:
            return trending.parse(period, key)
        newest = trending.newest_day()
        if newest is None:
            raise CommandError("There are no papers here yet. broadsheet import takes them in.")
        return window(newest)
    return trending.ALL_TIME if options["all"] else trending.TRENDING


def _told(found: trending.Listing) -> dict[str, Any]:
    return {
        "period": found.window.period,
        "key": found.window.key,
        "title": found.window.title,
        "total": found.total,
        "papers": [
            {
                "place": entry.place,
                "identifier": entry.paper.identifier,
                "title": entry.paper.title,
                "authors": entry.paper.authors,
                "categories": entry.paper.categories,
                "listed_on": entry.paper.listed_on.isoformat() if entry.paper.listed_on else None,
                "votes": entry.paper.upvotes,
            }
            for entry in found.entries
        ],
    }
