"""Writes everything that cannot be fetched again to one file, while Broadsheet runs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import operations
from broadsheet.management.plainly import at_hand
from broadsheet.management.progress import bar
from broadsheet.operations.archive import in_words


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "target", type=Path, metavar="FILE", help="a new file, or a folder for one named by date"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        with at_hand(self.stderr.write), bar(options["quiet"]) as progress:
            file, manifest = operations.backup(options["target"], progress)
        papers = f"{manifest.papers:,} paper{'s' * (manifest.papers != 1)}"
        self.stdout.write(
            f"{file}: {papers}, {in_words(file.stat().st_size)}. Keep it as safe as the data folder."
        )
