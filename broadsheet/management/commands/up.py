"""Makes everything ready, then runs the web server and the worker until Ctrl-C."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import operations
from broadsheet.management.plainly import plainly


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            operations.keep_up(self._say)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
