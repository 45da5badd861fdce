"""CSL-JSON, which Zotero, Pandoc and Crossref write (https://github.com/citation-style-language/schema)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from broadsheet.sources import PaperRecord, Reject, citations, links, moments, words
from broadsheet.sources.pieces import Stream, objects, papers


class CslSource:
    """A CSL-JSON file as a `Source`: an array, one item a line, or a single item. Reads `stream` once."""

    name = "csl"

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        return papers(objects(self.stream), record, since)


# Crossref sends abstracts with the tags of JATS in them.
_TAG = re.compile(r"</?jats:[a-z-]{1,30}[^<>]{0,200}>")


def record(item: dict[str, Any]) -> PaperRecord:
    """An item as a paper. Raises `NotAPaper` without a title."""
    spelt = [item.get(key) for key in ("DOI", "URL", "number", "archive_location", "note", "id")]
    known = citations.identifiers_in(spelt)
    abstract = item.get("abstract")
    abstract = words.block(_TAG.sub("\n", abstract)) if isinstance(abstract, str) else ""
    note = words.line(item.get("note"))
    published, month = _issued(item.get("issued"))
    return PaperRecord(
        source="csl",
        title=words.title(item.get("title")),
        identifiers=known,
        abstract=abstract,
        authors=words.names(item.get("author")),
        published_at=published,
        month=citations.month(published, month, known),
        comment=note,
        journal_ref=_journal(item),
        links=links.gathered(citations.page(item.get("URL")), abstract, note),
    )


def _issued(value: object) -> tuple[datetime | None, date | None]:
    if not isinstance(value, dict):
        return None, None
    parts = value.get("date-parts")
    if isinstance(parts, list) and parts and isinstance(parts[0], list):
        return moments.pieces_of_date([str(part)[:9] for part in parts[0][:3]])
    raw = value.get("raw") or value.get("literal")
    return moments.pieces_of_date(raw[:10].split("-")) if isinstance(raw, str) else (None, None)


def _journal(item: dict[str, Any]) -> str:
    container = item.get("container-title")
    if isinstance(container, list):
        container = container[0] if container else ""
    issued = item.get("issued")
    year = str(issued.get("date-parts") or "")[2:6] if isinstance(issued, dict) else ""
    return citations.journal_ref(container, item.get("volume"), item.get("issue"), year, item.get("page"))
