"""Lifelong selection: of each group of like papers, the most repetitive are discarded.

Paper 111 (Adapt-infty). The idea: group samples by the skill they teach, and throw away what repeats
others, so that rare skills keep their share of the budget. Changed: groups are first categories;
repetitive is who lies nearest to the mean of its group by the starting encoder, and half of each group
goes. One rule for all groups.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lab.corpus import Library
from lab.encoder import Bags, TableEncoder
from lab.method import method
from lab.methods.shuffled import shuffled

CHUNK = 8_192


@method("order", 111)
def lifelong_selection(
    library: Library,
    rows: NDArray[np.int64],
    rng: np.random.Generator,
    steps: int,
    size: int,
    start: TableEncoder,
) -> NDArray[np.int64]:
    # Twice as many as needed are looked at, so that half of them is enough.
    looked = rng.permutation(rows)[: 2 * steps * size]
    with torch.no_grad():
        vectors = torch.cat(
            [
                start(Bags.of([([library.titles[row] for row in looked[first : first + CHUNK]], 1.0)]))
                for first in range(0, len(looked), CHUNK)
            ]
        )
    groups = torch.from_numpy(library.fields[looked])
    means = torch.zeros(int(groups.max()) + 1, vectors.shape[1]).index_add(0, groups, vectors)
    means = torch.nn.functional.normalize(means, dim=1)
    typical = (vectors * means[groups]).sum(dim=1).numpy()
    rank = np.empty(len(looked), dtype=np.int64)
    rank[np.lexsort((typical, groups.numpy()))] = np.arange(len(looked))
    sizes = np.bincount(groups.numpy())
    begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    # Within its group, the less typical half; odd ones out stay.
    kept = rank - begins[groups.numpy()] < -(-sizes[groups.numpy()] // 2)
    return shuffled(library, looked[kept], rng, steps, size, start)
