"""Aligned teacher: what is taught is fitted to what the student can take in.

Paper 99 (ARTE). The idea: the teacher changes its material to what suits the student. Changed: nothing is
written; the teacher's vectors are mapped into the student's space by the linear map that fits the
student's own vectors best (ridge regression, a batch at a time), and only what survives that is taught.
Symbols: T float32 [n, 384], S float32 [n, d]; W = argmin |T W - S|² + ridge |W|².
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch

RIDGE = 1.0


@method("loss", 99)
def aligned_teacher(scores: Tensor, batch: Batch) -> Tensor:
    places = batch.library.teacher.places(batch.rows)
    if places is None or len(places) != len(batch.left):
        return in_batch(scores, batch)
    with torch.no_grad():
        teacher = batch.library.teacher
        sides = [torch.from_numpy(side[places]) for side in (teacher.titles, teacher.openings)]
        left, right = (
            fitted(side, batch.encoder(bags))
            for side, bags in zip(sides, (batch.left, batch.right), strict=True)
        )
        told = (left @ right.T / batch.temperature).softmax(dim=1)
    return torch.nn.functional.kl_div(scores.log_softmax(dim=1), told, reduction="batchmean")


def fitted(theirs: Tensor, mine: Tensor) -> Tensor:
    """Their vectors as near to mine as a linear map brings them, rows of length 1, float32 [n, d]."""
    gram = theirs.T @ theirs + RIDGE * torch.eye(theirs.shape[1])
    mapped = theirs @ torch.linalg.solve(gram, theirs.T @ mine)
    return torch.nn.functional.normalize(mapped, dim=1)
