"""How far each live source has been read, when it is due, and what is watched for signals."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from broadsheet.models.paper import Paper


class SourceState(models.Model):
    """One part of one source: a set of arXiv's, a feed's address; empty where a source has no parts.

    `read_upto` is the source's own day up to which everything was told. While a harvest is under way,
    `cursor` says where it is, `since` and `until` what it asked for, and `new`, `changed`, `read` and
    `refused` count what it brought so far; afterwards they are what the last one brought. `due_at` null:
    never by itself. Who holds `claim` until `claimed_until` is the only one to fetch.
    `problem` is a sentence, empty when all is well; `failures` counts how often in a row. `asked` counts the
    questions of the day `asked_on` (UTC) where a source is metered.
    """

    source = models.CharField(max_length=32)
    part = models.CharField(max_length=500, blank=True)
    cursor = models.TextField(blank=True)
    since = models.DateField(null=True, blank=True)
    until = models.DateField(null=True, blank=True)
    read_upto = models.DateField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    tried_at = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    read = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    in_all = models.PositiveBigIntegerField(default=0)
    asked_on = models.DateField(null=True, blank=True)
    asked = models.PositiveIntegerField(default=0)
    claim = models.CharField(max_length=32, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "part"], name="source_part_once")]
        ordering = ["source", "part"]

    def __str__(self) -> str:
        return f"{self.source} {self.part}".strip()


class Watch(models.Model):
    """Something that a source is asked about again and again on behalf of a paper: a repository for its
    stars, the paper itself for its citations. A file of the watched folder is one too, of no paper.

    `key` is what the source calls it (`ada/engine`, a paper's identifier, a file's name). `etag` is what the
    source said to send along, so that it can answer "nothing new". `due_at` null: not to be asked again.
    """

    source = models.CharField(max_length=32)
    key = models.CharField(max_length=255)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, null=True, blank=True, related_name="watches")
    etag = models.CharField(max_length=255, blank=True)
    value = models.FloatField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "key", "paper"], name="watch_once")]
        indexes = [models.Index(fields=["source", "due_at"], name="watch_due")]
        verbose_name_plural = "watches"

    def __str__(self) -> str:
        return f"{self.key} at {self.source}"
