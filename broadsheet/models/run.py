"""What the background steps and commands did, so that health and doctor can say it in words."""

from __future__ import annotations

from django.db import models


class Run(models.Model):
    """The newest run of one step (`import`, `rescore`, `backup`, ...): one row per step, replaced each time.

    `finished_at` is null while it runs and stays null when it was killed. `problem` is a sentence, empty
    when all went well. `summary` is the line that was printed.
    """

    step = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    summary = models.TextField(blank=True)
    problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.step
