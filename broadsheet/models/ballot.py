"""The vote log: every vote and every vote taken back, written once and never changed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone

# Why a line was written: the reader pressed the button, a curator took votes back or gave them back, the
# account was deleted, the vote's weight grew with the age of its account, or its paper was merged.
CAUSES = ("reader", "curator", "deletion", "age", "merge")


class Unchangeable(Exception):
    """Somebody tried to change or delete a line of the vote log."""


class BallotQuerySet(models.QuerySet["Ballot"]):
    def update(self, **fields: Any) -> NoReturn:
        raise Unchangeable("The vote log is only ever added to.")

    def delete(self) -> NoReturn:
        raise Unchangeable("The vote log is only ever added to.")

    def forget_evidence(self) -> int:
        """The one change there is: the digests of a deleted account's lines go, its votes stay counted."""
        return super().update(address="", network="", agent="", referrer="")


class Ballot(models.Model):
    """One line: at `at`, `reader` (a number, kept when the account is gone) voted for `paper` (`step` 1) or
    took the vote back (-1), and the vote had `weight`.

    `address`, `network` (the /24 or /64) and `agent` are keyed digests: enough to see that two votes came
    from one place, not enough to say which. `referrer`: the kind of page the button stood on. `account_days`:
    age of the account.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    reader = models.BigIntegerField()
    paper = models.BigIntegerField()
    step = models.SmallIntegerField()
    weight = models.FloatField()
    cause = models.CharField(max_length=16, choices=[(cause, cause) for cause in CAUSES], default="reader")
    address = models.CharField(max_length=32, blank=True)
    network = models.CharField(max_length=32, blank=True)
    agent = models.CharField(max_length=32, blank=True)
    referrer = models.CharField(max_length=16, blank=True)
    account_days = models.FloatField(default=0.0)

    objects = BallotQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["paper", "id"], name="ballot_paper"),
            models.Index(fields=["reader", "id"], name="ballot_reader"),
            models.Index(fields=["at"], name="ballot_at"),
        ]

    def __str__(self) -> str:
        return f"{self.reader} {self.step:+d} {self.paper}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Unchangeable("The vote log is only ever added to.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Unchangeable("The vote log is only ever added to.")
