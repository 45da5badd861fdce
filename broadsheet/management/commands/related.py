"""Lists papers like one paper, nearest first: broadsheet related 2503.01234"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from broadsheet import search
from broadsheet.management.commands.search import as_json, lines
from broadsheet.models import Paper


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", metavar="ID", help="the paper's identifier, in any spelling")
        parser.add_argument("--minus", action="append", default=[], metavar="ID", help="unlike this paper")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        parser.add_argument("--sort", choices=("relevance", "date", "votes"), default="relevance")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        paper, minus = named(options["id"]), [named(each) for each in options["minus"]]
        limit = max(1, min(options["limit"], 200))
        found = search.related(paper, 1, limit, sort=options["sort"], minus=minus)
        self.stdout.write(as_json(found) if options["json"] else "\n".join(lines(found)))


def named(text: str) -> Paper:
    found = search.by_identifier(text)
    if found is None:
        raise CommandError(f"There is no paper {text} here.")
    return found
