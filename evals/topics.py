"""Topics: the heading of a curated list as a query, the papers under it as what should be found.

Only positives are known, and the corpus holds many good papers that no list names: absolute values are low by
nature, and what counts is the difference between rankings. Whatever was chosen by looking at topics was
chosen on the development half; the test half only judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from broadsheet.index import Hit
from evals.data import Topic
from evals.measures import interval, ndcg, recall
from evals.ranking import Recipe, fused, ranked
from evals.report import Table, percent
from evals.workplace import Workplace

RECALL_AT, NDCG_AT = 100, 20
LISTED = 1_000  # asked of each list once; recipes then take what they need

WORDS_ONLY = Recipe(weights=(1.0, 0.0))
STATIC_ONLY = Recipe(weights=(0.0, 1.0))
PLAIN = Recipe()
FUSED = replace(PLAIN, weights=(1.0, 0.7))
DEFAULT = replace(FUSED, rerank=200, trust=0.4)

CHOSEN: dict[str, Recipe] = {
    "words (BM25)": WORDS_ONLY,
    "static vectors": STATIC_ONLY,
    "plain fusion (RRF, k = 60)": PLAIN,
    "fusion, static at 0.7": FUSED,
    "words, first 200 re-ranked": replace(WORDS_ONLY, rerank=200, trust=0.4),
    "that fusion, first 200 re-ranked (ours)": DEFAULT,
}

# What was tried on the development half to choose the default: `python -m evals topics --explore`.
EXPLORED: dict[str, Recipe] = {
    "words (BM25)": WORDS_ONLY,
    **{f"k {k}": replace(FUSED, k=float(k)) for k in (10, 30, 60, 100)},
    **{f"depth {depth}": replace(FUSED, depth=depth) for depth in (50, 100, 200, 500, 1000)},
    **{f"static × {w}": replace(FUSED, weights=(1.0, w)) for w in (0.2, 0.3, 0.5, 0.7, 1.0, 1.5)},
    **{f"sum, static × {w}": replace(FUSED, method="sum", weights=(1.0, w)) for w in (0.3, 0.5, 0.7, 1.0)},
    **{f"re-rank 100, trust {t}": replace(FUSED, rerank=100, trust=t) for t in (0.3, 0.5, 0.7, 0.9, 1.0)},
    **{
        f"re-rank 200, trust {t}": replace(FUSED, rerank=200, trust=t) for t in (0.3, 0.4, 0.5, 0.7, 0.9, 1.0)
    },
}


def run(place: Workplace) -> list[Table]:
    """Both halves, for the rankings that the docs publish."""
    asked = place.topics()
    found = [place.lists(topic.query, LISTED) for topic in asked]
    return tables(place, asked, found, CHOSEN)


def explore(place: Workplace) -> list[Table]:
    """The development half, for everything that was tried."""
    half = [topic for topic in place.topics() if topic.development]
    found = [place.lists(topic.query, LISTED) for topic in half]
    return tables(place, half, found, EXPLORED)


def tables(
    place: Workplace,
    asked: Sequence[Topic],
    found: Sequence[Sequence[Sequence[Hit]]],
    recipes: Mapping[str, Recipe],
    where: str = "300,000 papers",
) -> list[Table]:
    """One table for each half that `asked` has. `found`: for each topic, the lists that recipes weigh."""
    # All at once: embedding topic by topic would write the store to disk two hundred times.
    heads = {
        key
        for recipe in recipes.values()
        for lists in found
        for key in list(fused(recipe, lists))[: recipe.rerank if recipe.trust else 0]
    }
    place.thorough_store.embed([place.text(row) for row in sorted(heads)], place.say)
    scored = {name: _measured(place, recipe, asked, found) for name, recipe in recipes.items()}
    halves = {"development" if topic.development else "test" for topic in asked}
    return [_table(half, asked, scored, where) for half in sorted(halves)]


def _measured(
    place: Workplace, recipe: Recipe, asked: Sequence[Topic], found: Sequence[Sequence[Sequence[Hit]]]
) -> list[tuple[float, float]]:
    """Recall@100 and nDCG@20 of each topic."""
    measured = []
    for topic, lists in zip(asked, found, strict=True):
        order = ranked(recipe, lists, _cosines(place, topic))
        relevant = [float(key in topic.relevant) for key in order[:NDCG_AT]]
        gain = ndcg(relevant, [1.0] * len(topic.relevant), NDCG_AT)
        measured.append((recall(order, set(topic.relevant), RECALL_AT), gain))
    return measured


def _cosines(place: Workplace, topic: Topic) -> Callable[[Sequence[int]], Mapping[int, float]]:
    return lambda rows: place.cosines(topic.query, rows)


def _table(
    half: str, asked: Sequence[Topic], scored: Mapping[str, list[tuple[float, float]]], where: str
) -> Table:
    """One half. The last column: recall beyond that of words on the same topics, with its interval."""
    keep = np.array([topic.development == (half == "development") for topic in asked])
    base = np.array(next(iter(scored.values())))[keep, 0]
    heads = ("ranking", f"recall@{RECALL_AT}", f"nDCG@{NDCG_AT}", "recall − first row")
    table = Table(f"Topics among {where}, {half} half: {int(keep.sum())} headings", heads)
    for name, values in scored.items():
        mine = np.array(values)[keep]
        low, high = interval(mine[:, 0] - base)
        gained = f"{100 * (mine[:, 0] - base).mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        table.rows.append((name, percent(mine[:, 0]), percent(mine[:, 1]), gained))
    return table
