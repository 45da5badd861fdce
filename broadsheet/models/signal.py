"""What the outside world says of papers: a dated log. What is older than three months is kept once a day
(`trending.thin_due`)."""

from __future__ import annotations

from django.db import models

from broadsheet.models.paper import Paper
from broadsheet.sources import SIGNAL_KINDS


class Signal(models.Model):
    """At `seen_at`, `source` showed `value` (a level: 30 upvotes, 412 stars) for the paper."""

    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="signals", db_index=False)
    source = models.CharField(max_length=32)
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in SIGNAL_KINDS])
    value = models.FloatField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["paper", "source", "kind", "seen_at"], name="signal_once"),
            models.CheckConstraint(condition=models.Q(value__gte=0), name="signal_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.value:g} {self.kind} on {self.source}"
