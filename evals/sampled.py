"""Topics among a sample of the corpus, small enough for the transformer to have read all of it.

Here nearness to the transformer's vectors can be a list of its own, as it is in an installation whose
background embedding has caught up: among 300,000 papers that would take hours to prepare. The sample is drawn
from all papers, and every paper of a topic is in it, so values are higher than among 300,000.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from broadsheet.index import Filter, Hit, Words
from evals.ranking import Recipe
from evals.report import Table
from evals.topics import tables
from evals.workplace import Workplace

DRAWN = 20_000
SEED = 11
LISTED = 500

ALL = Recipe(weights=(1.0, 0.7, 1.0))
TWO = replace(ALL, weights=(1.0, 0.7, 0.0))
RECIPES: dict[str, Recipe] = {
    "words (BM25)": replace(ALL, weights=(1.0, 0.0, 0.0)),
    "static": replace(ALL, weights=(0.0, 1.0, 0.0)),
    "small": replace(ALL, weights=(0.0, 0.0, 1.0)),
    "words + static × 0.7": TWO,
    "words + static × 0.7, 200 re-ranked": replace(TWO, rerank=200, trust=0.5),
    "words + small": replace(ALL, weights=(1.0, 0.0, 1.0)),
    "words + static × 0.7 + small": ALL,
    "words + static × 0.7 + small, 200 re-ranked": replace(ALL, rerank=200, trust=0.3),
}


def run(place: Workplace) -> list[Table]:
    asked = place.topics()
    rows = _sample(place, frozenset().union(*(topic.relevant for topic in asked)))
    vectors = place.thorough_store.embed([place.text(row) for row in rows], place.say)
    only = Filter(only=frozenset(rows))

    def lists(query: str) -> list[list[Hit]]:
        static = place.static.embed_query(query)
        near = vectors @ place.thorough.embed_query(query)
        best = np.argsort(-near, kind="stable")[:LISTED]
        return [
            place.index.lexical(Words(query), only, limit=LISTED),
            place.index.nearest(place.static.name, static, only, limit=LISTED),
            [Hit(rows[number], float(near[number])) for number in best],
        ]

    found = [lists(topic.query) for topic in asked]
    return tables(place, asked, found, RECIPES, f"a sample of {len(rows):,}")


def _sample(place: Workplace, relevant: frozenset[int]) -> list[int]:
    """The same rows in every run, in their order."""
    size = len(place.corpus)
    # The first of all in a chance order, so that a larger sample holds every smaller one.
    drawn = random.Random(SEED).sample(range(size), size)[:DRAWN]
    return sorted(relevant.union(drawn))
