"""Who gets which papers by mail and when, and what each of them has been sent."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader

# trending: of everything, or of the categories in `key`; author: a slug; search: a query; interest: a text;
# foryou: by the reader's own votes and marks. following: whatever the reader follows. organization: a name;
# reader: a username; collection, taught: a number.
WHATS = (
    "trending", "author", "search", "interest", "foryou",
    "following", "organization", "reader", "collection", "taught",
)  # fmt: skip
# alert: as soon as there is something new, at most once an hour.
RHYTHMS = ("weekdays", "daily", "weekly", "monthly", "alert")
# asked: typed into the form, nobody has been written to. unconfirmed: one mail has gone out.
SUBSCRIPTION_STATES = ("asked", "unconfirmed", "active", "stopped", "dropped")


class Subscription(models.Model):
    """One address gets one kind of paper in one rhythm.

    `nonce` seals this subscription's links; a new one ends the old links. `confirm_hash` is the SHA-256 of
    the secret in the confirmation, good until `confirm_until`. `next_at` is when the next edition is due,
    `until` up to when the last one reached. `sent` holds the numbers of the papers already sent, eight bytes
    each. `quiet_on` is the last day without anything to send. `why` says why it was stopped or dropped.
    """

    id = models.BigAutoField(primary_key=True)
    reader = models.ForeignKey(
        Reader, on_delete=models.CASCADE, related_name="subscriptions", null=True, blank=True
    )
    address = models.CharField(max_length=254)
    address_key = models.CharField(max_length=254)
    state = models.CharField(
        max_length=16, default="asked", choices=[(state, state) for state in SUBSCRIPTION_STATES]
    )
    what = models.CharField(max_length=16)
    key = models.CharField(max_length=2000, blank=True)
    rhythm = models.CharField(max_length=16, default="weekdays", choices=[(each, each) for each in RHYTHMS])
    weekday = models.PositiveSmallIntegerField(default=0)
    monthday = models.PositiveSmallIntegerField(default=1)
    hour = models.PositiveSmallIntegerField(default=7)
    time_zone = models.CharField(max_length=64, default="UTC")
    how_many = models.PositiveSmallIntegerField(default=12)
    form = models.CharField(max_length=4, default="html", choices=[("html", "html"), ("text", "text")])
    nonce = models.CharField(max_length=32)
    confirm_hash = models.CharField(max_length=64, blank=True)
    confirm_until = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    sent = models.BinaryField(default=bytes)
    quiet_on = models.DateField(null=True, blank=True)
    why = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "next_at", "id"], name="subscription_due"),
            models.Index(fields=["address_key", "state"], name="subscription_address"),
            models.Index(fields=["what", "state"], name="subscription_what"),
            models.Index(fields=["confirm_hash"], name="subscription_confirm"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.rhythm} ({self.state})"


class Clipping(models.Model):
    """What mail says of a paper, as it was when an edition was made; the same words are kept once.

    `content` has the keys title, byline, summary, path, facts.
    """

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=64, unique=True)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="clippings")
    content = models.JSONField()
    made_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"clipping {self.pk}"


class Edition(models.Model):
    """One issue for one subscription, chosen and frozen before anything is sent.

    `issue_on` is the subscriber's local day (for alerts, the hour is in `number`). `picks` are pairs of a
    clipping's number and the reason it is here; `digest` is the SHA-256 of picks and clippings. It covers
    what came in from `since` to `until`. `left_out` names papers whose words could not be set.
    """

    id = models.BigAutoField(primary_key=True)
    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="editions", db_index=False
    )
    issue_on = models.DateField()
    number = models.PositiveSmallIntegerField(default=0)
    since = models.DateTimeField()
    until = models.DateTimeField()
    picks = models.JSONField()
    digest = models.CharField(max_length=64)
    left_out = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "issue_on", "number"], name="edition_once")
        ]
        indexes = [models.Index(fields=["made_at"], name="edition_made")]

    def __str__(self) -> str:
        return f"{self.subscription_id} on {self.issue_on}"


class Hit(models.Model):
    """A new paper that a stored search was found to match, until an edition takes it along."""

    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="hits", db_index=False
    )
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="hits")
    found_at = models.DateTimeField(default=timezone.now)
    edition = models.ForeignKey(
        Edition, on_delete=models.SET_NULL, null=True, blank=True, related_name="hits"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "paper"], name="hit_once")]

    def __str__(self) -> str:
        return f"{self.paper_id} for {self.subscription_id}"


class Matched(models.Model):
    """How far the papers have been matched against stored searches: a row for mail, a row for webhooks."""

    at = models.DateTimeField(null=True, blank=True)
    key = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "matched"

    def __str__(self) -> str:
        return f"matched up to {self.at}"
