"""Teaching an interest well: what to ask next, how good it is, and what more answers would bring.

How good an interest is, is told of words and vectors together, as the ranking has them; what is asked next is
taken from the ranking. docs/recommendations.md has the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from broadsheet import doors
from broadsheet.index import Floats, Index, IndexTrouble
from broadsheet.models import Interest, Paper, Reader
from broadsheet.recommendations import keeping
from broadsheet.recommendations.choosing import Taste, drawn_keys, points_of, vectors_named
from broadsheet.recommendations.learning import (
    RECIPE,
    Background,
    Example,
    direction,
    shares,
    taste_of_words,
    without_mean,
)
from broadsheet.recommendations.wanting import taste_of_interest

ASKED: Final = 6
# Papers among which the next question is looked for: the best of the ranking so far.
POOL: Final = 400
# So many papers that fit are needed to say how good an interest is.
FLOOR: Final = 4
MOST_FITTED: Final = 60
# A paper that fits should stand among this share of all papers.
TOP: Final = 0.01
MORE: Final = 5
REPEATS: Final = 6
# The place in the ranking at which a paper is half as much worth asking about as the first one.
ASKED_FROM: Final = 10
SURE: Final = 0.9

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """A paper whose answer would teach much: how unsure the model is (0 to 1), and why it is asked."""

    paper: Paper
    unsure: float
    why: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How many of the `asked` papers that fit would have been found by the others (`found`), in which
    interval the share lies (`low` to `high`, 95 %), how often a paper that fits stands above one that does
    not (`apart`; None without any), what MORE answers would add to the share (`gain`; None: not to be said).

    `curve`: (answers, share found) as measured. `note`: why nothing can be said, else empty.
    """

    note: str = ""
    asked: int = 0
    found: int = 0
    low: float = 0.0
    high: float = 0.0
    apart: float | None = None
    gain: float | None = None
    curve: tuple[tuple[int, float], ...] = ()

    @property
    def share(self) -> float:
        return self.found / self.asked if self.asked else 0.0


TOO_FEW: Final = f"Too few answers to say: it takes {FLOOR} papers that fit."
NOT_READ: Final = "No model has read these papers yet, so nothing can be said."


# --- how good it is --------------------------------------------------------------------------------------


def quality(interest: Interest) -> Quality:
    """An honest estimate from answers held out: each paper that fits is looked for by a model that has not
    seen it. Deterministic. Half a second at most."""
    try:
        index = doors.index()
        examples, back, wanted, unwanted = _answers(index, interest)
    except IndexTrouble:
        return Quality(NOT_READ)
    if len(wanted) < FLOOR:
        read = sum(each.weight > 0 for each in examples) >= FLOOR
        return Quality(NOT_READ if read else TOO_FEW)
    # Of the other texts some are enough to say how good the whole is.
    examples = [*wanted, *unwanted, *[each for each in examples if each.key is None][:MOST_FITTED]]
    trial = _trial(index, examples, back)
    fits = range(len(wanted))
    others = range(len(wanted), len(wanted) + len(unwanted))
    found, ranks = 0, []
    for turn, one in enumerate(fits):
        scores = trial.scores(without=[one])
        found += trial.stands_high(scores, one)
        if others:
            held = others[turn % len(others)]
            scores = trial.scores(without=[one, held])
            ranks.append(float(scores[trial.rows[one]] > scores[trial.rows[held]]))
    low, high = wilson(found, len(fits))
    curve = _curve(trial, fits)
    return Quality(
        asked=len(fits),
        found=found,
        low=low,
        high=high,
        apart=sum(ranks) / len(ranks) if ranks else None,
        gain=expected_gain(curve, len(fits)),
        curve=tuple(curve),
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """What every example says of papers drawn from all and of the answers, so that any of them can be held
    out: products over words and over vectors [papers, examples], and those with the average bag [papers].
    `rows`: the place of each example's own paper, −1 without; the first `drawn` papers were drawn."""

    words: Floats
    common: Floats
    near: Floats
    weights: Doubles
    rows: list[int]
    drawn: int

    def scores(self, without: Sequence[int]) -> Doubles:
        """Of all papers [papers], by words and vectors as the ranking has them, some examples held out."""
        weights = self.weights.copy()
        weights[list(without)] = 0.0
        part = shares(weights.tolist(), RECIPE.push)
        by_words = self.words @ part - RECIPE.generic * self.common
        found = RECIPE.words * by_words / self._spread(by_words)
        by_vectors = self.near @ part
        return np.asarray(found + RECIPE.nearness * by_vectors / self._spread(by_vectors), np.float64)

    def stands_high(self, scores: Doubles, one: int) -> bool:
        """Whether the paper of an example stands among the first hundredth of all papers."""
        if not self.drawn:
            return False
        return float(np.mean(scores[: self.drawn] > scores[self.rows[one]])) <= TOP

    def _spread(self, scores: Floats) -> float:
        return float(scores[: self.drawn].std() if self.drawn else 0.0) or 1.0


def _trial(index: Index, examples: Sequence[Example], back: Background) -> _Trial:
    name, known = vectors_named(index), keeping.bags_now()
    own = [each.key for each in examples if each.key is not None]
    drawn = [key for key in drawn_keys() if key not in set(own)]
    pool = keeping.made(index, name, known, back, [*drawn, *own])
    order = np.argsort(np.isin(pool.rows.keys, own), kind="stable")
    place = {int(key): at for at, key in enumerate(pool.rows.keys[order].tolist())}
    whole = [replace(each, weight=1.0) for each in examples]
    words = np.zeros((len(pool.rows), len(whole)), np.float32)
    if known is not None:
        for column, each in enumerate(whole):
            words[:, column] = pool.rows.products(taste_of_words([each], known))
    vectors = np.array(
        [np.zeros(len(back.mean)) if each.vector is None else each.vector for each in whole], np.float32
    )
    near = pool.vectors @ without_mean(vectors, back.mean).T
    return _Trial(
        words[order],
        pool.rows.common[order],
        near[order],
        np.array([each.weight for each in examples], np.float64),
        [-1 if each.key is None else place[each.key] for each in examples],
        len(drawn),
    )


def _answers(
    index: Index, interest: Interest
) -> tuple[list[Example], Background, list[Example], list[Example]]:
    """All that teaches, the background, and the answers for and against that a model has read."""
    taste = taste_of_interest(interest)
    # Asked without papers to rank: only what teaches is wanted.
    examples, back, _ = points_of(index, Taste(taste.papers, taste.texts, taste.sentence), rank_papers=False)
    read = [each for each in examples if each.vector is not None and each.key and np.any(each.vector)]
    # What a search found is no answer of anybody's.
    wanted = [each for each in read if each.weight == 1.0][:MOST_FITTED]
    unwanted = [each for each in read if each.weight < 0][:MOST_FITTED]
    return examples, back, wanted, unwanted


def wilson(found: int, asked: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    if not asked:
        return 0.0, 1.0
    z, share = 1.96, found / asked
    middle = (share + z * z / (2 * asked)) / (1 + z * z / asked)
    width = z * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked)) / (1 + z * z / asked)
    return max(0.0, middle - width), min(1.0, middle + width)


def _curve(trial: _Trial, fits: Sequence[int]) -> list[tuple[int, float]]:
    """(papers that fit to learn from, share of the others found), averaged over draws."""
    draw = np.random.default_rng(len(fits))
    sizes = sorted({size for size in (1, 2, 3, 5, 8, 12, 18, 27, 40) if size < len(fits)} | {len(fits) - 1})
    points = []
    for size in sizes:
        found = []
        for _ in range(REPEATS):
            chosen = set(draw.choice(len(fits), size, replace=False).tolist())
            held = [one for at, one in enumerate(fits) if at not in chosen]
            scores = trial.scores(without=held)
            found.append(sum(trial.stands_high(scores, one) for one in held) / len(held))
        points.append((size, sum(found) / len(found)))
    return points


def expected_gain(curve: Sequence[tuple[int, float]], now: int, more: int = MORE) -> float | None:
    """What `more` answers add to the share found, by the curve a − b n^−c fitted to what was measured, with
    a ≤ 1 and b ≥ 0. None where fewer than three sizes were measured."""
    if len(curve) < 3:
        return None
    sizes = np.array([size for size, _ in curve], dtype=np.float64)
    shares = np.array([share for _, share in curve], dtype=np.float64)
    best = (float("inf"), 0.0, 0.0, 1.0)
    for power in np.linspace(0.1, 2.0, 20):
        fall = sizes**-power
        a, b = _line(-fall, shares)
        if b < 0:
            a, b = float(shares.mean()), 0.0
        if a > 1:
            a, b = 1.0, max(0.0, float(fall @ (1 - shares) / (fall @ fall)))
        error = float(np.sum((a - b * fall - shares) ** 2))
        if error < best[0] - 1e-12:
            best = (error, a, b, float(power))
    _, a, b, power = best
    after, before = (min(1.0, a - b * float(size) ** -power) for size in (now + more, now))
    return float(max(0.0, after - before))


def _line(x: Doubles, y: Doubles) -> tuple[float, float]:
    """(a, b) of the line a + b x nearest to y."""
    spread = float(np.sum((x - x.mean()) ** 2))
    b = float(np.sum((x - x.mean()) * (y - y.mean()))) / spread if spread > 0 else 0.0
    return float(y.mean()) - b * float(x.mean()), b


# --- what to ask next ------------------------------------------------------------------------------------


def questions(interest: Interest, viewer: Reader | None = None, many: int = ASKED) -> list[Question]:
    """The papers whose answers would teach most: high in the ranking, and unlike each other and what was
    answered. Deterministic."""
    try:
        index = doors.index()
        taste = taste_of_interest(interest, viewer)
        if not taste.teaches:
            return _to_begin_with(taste, many)
        examples, back, points = points_of(index, taste)
    except IndexTrouble:
        return []
    keys = list(points)[:POOL]
    vectors = index.vectors(vectors_named(index), keys)
    if not vectors.size:
        return _of_keys(keys[:many], [0.5] * many)
    chosen, unsure = most_telling(examples, back, without_mean(vectors, back.mean), many)
    return _of_keys([keys[at] for at in chosen], unsure)


def most_telling(
    examples: Sequence[Example], back: Background, vectors: Floats, many: int
) -> tuple[list[int], list[float]]:
    """Which of the candidates, best first (vectors without the mean [n, d]), to ask about, and how unsure
    the model is of each.

    A paper that belongs teaches most, so the first of the ranking are asked about, and of those the ones
    unlike what was answered or is asked already. To ask where the model is least sure brings mostly noes.
    """
    if not len(vectors):
        return [], []
    sure = _believed(examples, back, vectors)
    alike = vectors @ vectors.T
    worth = ASKED_FROM / (ASKED_FROM + np.arange(len(vectors)))
    known = [each.vector for each in examples if each.vector is not None and each.key]
    near = np.zeros(len(vectors))
    if known:
        near = np.max(vectors @ without_mean(np.array(known, np.float32), back.mean).T, axis=1)
    chosen: list[int] = []
    while len(chosen) < min(many, len(vectors)):
        value = worth * np.sqrt(1 - np.clip(near, 0, 0.99))
        value[chosen] = -1.0
        best = int(np.argmax(value))
        chosen.append(best)
        near = np.maximum(near, alike[best])
    return chosen, [float(4 * sure[at] * (1 - sure[at])) for at in chosen]


def _believed(examples: Sequence[Example], back: Background, vectors: Floats) -> Doubles:
    """How likely each paper of the pool (vectors without the mean) fits, by the model taught once more by
    what it is sure of itself."""
    first = _likely(examples, back, vectors)
    whole = vectors + back.mean
    guesses = [
        Example("", weight * 0.3, None, whole[at])
        for side, weight in ((first >= SURE, 1.0), (first <= 1 - SURE, -1.0))
        for at in np.flatnonzero(side)[:20]
    ]
    return _likely([*examples, *guesses], back, vectors) if guesses else first


def _scores(toward: Floats, some: Sequence[Example], back: Background) -> Floats:
    """Scores of examples that a model has read."""
    vectors = np.array([each.vector for each in some], np.float32)
    found: Floats = without_mean(vectors, back.mean) @ toward
    return found


def _likely(examples: Sequence[Example], back: Background, vectors: Floats) -> Doubles:
    """A logistic curve through the scores: a half in the middle between what fits and the edge of the pool,
    or what does not fit."""
    toward = direction(examples, back)
    if toward is None:
        return np.full(len(vectors), 0.5)
    scores = np.asarray(vectors @ toward, dtype=np.float64)

    def middle(side: int) -> float | None:
        some = [
            each
            for each in examples
            if each.weight * side > 0 and each.vector is not None and len(each.vector) == len(toward)
        ]
        return float(_scores(toward, some, back).mean()) if some else None

    high, low = middle(1), middle(-1)
    high = float(scores.max()) if high is None else high
    edge = float(np.quantile(scores, 0.1))
    low = edge if low is None else max(min(low, high), edge)
    width = max((high - low) / 2, 1e-6)
    found: Doubles = 1 / (1 + np.exp(-np.clip((scores - (high + low) / 2) / width * 2.2, -30, 30)))
    return found


def _to_begin_with(taste: Taste, many: int) -> list[Question]:
    """Nothing is known yet: what stands high now."""
    rows = Paper.objects.listed().exclude(pk__in=list(taste.seen)[:500]).order_by("-hotness", "pk")
    return _of_keys(list(rows.values_list("pk", flat=True)[:many]), [1.0] * many)


def _of_keys(keys: Sequence[int], unsure: Sequence[float]) -> list[Question]:
    rows = Paper.objects.listed().cards().in_bulk(list(keys))
    return [
        Question(rows[key], value, _because(value))
        for key, value in zip(keys, unsure, strict=False)
        if key in rows
    ]


def _because(unsure: float) -> str:
    return "could go either way" if unsure > 0.9 else "probably fits, and little like it was answered yet"
