"""Competitive distillation: the teacher is asked only where it does better than the student.

Paper 24 (CoMD). The idea: lessons go both ways; what the student already does better need not be taught,
what it does worse is. Changed: a pair is lost by whoever gives the true partner less probability; where
the student loses, it copies the teacher's distribution, where it wins, it goes on by contrast alone. The
teacher is not trained. Symbols: p, q float32 [n], probability of the true partner by student and teacher.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch
from lab.methods.margin_mse import taught


@method("loss", 24)
def competitive_distillation(scores: Tensor, batch: Batch) -> Tensor:
    told = taught(batch)
    if told is None:
        return in_batch(scores, batch)
    losses = []
    for mine, its in ((scores, told), (scores.T, told.T)):
        logs, wanted = mine.log_softmax(dim=1), its.softmax(dim=1)
        lost = (logs.detach().diagonal().exp() < wanted.diagonal())[:, None]
        aim = torch.where(lost, wanted, torch.eye(len(mine)))
        losses.append(-(aim * logs).sum(dim=1).mean())
    return torch.stack(losses).mean()
