"""How often somebody has done something lately: what rate limits count on, shared by all web processes."""

from __future__ import annotations

from django.db import models


class Tally(models.Model):
    """A count that starts anew when its time is over. `key` is a digest: no address is kept."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "tallies"
        indexes = [models.Index(fields=["until"], name="tally_until")]

    def __str__(self) -> str:
        return f"{self.count} until {self.until:%Y-%m-%d %H:%M}"
