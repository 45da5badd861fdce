"""Runs the web server alone, until Ctrl-C."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import operations
from broadsheet.management.plainly import plainly


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        # The process that started this one; when it is gone, this one ends too.
        parser.add_argument("--parent", type=int, help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), operations.using_data():
            if options["parent"]:
                operations.end_with_parent(options["parent"])
                operations.serve()
            else:
                operations.open_up(self._say)
                operations.serve(self._say)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
