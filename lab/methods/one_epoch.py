"""One epoch: every text once, rather than some of them often.

Paper 79 (One Epoch Is All You Need). The idea: with the same number of steps, fresh texts teach more than
repeated ones. Nothing is added for it: the recipe that is compared gives `papers` so small that each is seen
four times, and the baseline is the method.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import TableEncoder
from lab.method import method
from lab.methods.shuffled import shuffled


@method("order", 79)
def one_epoch(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    return shuffled(library, rows, rng, steps, size, start)
