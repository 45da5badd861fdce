"""Real papers for tests, taken in through the same door as everybody's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from broadsheet import catalog
from broadsheet.models import Paper
from broadsheet.sources import PaperRecord, SignalRecord

FRIDAY = date(2025, 3, 14)
NOW = datetime(2025, 3, 15, 12, tzinfo=UTC)


def record(number: int = 1, **changes: Any) -> PaperRecord:
    """The record of an invented paper, announced on Friday 14 March 2025 unless told otherwise."""
    base = PaperRecord(
        source="arxiv",
        title=f"A study of newspapers, part {number}",
        identifiers=(f"2503.{number:05d}",),
        abstract=f"We read newspaper number {number} and say what we found.",
        authors=("Ada Lovelace", f"Reader Number{number}"),
        categories=("cs.CL", "cs.LG"),
        published_at=datetime(2025, 3, 12, 9, tzinfo=UTC),
        announced_on=FRIDAY,
    )
    return replace(base, **changes)


def votes(count: float, day: int = 15, kind: Any = "upvotes") -> SignalRecord:
    return SignalRecord(kind=kind, value=count, seen_at=datetime(2025, 3, day, 8, tzinfo=UTC))


def paper(number: int = 1, **changes: Any) -> Paper:
    """A paper in the database."""
    told = record(number, **changes)
    catalog.take_in([told], now=NOW)
    return Paper.objects.get(title=told.title)


def papers(count: int, **changes: Any) -> list[Paper]:
    catalog.take_in([record(number, **changes) for number in range(1, count + 1)], now=NOW)
    return list(Paper.objects.order_by("pk"))
