"""The search index: status (how it stands), rebuild (make it anew from the papers), verify (read it all)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from broadsheet import search
from broadsheet.index import IndexBusy, IndexTrouble
from broadsheet.management.plainly import at_hand


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=("status", "rebuild", "verify"), help="what to do")
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        with at_hand(self.stderr.write):
            self._do(options)

    def _do(self, options: dict[str, Any]) -> None:
        try:
            if options["verb"] == "status":
                self._status()
            elif options["verb"] == "rebuild":
                self._rebuild(options["quiet"])
            else:
                self._verify()
        except IndexBusy as trouble:
            raise CommandError(
                "Another process writes the search index. Try again in a minute, or stop the worker first."
            ) from trouble
        except IndexTrouble as trouble:
            raise CommandError(str(trouble)) from trouble

    def _status(self) -> None:
        found = search.status()
        if found.trouble:
            raise CommandError(found.trouble)
        self.stdout.write(
            f"{found.indexed:,} of {found.papers:,} papers are in the index, {found.due:,} are due."
        )
        for name, count in found.vectors.items():
            self.stdout.write(f"{count:,} have vectors by {name}.")

    def _rebuild(self, quiet: bool) -> None:
        with tqdm(unit=" papers", leave=False, disable=quiet or None) as drawn:
            bar: tqdm[Any] = drawn

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            count = search.rebuild(show)
        self.stdout.write(f"{count:,} papers are in the index.")

    def _verify(self) -> None:
        problems = search.verify()
        if problems:
            raise CommandError("\n".join([*problems, "Make it anew with:  broadsheet index rebuild"]))
        self.stdout.write("The index is whole and holds the same papers as the table.")
