"""Margin-MSE: the student copies how much nearer the teacher holds the partner than the others.

Paper 91 (Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge Distillation). The
idea: a student of another architecture cannot give the teacher's scores, but it can give their
differences: for a query, its passage and another one, the squared error is taken between both models'
margins. Changed: the teacher is a dual encoder (MiniLM), so that every other text of the batch is asked
about, and margins are in units of the temperature. Pairs that the teacher has not read are learned by
contrast.
Symbols: s, t float32 [n, n], student's and teacher's scores; margin of i over j is s[i, i] - s[i, j].
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch


@method("loss", 91)
def margin_mse(scores: Tensor, batch: Batch) -> Tensor:
    told = taught(batch)
    if told is None:
        return in_batch(scores, batch)
    losses = [
        torch.nn.functional.mse_loss(mine.diagonal()[:, None] - mine, its.diagonal()[:, None] - its)
        for mine, its in ((scores, told), (scores.T, told.T))
    ]
    return torch.stack(losses).mean()


def taught(batch: Batch) -> Tensor | None:
    """The teacher's scores of a batch of titles and openings, float32 [n, n] over the temperature; None if it
    has not read them."""
    teacher = batch.library.teacher
    places = teacher.places(batch.rows)
    if places is None or len(places) != len(batch.left):
        return None
    return torch.from_numpy(teacher.titles[places] @ teacher.openings[places].T) / batch.temperature
