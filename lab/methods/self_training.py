"""Self-training: the encoder labels papers for itself, where it is sure.

Paper 28 (HAST). The idea: what the model can label with confidence among its neighbours is added to what
it learns from. Changed: a label is "is about the same as": of twice as many papers, those that are each
other's nearest by title, abstract and encoder as it is now, the surest half, become pairs of one's title
and the other's abstract.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import Bags
from lab.method import Moment, Parts, method


@method("pairs", 28)
def self_training(
    library: Library, rows: NDArray[np.int64], moment: Moment
) -> tuple[Parts, Parts, NDArray[np.int64]]:
    """Fewer pairs than papers asked for; a batch without any mutual neighbours gives titles and abstracts."""
    more = moment.rng.choice(library.training_rows, len(rows), replace=False)
    candidates = np.unique(np.concatenate([rows, more]))
    titles = [library.titles[row] for row in candidates]
    abstracts = [library.abstract(row) for row in candidates]
    with torch.no_grad():
        vectors = moment.encoder(Bags.of([(titles, 2.0), (abstracts, 1.0)]))
        near, partner = (vectors @ vectors.T).fill_diagonal_(-1.0).max(dim=1)
    mutual = mutual_pairs(near.numpy(), partner.numpy())
    if len(mutual) < 2:
        return (
            [([library.titles[row] for row in rows], 1.0)],
            [([library.abstract(row) for row in rows], 1.0)],
            rows,
        )
    left, right = mutual.T
    # Both directions: either may ask for the other.
    asked, found = np.concatenate([left, right]), np.concatenate([right, left])
    return (
        [([titles[place] for place in asked], 1.0)],
        [([abstracts[place] for place in found], 1.0)],
        candidates[asked],
    )


def mutual_pairs(near: NDArray[np.float32], partner: NDArray[np.int64]) -> NDArray[np.int64]:
    """The surest half of those that are each other's nearest, int64 [k, 2], each pair once."""
    places = np.arange(len(partner))
    mutual = places[(partner[partner] == places) & (places < partner)]
    surest = mutual[np.argsort(-near[mutual], kind="stable")][: -(-len(mutual) // 2)]
    return np.stack([surest, partner[surest]], axis=1)
