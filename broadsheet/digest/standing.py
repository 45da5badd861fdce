"""How mail stands: who gets it, what waits, what is stuck, when it last went out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from broadsheet import mail
from broadsheet.digest import composing
from broadsheet.models import Message, Outbox, Subscription, Suppression

STUCK = timedelta(hours=1)


@dataclass
class Status:
    """A few counts. `oldest` is when the longest-waiting message was due, None when none waits."""

    set_up: bool = False
    problem: str = ""
    paused_for: str = ""
    last_out: datetime | None = None
    subscriptions: int = 0
    waiting: int = 0
    uncertain: int = 0
    overdue: int = 0
    oldest: datetime | None = None
    suppressed: int = 0
    today: Counter[str] = field(default_factory=Counter)

    @property
    def stuck(self) -> bool:
        """Whether something that should have gone out an hour ago is still here."""
        return bool(self.paused_for or (self.oldest and timezone.now() - self.oldest > STUCK))

    def lines(self) -> list[str]:
        if not self.set_up:
            return [f"Mail is not set up: {self.problem}"]
        said = [
            f"subscriptions: {self.subscriptions:,} running, {self.overdue:,} due now",
            f"messages: {self.waiting:,} waiting, {self.uncertain:,} uncertain",
            "last one out: " + (f"{self.last_out:%Y-%m-%d %H:%M} UTC" if self.last_out else "never"),
            f"addresses that receive nothing: {self.suppressed:,}",
        ]
        if self.today:
            counts = (f"{many:,} {state}" for state, many in sorted(self.today.items()))
            said.append("last 24 hours: " + ", ".join(counts))
        if self.paused_for:
            said.append(f"PAUSED: {self.paused_for}")
        return said


def status() -> Status:
    """Five small questions, each off an index."""
    found = Status(set_up=mail.is_set_up())
    try:
        mail.sender(), mail.origin()
        if not settings.MAIL_PROVIDER:
            mail.server()
    except mail.NotSetUp as error:
        found.set_up, found.problem = False, str(error)
        return found
    now = timezone.now()
    if outbox := Outbox.objects.filter(pk=1).first():
        found.paused_for, found.last_out = outbox.paused_for, outbox.accepted_at
    waiting = Message.objects.waiting().aggregate(many=Count("*"), oldest=Min("due_at"))
    found.waiting, found.oldest = waiting["many"], waiting["oldest"]
    found.uncertain = Message.objects.filter(state="ambiguous").count()
    running = Subscription.objects.filter(state="active")
    found.subscriptions = running.count()
    found.overdue = running.filter(next_at__lte=now).count()
    found.suppressed = Suppression.objects.count()
    settled = Message.objects.filter(settled_at__gt=now - timedelta(days=1)).order_by()
    found.today = Counter(dict(settled.values_list("state").annotate(many=Count("*"))))
    return found


def compose_waiting(most: int = 1_000_000) -> tuple[int, list[str]]:
    """Composes everything that waits, for a dry run: how many could be, and what went wrong with the rest."""
    composed, wrong = 0, []
    waiting = Message.objects.filter(state="pending", kind=composing.KIND).order_by("pk")
    for message in waiting[:most].iterator():
        try:
            composing.compose(message)
            composed += 1
        except Exception as error:
            wrong.append(f"message {message.pk}: {type(error).__name__}: {error}")
    return composed, wrong
