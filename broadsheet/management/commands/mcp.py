"""Offers tools over the Model Context Protocol on standard input and output: broadsheet mcp"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet.api import mcp
from broadsheet.management.plainly import at_hand
from broadsheet.management.showing import here


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        with at_hand(self.stderr.write):
            mcp.serve(sys.stdin, sys.stdout, here())
