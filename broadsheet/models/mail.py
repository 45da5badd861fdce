"""What leaves by mail: each message with its state, who wants none, and how fast the world takes it."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils import timezone

# pending: nobody has begun. claimed: a sender holds it until `lease_until` and has not let go of the last
# byte. closing: the final dot may have gone out and nobody has read the answer yet. The others are answers;
# a deferred one is tried again, an ambiguous one only where the operator's policy says so.
STATES = (
    "pending", "claimed", "closing", "accepted", "deferred", "ambiguous",
    "failed", "suppressed", "cancelled", "expired",
)  # fmt: skip
# Nothing more will happen to these by themselves.
SETTLED = ("accepted", "failed", "suppressed", "cancelled", "expired")
SUPPRESSED_FOR = ("bounce", "complaint", "operator")


class MessageQuerySet(models.QuerySet["Message"]):
    def waiting(self) -> Self:
        """Messages that are still to be handed over."""
        return self.filter(state__in=("pending", "claimed", "closing", "deferred"))


class Message(models.Model):
    """One message to one address.

    `key` is what makes it one: a second message with the same key is never made. `address_key` is the
    address as suppression compares it. `kind` says who composes it: the words of a stored message stand in
    `text` and `html` until it is accepted, those of an edition are made when it is sent. `urgent` ones
    (codes, confirmations) overtake the others. `part_of` names what it can be cancelled with
    ("subscription:17"), `issue` what it is counted with in reports. `claimant` is the claim that holds it.
    `said` is the server's last answer, without addresses. `attempts` counts claims.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=16)
    address = models.CharField(max_length=254)
    address_key = models.CharField(max_length=254)
    domain = models.CharField(max_length=253)
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    list_name = models.CharField(max_length=120, blank=True)
    stop_path = models.CharField(max_length=255, blank=True)
    part_of = models.CharField(max_length=64, blank=True)
    issue = models.CharField(max_length=64, blank=True)
    urgent = models.BooleanField(default=False)
    state = models.CharField(max_length=16, default="pending", choices=[(state, state) for state in STATES])
    attempts = models.PositiveSmallIntegerField(default=0)
    uncertain = models.PositiveSmallIntegerField(default=0)
    claimant = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    posted_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    code = models.PositiveSmallIntegerField(null=True, blank=True)
    said = models.CharField(max_length=300, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = [
            # Without the many that are settled, so that a claim reads a short index.
            models.Index(
                fields=["state", "-urgent", "due_at", "id"],
                name="message_due",
                condition=models.Q(state__in=("pending", "claimed", "closing", "deferred", "ambiguous")),
            ),
            models.Index(fields=["address_key"], name="message_address"),
            models.Index(fields=["part_of"], name="message_part_of"),
            models.Index(fields=["issue", "state"], name="message_issue"),
            models.Index(fields=["settled_at"], name="message_settled"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} ({self.state})"


class Suppression(models.Model):
    """An address that receives nothing, whatever the reason to write to it."""

    address_key = models.CharField(max_length=254, primary_key=True)
    reason = models.CharField(max_length=16, choices=[(reason, reason) for reason in SUPPRESSED_FOR])
    said = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.reason} since {self.since:%Y-%m-%d}"


class Bounce(models.Model):
    """One report about an address that came back, kept so that the same report counts once.

    `key` is the report's own name (a provider's event id, the Message-ID of a report). `weight`: 0 counts
    nothing, soft ones count one, at most once a day.
    """

    key = models.CharField(max_length=120, primary_key=True)
    address_key = models.CharField(max_length=254)
    kind = models.CharField(max_length=16)
    weight = models.FloatField(default=0)
    said = models.CharField(max_length=300, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["address_key", "-seen_at"], name="bounce_address")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.seen_at:%Y-%m-%d}"


class Pace(models.Model):
    """How fast something may be sent to: `all`, `day:2026-11-25`, or a domain.

    `next_at`: when the next message's turn is. `not_before`: the domain asked us to wait until then, after
    `failures` refusals in a row. `used`: messages begun on that day.
    """

    scope = models.CharField(max_length=260, primary_key=True)
    next_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    used = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.scope


class Outbox(models.Model):
    """The one row that every sender looks at before it takes work.

    `paused_for` is the sentence for which sending is paused, empty when it is not. `failures` counts
    messages that failed in a row.
    """

    paused_for = models.CharField(max_length=300, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "outboxes"

    def __str__(self) -> str:
        return self.paused_for or "open"
