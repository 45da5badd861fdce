"""Papers by their day and nothing else, newest first: for those who follow along or read everything."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from django.db.models import Q

from broadsheet.models import Paper
from broadsheet.models.paper import PaperQuerySet
from broadsheet.trending.windows import ALL_TIME, Window

_CURSOR: Final = re.compile(r"(?:(\d{4}-\d\d-\d\d)|(\d{6}))\.(\d{1,18})", re.ASCII)


class BadCursor(ValueError):
    """The text is no place in the list; the message says where cursors come from."""

    def __init__(self) -> None:
        super().__init__("That cursor is not one of ours. Take the one that the page before named.")


def newest_first(window: Window = ALL_TIME, start: int = 0, size: int = 50) -> list[Paper]:
    """The papers at places start+1 … start+size: those of a later day first, within a day by score.

    Papers of which only the month is known come behind all that have a day. Three queries at most.
    """
    dated = Paper.objects.listed().cards().filter(listed_on__isnull=False)
    if window.first is not None:
        dated = dated.filter(listed_on__range=(window.first, window.last))
    found = list(dated.order_by("-listed_on", "-score", "pk")[start : start + size])
    if len(found) < size and window.period not in ("day", "week"):
        before = start + len(found) if found else dated.count()
        undated = Paper.objects.listed().cards().filter(listed_on__isnull=True, month__isnull=False)
        if window.first is not None:
            undated = undated.filter(month=window.first.year * 100 + window.first.month)
        skip = max(0, start - before)
        found += undated.order_by("-month", "-score", "pk")[skip : skip + size - len(found)]
    return found


def walk(after: str = "", size: int = 50, rows: PaperQuerySet | None = None) -> tuple[list[Paper], str]:
    """A page of all papers, newest day first, and the cursor of the next page ("" behind the last).

    Papers that come in meanwhile shift nothing. Raises BadCursor. Two queries at most.
    """
    day, month, key = _read(after)
    listed = (Paper.objects.all() if rows is None else rows).listed()
    found: list[Paper] = []
    if month is None:
        dated = listed.filter(listed_on__isnull=False)
        if day is not None:
            dated = dated.filter(Q(listed_on__lt=day) | Q(listed_on=day, pk__lt=key), listed_on__lte=day)
        found = list(dated.order_by("-listed_on", "-pk")[: size + 1])
    if len(found) <= size:
        undated = listed.filter(listed_on__isnull=True, month__isnull=False)
        if month is not None:
            undated = undated.filter(Q(month__lt=month) | Q(month=month, pk__lt=key), month__lte=month)
        found += undated.order_by("-month", "-pk")[: size + 1 - len(found)]
    page = found[:size]
    return page, _written(page[-1]) if len(found) > size else ""


def _read(text: str) -> tuple[date | None, int | None, int]:
    if not text:
        return None, None, 0
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadCursor
    try:
        day = date.fromisoformat(match[1]) if match[1] else None
    except ValueError as error:
        raise BadCursor from error
    return day, int(match[2]) if match[2] else None, int(match[3])


def _written(paper: Paper) -> str:
    where = f"{paper.listed_on:%Y-%m-%d}" if paper.listed_on else f"{paper.month:06d}"
    return f"{where}.{paper.pk}"
