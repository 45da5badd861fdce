"""Checkpoint averaging: the mean of training's last snapshots.

Paper 7 (JaColBERTv2.5), whose last step merges checkpoints to have the gain of fine-tuning and what came
before. Changed: the snapshots are the last four tenths of one training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lab.encoder import TableEncoder
from lab.method import method

KEPT = 4


@method("keep", 7)
def checkpoint_averaging(encoders: Sequence[TableEncoder]) -> TableEncoder:
    some = encoders[-KEPT:]
    table = torch.stack([encoder.table.detach() for encoder in some]).mean(dim=0)
    return TableEncoder(table, torch.stack([encoder.weights.detach() for encoder in some]).mean(dim=0))
