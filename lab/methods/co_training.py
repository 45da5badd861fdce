"""Co-training: two views of a paper teach each other, each as loud as it is sure.

Paper 21 (Uncertainty-Aware Multi-View Co-Training). The idea: views of one thing label it for each other,
and a view that is sure counts more. Changed: the views are title and abstract, what they tell each other
is which other papers of the batch are near, and sureness is one minus the entropy over its greatest value.
Symbols: a, b float32 [n, n], nearness among titles and among abstracts; rows sum to 1, diagonal left out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch

SHARE = 0.25  # of the loss


@method("loss", 21)
def co_training(scores: Tensor, batch: Batch) -> Tensor:
    left, right = batch.encoder(batch.left), batch.encoder(batch.right)
    away = torch.eye(len(left)) * -1e9
    logs = [(side @ side.T / batch.temperature + away).log_softmax(dim=1) for side in (left, right)]
    told = [one.detach().exp() for one in logs]
    mutual = [
        (sureness(told[other]) * -(told[other] * logs[view]).sum(dim=1)).mean()
        for view, other in ((0, 1), (1, 0))
    ]
    return (1 - SHARE) * in_batch(scores, batch) + SHARE * torch.stack(mutual).mean()


def sureness(answers: Tensor) -> Tensor:
    """1 for an answer that names one, 0 for one that names all alike, float32 [n]."""
    entropy = -(answers * answers.clamp(min=1e-12).log()).sum(dim=1)
    return 1 - entropy / math.log(len(answers))
