"""A reader wants to hear nothing of another one: no notices, no mail, and their comments are folded."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from broadsheet.community.refusals import Refused
from broadsheet.models import Block, Follow, Notice, Reader

MOST: Final = 1_000


def block(reader: Reader, username: str) -> Block:
    """Blocks the reader of that name, lets go of them and of their notices; twice is once. Raises Refused.

    The one who is blocked is not told and can act as before: it is the other who hears nothing of it.
    """
    whom = Reader.objects.filter(username__iexact=username[:64], is_active=True).first()
    if whom is None:
        raise Refused("There is no reader of that name here.", 404)
    if whom.pk == reader.pk:
        raise Refused("You cannot block yourself.", 400)
    with transaction.atomic():
        if Block.objects.filter(reader=reader).count() >= MOST:
            raise Refused(f"You block {MOST:,} readers already. Let some of them speak first.")
        made, _ = Block.objects.get_or_create(reader=reader, blocked=whom)
        Follow.objects.filter(reader=reader, kind="reader", key=whom.username).delete()
        Notice.objects.filter(reader=reader, comment__reader=whom).delete()
    return made


def unblock(reader: Reader, username: str) -> None:
    """Hears of them again; whom one does not block is no harm."""
    Block.objects.filter(reader=reader, blocked__username__iexact=username[:64]).delete()


def blocks(reader: Reader | None, whom: Reader) -> bool:
    return reader is not None and Block.objects.filter(reader=reader, blocked=whom).exists()


def blocked(reader: Reader) -> list[Reader]:
    """Whom a reader blocks, the newest first."""
    rows = Block.objects.filter(reader=reader).select_related("blocked").order_by("-pk")
    return [row.blocked for row in rows[:MOST]]


def blocked_keys(reader: Reader | None) -> frozenset[int]:
    """Keys of those whom a reader blocks. One query; none for a stranger."""
    if reader is None:
        return frozenset()
    return frozenset(Block.objects.filter(reader=reader).values_list("blocked_id", flat=True))


def deaf_to(writer: int | None) -> set[int]:
    """Keys of the readers who want to hear nothing of this one."""
    return set(Block.objects.filter(blocked=writer).values_list("reader_id", flat=True)) if writer else set()
