"""Papers by mail: send what is due, preview an edition, test on yourself, status, resume, forgive."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from broadsheet import digest, mail, operations
from broadsheet.digest import BadChoice, Choices
from broadsheet.mail import BadAddress, MailTrouble, NotSetUp
from broadsheet.management.plainly import at_hand
from broadsheet.models import Subscription

VERBS = ("send", "preview", "test", "status", "resume", "forgive")


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=VERBS, metavar="VERB", help=", ".join(VERBS))
        parser.add_argument("address", nargs="?", default="", help="whose (for preview and forgive)")
        parser.add_argument("--dry-run", action="store_true", help="send: count and compose only")
        parser.add_argument("--late", action="store_true", help="send: also issues whose time has passed")
        parser.add_argument("--category", default="", help="with preview and test: of these categories")
        parser.add_argument("--html", action="store_true", help="with preview: the HTML instead of the text")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with at_hand(self.stderr.write):
                self._fits()
                getattr(self, options["verb"])(options)
        except (MailTrouble, NotSetUp, BadAddress, BadChoice) as error:
            raise CommandError(str(error)) from error

    def _fits(self) -> None:
        """Mail is sent from tables of this version alone: an upgrade goes first. Raises Refusal."""
        for check in operations.of_tables():
            if check.state == "fail":
                raise operations.Refusal(f"{check.says} {check.do}")

    def send(self, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            self._dry_run()
            return
        with operations.recorded("digest") as run:
            report = digest.send(late=options["late"])
            run.summary = report.lines()[0]
        for line in report.lines():
            self.stdout.write(line)

    def _dry_run(self) -> None:
        """Everything but the sending, undone at the end."""
        with transaction.atomic():
            report = digest.Report()
            while (made := digest.make_due()).due:
                report.add(made)
            composed, wrong = digest.compose_waiting()
            transaction.set_rollback(True)
        self.stdout.write(report.lines()[0])
        self.stdout.write(f"messages: {composed:,} composed, {len(wrong):,} could not be; nothing was sent")
        for problem in wrong[:20]:
            self.stdout.write(f"  {problem}")

    def preview(self, options: dict[str, Any]) -> None:
        content = digest.sample(
            Choices(key=options["category"]).checked(), datetime.now(UTC), self._whose(options["address"])
        )
        if content is None:
            raise CommandError("There are no papers for an edition now.")
        self.stdout.write(content.html if options["html"] else f"{content.subject}\n\n{content.text}")

    def _whose(self, address: str) -> Subscription | None:
        if not address:
            return None
        found = Subscription.objects.filter(address__iexact=address, state="active").first()
        if found is None:
            raise CommandError("This address has no subscription that runs.")
        return found

    def test(self, options: dict[str, Any]) -> None:
        """One edition to the operator and to nobody else."""
        if not settings.MAIL_OPERATOR:
            raise CommandError("Set BROADSHEET_MAIL_OPERATOR to your own address: test mails go there alone.")
        if options["address"]:
            raise CommandError("A test goes to BROADSHEET_MAIL_OPERATOR and nowhere else.")
        content = digest.sample(Choices(key=options["category"]).checked(), datetime.now(UTC))
        if content is None:
            raise CommandError("There are no papers for an edition now.")
        if mail.is_suppressed(settings.MAIL_OPERATOR):
            raise CommandError("Your own address receives no mail: broadsheet digest forgive ADDRESS")
        mail.post(
            settings.MAIL_OPERATOR, f"Test: {content.subject}", content.text, content.html,
            kind="test", urgent=True,
        )  # fmt: skip
        report = mail.deliver({"edition": digest.compose}, kinds=("test",))
        self.stdout.write(f"Test mail: {report}")
        for problem in report.problems:
            self.stdout.write(f"  {problem}")
        if not report.counts["accepted"]:
            raise CommandError("It was not accepted.")

    def status(self, options: dict[str, Any]) -> None:
        for line in digest.status().lines():
            self.stdout.write(line)

    def resume(self, options: dict[str, Any]) -> None:
        self.stdout.write("Sending goes on." if mail.resume() else "Sending was not paused.")

    def forgive(self, options: dict[str, Any]) -> None:
        if not options["address"]:
            raise CommandError("Say which address may receive mail again.")
        known = digest.forgive(options["address"])
        self.stdout.write(
            "It may receive mail again; its owner has to subscribe anew."
            if known
            else "It was not on the list of those that receive none."
        )
