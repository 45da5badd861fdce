"""arXiv's own records: the metadata snapshot, one JSON object a line (https://www.kaggle.com/datasets/Cornell-University/arxiv)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from broadsheet import identifiers
from broadsheet.sources import PaperRecord, Reject, VersionRecord, links, moments, words
from broadsheet.sources.pieces import Stream, objects, papers

MOST_VERSIONS = 1_000


class ArxivSnapshotSource:
    """The snapshot as a `Source`, in the order of the file. Reads `stream` once."""

    name = "arxiv"

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        return papers(objects(self.stream), record, since)


def record(row: dict[str, Any]) -> PaperRecord:
    """A line of the snapshot as a paper. Raises `NotAPaper` without a title or an arXiv id."""
    known = identifier(row.get("id"))
    title = words.title(row.get("title"))
    abstract = words.block(_paragraphs(row.get("abstract")))
    comment = words.line(row.get("comments"))
    versions = _versions(row.get("versions"))
    published = versions[0].submitted_at if versions and versions[0].number == 1 else None
    return PaperRecord(
        source="arxiv",
        title=title,
        identifiers=(known, *_dois(row.get("doi"))),
        abstract=abstract,
        authors=words.names(row.get("authors_parsed") or row.get("authors")),
        categories=words.codes(row.get("categories")),
        published_at=published,
        month=None if published else identifiers.month_of(known),
        revised_at=_newest(versions) or moments.moment(row.get("update_date")),
        comment=comment,
        journal_ref=words.line(row.get("journal-ref")),
        licence=words.line(row.get("license")),
        withdrawn=words.is_withdrawn(comment, abstract),
        links=links.gathered([], abstract, comment),
        versions=versions,
    )


def identifier(value: object) -> str:
    """The canonical id. Raises `NotAPaper` for what is none of arXiv's."""
    identified = identifiers.parse(value) if isinstance(value, str) else None
    if identified is None or identified.scheme != "arxiv":
        raise words.NotAPaper("The entry has no arXiv id.")
    return identified.identifier


def _dois(value: object) -> list[str]:
    """arXiv lets authors write several DOIs in one field."""
    parts = value[:2_000].split() if isinstance(value, str) else []
    known = (identifiers.parse(part) for part in parts)
    return list(dict.fromkeys(one.identifier for one in known if one and one.scheme == "doi"))


def _paragraphs(value: object) -> object:
    """In arXiv's records an indented line begins a paragraph."""
    return value.strip().replace("\n  ", "\n\n") if isinstance(value, str) else None


_VERSION = re.compile(r"v?(\d{1,4})", re.ASCII)


def _versions(value: object) -> tuple[VersionRecord, ...]:
    found: dict[int, VersionRecord] = {}
    for item in value[:MOST_VERSIONS] if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        match = _VERSION.fullmatch(str(item.get("version")))
        if match and (number := int(match[1])):
            found[number] = VersionRecord(number, moments.mailed(item.get("created")))
    return tuple(found[number] for number in sorted(found))


def _newest(versions: tuple[VersionRecord, ...]) -> datetime | None:
    return versions[-1].submitted_at if versions else None
