"""Graded alignment: pairs count by how well they fit each other to begin with.

Paper 55 (AlignGPT). The idea: pairs differ in how well their two sides match, and a model that is told the
level learns more from the good ones without losing the others. Changed: eight levels of the starting
encoder's cosine are weights from 0.5 to 1.5 instead of learned level tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method

LEVELS = 8


@method("loss", 55)
def graded_alignment(scores: Tensor, batch: Batch) -> Tensor:
    with torch.no_grad():
        fit = (batch.start(batch.left) * batch.start(batch.right)).sum(dim=1)
        level = fit.argsort().argsort() * LEVELS // len(fit)
        weight = 0.5 + level / (LEVELS - 1)
    aim = torch.arange(len(scores))
    losses = [torch.nn.functional.cross_entropy(side, aim, reduction="none") for side in (scores, scores.T)]
    return torch.stack([(weight * loss).sum() / weight.sum() for loss in losses]).mean()
