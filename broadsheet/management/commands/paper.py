"""Shows a paper as Markdown, or in another format: broadsheet paper 2503.01234 --as bib"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import exports
from broadsheet.management import elsewhere, showing
from broadsheet.management.commands.related import named
from broadsheet.management.elsewhere import Elsewhere
from broadsheet.management.joining import joined
from broadsheet.management.plainly import at_hand
from broadsheet.management.showing import Shown


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="+", metavar="ID", help="an identifier in any spelling")
        parser.add_argument("--as", dest="citation", choices=tuple(exports.FORMATS), help="as a citation")
        showing.arguments(parser)
        elsewhere.argument(parser)
        parser.set_defaults(form="markdown")

    def handle(self, *args: Any, **options: Any) -> None:
        form = options["citation"] or ("md" if options["form"] == "markdown" else "")
        if options["remote"]:
            said = _remote(Elsewhere(options["remote"]), options["ids"], form, options["form"])
        else:
            with at_hand(self.stderr.write):
                said = _local(options["ids"], form, options["form"])
        self.stdout.write(said)


def _local(ids: list[str], citation: str, form: showing.Form) -> str:
    papers = [named(each) for each in ids]
    if citation:
        return "".join(exports.FORMATS[citation].write(papers, showing.here()))
    return _told([showing.whole(paper) for paper in papers], form)


def _remote(there: Elsewhere, ids: list[str], citation: str, form: showing.Form) -> str:
    papers = [there.paper(each) for each in ids]
    if not citation:
        return _told([whole_row(each) for each in papers], form)
    found = [there.file(f"/papers/{each['identifier']}.{citation}") for each in papers]
    return joined(found, citation)


def whole_row(told: dict[str, Any]) -> showing.Row:
    """A paper with everything that another server tells of it."""
    shown = elsewhere.row(told)
    return shown | {name: value for name, value in told.items() if name not in shown and name != "upvotes"}


def _told(rows: list[showing.Row], form: showing.Form) -> str:
    """JSON is the paper itself where one was asked for, else a list of them."""
    if form == "json":
        return json.dumps(rows[0] if len(rows) == 1 else rows, ensure_ascii=False, indent=1)
    said: list[str] = []
    showing.write(Shown("", rows), form, said.append)
    return "\n".join(said)
