"""Where a reader wants to be told of new papers, and what was sent there."""

from __future__ import annotations

import base64
import secrets

from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader

# on; paused by its reader; off: switched off by the server, `why` says the reason.
WEBHOOK_STATES = ("on", "paused", "off")
# waiting: to be sent, or sent again; done: the receiver took it; failed: given up.
DELIVERY_STATES = ("waiting", "done", "failed")
DELIVERY_KINDS = ("papers.matched", "test")


def _serial() -> str:
    return secrets.token_hex(8)


def _event() -> str:
    return f"msg_{secrets.token_hex(16)}"


class Webhook(models.Model):
    """New papers that match `query` are sent to `url`.

    `serial` is what the secret is made from: a new one makes the old secret sign nothing. `failing_since` is
    when the receiver last stopped answering, after `failures` tries in a row; until `not_before` it is left
    in peace. `delivered_at` is the last success.
    """

    id = models.BigAutoField(primary_key=True)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    query = models.CharField(max_length=2000)
    serial = models.CharField(max_length=32, default=_serial)
    state = models.CharField(max_length=8, default="on", choices=[(each, each) for each in WEBHOOK_STATES])
    why = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["id"], name="webhook_on", condition=models.Q(state="on"))]

    def __str__(self) -> str:
        return f"webhook {self.pk} ({self.state})"

    def get_absolute_url(self) -> str:
        return f"/account/webhooks/{self.pk}"

    @property
    def key(self) -> bytes:
        """What deliveries are signed with: 256 bits that only this server can make; nothing is stored."""
        return salted_hmac("broadsheet.webhook", f"{self.pk}:{self.serial}", algorithm="sha256").digest()

    @property
    def secret(self) -> str:
        """The same as the receiver is told it (Standard Webhooks: `whsec_` and Base64)."""
        return "whsec_" + base64.b64encode(self.key).decode()

    def renew_secret(self) -> None:
        self.serial = _serial()


class WebhookHit(models.Model):
    """A paper that a webhook has been told of, or is about to be: once each."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="hits", db_index=False)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "paper"], name="webhook_hit_once")]

    def __str__(self) -> str:
        return f"{self.paper_id} for {self.webhook_id}"


class Delivery(models.Model):
    """One message to one receiver: `body` goes out byte for byte the same at each of its `attempts`, under
    the same `event`, by which a receiver knows it again.

    Who holds `claimant` until `lease_until` is the only one to send it. `status`, `took` (milliseconds) and
    `said` are of the last try.
    """

    id = models.BigAutoField(primary_key=True)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.CharField(max_length=48, unique=True, default=_event)
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in DELIVERY_KINDS])
    body = models.TextField()
    papers = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(
        max_length=8, default="waiting", choices=[(state, state) for state in DELIVERY_STATES]
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    claimant = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    said = models.CharField(max_length=300, blank=True)
    took = models.PositiveIntegerField(null=True, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["webhook", "-id"], name="delivery_newest"),
            models.Index(fields=["due_at", "id"], name="delivery_due", condition=models.Q(state="waiting")),
            models.Index(fields=["made_at"], name="delivery_made"),
        ]

    def __str__(self) -> str:
        return f"{self.event} ({self.state})"
