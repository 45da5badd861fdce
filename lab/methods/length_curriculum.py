"""Length curriculum: batches of like length, short ones first.

Paper 84 (Dataset Decomposition: Faster LLM Training with Variable Sequence Length Curriculum). The idea:
texts in buckets by length, batches from one bucket, and more of the short buckets early. Changed: four
buckets by quarters of the abstracts' lengths; the order of the batches moves from short to long with chance
in between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import TableEncoder
from lab.method import method
from lab.methods.shuffled import shuffled

BUCKETS = 4
CHANCE = 1.0  # how far, in buckets, a batch may move from its place


@method("order", 84)
def length_curriculum(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    drawn = shuffled(library, rows, rng, steps, size, start).reshape(-1)
    lengths = np.array([len(library.abstract(int(row))) for row in drawn])
    buckets = np.array_split(drawn[np.argsort(lengths, kind="stable")], BUCKETS)
    whole = [rng.permutation(bucket)[: len(bucket) // size * size].reshape(-1, size) for bucket in buckets]
    level = np.repeat(np.arange(BUCKETS), [len(bucket) for bucket in whole])
    batches = np.concatenate(whole)[np.argsort(level + CHANCE * rng.random(len(level)), kind="stable")]
    missing = steps - len(batches)
    return np.concatenate([batches, batches[len(batches) - missing :]]) if missing else batches
