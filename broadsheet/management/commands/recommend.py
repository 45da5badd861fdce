"""Lists papers for a taste, with reasons: broadsheet recommend --like 2503.01234 --not 2503.05678"""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from broadsheet import recommendations
from broadsheet.management.commands.related import named
from broadsheet.management.commands.search import line


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--like", nargs="+", action="extend", default=[], metavar="ID", help="papers to learn from"
        )
        parser.add_argument(
            "--not", nargs="+", action="extend", default=[], metavar="ID", help="papers unlike these"
        )
        parser.add_argument("--text", default="", metavar="SENTENCE", help="what you look for, in your words")
        parser.add_argument("--window", type=window, default=30, help="7d, 30d (default) or all")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        plus, minus = ([named(each) for each in options[side]] for side in ("like", "not"))
        if not plus and not options["text"].strip():
            raise CommandError("Name at least one paper with --like, or say with --text what you look for.")
        days = options["window"]
        first: date | None = timezone.now().date() - timedelta(days=days) if days else None
        found = recommendations.for_examples(
            plus, minus, text=options["text"], first=first, limit=max(1, min(options["limit"], 200))
        )
        self.stdout.write(as_json(found) if options["json"] else "\n".join(lines(found)))


def window(text: str) -> int:
    """Days back from today; 0 for all papers."""
    if text == "all":
        return 0
    match = re.fullmatch(r"([1-9]\d{0,4})d", text, re.ASCII)
    if match is None:
        raise ArgumentTypeError("a window is a number of days such as 30d, or all")
    return int(match[1])


def lines(found: recommendations.Picks) -> list[str]:
    said = list(found.notes)
    for pick in found.picks:
        said += [line(pick.paper)] + ([f"    {pick.why}"] if pick.why else [])
    return said


def as_json(found: recommendations.Picks) -> str:
    papers = [
        {
            "identifier": pick.paper.identifier,
            "title": pick.paper.title,
            "points": pick.points,
            "why": pick.why,
        }
        for pick in found.picks
    ]
    return json.dumps({"notes": found.notes, "papers": papers}, ensure_ascii=False, indent=1)
