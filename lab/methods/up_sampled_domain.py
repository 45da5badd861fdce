"""Up-sampled domain: the small collections are repeated until they balance the large one.

Paper 107 (Localize medical BERT and enhance biomedical BERT). The idea: repeat the small specialist
collection so that both weigh the same. Changed: collections are the archives of arXiv, and an archive is
drawn as the root of its size, half-way between as it comes and all the same. The enlarged vocabulary of
the paper is left out: the tokenizer ships with the package that the table came from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import TableEncoder
from lab.method import method


@method("order", 107)
def up_sampled_domain(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    _, archive, sizes = np.unique(library.archives[rows], return_inverse=True, return_counts=True)
    likely = 1 / np.sqrt(sizes[archive])
    likely /= likely.sum()
    return np.stack([rng.choice(rows, size, replace=False, p=likely) for _ in range(steps)])
