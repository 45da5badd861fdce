"""Shows a paper as Markdown, or in another format: broadsheet paper 2503.01234 --as bib"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from broadsheet import exports
from broadsheet.management.commands.related import named


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="+", metavar="ID", help="an identifier in any spelling")
        parser.add_argument(
            "--as", dest="form", choices=tuple(exports.FORMATS), default="md", help="the format (default md)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        papers = [named(each) for each in options["ids"]]
        if any(paper.hidden for paper in papers):
            raise CommandError("Whoever keeps this server has taken this paper out.")
        here = settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT}"
        self.stdout.write("".join(exports.FORMATS[options["form"]].write(papers, here)))
