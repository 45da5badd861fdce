"""Lists of what a reader did, newest first, walked by a cursor: what comes in meanwhile shifts nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet

from broadsheet.community.refusals import Refused
from broadsheet.models import Mark, Paper, Reader, Upvote

_CURSOR: Final = re.compile(r"(\d{1,18})\.(\d{1,18})", re.ASCII)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

BAD_CURSOR: Final = "That cursor is not one of ours. Take the one that the page before named."


def voted(reader: Reader, after: str, size: int) -> tuple[list[tuple[Paper, datetime]], str]:
    """Papers that a reader voted for, with when, and the cursor of the next page ("" behind the last)."""
    return _papers(Upvote.objects.filter(reader=reader, paper__hidden=False), after, size)


def marked(reader: Reader, kind: str, after: str, size: int) -> tuple[list[tuple[Paper, datetime]], str]:
    """The same for one kind of mark."""
    return _papers(Mark.objects.filter(reader=reader, kind=kind, paper__hidden=False), after, size)


def _papers(rows: QuerySet[Any], after: str, size: int) -> tuple[list[tuple[Paper, datetime]], str]:
    if after:
        when, key = _read(after)
        rows = rows.filter(Q(created_at__lt=when) | Q(created_at=when, pk__gt=key), created_at__lte=when)
    found = list(rows.order_by("-created_at", "pk").values_list("paper_id", "created_at", "pk")[: size + 1])
    page = found[:size]
    papers = Paper.objects.cards().in_bulk([key for key, _, _ in page])
    told = [(papers[key], when) for key, when, _ in page if key in papers]
    return told, _written(page[-1][1], page[-1][2]) if len(found) > size else ""


def _read(text: str) -> tuple[datetime, int]:
    match = _CURSOR.fullmatch(text)
    try:
        if match is None:
            raise Refused(BAD_CURSOR, 400)
        return _BEGINNING + int(match[1]) * _MICROSECOND, int(match[2])
    except OverflowError as error:
        raise Refused(BAD_CURSOR, 400) from error


def _written(when: datetime, key: int) -> str:
    return f"{(when - _BEGINNING) // _MICROSECOND}.{key}"


def number_of(text: str) -> int | None:
    """A cursor that is the number of the last row told; None where the list begins. Raises Refused."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Refused(BAD_CURSOR, 400)
    return int(text)
