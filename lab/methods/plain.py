"""One step down the gradient. What every recipe begins with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lab.encoder import TableEncoder
from lab.method import method


@method("update")
def plain(encoder: TableEncoder, optimizer: torch.optim.Optimizer, loss_of: Callable[[], Tensor]) -> float:
    optimizer.zero_grad()
    loss = loss_of()
    loss.backward()
    optimizer.step()
    return float(loss.detach())
