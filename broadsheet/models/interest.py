"""What readers want to be shown: interests, what taught them, and the libraries that readers bring along."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from broadsheet.models.collection import VISIBILITIES
from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader

# How much readers' votes count beside the taste, in per cent.
DIAL = (0, 50, 100)
# waiting: for the worker. reading: at it. done, failed. undone: taken back by its reader.
IMPORT_STATES = ("waiting", "reading", "done", "failed", "undone")


def _serial() -> str:
    return secrets.token_hex(8)


class Interest(models.Model):
    """Something that a reader wants papers about, taught by examples, by a sentence, by a search.

    `own`: the reader's “For you”, which marks and votes teach; its row exists once something of it was set.
    `query`: a search as the search box understands it. `votes`: how much readers' votes count (DIAL).
    `returning`: what was opened or mailed may be shown again. `forgot_at`: what was said before teaches no
    more. `serial` is what the secret link is made from.
    """

    id = models.BigAutoField(primary_key=True)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="interests", db_index=False)
    own = models.BooleanField(default=False)
    name = models.CharField(max_length=120)
    sentence = models.CharField(max_length=500, blank=True)
    query = models.CharField(max_length=2000, blank=True)
    visibility = models.CharField(
        max_length=8, default="private", choices=[(word, word) for word in VISIBILITIES]
    )
    serial = models.CharField(max_length=32, default=_serial)
    votes = models.PositiveSmallIntegerField(default=0)
    returning = models.BooleanField(default=False)
    forgot_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reader", "name"], name="interest_name_once"),
            models.UniqueConstraint(fields=["reader"], condition=Q(own=True), name="interest_own_once"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return "/for-you" if self.own else f"/interests/{self.pk}"

    @property
    def secret(self) -> str:
        """The end of the secret link, 160 bits that only this server can make; nothing of it is stored."""
        mac = salted_hmac("broadsheet.interest", f"{self.pk}:{self.serial}", algorithm="sha256")
        return mac.hexdigest()[:40]

    def renew_secret(self) -> None:
        self.serial = _serial()


class LibraryImport(models.Model):
    """A library that a reader brought along: a file, a list of ids, or Zotero's.

    It goes into the reader's library, or teaches one `interest`. `spool` names its file in the data folder
    while it is read, `fraction` (0 to 1) how much of it has been. `known` papers are here, `kept` ones are
    not and count by their words, `doubled` were there before, `broken` entries could not be read: the first
    of them stand in `rejects` as [line, reason, excerpt]. `made`: the papers that it marked as saved, eight
    bytes each, so that it can be undone.
    """

    id = models.BigAutoField(primary_key=True)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="imports", db_index=False)
    interest = models.ForeignKey(
        Interest, on_delete=models.SET_NULL, null=True, blank=True, related_name="imports"
    )
    name = models.CharField(max_length=200)
    form = models.CharField(max_length=64, blank=True)
    state = models.CharField(
        max_length=8, default="waiting", choices=[(state, state) for state in IMPORT_STATES]
    )
    spool = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    fraction = models.FloatField(default=0.0)
    known = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    doubled = models.PositiveIntegerField(default=0)
    broken = models.PositiveIntegerField(default=0)
    rejects = models.JSONField(default=list)
    made = models.BinaryField(default=bytes)
    why = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["reader", "-created_at", "id"], name="import_newest"),
            models.Index(
                fields=["created_at", "id"], condition=Q(state__in=("waiting", "reading")), name="import_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class Lesson(models.Model):
    """One answer: this paper belongs to the interest (`wanted`), or it does not.

    A paper that is not here has no `paper` but its words: `title`, `abstract`, `identifier` as far as they
    are known. `digest` is the same for two entries of one such paper, and empty where there is a `paper`.
    """

    id = models.BigAutoField(primary_key=True)
    interest = models.ForeignKey(Interest, on_delete=models.CASCADE, related_name="lessons", db_index=False)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, null=True, blank=True, related_name="lessons")
    wanted = models.BooleanField()
    title = models.CharField(max_length=500, blank=True)
    abstract = models.TextField(blank=True)
    identifier = models.CharField(max_length=255, blank=True)
    digest = models.CharField(max_length=32, blank=True)
    taken_from = models.ForeignKey(
        LibraryImport, on_delete=models.SET_NULL, null=True, blank=True, related_name="lessons"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["interest", "paper"], name="lesson_once"),
            models.UniqueConstraint(
                fields=["interest", "digest"], condition=Q(paper__isnull=True), name="lesson_text_once"
            ),
        ]
        indexes = [
            models.Index(fields=["interest", "-created_at", "id"], name="lesson_newest"),
            models.Index(
                fields=["identifier"],
                condition=Q(paper__isnull=True) & ~Q(identifier=""),
                name="lesson_awaited",
            ),
        ]

    def __str__(self) -> str:
        return f"{'for' if self.wanted else 'against'} {self.title or self.paper_id}"
