"""Balanced teachers: two of them, neither louder than the other.

Paper 10 (MTARD). The idea: teachers differ in how sharp their answers are and a student learns from them
at different speeds; temperatures are set so that both answers have the same entropy, and weights so that
the teacher from whom less was learned counts more. Changed: one teacher is MiniLM, the other the shared
rare words of both texts (cosine of rarities), instead of one for clean and one for attacked pictures; the
weights follow the losses of the batch. Symbols: answers float32 [n, n], rows sum to 1; losses float32 [2].
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
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
    rarity = batch.library.rarity.clip(min=0)
    sides = []
    for bags in (batch.left, batch.right):
        values = bags.counts.numpy() * rarity[bags.tokens.numpy()]
        ends = np.append(bags.offsets.numpy(), len(values))
        side = scipy.sparse.csr_matrix((values, bags.tokens.numpy(), ends), (len(bags), len(rarity)))
        lengths = np.sqrt(side.multiply(side).sum(axis=1)).A1.clip(min=1e-6)
        sides.append(scipy.sparse.diags(1 / lengths) @ side)
    return torch.from_numpy((sides[0] @ sides[1].T).toarray().astype(np.float32))


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
