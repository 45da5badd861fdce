"""CSFCube: re-rank a judged pool of computer-science papers by likeness to a query paper.

nDCG at a fifth of the pool (grades as gains) and average precision (grades 2 and 3 are relevant), means over
all 50 queries. No full text and no facet is used, title and abstract only. https://github.com/iesl/CSFCube
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from broadsheet.embedders import Vectors
from broadsheet.index import Hit
from evals.data import Pool, csfcube_pools, csfcube_texts
from evals.measures import average_precision, ndcg
from evals.ranking import Recipe, fused
from evals.report import Table, percent
from evals.words import Lexicon
from evals.workplace import Workplace


def run(place: Workplace) -> list[Table]:
    texts, pools = csfcube_texts(), csfcube_pools()
    vectors = {name: place.vectors(name) for name in ("static", "small", "minilm")}
    forms: dict[str, Callable[[tuple[str, str]], str]] = {
        "title and abstract": lambda text: "\n".join(text),
        "abstract": lambda text: text[1],
    }
    table = Table("CSFCube: re-ranking judged pools, 50 queries", ("text", "ranking", "nDCG%20", "MAP"))
    for form, written in forms.items():
        papers = {name: written(text) for name, text in texts.items()}
        rows = {name: row for row, name in enumerate(papers)}
        made = {name: store.embed(list(papers.values()), place.say) for name, store in vectors.items()}
        lists = {
            "BM25": _by_words(papers, rows),
            "static": _by_nearness(made["static"], rows),
            "small": _by_nearness(made["small"], rows),
            "MiniLM": _by_nearness(made["minilm"], rows),
        }
        for title, names in _rankings().items():
            scored = [_scores(pool, [lists[name](pool) for name in names]) for pool in pools]
            gains, precisions = zip(*scored, strict=True)
            table.rows.append((form, title, percent(gains), percent(precisions)))
    return [table]


def _rankings() -> dict[str, tuple[str, ...]]:
    """What is compared: each list alone, and fused by reciprocal rank."""
    return {
        "BM25": ("BM25",),
        "static": ("static",),
        "small": ("small",),
        "MiniLM": ("MiniLM",),
        "BM25 + static": ("BM25", "static"),
        "BM25 + small": ("BM25", "small"),
        "BM25 + MiniLM": ("BM25", "MiniLM"),
        "static + small": ("static", "small"),
        "BM25 + static + small": ("BM25", "static", "small"),
        "BM25 + static + MiniLM": ("BM25", "static", "MiniLM"),
    }


def _scores(pool: Pool, lists: Sequence[Sequence[Hit]]) -> tuple[float, float]:
    """nDCG%20 and average precision of the fused lists on one pool."""
    size = len(pool.candidates)
    order = list(fused(Recipe(weights=(1.0,) * len(lists), depth=size), lists))
    grades = [pool.grades[place] for place in order]
    return ndcg(grades, pool.grades, int(size * 0.2)), average_precision([grade >= 2 for grade in grades])


def _by_words(papers: Mapping[str, str], rows: Mapping[str, int]) -> Callable[[Pool], list[Hit]]:
    """BM25 with the query paper's whole text as the question."""
    lexicon = Lexicon(list(papers.values()))

    def hits(pool: Pool) -> list[Hit]:
        scores = lexicon.scores(papers[pool.query])[[rows[name] for name in pool.candidates]]
        return [Hit(int(place), float(scores[place])) for place in np.argsort(-scores, kind="stable")]

    return hits


def _by_nearness(vectors: Vectors, rows: Mapping[str, int]) -> Callable[[Pool], list[Hit]]:
    def hits(pool: Pool) -> list[Hit]:
        near = vectors[[rows[name] for name in pool.candidates]] @ vectors[rows[pool.query]]
        return [Hit(int(place), float(near[place])) for place in np.argsort(-near, kind="stable")]

    return hits
