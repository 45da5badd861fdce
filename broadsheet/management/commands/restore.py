"""Puts a backup in the place of the data. Broadsheet must not be running."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import operations
from broadsheet.management.plainly import plainly
from broadsheet.management.progress import bar


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, metavar="FILE", help="a file that `broadsheet backup` wrote")
        parser.add_argument(
            "--replace", action="store_true", help="even when there are papers here; they are kept aside"
        )
        parser.add_argument("--quiet", action="store_true", help="no progress bar")

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), bar(options["quiet"]) as progress:
            manifest = operations.restore(options["source"], options["replace"], self.stdout.write, progress)
        self.stdout.write(
            f"Restored {manifest.papers:,} papers from the backup of {manifest.created}. Start again: make up"
        )
