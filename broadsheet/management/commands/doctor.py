"""Says what is configured, what ran last and what is stale, and what to do about it."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import operations
from broadsheet.operations import Check

MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the same for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        found = operations.checks()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(check) for check in found], indent=1))
        else:
            self._print(found)
        if any(check.state == "fail" for check in found):
            sys.exit(1)

    def _print(self, found: list[Check]) -> None:
        column = max(len(check.name) for check in found) + 2
        before = " " * (len(MARKS["ok"]) + 2 + column)
        width = max(60, shutil.get_terminal_size((110, 24)).columns)
        for check in found:
            head = f"{MARKS[check.state]}  {check.name:<{column}}"
            self.stdout.write(textwrap.fill(check.says, width, initial_indent=head, subsequent_indent=before))
            if check.do:
                self.stdout.write(
                    textwrap.fill(
                        check.do, width, initial_indent=f"{before}-> ", subsequent_indent=f"{before}   "
                    )
                )
