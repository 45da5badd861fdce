"""Prints the manual; with --roff as a page for man: broadsheet manual --roff > broadsheet.1"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet.management import manual


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--roff", action="store_true", help="the source of a manual page")
        how.add_argument("--short", action="store_true", help="the list of commands alone")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["roff"]:
            self.stdout.write(manual.roff(), ending="")
        else:
            self.stdout.write(manual.short() if options["short"] else manual.text())
