"""What lets a reader's own programs in, and what they have been answered already."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from broadsheet.models.fields import LinesField
from broadsheet.models.reader import Reader

# read: what only its reader may read. The others each let a program do one kind of thing for its reader.
SCOPES = ("read", "vote", "comment", "submit", "library", "webhooks")


class ApiKey(models.Model):
    """A key that a reader gave to a program. The key itself is not kept: `digest` is its SHA-256, `tail` its
    last four characters, by which its reader knows it again.

    `used_at` is the last use, to about five minutes. `expires_at` null: until it is revoked, so deleted.
    """

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="api_keys", db_index=False)
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    tail = models.CharField(max_length=4)
    scopes = LinesField()
    made_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "name"], name="api_key_name_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.reader_id}"


class Repeatable(models.Model):
    """The answer to a request that its sender may send again (`Idempotency-Key`), kept for a day.

    `name` is the SHA-256 of what the sender called it, `asked` that of the request itself.
    """

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=64)
    asked = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.TextField(blank=True)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "name"], name="repeatable_once")]

    def __str__(self) -> str:
        return f"{self.status} for {self.reader_id}"
