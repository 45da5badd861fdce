"""From rows of the papers table to what an index is told of them, and the orders in which rows are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from broadsheet.index import Document
from broadsheet.models import Paper
from broadsheet.search.filters import EPOCH

COLUMNS = (
    "pk", "changed_at", "identifier", "title", "abstract", "authors", "categories", "published_at",
    "listed_on", "month", "has_code", "has_models", "upvotes", "hotness",
)  # fmt: skip


class Row(NamedTuple):
    """The columns of a paper that an index follows. `hotness` is None for a hidden paper."""

    pk: int
    changed_at: datetime
    identifier: str
    title: str
    abstract: str
    authors: list[str]
    categories: list[str]
    published_at: datetime | None
    listed_on: date | None
    month: int | None
    has_code: bool
    has_models: bool
    upvotes: int
    hotness: float | None


class Mark(NamedTuple):
    """The last row that was read: rows are read in the order of `changed_at`, then of their keys."""

    at: datetime
    key: int


def document(row: Row) -> Document:
    day = _day(row)
    return Document(
        key=row.pk,
        title=row.title,
        abstract=row.abstract,
        identifier=row.identifier,
        authors=tuple(row.authors),
        categories=tuple(row.categories),
        day=(day - EPOCH).days if day else 0,
        year=day.year if day else 0,
        has_code=row.has_code,
        has_models=row.has_models,
        votes=float(row.upvotes),
        hotness=row.hotness or 0.0,
    )


def _day(row: Row) -> date | None:
    """The day a paper is from: published, else listed, else the first of the month that its id tells."""
    if row.published_at:
        return row.published_at.date()
    if row.listed_on or not row.month:
        return row.listed_on
    return date(row.month // 100, row.month % 100, 1)


def readable(title: str, abstract: str) -> str:
    """What an embedder is given of a paper: its title is the first line."""
    return f"{title}\n{abstract}"


def past(mark: Mark | None, limit: int) -> list[Row]:
    """The next `limit` rows, hidden ones too, in the order of marks."""
    every = Paper.objects.order_by("changed_at", "pk")
    if mark is None:
        return _rows(every, limit)
    # Two questions, each one step down an index; thousands of papers of one import share their changed_at.
    found = _rows(every.filter(changed_at=mark.at, pk__gt=mark.key), limit)
    if len(found) < limit:
        found += _rows(every.filter(changed_at__gt=mark.at), limit - len(found))
    return found


def count_past(mark: Mark | None) -> int:
    """How many rows are still to be read."""
    if mark is None:
        return Paper.objects.count()
    same = Paper.objects.filter(changed_at=mark.at, pk__gt=mark.key).count()
    return same + Paper.objects.filter(changed_at__gt=mark.at).count()


def with_keys(keys: Sequence[int]) -> list[Row]:
    return _rows(Paper.objects.filter(pk__in=keys).order_by("pk"), len(keys))


def _rows(papers: QuerySet[Paper], limit: int) -> list[Row]:
    return [Row(*row) for row in papers.values_list(*COLUMNS)[:limit]]


def hottest(page: int, after: tuple[float, int] | None = None) -> list[tuple[int, float]]:
    """(key, hotness) of the next `page` listed papers, newest and most voted first."""
    every = Paper.objects.listed().order_by("-hotness", "pk")
    if after is None:
        return _pairs(every, page)
    found = _pairs(every.filter(hotness=after[0], pk__gt=after[1]), page)
    if len(found) < page:
        found += _pairs(every.filter(hotness__lt=after[0]), page - len(found))
    return found


def _pairs(papers: QuerySet[Paper], limit: int) -> list[tuple[int, float]]:
    return [(key, hot) for key, hot in papers.values_list("pk", "hotness")[:limit] if hot is not None]


def texts(keys: Sequence[int]) -> dict[int, str]:
    """What an embedder reads of each of these papers, by key."""
    rows: Iterator[tuple[Any, ...]] = (
        Paper.objects.filter(pk__in=keys).values_list("pk", "title", "abstract").iterator()
    )
    return {key: readable(title, abstract) for key, title, abstract in rows}


def listed_keys(after: int, limit: int) -> list[int]:
    """Keys of listed papers above `after`, ascending."""
    return list(
        Paper.objects.listed().filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:limit]
    )
