"""Difficulty curriculum: what is easy weighs more at first.

Paper 54 (Training Curricula for Open Domain Answer Re-Ranking). The idea: heuristics such as a first
ranker's score tell how hard an example is, and easy examples lead the way. Changed: instead of weights in
the loss, the order of papers is that of the starting encoder's cosine of title and abstract, blurred by
chance.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import Bags, TableEncoder
from lab.method import method
from lab.methods.shuffled import shuffled

BLUR = 0.5  # how far chance moves a paper, as a share of the whole order


@method("order", 54)
def difficulty_curriculum(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    drawn = shuffled(library, rows, rng, steps, size, start)
    with torch.no_grad():
        fits = [
            (
                start(Bags.of([([library.titles[row] for row in batch], 1.0)]))
                * start(Bags.of([([library.abstract(row) for row in batch], 1.0)]))
            ).sum(dim=1)
            for batch in drawn
        ]
    hardness = torch.cat(fits).numpy().argsort()[::-1].argsort() / drawn.size
    order = np.argsort(hardness + BLUR * rng.random(drawn.size), kind="stable")
    return drawn.reshape(-1)[order].reshape(steps, size)
