"""What an encoder is worth, measured the same way for every run.

Four measures, each a list of one number a query, so that two encoders are compared query by query:

- headings_dev, headings_test: recall@100 of a topic's papers, asked with its heading
- libraries_dev, libraries_test: recall@100 of the rest of a topic, asked with five of its papers
- csfcube: nDCG%20 over judged pools, titles and abstracts

The papers searched are those of all topics and POOL others, the same for all runs: a fifth of the corpus, so
numbers are higher than over all of it. What is chosen is chosen by the dev measures; the rest only judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from broadsheet.embedders import Vectors
from broadsheet.embedders.static import FIRST_LINE
from evals.data import Topic, csfcube_pools, csfcube_texts
from evals.measures import ndcg, recall
from lab.corpus import Library
from lab.encoder import Bags, TableEncoder

POOL, SEED = 40_000, 7
KNOWN, DRAWS = 5, 3  # papers of a library that are known, and how often they are drawn
FEWEST = 8  # papers of a topic that can be a library
AT = 100
CHUNK = 4_096

Judged = dict[str, list[float]]


class Bench:
    """The texts that are judged, read once; `judge` may then be asked for any number of encoders."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def judge(self, encoder: TableEncoder) -> Judged:
        vectors = _embed(encoder, self._papers)
        headings = _embed(encoder, self._headings)
        found: Judged = {"csfcube": self._csfcube(encoder)}
        for half in ("dev", "test"):
            chosen = [
                place for place, topic in enumerate(self._topics) if topic.development == (half == "dev")
            ]
            found[f"headings_{half}"] = [
                _recall(vectors @ headings[place], self._relevant[place]) for place in chosen
            ]
            found[f"libraries_{half}"] = [
                known_recall(vectors, self._relevant[place], place, _recall)
                for place in chosen
                if len(self._relevant[place]) >= FEWEST
            ]
        return found

    def _csfcube(self, encoder: TableEncoder) -> list[float]:
        rows = {name: row for row, name in enumerate(csfcube_texts())}
        return csfcube_scores(_embed(encoder, self._csfcube_bags), rows)

    @cached_property
    def _topics(self) -> list[Topic]:
        return self._library.topics

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return np.array(searched(self._library, POOL), dtype=np.int64)

    @cached_property
    def _relevant(self) -> list[list[int]]:
        places = {row: place for place, row in enumerate(self._rows.tolist())}
        return [sorted(places[row] for row in topic.relevant) for topic in self._topics]

    @cached_property
    def _papers(self) -> list[Bags]:
        library, rows = self._library, self._rows.tolist()
        return [
            Bags.of(
                [
                    ([library.titles[row] for row in rows[start : start + CHUNK]], FIRST_LINE),
                    ([library.abstract(row) for row in rows[start : start + CHUNK]], 1.0),
                ]
            )
            for start in range(0, len(rows), CHUNK)
        ]

    @cached_property
    def _headings(self) -> list[Bags]:
        return [Bags.of([(self._read([topic.query for topic in self._topics]), 1.0)])]

    @cached_property
    def _csfcube_bags(self) -> list[Bags]:
        titles, abstracts = zip(*csfcube_texts().values(), strict=True)
        return [Bags.of([(self._read(titles), FIRST_LINE), (self._read(abstracts), 1.0)])]

    def _read(self, texts: Sequence[str]) -> list[NDArray[np.uint16]]:
        return [self._library.reader.read(text).astype(np.uint16) for text in texts]


def searched(library: Library, pool: int) -> list[int]:
    """Rows of the papers of all topics and of `pool` others, ascending; the same for all runs."""
    wanted = {row for topic in library.topics for row in topic.relevant}
    everything = len(library.papers)
    others = np.random.default_rng(SEED).choice(everything, min(pool, everything), replace=False)
    return sorted(wanted.union(others.tolist()))


def known_recall(
    vectors: Vectors, relevant: Sequence[int], number: int, found: Callable[[Vectors, Sequence[int]], float]
) -> float:
    """The mean over DRAWS of five known papers; the known ones cannot be found again. `number`: the topic's,
    for chance; `found`: recall, of scores and the papers sought."""
    chance, values = np.random.default_rng([SEED, number]), []
    for _ in range(DRAWS):
        known = chance.choice(np.array(relevant), KNOWN, replace=False)
        scores = vectors @ vectors[known].sum(axis=0)
        scores[known] = -np.inf
        values.append(found(scores, [row for row in relevant if row not in known]))
    return float(np.mean(values))


def csfcube_scores(vectors: Vectors, rows: Mapping[str, int]) -> list[float]:
    """nDCG%20 of each judged pool; `rows`: which vector is whose."""
    scores = []
    for pool in csfcube_pools():
        near = vectors[[rows[name] for name in pool.candidates]] @ vectors[rows[pool.query]]
        grades = [pool.grades[place] for place in np.argsort(-near, kind="stable")]
        scores.append(ndcg(grades, pool.grades, int(len(grades) * 0.2)))
    return scores


def _embed(encoder: TableEncoder, chunks: Sequence[Bags]) -> Vectors:
    with torch.no_grad():
        vectors: Vectors = torch.cat([encoder(bags) for bags in chunks]).numpy()
    return vectors


def _recall(scores: Vectors, relevant: Sequence[int]) -> float:
    first = np.argpartition(-scores, AT)[:AT]
    return recall(first.tolist(), set(relevant), AT)
