"""Shared sizes: one table that can be cut to several widths.

Paper 37 (Learngene by Stage-wise Weight Sharing). The idea: one compact set of shared weights starts off
models of many sizes. Changed: a table has no layers to share; its first 64 and 128 dimensions are trained
to stand alone, as well as all of them, so that a smaller encoder is a slice of the larger (after Kusupati
et al. 2022).
Symbols: for each width w the scores of vectors cut to w and brought to length 1 again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch

WIDTHS = (64, 128)


@method("loss", 37)
def shared_sizes(scores: Tensor, batch: Batch) -> Tensor:
    left, right = batch.encoder(batch.left), batch.encoder(batch.right)
    losses = [in_batch(scores, batch)]
    for width in WIDTHS:
        cut = [torch.nn.functional.normalize(side[:, :width], dim=1) for side in (left, right)]
        losses.append(in_batch(cut[0] @ cut[1].T / batch.temperature, batch))
    return torch.stack(losses).mean()
