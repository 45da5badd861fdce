"""Fetches papers and signals now: broadsheet fetch arxiv --since 2026-08-01 --set cs:cs:LG"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from broadsheet import catalog, operations
from broadsheet.management.plainly import at_hand
from broadsheet.sources import SourceError, Wish


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="arxiv, huggingface, ..; docs/sources.md names them all")
        parser.add_argument("--since", type=_day, metavar="DAY", help="from this day on (2026-08-01)")
        parser.add_argument("--until", type=_day, metavar="DAY", help="up to this day and no further")
        parser.add_argument(
            "--set", default="", help="a part of the source: a set of arXiv's, a feed's address"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if until and not since:
            raise CommandError("--until needs --since.")
        if until and until < since:
            raise CommandError("--until is before --since.")
        wish = Wish(options["set"], since, until)
        try:
            with (
                at_hand(self.stderr.write),
                operations.recorded("fetch by hand") as run,
                tqdm(unit=" entries", leave=False, disable=options["quiet"] or None) as bar,
            ):
                harvest = catalog.fetch(options["source"], wish, _drawn(bar))
                run.summary = harvest.line()
        except SourceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(harvest.line())
        if harvest.stopped:
            self.stdout.write("Stopped. What is counted above is kept; run the same command again to go on.")
            sys.exit(130)
        if harvest.problem:
            raise CommandError(f"{harvest.problem} What is counted above is kept; run it again to go on.")


def _drawn(bar: tqdm[Any]) -> catalog.OnPage:
    def show(harvest: catalog.Harvest) -> None:
        bar.set_description_str(harvest.at, refresh=False)
        bar.update(harvest.read - bar.n)

    return show


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day; write it as 2026-08-01") from error
    if found > datetime.now(UTC).date():
        raise ArgumentTypeError(f"{text} has not come yet")
    return found
