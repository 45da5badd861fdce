"""Takes papers in from files: arXiv snapshot, Hugging Face, BibTeX, RIS, CSL-JSON, JSON lines, Parquet."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from broadsheet import catalog
from broadsheet.management.plainly import at_hand
from broadsheet.sources import SourceError


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file or a folder of files")
        parser.add_argument(
            "--rejects", type=Path, help="folder for lines that are no papers (default: in the data folder)"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        progress = self._progress(options["quiet"])
        try:
            with at_hand(self.stderr.write):
                report = catalog.import_files(options["files"], options["rejects"], progress)
        except SourceError as error:
            raise CommandError(str(error)) from error
        for line in report.lines():
            self.stdout.write(line)
        if report.stopped:
            sys.exit(130)
        if report.problems:
            raise CommandError("\n".join(report.problems))

    def _progress(self, quiet: bool) -> catalog.Progress:
        bar: tqdm[Any] = tqdm(
            total=100,
            unit="%",
            disable=quiet or None,
            bar_format="{desc} {percentage:3.0f} % |{bar}| {postfix} {elapsed} gone, {remaining} left",
        )

        def show(name: str, fraction: float, papers: int, rate: float) -> None:
            if fraction < 0:
                bar.close()
                return
            bar.set_description_str(name[-32:], refresh=False)
            bar.set_postfix_str(f"{papers:,} papers, {rate:,.0f}/s", refresh=False)
            bar.n = min(100, round(fraction * 100, 1))
            bar.refresh()

        return show
