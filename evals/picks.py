"""Every paper of 18 months with its day, its traits and what the community made of it: picked or not, votes.

The pool of a day is every arXiv paper of the corpus with that announcement day. Only papers whose day arXiv
announced take part: the corpus knows other dates for picked papers far more often than for the rest, so any
rule that used those would let "has a date" stand for "was picked". Days with few papers or picks are left
out. A pick before the paper's own announcement, or of the paper itself, counts for nobody's history.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pyarrow.compute as compute
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from broadsheet import identifiers, outlook
from broadsheet.embedders import Embedder, open_embedder
from evals.data import data_file, lines
from evals.vectors import VectorStore
from evals.workplace import Workplace

# Before the first the corpus has few papers besides the picks. Coefficients and weights are learned up to
# DEVELOPMENT and chosen on the days up to TEST; from TEST on, nothing is looked at before the last table.
FIRST, DEVELOPMENT, TEST = date(2025, 3, 1), date(2025, 12, 1), date(2026, 2, 21)
FEWEST_PAPERS, FEWEST_PICKS = 100, 3
PLACES = 30

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pick:
    """What Hugging Face showed of a paper, some 8 to 17 hours into its day."""

    day: date
    upvotes: int
    comments: int
    stars: int | None
    authors: tuple[str, ...]
    published: date


@dataclass(frozen=True, slots=True)
class Day:
    """One announcement day: `rows` of the pool, and whether each was picked."""

    day: date
    rows: Rows
    picked: NDArray[np.bool_]


def picks() -> dict[str, Pick]:
    """Every paper of the daily lists by its arXiv id, as its first day showed it."""
    found: dict[str, Pick] = {}
    for line in lines("hf_daily.jsonl.gz"):
        found.setdefault(
            line["id"],
            Pick(
                date.fromisoformat(line["day"]),
                line["upvotes"],
                line["comments"],
                line.get("github_stars"),
                tuple(line["authors"]),
                date.fromisoformat(line["published_at"][:10]),
            ),
        )
    return found


class Pool:
    """The papers, column by column; row numbers are the pool's own."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        columns = ["id", "title", "abstract", "authors", "categories", "announced", "comment"]
        table = parquet.read_table(data_file("arxiv.parquet"), columns=columns)
        day = compute.utf8_slice_codeunits(compute.cast(table["announced"], "string"), 0, 10)
        table = table.filter(compute.fill_null(compute.greater_equal(day, FIRST.isoformat()), False))
        self.ids: list[str] = table["id"].to_pylist()
        self.titles = [title or "" for title in table["title"].to_pylist()]
        self.abstracts = [abstract or "" for abstract in table["abstract"].to_pylist()]
        self.comments = [comment or "" for comment in table["comment"].to_pylist()]
        self.authors: list[list[str]] = [list(names or ()) for names in table["authors"].to_pylist()]
        self.categories: list[list[str]] = [list(codes or ()) for codes in table["categories"].to_pylist()]
        self.days = [date.fromisoformat(str(day)[:10]) for day in table["announced"].to_pylist()]
        self.picks = picks()
        self.picked = np.array([name in self.picks for name in self.ids])

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def primary(self) -> list[str]:
        return [codes[0] if codes else "" for codes in self.categories]

    def between(self, first: date, end: date) -> NDArray[np.bool_]:
        """Which rows were announced from `first` to before `end`."""
        return np.array([first <= day < end for day in self.days])

    @cached_property
    def encoder(self) -> Embedder:
        return open_embedder(outlook.ENCODER, self.place.folder)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        texts = [f"{title}\n{words}" for title, words in zip(self.titles, self.abstracts, strict=True)]
        found: NDArray[np.float32] = VectorStore(self.encoder, self.place.folder).embed(texts, self.place.say)
        return found

    @cached_property
    def traits(self) -> NDArray[np.float32]:
        """float32 [papers, traits], as `broadsheet.outlook` has them."""
        history = self._history()
        found = np.zeros((len(self), len(outlook.TRAITS)), dtype=np.float32)
        for row in range(len(self)):
            counted = [
                _count(history.get(identifiers.author_slug(name), []), self.days[row], self.ids[row])
                for name in outlook.looked_up(self.authors[row])
            ]
            found[row] = outlook.traits(
                self.titles[row], self.abstracts[row], self.comments[row], counted, len(self.authors[row])
            )
        return found

    def _history(self) -> dict[str, list[tuple[date, str]]]:
        found: dict[str, list[tuple[date, str]]] = defaultdict(list)
        for name, pick in self.picks.items():
            for author in pick.authors:
                found[identifiers.author_slug(author)].append((pick.day, name))
        for known in found.values():
            known.sort()
        return found

    def pools(self, first: date, end: date) -> Iterator[Day]:
        """The days from `first` to before `end` that have enough papers and picks, oldest first."""
        by_day: dict[date, list[int]] = defaultdict(list)
        for row, day in enumerate(self.days):
            if first <= day < end:
                by_day[day].append(row)
        for day in sorted(by_day):
            rows = np.array(by_day[day])
            if len(rows) >= FEWEST_PAPERS and self.picked[rows].sum() >= FEWEST_PICKS:
                yield Day(day, rows, self.picked[rows])

    def recall(self, scores: NDArray[np.float64], first: date, end: date) -> list[float]:
        """Of each day's picks, the share among the first 30 by score (equal ones as they stand)."""
        found = []
        for day in self.pools(first, end):
            best = np.argsort(-scores[day.rows], kind="stable")[:PLACES]
            found.append(float(day.picked[best].sum() / day.picked.sum()))
        return found


def _count(known: list[tuple[date, str]], day: date, own: str) -> int:
    """How many picks in the year before `day`, the paper's own left out."""
    start = bisect.bisect_left(known, (day - timedelta(days=outlook.MEMORY), ""))
    end = bisect.bisect_left(known, (day, ""))
    return sum(name != own for _, name in known[start:end])
