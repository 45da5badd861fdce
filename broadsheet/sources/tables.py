"""Tables of papers, a row each, as JSON lines or Parquet: arXiv records and days of Hugging Face's list.

A row of papers holds `id`, `title`, `abstract`, `authors`, `categories` (primary first), `published`,
`updated`, `announced`, `month`, `comment`; a row of a day's list holds `day`, `rank` (from 0),
`snapshot_at`, votes and links instead of the last five. Only `title` must be there; columns of other
names are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from broadsheet import identifiers
from broadsheet.sources import PaperRecord, Reject, SignalKind, SourceError, links, moments, signals, words
from broadsheet.sources.pieces import Piece, Stream, objects, papers

COLUMNS = frozenset({
    "id", "arxiv_id", "doi", "url", "title", "abstract", "summary", "authors", "categories", "month",
    "primary_category", "published", "published_at", "updated", "updated_at", "announced", "comment",
    "comments", "journal_ref", "license", "licence", "withdrawn", "organization", "day", "rank",
    "snapshot_at", "upvotes", "github_stars", "github_repo", "project_page",
})  # fmt: skip

# A new paper is announced within days; a later day is that of a new version.
ANNOUNCED_WITHIN_DAYS = 45
_ROWS_AT_ONCE = 1024


class TableSource:
    """JSON lines with the fields of a table as a `Source`, in the order of the file. Reads `stream` once."""

    name = "arxiv"

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        return papers(objects(self.stream), record, since)


class DailyTableSource(TableSource):
    """Days of Hugging Face's list: the same table, but the source that speaks is another."""

    name = "huggingface"


class ParquetTableSource:
    """A Parquet file with the columns of a table as a `Source`. `fraction` says how much has been read.

    Holds some thousand rows at a time, and only the columns it knows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = "arxiv"
        self.fraction = 0.0

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        return papers(self._rows(), record, since)

    def _rows(self) -> Iterator[Piece | Reject]:
        number = 0
        try:
            for names, total, columns in _batches(self.path):
                for values in zip(*columns, strict=True):
                    number += 1
                    row = dict(zip(names, values, strict=True))
                    yield Piece(number, row, str(row.get("id") or ""))
                self.fraction = number / total
        except (OSError, ValueError, MemoryError) as problem:
            if not number:
                raise SourceError(f"{self.path.name} cannot be read as Parquet ({problem}).") from problem
            yield Reject(number + 1, f"The file is damaged; everything before this was read ({problem}).")
        self.fraction = 1.0


def _batches(path: Path) -> Iterator[tuple[list[str], int, list[list[Any]]]]:
    """Column names, number of rows in the whole file, and the columns of a few rows as Python lists."""
    # Loading the library takes a moment and much memory: only whoever has such a file pays for it.
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    with parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
        known = [name for name in file.schema_arrow.names if name in COLUMNS]
        if "title" not in known:
            raise SourceError(f"{path.name} has no column named title.")
        total = file.metadata.num_rows
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=known):
            yield batch.schema.names, total, [_values(column, arrow) for column in batch.columns]


def _values(column: Any, arrow: Any) -> list[Any]:
    """Moments as text: Python has none finer than a microsecond, and text is read the same way everywhere."""
    if arrow.types.is_temporal(column.type):
        column = column.cast(arrow.string())
    values: list[Any] = column.to_pylist()
    return values


# --- rows ------------------------------------------------------------------------------------------------


def record(row: dict[str, Any]) -> PaperRecord:
    """A row as a paper, by what it holds. Raises `NotAPaper` without a title."""
    return _listed(row) if row.get("day") else _paper(row)


def _paper(row: dict[str, Any]) -> PaperRecord:
    known = _identifiers(row)
    abstract = words.block(row.get("abstract") or row.get("summary"))
    comment = words.line(row.get("comment") or row.get("comments"))
    published = moments.moment(row.get("published") or row.get("published_at"))
    month = identifiers.month_of(known[0]) if known else None
    announced, revised = _announced(moments.day(row.get("announced")), month)
    updated = moments.moment(row.get("updated") or row.get("updated_at"))
    return PaperRecord(
        source="arxiv" if month else "table",
        title=words.title(row.get("title")),
        identifiers=known,
        abstract=abstract,
        authors=words.names(row.get("authors")),
        categories=words.codes(row.get("categories"), row.get("primary_category")),
        published_at=published,
        month=None if published else (_month(row.get("month")) or month),
        announced_on=announced,
        revised_at=max(filter(None, (updated, revised)), default=None),
        comment=comment,
        journal_ref=words.line(row.get("journal_ref")),
        licence=words.line(row.get("license") or row.get("licence")),
        organization=words.line(row.get("organization")),
        withdrawn=row.get("withdrawn") is True or words.is_withdrawn(comment, abstract),
        links=links.gathered(
            [("code", row.get("github_repo")), ("project", row.get("project_page"))], abstract, comment
        ),
    )


def _listed(row: dict[str, Any]) -> PaperRecord:
    known = _identifiers(row)
    abstract = words.block(row.get("abstract") or row.get("summary"))
    published = moments.moment(row.get("published_at") or row.get("published"))
    counts: dict[SignalKind, object] = {
        "upvotes": row.get("upvotes"),
        "comments": row.get("comments"),
        "stars": row.get("github_stars"),
    }
    return PaperRecord(
        source="huggingface",
        title=words.title(row.get("title")),
        identifiers=known,
        abstract=abstract,
        authors=words.names(row.get("authors")),
        categories=words.codes(row.get("categories")),
        published_at=published,
        month=identifiers.month_of(known[0]) if known and not published else None,
        announced_on=moments.day(row.get("day")),
        place=_place(row.get("rank")),
        organization=words.line(row.get("organization")),
        links=links.gathered(
            [("code", row.get("github_repo")), ("project", row.get("project_page"))], abstract
        ),
        signals=signals.levels(moments.moment(row.get("snapshot_at")), counts),
    )


def _place(rank: object) -> int | None:
    """The table counts ranks from 0."""
    return signals.place(rank + 1) if isinstance(rank, int) else None


def _identifiers(row: dict[str, Any]) -> tuple[str, ...]:
    """Every id the row gives, arXiv's first."""
    spelt = [row.get("id"), row.get("arxiv_id"), row.get("doi"), row.get("url")]
    parsed = [identifiers.parse(one) for one in spelt if isinstance(one, str) and one]
    found = dict.fromkeys(one.identifier for one in parsed if one)
    return tuple(sorted(found, key=identifiers.rank)) if len(found) > 1 else tuple(found)


def _announced(day: date | None, month: date | None) -> tuple[date | None, datetime | None]:
    """The day a paper was new, or the moment it was announced again: after its id's month and some weeks."""
    if day is None or month is None or day <= moments.days_after(month, ANNOUNCED_WITHIN_DAYS):
        return day, None
    return None, datetime.combine(day, time(), UTC)


def _month(value: object) -> date | None:
    return moments.month(value[:10]) if isinstance(value, str) else None
