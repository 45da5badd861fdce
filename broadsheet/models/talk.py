"""What readers say to each other under a paper, and what is kept of every word that was changed."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone

from broadsheet.models.paper import Paper
from broadsheet.models.reader import Reader

REACTIONS = ("thanks", "agree", "disagree", "funny")
REPORT_REASONS = ("spam", "abuse", "off topic", "wrong paper", "copyright", "other")
NOTICES = ("author", "reply", "mention")


class Comment(models.Model):
    """One comment on a paper. `parent` is what it answers, `root` the comment that began the thread
    (null for that one itself), `depth` how many answers lie between.

    `text` is Markdown as it was written. A comment that its writer took back keeps its place and loses its
    text; one that a curator hid keeps both, seen by curators alone. `reader` is null once the account is
    gone.
    """

    id = models.BigAutoField(primary_key=True)
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="talk", db_index=False)
    reader = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="comments")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="answers")
    root = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="thread")
    depth = models.PositiveSmallIntegerField(default=0)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    hidden = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["paper", "root", "id"], name="comment_thread")]

    def __str__(self) -> str:
        return f"comment {self.pk} on {self.paper_id}"

    def get_absolute_url(self) -> str:
        return f"/comments/{self.pk}"

    @property
    def shown(self) -> bool:
        """Whether everybody may read it, and whether it counts."""
        return not self.hidden and self.withdrawn_at is None


class CommentVersion(models.Model):
    """What a comment said until `replaced_at`."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="versions")
    text = models.TextField()
    replaced_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.comment_id} until {self.replaced_at:%Y-%m-%d %H:%M}"


class Reaction(models.Model):
    """A word that a reader leaves at a comment, of a short list."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="reactions", db_index=False)
    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="reactions")
    kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in REACTIONS])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["comment", "reader", "kind"], name="reaction_once")]

    def __str__(self) -> str:
        return f"{self.reader_id} {self.kind} {self.comment_id}"


class Report(models.Model):
    """A reader asks curators to look at a comment or at a paper itself. Who reported is never shown.

    `settled_at` is null while it waits; `heeded` says whether curators acted on it.
    """

    reader = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="reports")
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="reports")
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, null=True, related_name="reports")
    reason = models.CharField(max_length=16, choices=[(reason, reason) for reason in REPORT_REASONS])
    words = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(Reader, on_delete=models.SET_NULL, null=True, related_name="+")
    heeded = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reader", "comment"],
                condition=models.Q(settled_at__isnull=True, comment__isnull=False),
                name="report_comment_once",
            ),
            models.UniqueConstraint(
                fields=["reader", "paper"],
                condition=models.Q(settled_at__isnull=True, comment__isnull=True),
                name="report_paper_once",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="report_waiting", condition=models.Q(settled_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.comment_id or self.paper_id}"


class Notice(models.Model):
    """Somebody should hear of a comment: as an author of the paper, as the one answered or as the one named.

    `posted_at`: when it went into a mail; `seen_at`: when it was opened here. One mail holds many notices.
    """

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="notices", db_index=False)
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="notices")
    why = models.CharField(max_length=16, choices=[(why, why) for why in NOTICES])
    created_at = models.DateTimeField(default=timezone.now)
    posted_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "comment"], name="notice_once")]
        indexes = [
            models.Index(
                fields=["created_at", "reader"],
                name="notice_waiting",
                condition=models.Q(posted_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.reader_id} hears of {self.comment_id} as {self.why}"


class Block(models.Model):
    """`reader` wants to hear nothing of `blocked`: no notices, and their comments folded. Nobody is told."""

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="blocks", db_index=False)
    blocked = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="blocked_by")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "blocked"], name="block_once")]

    def __str__(self) -> str:
        return f"{self.reader_id} blocks {self.blocked_id}"


def _nonce() -> str:
    return secrets.token_hex(16)


class NoticeWish(models.Model):
    """Whether a reader wants mail about talk; without a row: yes. `nonce` seals the link that stops it."""

    reader = models.OneToOneField(
        Reader, on_delete=models.CASCADE, primary_key=True, related_name="notice_wish"
    )
    by_mail = models.BooleanField(default=True)
    nonce = models.CharField(max_length=32, default=_nonce)

    def __str__(self) -> str:
        return f"{self.reader_id}: {'mail' if self.by_mail else 'no mail'}"
