"""Offers tools over the Model Context Protocol on standard input and output: broadsheet mcp"""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from broadsheet.api import mcp


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        here = settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT}"
        mcp.serve(sys.stdin, sys.stdout, here)
