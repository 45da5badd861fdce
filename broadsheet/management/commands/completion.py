"""Prints what teaches a shell to complete commands: eval "$(broadsheet completion bash)" """

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet.management import manual

SHELLS = ("bash", "zsh", "fish")


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "shell", choices=SHELLS, help="the shell; its start file is the place for the line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        import shtab

        self.stdout.write(shtab.complete(manual.whole(), options["shell"]))
