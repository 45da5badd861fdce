"""Measures of a ranking, and how far to trust their means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 2_000  # resamplings; from seed to seed, an interval's ends move by some 0.2 points


def gain(grades: Sequence[float] | Floats) -> float:
    """Discounted cumulative gain of ranked grades: the first counts whole, place i over log2(i)."""
    values = np.asarray(grades, dtype=np.float64)
    if not len(values):
        return 0.0
    return float(values[0] + (values[1:] / np.log2(np.arange(2, len(values) + 1))).sum())


def ndcg(grades: Sequence[float] | Floats, ideal: Sequence[float] | Floats, depth: int) -> float:
    """Gain of the first `depth` ranked grades over that of the best order of all of `ideal`; 0 to 1."""
    best = gain(np.sort(np.asarray(ideal, dtype=np.float64))[::-1][:depth])
    return gain(grades[:depth]) / best if best else 0.0


def average_precision(relevant: Sequence[bool]) -> float:
    """Mean of the precision at each relevant place; 0 if none is relevant."""
    hits = np.asarray(relevant, dtype=bool)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()) if hits.any() else 0.0


def recall(ranked: Sequence[int], relevant: set[int], depth: int) -> float:
    """The share of the relevant that stand among the first `depth`."""
    return len(relevant.intersection(ranked[:depth])) / len(relevant)


def interval(values: Sequence[float] | Floats, seed: int = 0) -> tuple[float, float]:
    """Where the mean of such values would lie in 95 of 100 samples (percentile bootstrap)."""
    sample = np.asarray(values, dtype=np.float64)
    chance = np.random.default_rng(seed)
    # One by one: at 45,000 values all draws together would take a gigabyte.
    means = [sample[chance.integers(0, len(sample), len(sample))].mean() for _ in range(DRAWS)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
