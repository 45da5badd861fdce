"""How well an encoder does what it is trained for, on papers that a short training has hardly seen.

For the methods that try before they choose. It looks at training papers alone, never at what is judged.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import Bags, TableEncoder
from lab.method import Batch, Moment, find

SIZE, BATCHES = 1_024, 4
PROBED = 2_000_000  # a place of chance that no step of training uses


def loss_on(encoder: TableEncoder, library: Library, pairs: str, rows: NDArray[np.int64], seed: int) -> float:
    """The contrastive loss of one way to make pairs, the mean over batches of at most SIZE papers."""
    losses = []
    for number, some in enumerate(np.array_split(rows, max(1, len(rows) // SIZE))):
        moment = Moment(0.5, np.random.default_rng([seed, PROBED, number]), encoder)
        left, right = (Bags.of(side) for side in find(pairs, "pairs").function(library, some, moment)[:2])
        with torch.no_grad():
            batch = Batch(some, left, right, encoder, encoder, library)
            scores = encoder(left) @ encoder(right).T / batch.temperature
            losses.append(float(find("in_batch", "loss").function(scores, batch)))
    return float(np.mean(losses))


def probe_rows(library: Library, rng: np.random.Generator) -> NDArray[np.int64]:
    rows = library.training_rows
    drawn: NDArray[np.int64] = rng.choice(rows, min(SIZE * BATCHES, len(rows)), replace=False)
    return drawn
