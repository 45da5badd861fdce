"""Low rank: the change of a table is kept to a few directions.

Paper 8 (MTLoRA), low-rank adaptation (Hu et al. 2022) for several tasks. The idea: what adapts is a product
of two thin matrices, so little is trained and little can be spoiled. Changed: the change is cut down to its
strongest directions after training (a truncated singular value decomposition), which for a linear encoder
is the best low-rank change there is. Options: rank.
"""

from __future__ import annotations

import torch

from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method


@method("stage", 8)
def low_rank(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    origin = course.made["untrained"]
    change = encoder.table.detach() - origin.table.detach()
    values, vectors = torch.linalg.eigh(change.T @ change)
    strongest = vectors[:, values.argsort(descending=True)[: int(options.get("rank", 16))]]
    return TableEncoder(origin.table.detach() + change @ strongest @ strongest.T, encoder.weights)
