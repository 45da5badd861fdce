"""The front page that comes with Broadsheet: a first listing to look at before any paper has been fetched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from importlib import resources
from io import BytesIO
from typing import Any

from broadsheet import identifiers
from broadsheet.sources import PaperRecord, Reject, signals, words
from broadsheet.sources.pieces import objects, papers

ANNOUNCED_ON = date(2025, 3, 14)


class BuiltinSource:
    """The built-in front page as a `Source`, best place first. The summaries are ours, not the authors'."""

    name = "builtin"

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        page = resources.files("broadsheet") / "data" / "front_page.jsonl"
        return papers(objects(BytesIO(page.read_bytes())), record, since)


def record(row: dict[str, Any]) -> PaperRecord:
    """A line of the front page as a paper. Raises `NotAPaper` without a title."""
    identified = identifiers.parse(row.get("arxiv_id") or "")
    return PaperRecord(
        source="builtin",
        title=words.title(row.get("title")),
        identifiers=(identified.identifier,) if identified else (),
        abstract=words.block(row.get("summary")),
        authors=words.names(row.get("authors")),
        categories=words.codes(row.get("categories")),
        month=identifiers.month_of(identified.identifier) if identified else None,
        announced_on=ANNOUNCED_ON,
        place=signals.place(row.get("place")),
    )
