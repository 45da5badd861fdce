"""Staged distillation: first how the teacher sees texts among themselves, then its answers.

Paper 45 (LLaVA-KD). The idea: a small model copies both the large one's outputs and the relations among
its features, in stages. Changed: the stages are two stages of a recipe, this one (relations of titles
among titles, and the answers from titles to openings) and contrast after it. Symbols: relations float32
[n, n], cosines.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lab.method import Batch, method
from lab.methods.in_batch import in_batch
from lab.methods.margin_mse import taught


@method("loss", 45)
def staged_distillation(scores: Tensor, batch: Batch) -> Tensor:
    told, places = taught(batch), batch.library.teacher.places(batch.rows)
    if told is None or places is None:
        return in_batch(scores, batch)
    answers = torch.nn.functional.kl_div(
        scores.log_softmax(dim=1), told.softmax(dim=1), reduction="batchmean"
    )
    mine = batch.encoder(batch.left)
    its = torch.from_numpy(batch.library.teacher.titles[places])
    away = torch.eye(len(mine)) * -1e9
    logs = (mine @ mine.T / batch.temperature + away).log_softmax(dim=1)
    wanted = (its @ its.T / batch.temperature + away).softmax(dim=1)
    return answers + torch.nn.functional.kl_div(logs, wanted, reduction="batchmean")
