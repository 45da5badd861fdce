"""What a transformer is worth: the measures of lab/judging.py, read through the graph that would ship.

Texts cost a hundred times what they cost a table, so fewer are searched: the papers of all topics and POOL
others, the same for all runs. Numbers are therefore higher than those of tables, and not to be held beside
them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from broadsheet.embedders import Embedder, Vectors
from evals.data import csfcube_pools, csfcube_texts
from evals.measures import recall
from lab.corpus import Library
from lab.judging import FEWEST, Judged, csfcube_scores, known_recall, searched

POOL = 1_200
AT = 50


class TextBench:
    def __init__(self, library: Library) -> None:
        self._library = library

    def judge(self, embedder: Embedder) -> tuple[Judged, float]:
        """The measures, and how many papers the encoder read per second of its one core."""
        papers = self._library.papers
        begun = time.process_time()
        vectors = embedder.embed([papers.text(row) for row in self._rows])
        speed = len(self._rows) / (time.process_time() - begun)
        places = {row: place for place, row in enumerate(self._rows)}
        found: Judged = {"csfcube": self._csfcube(embedder)}
        for half in ("dev", "test"):
            found |= {f"headings_{half}": [], f"libraries_{half}": []}
            for number, topic in enumerate(self._library.topics):
                if topic.development != (half == "dev"):
                    continue
                relevant = sorted(places[row] for row in topic.relevant)
                near = vectors @ embedder.embed_query(topic.query)
                found[f"headings_{half}"].append(_recall(near, relevant))
                if len(relevant) >= FEWEST:
                    found[f"libraries_{half}"].append(known_recall(vectors, relevant, number, _recall))
        return found, speed

    def _csfcube(self, embedder: Embedder) -> list[float]:
        texts, pools = csfcube_texts(), csfcube_pools()
        names = sorted({name for pool in pools for name in (pool.query, *pool.candidates)})
        vectors = embedder.embed(["\n".join(texts[name]) for name in names])
        return csfcube_scores(vectors, {name: row for row, name in enumerate(names)})

    @cached_property
    def _rows(self) -> list[int]:
        return searched(self._library, POOL)


def _recall(scores: Vectors, relevant: Sequence[int]) -> float:
    return recall(np.argsort(-scores, kind="stable")[:AT].tolist(), set(relevant), AT)
