"""What callers may get wrong, checked alike for every engine before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from broadsheet.index import LARGEST_KEY, MOST_HITS, Document, Filter, Floats
from broadsheet.index.papers import Ints

DAYS = range(-(2**31), 2**31)
YEARS = range(10_000)
FEWEST_DIMENSIONS, MOST_DIMENSIONS = 8, 4096


def checked_limit(limit: int) -> int:
    if limit < 0:
        raise ValueError("A limit cannot be negative.")
    return min(limit, MOST_HITS)


def checked_keys(keys: Sequence[int]) -> Ints:
    try:
        return np.fromiter(keys, np.int64, len(keys))
    except OverflowError as problem:
        raise ValueError(f"A key is a number from 0 to {LARGEST_KEY:,}.") from problem


def checked_document(document: Document) -> None:
    if not 0 <= document.key <= LARGEST_KEY:
        raise ValueError(f"A key is a number from 0 to {LARGEST_KEY:,}, not {document.key}.")
    if document.day not in DAYS or document.year not in YEARS:
        raise ValueError(f"Paper {document.key} has day {document.day} and year {document.year}.")
    if not (isfinite(document.votes) and isfinite(document.hotness)):
        raise ValueError(f"Paper {document.key} has votes or hotness that are no number.")


def checked_filter(filter: Filter) -> Filter:
    """Days and years cut to what can be stored; a key that cannot exist excludes nothing."""
    days, years = (filter.first_day, filter.last_day), (filter.first_year, filter.last_year)
    first_day, last_day = (None if each is None else min(max(each, DAYS[0]), DAYS[-1]) for each in days)
    first_year, last_year = (None if each is None else min(max(each, YEARS[0]), YEARS[-1]) for each in years)
    return replace(
        filter,
        first_day=first_day,
        last_day=last_day,
        first_year=first_year,
        last_year=last_year,
        exclude=_possible(filter.exclude),
        only=None if filter.only is None else _possible(filter.only),
    )


def _possible(keys: frozenset[int]) -> frozenset[int]:
    return frozenset(key for key in keys if 0 <= key <= LARGEST_KEY)


def checked_vectors(vectors: Floats, rows: int, dimensions: int | None) -> Floats:
    found = np.asarray(vectors, np.float32)
    if found.ndim != 2 or len(found) != rows:
        raise ValueError(f"Vectors have shape {found.shape}; there are {rows} to come, one per row.")
    if dimensions is not None and found.shape[1] != dimensions:
        raise ValueError(f"Vectors have {found.shape[1]} dimensions where this embedder has {dimensions}.")
    if not FEWEST_DIMENSIONS <= found.shape[1] <= MOST_DIMENSIONS:
        raise ValueError(f"A vector has {FEWEST_DIMENSIONS} to {MOST_DIMENSIONS} dimensions.")
    if not np.isfinite(found).all():
        raise ValueError("Vectors must be finite numbers.")
    return found
