"""Flat regions: down to where the neighbourhood is low, too.

Paper 43 (Improving Multi-task Learning via Seeking Task-based Flat Regions). The idea: sharpness-aware
minimisation (Foret et al. 2021), for each task; a flat minimum carries over better. Changed: one task at a
time, as batches of different pairs alternate. Symbols: radius r; the gradient is taken at w + r g/|g|.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lab.encoder import TableEncoder
from lab.method import method

RADIUS = 0.5


@method("update", 43)
def flat_regions(
    encoder: TableEncoder, optimizer: torch.optim.Optimizer, loss_of: Callable[[], Tensor]
) -> float:
    optimizer.zero_grad()
    loss = loss_of()
    loss.backward()
    gradient = encoder.table.grad
    assert gradient is not None
    aside = RADIUS * gradient / (gradient.norm() + 1e-12)
    with torch.no_grad():
        encoder.table += aside
    optimizer.zero_grad()
    loss_of().backward()
    with torch.no_grad():
        encoder.table -= aside
    optimizer.step()
    return float(loss.detach())
