"""Learns a taste from a handful of papers, and ranks papers by it.

Two linear models of the same examples, each the difference between the mean of what is wanted and what
papers are like anyway: one over words (bags.py), one over an embedder's vectors. Their scores, each in its
own standard deviations, are added; a paper by the same people comes up, far up if they wrote several of the
examples; where papers of all times are ranked, nearness in time counts too. That is all: taking the first
papers of the ranking for further examples, nearest neighbours beside the mean, and whitening were tried on
the development half of evals/libraries and found no more.

Where the bags are not there yet, words are asked of the index as one question and the two rankings are fused.
docs/recommendations.md has the formulas.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from broadsheet import scoring
from broadsheet.index import EVERYTHING, Filter, Floats, Group, Index, Words
from broadsheet.recommendations import bags
from broadsheet.recommendations.bags import Bags, Rows, words_of

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number of the learner; the defaults were chosen on the development half of evals/libraries.

    `generic`: how much of an average paper's words is taken off. `push`: weight of the unwanted beside the
    wanted. `refused`: what is taken off a paper nearer to the unwanted than `margin` times to the wanted, for
    each standard deviation of the difference. `words`, `nearness`: weights of the two models. `people`:
    weight of authors who wrote several of the wanted papers; `once`: how much of it is left for those who
    wrote one. `months`: weight of nearness in time, where all times are ranked. `depth`: of the ranking.
    `terms`, `k`: words asked of the index, and the constant of reciprocal ranks.
    """

    generic: float = 1.75
    push: float = 0.05
    refused: float = 2.0
    margin: float = 1.1
    words: float = 1.0
    nearness: float = 1.6
    people: float = 35.0
    once: float = 0.3
    months: float = 1.0
    depth: int = 1_000
    terms: int = 48
    k: float = 60.0


RECIPE = Recipe()

# Candidates by each model, where papers of all times are ranked.
CANDIDATES = 3_000
# Examples of either side, the newest, whose nearness to a paper is compared.
COMPARED = 100
# Months apart that count as one doubling of the distance; a paper of unknown month is taken to be so far off.
NEAR_IN_TIME = 6.0
UNKNOWN = 24.0


@dataclass(frozen=True, slots=True)
class Example:
    """One text for (`weight` > 0) or against (< 0): of a paper, of a bibliography entry, or a sentence; a
    first line is taken for the title.

    `key` is the paper's in the index, None where the corpus lacks it. `vector`: unit, float32 [d]; None or
    zeros where no model has read it.
    """

    text: str
    weight: float = 1.0
    key: int | None = None
    vector: Floats | None = None


@dataclass(frozen=True, slots=True)
class Background:
    """What all papers are like: their mean vector [d] by one embedder, some of them [n, d] with that mean
    taken off, how many there are, and in how many each word stands."""

    mean: Floats
    sample: Floats
    papers: int
    holding: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Pool:
    """The papers of a window, ready to be ranked for anybody: bags, and vectors without the mean [n, d]."""

    rows: Rows
    vectors: Floats


def background(sample: Floats, papers: int, holding: Callable[[str], int]) -> Background:
    """From unit vectors [n, d] of some papers drawn evenly; rows of zeros are left out."""
    known = np.asarray(sample[np.any(sample, axis=1)], dtype=np.float32)
    if len(known) < 2:
        d = sample.shape[1] if sample.ndim == 2 else 0
        return Background(np.zeros(d, np.float32), np.zeros((0, d), np.float32), papers, holding)
    mean = known.mean(axis=0)
    return Background(mean, without_mean(known, mean), papers, holding)


def without_mean(vectors: Floats, mean: Floats) -> Floats:
    """Rows of length 1 after the mean was taken off; rows of zeros stay zeros."""
    there = np.any(vectors, axis=1, keepdims=True)
    found = (vectors - mean) * there
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    scaled: Floats = np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 1e-6)
    return scaled


def direction(examples: Sequence[Example], back: Background, recipe: Recipe = RECIPE) -> Floats | None:
    """The linear model over vectors, float32 [d], of which a paper's score is the dot product; None where no
    example has a vector. With only unwanted examples it points away from them."""
    d = len(back.mean)
    read = [
        each for each in examples if each.vector is not None and len(each.vector) == d and each.vector.any()
    ]
    if not read:
        return None
    vectors = without_mean(np.array([each.vector for each in read], np.float32), back.mean)
    found = shares([each.weight for each in read], recipe.push) @ vectors
    length = float(np.linalg.norm(found))
    return (found / length).astype(np.float32) if length > 1e-6 else None


def shares(weights: Sequence[float], push: float) -> Floats:
    """Each example's share: those for sum to 1, those against to −push."""
    given = np.array(weights, np.float64)
    found = np.zeros(len(given))
    for side, whole in ((1.0, 1.0), (-1.0, push)):
        mine = given * side > 0
        if mine.any():
            found[mine] = whole * given[mine] / np.abs(given[mine]).sum()
    return found.astype(np.float32)


def taste_of_words(examples: Sequence[Example], known: Bags, recipe: Recipe = RECIPE) -> Floats:
    """The linear model over words, float32 [2¹⁸]: the mean bag of those for less that of those against."""
    part = shares([each.weight for each in examples], recipe.push)
    rows = known.rows_of(np.array([-1 if each.key is None else each.key for each in examples], np.int64))
    here = rows >= 0
    found = known.all.take(rows[here]).total(part[here])
    for each, share, kept in zip(examples, part, here, strict=True):
        if not kept:
            title, _, abstract = each.text.partition("\n")
            one = bags.bag(title, abstract)
            np.add.at(found, one.places, share * one.weights)
    return found


@dataclass(frozen=True, slots=True)
class Circle:
    """Who wrote the wanted papers: `people` sorted, what each counts, and who of them wrote several."""

    people: bags.People
    weights: Floats
    several: npt.NDArray[np.bool_]


def circle_of(examples: Sequence[Example], known: Bags, recipe: Recipe = RECIPE) -> Circle:
    """An author counts by the root of the share of the wanted that they wrote, and by the rarity of the name;
    not at all who wrote as much of the unwanted."""
    keys = np.array([-1 if each.key is None else each.key for each in examples], np.int64)
    part = shares([each.weight for each in examples], 1.0)
    rows = known.rows_of(keys)
    theirs = known.all.take(rows[rows >= 0])
    each_share = np.repeat(part[rows >= 0], np.diff(theirs.people_ends, prepend=0))
    people, at = np.unique(theirs.people, return_inverse=True)
    share = np.bincount(at, each_share, len(people))
    several = np.bincount(at, each_share > 0, len(people)) > 1
    rarity = np.log1p(len(known) / known.written(people)) / max(log(1 + len(known)), 1.0)
    weights = recipe.people * np.sqrt(np.maximum(share, 0)) * np.where(several, 1.0, recipe.once) * rarity
    some = weights > 0
    return Circle(people[some], weights[some].astype(np.float32), several[some])


def telling(
    examples: Sequence[Example], back: Background, recipe: Recipe = RECIPE
) -> list[tuple[str, float]]:
    """The words that set the wanted apart from all papers and from the unwanted, best first, with weights
    from 1 down. For what is said of a paper, and to ask an index with."""
    total: dict[str, float] = defaultdict(float)
    part = shares([each.weight for each in examples], recipe.push)
    for each, share in zip(examples, part.tolist(), strict=True):
        counts = Counter(words_of(each.text))
        held = {word: (1 + log(count)) * _rarity(word, back) for word, count in counts.items()}
        length = sum(value * value for value in held.values()) ** 0.5
        for word, value in held.items():
            if value:
                total[word] += share * value / length
    best = sorted(((word, value) for word, value in total.items() if value > 0), key=lambda each: -each[1])
    # BM25 weighs by rarity itself, so rarity is taken out of the boost again.
    boosts = [(word, value / _rarity(word, back)) for word, value in best[: recipe.terms]]
    most = max((boost for _, boost in boosts), default=1.0)
    return [(word, boost / most) for word, boost in boosts]


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
    known: Bags | None = None,
    pool: Pool | None = None,
) -> dict[int, float]:
    """Points of the papers most to this taste, most first; {} where nothing can be learned.

    `name`: whose vectors. `filter` must leave the examples out if they are not to return. `known`: the bags
    of all papers. `pool`: the papers that pass the filter, but for `exclude`; without it all are ranked.
    Points are those of two rankings that agree, by reciprocal ranks.
    """
    if known is None or not len(known):
        return _asked(index, name, examples, back, filter, recipe)
    if not examples:
        return {}
    words = taste_of_words(examples, known, recipe)
    toward = direction(examples, back, recipe)
    if not words.any() and toward is None:
        return {}
    circle = circle_of(examples, known, recipe)
    if pool is None:
        keys, scores = _of_all(index, name, examples, words, circle, toward, back, filter, recipe, known)
    else:
        keys, scores = pool.rows.keys, _added(pool, words, circle, toward, back, recipe)
        scores -= _refused(pool.vectors, examples, back, recipe)
    if filter.exclude:
        kept = ~np.isin(keys, np.fromiter(filter.exclude, np.int64, len(filter.exclude)))
        keys, scores = keys[kept], scores[kept]
    best = _best(scores, recipe.depth)
    return {int(key): 2 / (recipe.k + place) for place, key in enumerate(keys[best], start=1)}


def _best(scores: Scores, many: int) -> npt.NDArray[np.int64]:
    """Places of the highest scores, highest first."""
    if len(scores) > many:
        some = np.argpartition(-scores, many - 1)[:many]
        return some[np.argsort(-scores[some], kind="stable")]
    return np.argsort(-scores, kind="stable")


def _added(
    pool: Pool, words: Floats, circle: Circle, toward: Floats | None, back: Background, recipe: Recipe
) -> Scores:
    scores = pool.rows.written_by(circle.people, circle.weights).astype(np.float64)
    if recipe.words and words.any():
        scores += recipe.words * _in_deviations(_by_words(pool.rows, words, recipe))
    if toward is not None and recipe.nearness:
        scores += recipe.nearness * (pool.vectors @ toward) / _deviation(toward, back)
    return scores


def _by_words(rows: Rows, words: Floats, recipe: Recipe) -> Floats:
    """What an average paper shares with a bag is the same for every taste, and kept beside it."""
    return rows.products(words) - recipe.generic * rows.common


def _in_deviations(scores: Floats) -> Scores:
    spread = float(scores.std()) if len(scores) > 1 else 0.0
    return (scores - scores.mean()) / (spread or 1.0) if len(scores) else scores.astype(np.float64)


def _deviation(toward: Floats, back: Background) -> float:
    spread = float((back.sample @ toward).std()) if len(back.sample) > 1 else 0.0
    return spread or 1.0


def _of_all(
    index: Index,
    name: str,
    examples: Sequence[Example],
    words: Floats,
    circle: Circle,
    toward: Floats | None,
    back: Background,
    filter: Filter,
    recipe: Recipe,
    known: Bags,
) -> tuple[npt.NDArray[np.int64], Scores]:
    """Keys and scores of the candidates by either model among the papers of all times."""
    by_words = _in_deviations(_by_words(known.all, words, recipe))
    live = known.live
    # Nearness in time and authors move papers up from far down the ranking by words, so they take part in
    # choosing.
    apart = _apart(examples, known)
    rest = known.all.written_by(circle.people, circle.weights) - recipe.months * apart
    early = recipe.words * by_words[live] + rest[live]
    rows = live[_best(early, CANDIDATES + len(filter.exclude))]
    if toward is not None and recipe.nearness:
        near = index.nearest(name, toward, filter, CANDIDATES)
        found = known.rows_of(np.array([hit.key for hit in near], np.int64))
        rows = np.union1d(rows, found[found >= 0])
    keys = known.all.keys[rows]
    scores = recipe.words * by_words[rows] + rest[rows]
    if toward is not None and recipe.nearness:
        vectors = without_mean(index.vectors(name, keys.tolist()), back.mean)
        scores += recipe.nearness * (vectors @ toward) / _deviation(toward, back)
        scores -= _refused(vectors, examples, back, recipe)
    return keys, scores


def _refused(vectors: Floats, examples: Sequence[Example], back: Background, recipe: Recipe) -> Scores:
    """What each paper loses for standing nearer to something unwanted than to anything wanted. What is
    refused is mostly near to what is wanted: to push the whole direction away would lose that too."""
    sides = [
        [each.vector for each in examples if each.vector is not None and each.weight * side > 0][:COMPARED]
        for side in (1, -1)
    ]
    d = vectors.shape[1]
    if not all(sides) or any(len(each) != d for side in sides for each in side) or not recipe.refused:
        return np.zeros(len(vectors))
    wanted, unwanted = (without_mean(np.array(side, np.float32), back.mean) for side in sides)
    over = (vectors @ unwanted.T).max(axis=1) - recipe.margin * (vectors @ wanted.T).max(axis=1)
    mean = wanted.mean(axis=0)
    length = float(np.linalg.norm(mean))
    spread = _deviation(mean / length, back) if length > 1e-6 else 1.0
    found: Scores = recipe.refused * np.maximum(over, 0.0).astype(np.float64) / spread
    return found


def _apart(examples: Sequence[Example], known: Bags) -> Scores:
    """How far each paper is in time from the wanted ones: log(1 + mean months / 6), [rows]."""
    wanted = [(each.key, each.weight) for each in examples if each.weight > 0 and each.key is not None]
    rows = known.rows_of(np.array([key for key, _ in wanted], np.int64))
    months = _counted(known.all.month)
    there = [
        (int(months[row]), weight)
        for row, (_, weight) in zip(rows.tolist(), wanted, strict=True)
        if row >= 0 and months[row]
    ]
    if not there:
        return np.zeros(len(months))
    # The same few months again and again: worked out once for each month that any paper is from.
    every, at = np.unique(months, return_inverse=True)
    total = sum(weight for _, weight in there)
    mean = sum(weight * np.abs(every - month) for month, weight in there) / total
    mean = np.where(every > 0, mean, UNKNOWN)
    found: Scores = np.log1p(mean / NEAR_IN_TIME)[at]
    return found


def _counted(months: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Months since the year 0 of months written as 202411; 0 stays 0."""
    return np.where(months > 0, months // 100 * 12 + months % 100, 0).astype(np.int32)


def _asked(
    index: Index, name: str, examples: Sequence[Example], back: Background, filter: Filter, recipe: Recipe
) -> dict[int, float]:
    """The same of an index alone: two rankings, fused."""
    lists: list[list[int]] = []
    weights: list[float] = []
    toward = direction(examples, back, recipe)
    if toward is not None and recipe.nearness:
        lists.append([hit.key for hit in index.nearest(name, toward, filter, recipe.depth)])
        weights.append(1.0)
    asked = telling(examples, back, recipe) if recipe.words else []
    if asked:
        question = Group(should=tuple(Words(word, boost=boost) for word, boost in asked))
        lists.append([hit.key for hit in index.lexical(question, filter, recipe.depth)])
        weights.append(1.0)
    return scoring.fuse(lists, weights, recipe.k) if lists else {}
