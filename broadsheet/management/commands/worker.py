"""Runs the background worker alone, until Ctrl-C."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from broadsheet import (
    catalog,
    community,
    digest,
    operations,
    recommendations,
    search,
    trending,
    webhooks,
)
from broadsheet.management.plainly import plainly
from broadsheet.operations.working import Step
from broadsheet.web import limits, sessions

# What happens by itself, in this order. Each step finds what is due, does one batch of it, stamps it, and
# says how many it did.
STEPS: dict[str, Step] = {
    "index": search.index_due,
    "words": recommendations.bags_due,
    "outlook": trending.foresee_due,
    "embed": search.embed_due,
    "votes": community.ripen_due,
    "notices": community.post_due,
    "lessons": community.settle_due,
    "limits": limits.forget_due,
    "answers": community.forget_answers_due,
    "sessions": sessions.forget_due,
    "signals": trending.thin_due,
    "backup": operations.backup_due,
}

# What waits for other servers, in loops of their own beside the above: nobody's code waits for a download.
POST: dict[str, Step] = {
    "mail": digest.send_due,
}
HOOKS: dict[str, Step] = {
    "webhooks": webhooks.due,
}
ASIDE: dict[str, Step] = {
    "imports": community.import_due,
    "submissions": community.fetch_due,
    "fetch": catalog.fetch_due,
}


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        # The process that started this one; when it is gone, this one ends too.
        parser.add_argument("--parent", type=int, help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), operations.Stop() as stop, operations.using_data():
            if options["parent"]:
                operations.end_with_parent(options["parent"])
            else:
                operations.open_up(self.stdout.write)
            operations.work(STEPS, stop, aside=(ASIDE, POST, HOOKS))
