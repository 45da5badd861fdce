"""Balanced teachers: two of them, neither louder than the other.

Paper 10 (MTARD). The idea: teachers differ in how sharp their answers are and a student learns from them
at different speeds; temperatures are set so that both answers have the same entropy, and weights so that
the teacher from whom less was learned counts more. Changed: one teacher is MiniLM, the other the shared
rare words of both texts (cosine of rarities), instead of one for clean and one for attacked pictures; the
weights follow the losses of the batch. Symbols: answers float32 [n, n], rows sum to 1; losses float32 [2].
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch
from lab.methods.margin_mse import taught

HALVINGS = 12  # of the range in which a temperature is looked for


@method("loss", 10)
def balanced_teachers(scores: Tensor, batch: Batch) -> Tensor:
    told = taught(batch)
    if told is None:
        return in_batch(scores, batch)
    first = told.softmax(dim=1)
    second = at_entropy(words_shared(batch), entropy(first))
    logs = scores.log_softmax(dim=1)
    losses = torch.stack(
        [torch.nn.functional.kl_div(logs, one, reduction="batchmean") for one in (first, second)]
    )
    weights = losses.detach() / losses.detach().sum()
    return (weights * losses).sum()


def words_shared(batch: Batch) -> Tensor:
    """Cosines of both sides' rare words, float32 [n, n]: a teacher that costs nothing."""
    rarity = torch.from_numpy(batch.library.rarity).clamp(min=0)
    sides = []
    for bags in (batch.left, batch.right):
        values = bags.counts * rarity[bags.tokens]
        owner = torch.bucketize(torch.arange(len(bags.tokens)), bags.offsets, right=True) - 1
        shape = (len(bags), len(rarity))
        sides.append(torch.sparse_coo_tensor(torch.stack([owner, bags.tokens]), values, shape).coalesce())
    lengths = [
        torch.zeros(len(side)).index_add(0, side.indices()[0], side.values() ** 2).sqrt().clamp(min=1e-6)
        for side in sides
    ]
    product = torch.sparse.mm(sides[0], sides[1].transpose(0, 1)).to_dense()
    return product / (lengths[0][:, None] * lengths[1])


def entropy(answers: Tensor) -> Tensor:
    """The mean over rows, in nats."""
    return -(answers * answers.clamp(min=1e-12).log()).sum(dim=1).mean()


def at_entropy(scores: Tensor, wanted: Tensor) -> Tensor:
    """The scores as answers whose mean entropy is the one wanted: the temperature is found by halving."""
    low, high = 1e-3, 10.0
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if entropy((scores / middle).softmax(dim=1)) > wanted else (middle, high)
    return (scores / (low * high) ** 0.5).softmax(dim=1)
