"""Every paper once, in an order of chance; begun anew when all were seen. What every recipe begins with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import TableEncoder
from lab.method import method


@method("order")
def shuffled(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    """int64 [steps, size]; no paper twice in a batch as long as there are as many as `size`."""
    rounds = -(-steps * size // (len(rows) // size * size))
    seen = np.concatenate([rng.permutation(rows)[: len(rows) // size * size] for _ in range(rounds)])
    return seen[: steps * size].reshape(steps, size)
