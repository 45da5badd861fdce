"""Topics as libraries: a few papers of a curated list are known; how many of the others are recommended?

Ours and the recipes of others, on the same known papers, among all papers of the corpus. The other recipes:
arxiv-sanity-lite's click (see sanity.py), zotero-arxiv-daily's weighted cosine over the same quick vectors as
ours, the centroid of tf-idf, the nearest known paper, BM25 of each known paper summed, BM25 fused with the
centroid of vectors, and the newest papers. Whatever was chosen was chosen on the development half.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from broadsheet import scoring
from broadsheet.index import MOST_HITS, Filter, Floats, Group, Words
from broadsheet.recommendations import learning
from broadsheet.recommendations.learning import RECIPE, Background, Example, Recipe
from broadsheet.search.filters import FUNCTION_WORDS
from evals import sanity
from evals.data import Topic, topics
from evals.measures import interval, ndcg, recall
from evals.report import Table, percent
from evals.workplace import Workplace

KNOWN = (2, 5, 10, 20)
# A topic takes part where at least so many papers are left to be found.
HIDDEN = 2
DEPTH = 1_000
DRAWN = 6_000
PART = 60

Ranker = Callable[[Sequence[int]], list[int]]


@dataclass
class Shelf:
    """Everything that the recipes read, made once."""

    place: Workplace

    def __post_init__(self) -> None:
        place = self.place
        self.index, self.name = place.index, place.static.name
        self.terms = dict(self.index.terms())
        drawn = np.random.default_rng(0).choice(
            len(place.corpus), min(DRAWN, len(place.corpus)), replace=False
        )
        sample = self.index.vectors(self.name, [int(row) for row in drawn])
        self.back: Background = learning.background(sample, self.index.count(), self.holding)
        self.newest = [
            int(row) for row in np.argsort(np.array(place.corpus.months), kind="stable")[::-1][:DEPTH]
        ]

    @cached_property
    def matrix(self) -> Any:
        """arxiv-sanity-lite's features of all papers; minutes, the first time."""
        return sanity.features(self.place.corpus, self.place.folder)

    def holding(self, word: str) -> int:
        return 0 if word in FUNCTION_WORDS else self.terms.get(word, 0)

    def examples(self, known: Sequence[int]) -> list[Example]:
        vectors = self.index.vectors(self.name, list(known))
        return [Example(self.place.text(row), 1.0, row, vectors[place]) for place, row in enumerate(known)]

    def texts(self, rows: Sequence[int]) -> list[str]:
        return [self.place.text(row) for row in rows]

    def ours(self, recipe: Recipe) -> Ranker:
        return lambda known: list(
            learning.rank(
                self.index, self.name, self.examples(known), self.back, _without(known), recipe, self.texts
            )
        )

    def click(self, known: Sequence[int]) -> list[int]:
        return _best(sanity.click(self.matrix, known), known)

    def tfidf(self, known: Sequence[int]) -> list[int]:
        return _best(self.matrix @ np.asarray(self.matrix[list(known)].mean(axis=0)).ravel(), known)

    def zotero(self, known: Sequence[int]) -> list[int]:
        weights = 1 / (1 + np.log10(np.arange(len(known)) + 1))
        vectors = self.index.vectors(self.name, list(known))
        return self._near((weights / weights.sum()) @ vectors, known)

    def centroid(self, known: Sequence[int]) -> list[int]:
        return self._near(self.index.vectors(self.name, list(known)).mean(axis=0), known)

    def nearest(self, known: Sequence[int]) -> list[int]:
        best: dict[int, float] = {}
        for vector in self.index.vectors(self.name, list(known)):
            for hit in self.index.nearest(self.name, vector, _without(known), DEPTH):
                best[hit.key] = max(best.get(hit.key, -1.0), hit.score)
        return sorted(best, key=lambda key: -best[key])[:DEPTH]

    def bm25(self, known: Sequence[int]) -> list[int]:
        """Each known paper as a question of all its words, points summed; asked in parts, since a question
        of the index is short."""
        points: dict[int, float] = defaultdict(float)
        for text in self.texts(known):
            words = [word for word in dict.fromkeys(learning.words_of(text)) if self.holding(word)]
            for start in range(0, len(words), PART):
                question = Group(should=tuple(Words(word) for word in words[start : start + PART]))
                for hit in self.index.lexical(question, _without(known), MOST_HITS):
                    points[hit.key] += hit.score
        return sorted(points, key=lambda key: -points[key])[:DEPTH]

    def fused(self, known: Sequence[int]) -> list[int]:
        return list(scoring.fuse([self.bm25(known), self.centroid(known)]))[:DEPTH]

    def recent(self, known: Sequence[int]) -> list[int]:
        return [row for row in self.newest if row not in known]

    def _near(self, vector: Floats, known: Sequence[int]) -> list[int]:
        return [hit.key for hit in self.index.nearest(self.name, vector, _without(known), DEPTH)]


def rankers(shelf: Shelf) -> dict[str, Ranker]:
    """The first row is ours, the others are compared with it; the last rows each leave out one part."""
    return {
        "ours": shelf.ours(RECIPE),
        "arxiv-sanity-lite (SVM)": shelf.click,
        "zotero-arxiv-daily (quick vectors)": shelf.zotero,
        "tf-idf centroid": shelf.tfidf,
        "vector centroid": shelf.centroid,
        "nearest known paper": shelf.nearest,
        "BM25 summed": shelf.bm25,
        "BM25 + vector centroid (RRF)": shelf.fused,
        "newest": shelf.recent,
        "ours without further examples": shelf.ours(replace(RECIPE, guesses=0)),
        "ours without words": shelf.ours(replace(RECIPE, words=0.0)),
        "ours without vectors": shelf.ours(replace(RECIPE, nearness=0.0)),
        "ours without the covariance": shelf.ours(replace(RECIPE, shrink=1.0)),
    }


def run(place: Workplace) -> list[Table]:
    """A table for each half and number of known papers. BROADSHEET_KNOWN=5 measures that number alone."""
    shelf = Shelf(place)
    asked = topics(place.corpus)
    chosen = os.environ.get("BROADSHEET_KNOWN")
    return [
        _table(shelf, [topic for topic in asked if topic.development == development], many, half)
        for half, development in (("test", False), ("development", True))
        for many in ([int(chosen)] if chosen else KNOWN)
    ]


def _table(shelf: Shelf, asked: Sequence[Topic], many: int, half: str) -> Table:
    cases = [case for place, topic in enumerate(asked) if (case := _case(topic, many, place))]
    heads = ("ranking", "recall@20", "recall@100", "nDCG@20", "recall@100: ours − this", "ms a library")
    table = Table(f"Libraries, {many} known, {half} half: {len(cases)} topics", heads)
    ours = np.zeros(len(cases))
    for name, ranker in rankers(shelf).items():
        started = time.perf_counter()
        found = [ranker(known) for known, _ in cases]
        spent = 1000 * (time.perf_counter() - started) / max(1, len(cases))
        twenty, hundred = (
            np.array([recall(order, hidden, at) for order, (_, hidden) in zip(found, cases, strict=True)])
            for at in (20, 100)
        )
        gains = [
            ndcg([float(key in hidden) for key in order[:20]], [1.0] * len(hidden), 20)
            for order, (_, hidden) in zip(found, cases, strict=True)
        ]
        if name == "ours":
            ours = hundred
        low, high = interval(ours - hundred)
        ahead = f"{100 * (ours - hundred).mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        table.rows.append((name, percent(twenty), percent(hundred), percent(gains), ahead, round(spent)))
        shelf.place.say(f"{table.title}: {name} {percent(hundred)}, {spent:.0f} ms")
    return table


def _case(topic: Topic, many: int, seed: int) -> tuple[list[int], set[int]] | None:
    """The known papers, in a drawn order, and the hidden ones."""
    relevant = sorted(topic.relevant)
    if len(relevant) < many + HIDDEN:
        return None
    known = np.random.default_rng(seed).choice(relevant, many, replace=False)
    return [int(row) for row in known], set(relevant) - {int(row) for row in known}


def _without(known: Sequence[int]) -> Filter:
    return Filter(exclude=frozenset(known))


def _best(scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]], known: Sequence[int]) -> list[int]:
    scores = scores.copy()
    scores[list(known)] = -np.inf
    some = np.argpartition(-scores, DEPTH)[:DEPTH]
    return [int(row) for row in some[np.argsort(-scores[some], kind="stable")]]
