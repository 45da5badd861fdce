"""Papers that readers bring, and readers who say that a paper is theirs."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from broadsheet.models.fields import LinesField
from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader

# fetching: its source is to be asked; waiting: for a curator; listed, declined: done; failed: no such paper.
SUBMISSION_STATES = ("fetching", "waiting", "listed", "declined", "failed")
OPEN = ("fetching", "waiting")
CLAIM_STATES = ("asked", "granted", "declined")
CLAIM_GROUNDS = ("orcid", "address", "curator")


class Submission(models.Model):
    """A reader brings a paper. `spelling` is what was typed, `identifier` its canonical form.

    While it is open, one identifier has one submission. `next_at` is when its source is asked (again), after
    `attempts` that failed. `reason` says why it was declined or failed, for its submitter.
    """

    reader = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="submissions")
    paper = models.ForeignKey(Paper, on_delete=models.SET_NULL, null=True, related_name="submissions")
    identifier = models.CharField(max_length=255)
    spelling = models.CharField(max_length=500)
    state = models.CharField(
        max_length=16, default="fetching", choices=[(state, state) for state in SUBMISSION_STATES]
    )
    comment = models.TextField(blank=True)
    media = LinesField()
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["identifier"], condition=models.Q(state__in=OPEN), name="submission_open_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["state", "next_at"], name="submission_due", condition=models.Q(state__in=OPEN)
            ),
            models.Index(fields=["reader", "-created_at"], name="submission_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.identifier} ({self.state})"


class Claim(models.Model):
    """A reader says: I wrote this. `name` is the printed name on the paper that is theirs.

    `ground`: what it stands on, once granted. `note` is what the author says to readers of the paper.
    """

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="claims")
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="claims", db_index=False)
    name = models.CharField(max_length=200)
    state = models.CharField(
        max_length=16, default="asked", choices=[(state, state) for state in CLAIM_STATES]
    )
    ground = models.CharField(
        max_length=16, blank=True, choices=[(ground, ground) for ground in CLAIM_GROUNDS]
    )
    words = models.TextField(blank=True)
    note = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["paper", "reader"], name="claim_once")]
        indexes = [models.Index(fields=["id"], name="claim_waiting", condition=models.Q(state="asked"))]

    def __str__(self) -> str:
        return f"{self.reader_id} wrote {self.paper_id} ({self.state})"
