"""Lists of papers that readers make: named, ordered, annotated, for themselves or for everybody."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader

VISIBILITIES = ("private", "link", "public")


def _serial() -> str:
    return secrets.token_hex(8)


class Collection(models.Model):
    """A reader's named list. `visibility`: only the owner, whoever has the secret link, or everybody.

    `serial` is what the secret link is made from: a new one makes the old link lead nowhere.
    """

    id = models.BigAutoField(primary_key=True)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="collections")
    name = models.CharField(max_length=120)
    note = models.TextField(blank=True)
    visibility = models.CharField(
        max_length=8, default="private", choices=[(word, word) for word in VISIBILITIES]
    )
    serial = models.CharField(max_length=32, default=_serial)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "name"], name="collection_name_once")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/collections/{self.pk}"

    @property
    def secret(self) -> str:
        """The end of the secret link, 160 bits that only this server can make; nothing of it is stored."""
        mac = salted_hmac("broadsheet.collection", f"{self.pk}:{self.serial}", algorithm="sha256")
        return mac.hexdigest()[:40]

    def renew_secret(self) -> None:
        self.serial = _serial()


class CollectionItem(models.Model):
    """A paper in a collection, at a place (from 1), with the reader's note on it."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items", db_index=False)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="collected")
    place = models.PositiveIntegerField()
    note = models.TextField(blank=True)
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "paper"], name="collected_once")]
        indexes = [models.Index(fields=["collection", "place", "id"], name="collected_order")]

    def __str__(self) -> str:
        return f"{self.paper_id} in {self.collection_id}"


class FeedKey(models.Model):
    """What a reader's private feed addresses are made from; a new serial makes the old ones lead nowhere."""

    reader = models.OneToOneField(Reader, on_delete=models.CASCADE, primary_key=True, related_name="feed_key")
    serial = models.CharField(max_length=32, default=_serial)

    def __str__(self) -> str:
        return f"feeds of {self.reader_id}"

    @property
    def secret(self) -> str:
        mac = salted_hmac("broadsheet.feed", f"{self.pk}:{self.serial}", algorithm="sha256")
        return f"{self.pk}-{mac.hexdigest()[:40]}"

    def renew(self) -> None:
        self.serial = _serial()
