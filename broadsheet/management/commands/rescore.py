"""Works out again where every paper stands, after the time zone or the formula has changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import operations, trending
from broadsheet.management.plainly import plainly


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), operations.using_data():
            self.stdout.write(f"{trending.rescore():,} papers stand elsewhere now")
