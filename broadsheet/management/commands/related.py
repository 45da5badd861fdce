"""Lists papers like one paper, nearest first: broadsheet related 2503.01234"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from broadsheet import search
from broadsheet.management import elsewhere, showing
from broadsheet.management.commands.search import listed
from broadsheet.management.elsewhere import Elsewhere
from broadsheet.management.plainly import at_hand
from broadsheet.management.showing import Shown
from broadsheet.models import Paper

HIDDEN = "Whoever keeps this server has taken this paper out."


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", metavar="ID", help="the paper's identifier, in any spelling")
        parser.add_argument("--minus", action="append", default=[], metavar="ID", help="unlike this paper")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        parser.add_argument(
            "--sort", choices=("relevance", "date", "votes"), default="relevance", help="the order"
        )
        showing.arguments(parser)
        elsewhere.argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        limit = max(1, min(options["limit"], 200))
        if options["remote"]:
            shown = _remote(Elsewhere(options["remote"]), options, limit)
        else:
            with at_hand(self.stderr.write):
                paper, minus = named(options["id"]), [named(each) for each in options["minus"]]
                shown = listed(search.related(paper, 1, limit, sort=options["sort"], minus=minus))
        showing.write(shown, options["form"], self.stdout.write)


def named(text: str) -> Paper:
    found = search.by_identifier(text)
    if found is None:
        raise CommandError(f"There is no paper {text} here.")
    if found.hidden:
        raise CommandError(HIDDEN)
    return found


def _remote(there: Elsewhere, options: dict[str, Any], limit: int) -> Shown:
    if options["minus"] or options["sort"] != "relevance":
        raise CommandError("--minus and --sort are for this machine's papers; leave them out with --remote.")
    rows = [elsewhere.row(each) for each in there.related(options["id"], limit)]
    return Shown("", rows, {}, [] if rows else ["No paper found."])
