"""RIS, which reference managers and publishers write, read with rispy (https://github.com/MrTango/rispy)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import rispy

from broadsheet.sources import PaperRecord, Reject, citations, links, moments, words
from broadsheet.sources.pieces import Piece, Stream, blocks, papers, reject


class RisSource:
    """A RIS file as a `Source`, in the order of the file, one reference in memory. Reads `stream` once."""

    name = "ris"

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        return papers(_references(self.stream), record, since)


_TAG = re.compile(r"[A-Z][A-Z0-9]  -")
_PARSER = rispy.RisParser(skip_unknown_tags=True)


def _references(stream: Stream) -> Iterator[Piece | Reject]:
    """The references one by one, each from its `TY` to the next, so that a forgotten `ER` harms none."""
    for block in blocks(stream, re.compile(r"TY  -").match):
        yield block if isinstance(block, Reject) else _reference(*block)


def _reference(start: int, lines: list[str]) -> Piece | Reject:
    written = "\n".join(_joined(lines))
    try:
        return Piece(start, _PARSER.parse(f"{written}\nER  - ")[0], written)
    except (LookupError, TypeError, AttributeError):
        return reject(start, "The reference is not valid RIS.", written)


def _joined(lines: list[str]) -> list[str]:
    """Each field on one line: rispy joins them too, but takes quadratic time over a long field."""
    fields: list[list[str]] = []
    for line in lines:
        if _TAG.match(line) or not fields:
            fields.append([line])
        else:
            fields[-1].append(line.strip())
    return [" ".join(parts) for parts in fields]


def record(row: dict[str, Any]) -> PaperRecord:
    """A reference, its fields named by rispy, as a paper. Raises `NotAPaper` without a title."""
    urls = [url for url in row.get("urls", ()) if isinstance(url, str)]
    known = citations.identifiers_in([row.get("doi"), *urls, row.get("number"), row.get("custom1")])
    abstract = words.block(_first(row, "abstract", "notes_abstract"))
    note = words.line("; ".join(row.get("notes", ())))
    written = [part.strip() for part in re.split("[/-]", _first(row, "date", "publication_year", "year"))]
    published, month = moments.pieces_of_date(written)
    return PaperRecord(
        source="ris",
        title=words.title(_first(row, "title", "primary_title", "short_title")),
        identifiers=known,
        abstract=abstract,
        authors=tuple(filter(None, map(words.turned, _people(row)))),
        published_at=published,
        month=citations.month(published, month, known),
        comment=note,
        journal_ref=_journal(row, written[0]),
        links=links.gathered(citations.page(urls[0] if urls else None), abstract, note),
    )


def _first(row: dict[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := row.get(name), str) and value.strip()), "")


def _people(row: dict[str, Any]) -> list[str]:
    people: list[str] = row.get("authors") or row.get("first_authors") or []
    return people[: words.MOST_AUTHORS]


def _journal(row: dict[str, Any], year: str) -> str:
    container = _first(row, "journal_name", "secondary_title", "alternate_title3", "alternate_title1")
    pages = "-".join(filter(None, (_first(row, "start_page"), _first(row, "end_page"))))
    return citations.journal_ref(container, row.get("volume"), row.get("number"), year, pages)
