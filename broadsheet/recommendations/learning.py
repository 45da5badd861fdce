"""Learns a taste from a handful of papers, and ranks papers by it, over the index door.

Two linear models of the same examples. Over an embedder's vectors: least squares of the wanted against all
papers, in closed form, which is their mean turned by the inverse covariance of the corpus. Over words: the
examples' most telling ones, weighted, asked of the index as one question. Their rankings are fused, the first
few of the fused ranking are taken for further examples at a fraction of the weight, and both learn once more.
docs/recommendations.md has the formulas.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from broadsheet import scoring
from broadsheet.index import EVERYTHING, Filter, Floats, Group, Index, Words

_WORD = re.compile(r"[a-z][a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number of the learner; the defaults were chosen on the development half of evals/libraries.

    `shrink`: how far the covariance is drawn to a sphere (0 to 1). `terms`: words asked for. `push`: weight
    of the unwanted beside the wanted. `nearness`, `words`: weights of the two rankings that are fused.
    `guesses` papers are believed at `belief` of an example each. `depth`: of each ranking.
    """

    shrink: float = 0.3
    terms: int = 48
    push: float = 0.5
    nearness: float = 1.0
    words: float = 1.0
    guesses: int = 10
    belief: float = 0.3
    depth: int = 1_000
    k: float = 60.0


RECIPE = Recipe()


@dataclass(frozen=True, slots=True)
class Example:
    """One text for (`weight` > 0) or against (< 0): of a paper, of a bibliography entry, or a sentence.

    `key` is the paper's in the index, None where the corpus lacks it. `vector`: unit, float32 [d]; None or
    zeros where no model has read it.
    """

    text: str
    weight: float = 1.0
    key: int | None = None
    vector: Floats | None = None


@dataclass(frozen=True, slots=True)
class Background:
    """What all papers are like: their mean vector [d] and covariance [d, d] by one embedder, from how many
    of them (`drawn`), how many there are, and in how many each word stands."""

    mean: npt.NDArray[np.float64]
    covariance: npt.NDArray[np.float64]
    drawn: int
    papers: int
    holding: Callable[[str], int]


def background(sample: Floats, papers: int, holding: Callable[[str], int]) -> Background:
    """From unit vectors [n, d] of some papers drawn evenly; rows of zeros are left out."""
    known = np.asarray(sample[np.any(sample, axis=1)], dtype=np.float64)
    if len(known) < 2:
        d = sample.shape[1] if sample.ndim == 2 else 0
        return Background(np.zeros(d), np.eye(d), 0, papers, holding)
    return Background(known.mean(axis=0), np.cov(known, rowvar=False), len(known), papers, holding)


def direction(examples: Sequence[Example], back: Background, recipe: Recipe = RECIPE) -> Floats | None:
    """The linear model over vectors, float32 [d], of which a paper's score is the dot product; None where no
    example has a vector. With only unwanted examples it points away from them."""
    d = len(back.mean)
    read = [
        each for each in examples if each.vector is not None and len(each.vector) == d and each.vector.any()
    ]
    if not read:
        return None
    turn = np.zeros(d)
    for side, share in ((1, 1.0), (-1, -recipe.push)):
        mine = [each for each in read if each.weight * side > 0]
        if mine:
            weights = np.array([abs(each.weight) for each in mine])
            middle = weights @ np.array([each.vector for each in mine], dtype=np.float64) / weights.sum()
            turn += share * (middle - back.mean)
    # Few papers say little of a covariance: the fewer, the more of a sphere it is taken for.
    shrink = max(recipe.shrink, d / (d + back.drawn))
    sphere = max(float(np.trace(back.covariance)) / d, 1e-9)
    shape = (1 - shrink) * back.covariance + shrink * sphere * np.eye(d)
    found = np.linalg.solve(shape, turn)
    length = float(np.linalg.norm(found))
    return (found / length).astype(np.float32) if length > 1e-6 else None


def telling(
    examples: Sequence[Example], back: Background, recipe: Recipe = RECIPE
) -> list[tuple[str, float]]:
    """The words that set the wanted apart from all papers and from the unwanted, best first, with weights
    that are at most 1. A word that no paper holds is worth nothing."""
    total: dict[str, float] = defaultdict(float)
    wanted = sum(each.weight for each in examples if each.weight > 0)
    unwanted = -sum(each.weight for each in examples if each.weight < 0)
    for each in examples:
        counts = Counter(words_of(each.text))
        points = {word: (1 + log(count)) * _rarity(word, back) for word, count in counts.items()}
        length = sum(value * value for value in points.values()) ** 0.5 or 1.0
        share = each.weight / wanted if each.weight > 0 else recipe.push * each.weight / unwanted
        for word, value in points.items():
            total[word] += share * value / length
    best = sorted(((word, value) for word, value in total.items() if value > 0), key=lambda each: -each[1])
    # BM25 weighs by rarity itself, so rarity is taken out of the boost again.
    boosts = [(word, value / _rarity(word, back)) for word, value in best[: recipe.terms]]
    most = max((boost for _, boost in boosts), default=1.0)
    return [(word, boost / most) for word, boost in boosts]


def words_of(text: str) -> list[str]:
    """The words of a text as they are weighed, in order."""
    return _WORD.findall(text[:20_000].lower())


def _rarity(word: str, back: Background) -> float:
    held = back.holding(word)
    return log(1 + back.papers / held) if held else 0.0


def rank(
    index: Index,
    name: str,
    examples: Sequence[Example],
    back: Background,
    filter: Filter = EVERYTHING,
    recipe: Recipe = RECIPE,
    read: Callable[[Sequence[int]], Sequence[str]] | None = None,
) -> dict[int, float]:
    """Points of the papers most to this taste, most first; {} where nothing can be learned.

    `name`: whose vectors. `filter` must leave the examples out if they are not to return. `read`: texts of
    papers by key, for the further examples; without it only their vectors teach.
    """
    points = _once(index, name, examples, back, filter, recipe)
    wanted = sum(each.weight for each in examples if each.weight > 0)
    if not recipe.guesses or not points or not wanted:
        return points
    keys = list(points)[: recipe.guesses]
    texts = read(keys) if read else [""] * len(keys)
    vectors = index.vectors(name, keys)
    share = recipe.belief * wanted / recipe.guesses
    guesses = [
        Example(text, share, key, vector if len(vector) else None)
        for key, text, vector in zip(keys, texts, vectors, strict=True)
    ]
    return _once(index, name, [*examples, *guesses], back, filter, recipe)


def _once(
    index: Index, name: str, examples: Sequence[Example], back: Background, filter: Filter, recipe: Recipe
) -> dict[int, float]:
    lists: list[list[int]] = []
    weights: list[float] = []
    toward = direction(examples, back, recipe)
    if toward is not None and recipe.nearness:
        lists.append([hit.key for hit in index.nearest(name, toward, filter, recipe.depth)])
        weights.append(recipe.nearness)
    asked = telling(examples, back, recipe) if recipe.words else []
    if asked:
        question = Group(should=tuple(Words(word, boost=boost) for word, boost in asked))
        lists.append([hit.key for hit in index.lexical(question, filter, recipe.depth)])
        weights.append(recipe.words)
    return scoring.fuse(lists, weights, recipe.k) if lists else {}
