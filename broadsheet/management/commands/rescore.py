"""Works out again where every paper stands, after the time zone or the formula has changed."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import trending
from broadsheet.management.plainly import at_hand


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--outlook", action="store_true", help="let the worker also give every paper its outlook anew"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with at_hand(self.stderr.write):
            if options["outlook"]:
                forgotten = trending.forget_outlooks()
                self.stdout.write(f"{forgotten:,} papers wait for a new outlook, which the worker gives them")
            self.stdout.write(f"{trending.rescore():,} papers stand elsewhere now")
