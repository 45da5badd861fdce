"""Planned mixture: general papers give way to those of the field that matters, and never quite go.

Paper 104 (Continual Pre-training of Large Language Models), and 75 (Tele-LLMs) for adapting to one field.
The idea: continue with a planned mix, so that the new is learned and the old kept. Changed: the field is
computing (the archive cs), which most readers' topics are of; its share of a batch goes from that of the
corpus to MOST.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import TableEncoder
from lab.method import method

FIELD, MOST = "cs", 0.9


@method("order", 104)
def planned_mixture(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    inside = library.archives[rows] == FIELD
    special, general = rng.permutation(rows[inside]), rng.permutation(rows[~inside])
    if not len(special) or not len(general):
        return np.stack([rng.choice(rows, size, replace=False) for _ in range(steps)])
    first = len(special) / len(rows)
    batches, used = [], [0, 0]
    for step in range(steps):
        number = round(size * (first + (MOST - first) * step / steps))
        batch = []
        for which, (pool, wanted) in enumerate(((special, number), (general, size - number))):
            batch.append(np.take(pool, np.arange(used[which], used[which] + wanted), mode="wrap"))
            used[which] += wanted
        batches.append(np.concatenate(batch))
    return np.stack(batches)
