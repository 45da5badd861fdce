"""Mined batches: those that are hard to tell apart are put into one batch.

Paper 26 (Unified Demonstration Retriever). The idea: rank a whole list of candidates that the retriever
itself has mined as near, and mine again as it learns. Changed: mining is by the encoder that the stage
begins with, once; a list is a batch, made by halving a set of papers along its widest direction until a
batch is left.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from broadsheet.embedders import Vectors
from lab.corpus import Library
from lab.encoder import Bags, TableEncoder
from lab.method import method
from lab.methods.shuffled import shuffled

TOGETHER = 8  # batches whose papers are sorted among themselves


@method("order", 26)
def mined_batches(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    drawn = shuffled(library, rows, rng, steps, size, start)
    made = []
    for first in range(0, steps, TOGETHER):
        some = drawn[first : first + TOGETHER].reshape(-1)
        with torch.no_grad():
            vectors = start(Bags.of([([library.titles[int(row)] for row in some], 1.0)])).numpy()
        parts = halved(vectors, len(some) // size)
        made += [some[part] for part in parts]
    mined = np.stack(made)
    return mined[rng.permutation(len(mined))]


def halved(vectors: Vectors, parts: int) -> list[NDArray[np.int64]]:
    """Places of vectors in `parts` sets of one size, near ones together; their number must be a multiple."""
    if parts == 1:
        return [np.arange(len(vectors))]
    centred = vectors - vectors.mean(axis=0)
    widest = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    order = np.argsort(centred @ widest, kind="stable")
    cut = len(vectors) // parts * (parts // 2)
    left, right = order[:cut], order[cut:]
    return [left[part] for part in halved(vectors[left], parts // 2)] + [
        right[part] for part in halved(vectors[right], parts - parts // 2)
    ]
