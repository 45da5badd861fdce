"""From a question to keys in order: words and nearness fused, the head re-ranked, what may not be taken out.

Knows the index and vectors, and neither tables nor settings, so that evaluations can run the very same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from broadsheet import scoring
from broadsheet.index import ALL_PAPERS, EVERYTHING, Filter, Floats, Index, LexicalQuery
from broadsheet.search.filters import Asked


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to rank. The defaults are what the evaluations found best (docs/search.md).

    `words`, `meaning`, `names`: weights of the lists by words, by nearness and by authors' names, in
    reciprocal-rank fusion with its `k`; `cited` is that of names with a year, "Vaswani 2017". `depth`: places
    of each list that take part; `widest` where much of a list may be refused. The first `rerank` of the fused
    list are ordered again by (1 − `trust`) × fused points + `trust` × the thorough model's cosine, both
    stretched to 0…1 among them. `kept`: places of the answer. `covered`: the share of papers that must have a
    thorough vector before nearness is asked of it. `titled`: if so many papers at most hold the question,
    three words or more, as a piece of their title, they stand first; more than that make it a subject.
    """

    words: float = 1.0
    meaning: float = 0.7
    names: float = 1.0
    cited: float = 4.0
    k: float = 60.0
    depth: int = 200
    widest: int = 2_000
    rerank: int = 200
    trust: float = 0.4
    kept: int = 300
    covered: float = 0.9
    titled: int = 3


RECIPE = Recipe()


@dataclass(frozen=True, slots=True)
class Understood:
    """A question as one model reads it: float32 [d] beside the vectors of that name."""

    name: str
    vector: Floats


@dataclass(frozen=True, slots=True)
class Names:
    """What to ask if the words are authors' names; `cited`: a year stood beside them."""

    query: LexicalQuery
    filter: Filter
    cited: bool


@dataclass(slots=True)
class Ranking:
    """Keys, best first, and which list brought each."""

    keys: list[int] = field(default_factory=list)
    by_words: frozenset[int] = frozenset()
    by_meaning: frozenset[int] = frozenset()


def rank(
    index: Index,
    asked: Asked,
    near: Understood | None = None,
    again: Understood | None = None,
    names: Names | None = None,
    recipe: Recipe = RECIPE,
) -> Ranking:
    """The best papers for a question. `near` finds by meaning, `again` re-ranks where it has vectors; without
    them words decide. `names`: what to ask if the words are authors' names. Raises IndexTrouble."""
    depth = recipe.widest if asked.refused or asked.needed else recipe.depth
    # A list that counts for nothing brings nothing.
    words = [hit.key for hit in index.lexical(asked.broad, asked.filter, depth)] if recipe.words else []
    meant = _meant(index, asked, near, depth) if recipe.meaning else []
    named = [hit.key for hit in index.lexical(names.query, names.filter, recipe.depth)] if names else []
    titled = _titled(index, asked, recipe.titled)
    allowed = permitted(index, asked, [*words, *meant, *named, *titled])
    lists = [[key for key in keys if key in allowed][: recipe.depth] for keys in (words, meant, named)]
    weights = (recipe.words, recipe.meaning, recipe.cited if names and names.cited else recipe.names)
    points = scoring.fuse(lists, weights, recipe.k)
    order = list(points)
    if again is not None and recipe.trust:
        head = order[: recipe.rerank]
        order = reranked(index, head, [points[key] for key in head], again, recipe.trust) + order[len(head) :]
    first = [key for key in titled if key in allowed]
    order = list(dict.fromkeys([*first, *order]))
    return Ranking(order[: recipe.kept], frozenset(lists[0] + lists[2] + first), frozenset(lists[1]))


def _titled(index: Index, asked: Asked, most: int) -> list[int]:
    """The papers that somebody who types a piece of a title must mean."""
    if asked.title is None or not most:
        return []
    found = [hit.key for hit in index.lexical(asked.title, asked.filter, most + 1)]
    return found if len(found) <= most else []


def _meant(index: Index, asked: Asked, near: Understood | None, depth: int) -> list[int]:
    """The papers nearest in meaning that also match what every answer must match."""
    if near is None:
        return []
    found = [hit.key for hit in index.nearest(near.name, near.vector, asked.filter, depth)]
    if asked.bounds is None or not found:
        return found
    only = replace(asked.filter, only=frozenset(found))
    matching = {hit.key for hit in index.lexical(asked.bounds, only, len(found))}
    return [key for key in found if key in matching]


def permitted(index: Index, asked: Asked, keys: Sequence[int]) -> frozenset[int]:
    """Those of `keys` that no refused filter lets pass and every needed one does."""
    allowed = frozenset(keys)
    for filter in asked.needed:
        allowed = allowed and _passing(index, filter, allowed)
    for filter in asked.refused:
        allowed = allowed and allowed - _passing(index, filter, allowed)
    return allowed


def _passing(index: Index, filter: Filter, keys: frozenset[int]) -> frozenset[int]:
    if filter == EVERYTHING:
        return keys
    found = index.lexical(ALL_PAPERS, replace(filter, only=keys), len(keys))
    return frozenset(hit.key for hit in found)


def reranked(
    index: Index, keys: list[int], points: list[float], again: Understood, trust: float
) -> list[int]:
    """`keys` ordered by their points and their nearness to the question, mixed. A paper without a vector
    keeps what its points alone say of it."""
    if not keys:
        return keys
    vectors = index.vectors(again.name, keys)
    has = vectors.any(axis=1)
    if not has.any():
        return keys
    before = _stretched(np.array(points))
    after = before.copy()
    after[has] = _stretched(vectors[has] @ again.vector)
    mixed = (1 - trust) * before + trust * after
    return [keys[place] for place in np.argsort(-mixed, kind="stable").tolist()]


def _stretched(scores: Floats) -> Floats:
    """The scores between 0 (the lowest) and 1 (the highest); all 1 where they are equal."""
    low, high = scores.min(), scores.max()
    stretched: Floats = (scores - low) / (high - low) if high > low else np.ones_like(scores)
    return stretched


def twins(index: Index, name: str, keys: Sequence[int], least: float) -> list[tuple[int, int]]:
    """Pairs of papers, the better placed first, whose vectors are at least so near (cosine)."""
    vectors = index.vectors(name, keys)
    if vectors.shape[1] == 0:
        return []
    nearness = np.triu(vectors @ vectors.T, 1)
    return [(keys[one], keys[other]) for one, other in np.argwhere(nearness >= least).tolist()]
