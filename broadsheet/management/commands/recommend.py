"""Lists papers for a taste, with reasons: broadsheet recommend --like 2503.01234 --not 2503.05678"""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broadsheet import recommendations, trending
from broadsheet.management import elsewhere, showing
from broadsheet.management.commands.related import named
from broadsheet.management.elsewhere import Elsewhere
from broadsheet.management.plainly import at_hand
from broadsheet.management.showing import Shown
from broadsheet.models import Interest, Reader


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--like", nargs="+", action="extend", default=[], metavar="ID", help="papers to learn from"
        )
        parser.add_argument(
            "--not", nargs="+", action="extend", default=[], metavar="ID", help="papers unlike these"
        )
        parser.add_argument("--text", default="", metavar="SENTENCE", help="what you look for, in your words")
        parser.add_argument(
            "--interest",
            default="",
            metavar="N",
            help="what an interest finds (the number in its address)",
        )
        parser.add_argument("--reader", default="", metavar="NAME", help="what a reader’s “For you” finds")
        parser.add_argument("--window", type=window, default=30, help="7d, 30d (default) or all")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        showing.arguments(parser)
        elsewhere.argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        said = bool(options["like"] or options["text"].strip())
        whose = [name for name in ("interest", "reader") if options[name]]
        if whose and (said or options["not"] or len(whose) > 1):
            raise CommandError(
                f"--{whose[0]} stands by itself: leave out --like, --not, --text and the other."
            )
        if not said and not whose:
            raise CommandError(
                "Name at least one paper with --like, or say with --text what you look for, or name an "
                "--interest."
            )
        if whose and options["remote"]:
            raise CommandError(f"--{whose[0]} is somebody of this machine; leave it out with --remote.")
        if options["remote"]:
            shown = _remote(Elsewhere(options["remote"]), options)
        else:
            with at_hand(self.stderr.write):
                shown = _shown(_found(options))
        showing.write(shown, options["form"], self.stdout.write)


def _found(options: dict[str, Any]) -> recommendations.Picks:
    if options["interest"] or options["reader"]:
        return _taught(options)
    plus, minus = ([named(each) for each in options[side]] for side in ("like", "not"))
    first = _first(options["window"])
    limit = max(1, min(options["limit"], 200))
    return recommendations.for_examples(plus, minus, text=options["text"], first=first, limit=limit)


def _first(days: int) -> date | None:
    """Counted back from today, or from the newest day that has papers where that was longer ago."""
    last = min(timezone.now().date(), trending.newest_day() or date.max)
    return last - timedelta(days=days) if days else None


def _taught(options: dict[str, Any]) -> recommendations.Picks:
    """What an interest, or a reader's own page, finds."""
    first, limit = _first(options["window"]), max(1, min(options["limit"], 200))
    if name := options["reader"]:
        reader = Reader.objects.filter(username__iexact=name).first()
        if reader is None:
            raise CommandError(f"There is no reader {name} here.")
        return recommendations.for_reader(reader, first=first, limit=limit)
    number = options["interest"]
    found = None
    if number.isascii() and number.isdecimal() and len(number) < 19:
        found = Interest.objects.filter(pk=int(number), own=False).select_related("reader").first()
    if found is None:
        raise CommandError(f"There is no interest {number} here; its page's address ends with its number.")
    return recommendations.for_interest(found, found.reader, first=first, limit=limit)


def window(text: str) -> int:
    """Days back from today; 0 for all papers."""
    if text == "all":
        return 0
    match = re.fullmatch(r"([1-9]\d{0,4})d", text, re.ASCII)
    if match is None:
        raise ArgumentTypeError("a window is a number of days such as 30d, or all")
    return int(match[1])


def _shown(found: recommendations.Picks) -> Shown:
    rows = [showing.row(pick.paper, points=pick.points, why=pick.why) for pick in found.picks]
    return Shown("", rows, {"notes": found.notes}, found.notes)


def _remote(there: Elsewhere, options: dict[str, Any]) -> Shown:
    asked = {name: options[name] for name in ("like", "not", "text", "limit")}
    told = there.recommended({**asked, "days": options["window"]})
    rows = [elsewhere.row(each, points=each["points"], why=each["why"]) for each in told["papers"]]
    return Shown("", rows, {"notes": told["notes"]}, told["notes"])
