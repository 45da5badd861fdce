"""Nearest-neighbour supervision: a text must agree with its nearest of the same class, not with the whole
class.

Paper 33 (LOOK). The idea: pulling all of a class together loses what its members differ in; it is enough
that the nearest neighbours are mostly of the same class. Changed: the class is the first arXiv category;
for each title the partner and the nearest abstracts of its class, as the starting encoder sees them, count
as right.
Symbols: right bool [n, n]; loss is minus the log of the probability of all that are right.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch

NEAREST = 3


@method("loss", 33)
def knn_supervision(scores: Tensor, batch: Batch) -> Tensor:
    with torch.no_grad():
        fields = torch.from_numpy(batch.library.fields[batch.rows])
        near = batch.start(batch.right) @ batch.start(batch.right).T
        near = near.masked_fill(fields[:, None] != fields, -1.0).fill_diagonal_(-1.0)
        top = near.topk(min(NEAREST, len(near) - 1), dim=1)
        right = torch.zeros_like(near, dtype=torch.bool).scatter(1, top.indices, top.values > 0.5)
        right.fill_diagonal_(True)
    likely = scores.log_softmax(dim=1).masked_fill(~right, -torch.inf).logsumexp(dim=1)
    return (in_batch(scores, batch) - likely.mean()) / 2
