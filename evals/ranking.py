"""Ways of making one list of two, and of re-ranking its head: what the evaluations choose between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from broadsheet.index import Hit

# For each query, what each list found, best first.
Lists = Sequence[Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to rank. `weights`: one for each list, 0 leaves it out. `depth`: how many of each list take part.

    `method` "rrf" adds weight / (k + place), places from 1; "sum" adds weight × score, scores of each list
    stretched to 0…1. The first `rerank` of the result are then ordered by (1 − `trust`) × fused score +
    `trust` × the transformer's cosine, both stretched to 0…1 among them; the rest follow as they were.
    """

    weights: tuple[float, ...] = (1.0, 1.0)
    method: Literal["rrf", "sum"] = "rrf"
    k: float = 60.0
    depth: int = 200
    rerank: int = 0
    trust: float = 0.0


def fused(recipe: Recipe, lists: Lists) -> dict[int, float]:
    """The score of every paper that takes part, best first; equal ones in the order of their keys."""
    scores: dict[int, float] = {}
    for weight, hits in zip(recipe.weights, lists, strict=True):
        head = hits[: recipe.depth] if weight else []
        stretched = _stretched([hit.score for hit in head])
        for place, hit in enumerate(head, start=1):
            part = 1 / (recipe.k + place) if recipe.method == "rrf" else stretched[place - 1]
            scores[hit.key] = scores.get(hit.key, 0.0) + weight * part
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def ranked(
    recipe: Recipe, lists: Lists, cosines: Callable[[Sequence[int]], Mapping[int, float]]
) -> list[int]:
    """Keys, best first. `cosines` gives the transformer's nearness of papers to the query, where known."""
    scores = fused(recipe, lists)
    order = list(scores)
    head = order[: recipe.rerank]
    if not head or not recipe.trust:
        return order
    before = dict(zip(head, _stretched([scores[key] for key in head]), strict=True))
    near = cosines(head)
    after = dict(zip(near, _stretched(list(near.values())), strict=True))
    # A paper without a vector yet keeps its fused score: not being read is no fault of its own.
    mixed = {
        key: (1 - recipe.trust) * old + recipe.trust * after.get(key, old) for key, old in before.items()
    }
    return sorted(head, key=lambda key: -mixed[key]) + order[recipe.rerank :]


def _stretched(scores: Sequence[float]) -> list[float]:
    """The scores between 0 (the lowest) and 1 (the highest); all 1 where they are equal."""
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]
