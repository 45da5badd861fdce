"""Guided negatives: what a guide holds for nearer than the true partner is no negative.

Paper 96 (GISTEmbed). The idea: some "negatives" of a batch are in truth about the same thing; a guide model
finds them and they are left out of the loss. Changed: the guide is the encoder that the stage began with, so
that no second model is needed. Symbols: g float32 [n, n], the guide's cosines; pair i counts j only if
g[i, j] < g[i, i].
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method


@method("loss", 96)
def guided_negatives(scores: Tensor, batch: Batch) -> Tensor:
    with torch.no_grad():
        guide = batch.start(batch.left) @ batch.start(batch.right).T
        own = guide.diagonal()
        false = ((guide > own[:, None]) | (guide > own[None, :])).fill_diagonal_(False)
    scores = scores.masked_fill(false, -torch.inf)
    aim = torch.arange(len(scores))
    cross = torch.nn.functional.cross_entropy
    return (cross(scores, aim) + cross(scores.T, aim)) / 2
