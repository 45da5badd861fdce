"""What readers say of papers for themselves and for everybody: votes, marks, follows, saved searches."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader

MARKS = ("saved", "read", "refused")
# What is noted by itself: nobody lists it, but what was opened is not suggested again.
OPENED = "opened"
FOLLOWED = ("author", "category", "organization", "reader", "collection")


class Upvote(models.Model):
    """One reader's vote for one paper. `weight` (0 to 1) is how much it counts in rankings.

    A vote that is not `counted` was taken back by a curator: its reader still sees it, nothing else does.
    """

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="upvotes", db_index=False)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="upvoted_by")
    weight = models.FloatField(default=1.0)
    counted = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "paper"], name="upvote_once")]

    def __str__(self) -> str:
        return f"{self.reader_id} for {self.paper_id}"


class Mark(models.Model):
    """What a reader keeps about a paper, seen by nobody else: saved in the library, read, not interested;
    and that its page was opened."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="marks", db_index=False)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="marks")
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in (*MARKS, OPENED)])
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "kind", "paper"], name="mark_once")]
        indexes = [models.Index(fields=["reader", "kind", "-created_at", "id"], name="mark_newest")]

    def __str__(self) -> str:
        return f"{self.reader_id} {self.kind} {self.paper_id}"


class Follow(models.Model):
    """A reader follows somebody or something: `kind` says what, `key` which one.

    `key`: an author's slug, a category's code, an organization's name as papers print it, a reader's
    username, a collection's number.
    """

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="follows", db_index=False)
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in FOLLOWED])
    key = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "kind", "key"], name="follow_once")]
        indexes = [models.Index(fields=["kind", "key"], name="follow_followed")]

    def __str__(self) -> str:
        return f"{self.reader_id} follows {self.kind} {self.key}"


class SavedSearch(models.Model):
    """A query that a reader keeps: `query` as the search box understands it, `name` in the reader's words."""

    reader = models.ForeignKey(
        Reader, on_delete=models.CASCADE, related_name="saved_searches", null=True, blank=True
    )
    name = models.CharField(max_length=120, blank=True)
    query = models.CharField(max_length=2000)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name or self.query
