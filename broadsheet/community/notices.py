"""Remembers who should hear of a comment, and tells them by mail: many notices in one letter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from broadsheet.models import Claim, Comment, Notice, NoticeWish, Reader

# A talk that goes to and fro is one letter: so long after the first notice it is written.
GATHER: Final = timedelta(minutes=15)


def tell(comment: Comment, names: Sequence[str]) -> None:
    """Notes everybody who should hear of a new comment: once each, never its writer."""
    found: dict[int, str] = {}
    for key in Claim.objects.filter(paper=comment.paper_id, state="granted").values_list(
        "reader_id", flat=True
    ):
        found[key] = "author"
    if comment.parent and comment.parent.reader_id:
        found.setdefault(comment.parent.reader_id, "reply")
    for key in _keys(names):
        found.setdefault(key, "mention")
    _note(comment, found.items())


def tell_named(comment: Comment, names: Sequence[str]) -> None:
    """Notes those whom a change of the comment has named anew."""
    _note(comment, [(key, "mention") for key in _keys(names)])


def _keys(names: Sequence[str]) -> list[int]:
    if not names:
        return []
    found = Reader.objects.annotate(lower=Lower("username")).filter(lower__in=names, is_active=True)
    return list(found.values_list("pk", flat=True))


def _note(comment: Comment, found: Iterable[tuple[int, str]]) -> None:
    rows = [Notice(reader_id=key, comment=comment, why=why) for key, why in found if key != comment.reader_id]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)


def readable() -> Q:
    """Which notices are still worth reading: their comment can be read."""
    return Q(comment__hidden=False, comment__withdrawn_at=None, comment__paper__hidden=False)


def unseen(reader: Reader) -> int:
    """How many notices a reader has not opened yet, counted up to 100."""
    return Notice.objects.filter(readable(), reader=reader, seen_at=None)[:100].count()


def mark_seen(reader: Reader) -> None:
    Notice.objects.filter(reader=reader, seen_at=None).update(seen_at=timezone.now())


def wants_mail(reader: Reader) -> bool:
    found = NoticeWish.objects.filter(reader=reader).first()
    return found is None or found.by_mail


def wish(reader: Reader, by_mail: bool) -> None:
    """Whether talk that concerns the reader is to come by mail."""
    NoticeWish.objects.update_or_create(reader=reader, defaults={"by_mail": by_mail})
