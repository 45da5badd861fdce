"""What curators do, in a log that everybody may read, and the rules that they set."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader
from broadsheet.models.submission import Claim, Submission
from broadsheet.models.talk import Comment


class Moderation(models.Model):
    """One act of a curator. `reason` is for everybody; `data` is what taking it back needs, for nobody.

    Acts are never changed; taking one back stamps `undone_at`. `subject` says in words what it was done to,
    so that the log keeps its meaning when rows are gone. `curator` is null when the house acted by itself.
    """

    id = models.BigAutoField(primary_key=True)
    curator = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="moderations")
    kind = models.CharField(max_length=32)
    reason = models.TextField()
    subject = models.TextField(blank=True)
    paper = models.ForeignKey(Paper, on_delete=models.SET_NULL, null=True, related_name="moderations")
    comment = models.ForeignKey(Comment, on_delete=models.SET_NULL, null=True, related_name="moderations")
    reader = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="moderated")
    submission = models.ForeignKey(
        Submission, on_delete=models.SET_NULL, null=True, related_name="moderations"
    )
    claim = models.ForeignKey(Claim, on_delete=models.SET_NULL, null=True, related_name="moderations")
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="+")
    undone_reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject[:60]}"


class Ban(models.Model):
    """A reader who may read and no longer act, `until` a moment or for good, and why."""

    reader = models.OneToOneField(Reader, on_delete=models.CASCADE, primary_key=True, related_name="ban")
    reason = models.TextField()
    until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.reader_id}: {self.reason[:60]}"


class CommunityRules(models.Model):
    """What curators set, one row. Numbers are per reader; 0 says no limit, except where words say otherwise.

    Newcomers are readers whose account is younger than `newcomer_days` days.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    submissions_a_day = models.PositiveIntegerField(default=5)
    newcomer_submissions_a_day = models.PositiveIntegerField(default=1)
    submission_age_days = models.PositiveIntegerField(default=14)
    newcomer_days = models.PositiveIntegerField(default=7)
    newcomers_wait = models.BooleanField(default=True)
    comments_an_hour = models.PositiveIntegerField(default=20)
    newcomer_comments_an_hour = models.PositiveIntegerField(default=5)
    edits_an_hour = models.PositiveIntegerField(default=10)
    reports_a_day = models.PositiveIntegerField(default=20)

    class Meta:
        verbose_name_plural = "community rules"

    def __str__(self) -> str:
        return "rules of the community"
