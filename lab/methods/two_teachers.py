"""Two teachers: for each text, the one that knows better speaks louder.

Paper 2 (MulKI), third of its four stages: knowledge of two teachers is told apart and weighed anew,
example by example. Changed: the teachers are MiniLM and the table that training began with, so that what
was known before is kept; a teacher's weight is the probability that it gives the true partner. Prototypes
and the other stages are left out. Symbols: answers float32 [n, n], rows sum to 1; weights float32 [n, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch
from lab.methods.margin_mse import taught


@method("loss", 2)
def two_teachers(scores: Tensor, batch: Batch) -> Tensor:
    told = taught(batch)
    if told is None:
        return in_batch(scores, batch)
    with torch.no_grad():
        before = batch.start(batch.left) @ batch.start(batch.right).T / batch.temperature
        answers = [one.softmax(dim=1) for one in (told, before)]
        trust = torch.stack([one.diagonal() for one in answers]) + 1e-12
        weights = (trust / trust.sum(dim=0))[:, :, None]
        aim = weights[0] * answers[0] + weights[1] * answers[1]
    return in_batch(scores, batch) / 2 - (aim * scores.log_softmax(dim=1)).sum(dim=1).mean() / 2
