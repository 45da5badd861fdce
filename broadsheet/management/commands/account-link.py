"""Prints a one-time link: to become the operator, or to sign a reader in who is locked out."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import community, operations
from broadsheet.management.plainly import plainly
from broadsheet.models import ROLES, Reader


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="the reader whom the link signs in")
        parser.add_argument(
            "--role",
            choices=ROLES[1:],
            default="operator",
            help="the role that a link for nobody gives",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), operations.using_data():
            operations.open_up(self.stderr.write)
            reader = None
            if options["name"]:
                reader = Reader.objects.filter(username__iexact=options["name"], is_active=True).first()
                if reader is None:
                    raise operations.Refusal(f"There is no reader called {options['name']!r} here.")
            invitation = community.invite("reader" if reader else options["role"], reader)
            self.stdout.write(operations.link_to(invitation))
            self.stdout.write(f"It holds until {invitation.expires_at:%Y-%m-%d %H:%M} UTC, and works once.")
