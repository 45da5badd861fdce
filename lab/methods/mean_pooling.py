"""Mean pooling: every token counts the same.

Paper 92 (Pooling And Attention), which finds no pooling best for everything. Here the weights for rarity are
taken away before training, to see whether the table learns them by itself.
"""

from __future__ import annotations

import torch

from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method


@method("stage", 92)
def mean_pooling(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    return TableEncoder(encoder.table.detach(), torch.ones_like(encoder.weights))
