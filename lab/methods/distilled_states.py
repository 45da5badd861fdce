"""Distilled states: a smaller encoder learns the state of every token from the larger one it was cut of.

Papers 24 and 99 (a teacher's knowledge handed down; a teacher aligned to its student), with the lengths of 84
(short texts first). The idea: a vector a text is little to learn from; the states of its tokens are a
hundred times as much, and since the student has its teacher's layers, they mean the same from the first step.
Changed: the teacher reads the tokens that the student skips, so that the student learns to do without them.

Symbols: h, t float32 [tokens, d], a layer's states of student and teacher at the tokens that both read;
v, u float32 [n, d], their texts' vectors of length 1. Loss = mean over kept layers of |h - t|² / |t|², plus
`vectors` times mean of 1 - v·u. Options: those of lab/lessons.py, and teacher (the name of an earlier
stage), layers (of the teacher, those that the student has), limit (tokens of a text), papers (the share of
batches that are of whole papers at the end; before, there are more of sentences and titles), vectors.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.lessons import Schedule, drawn, pieces, train
from lab.method import Options, method
from lab.transformer import TransformerEncoder

LENGTHS = {"title": 16, "sentence": 32, "paper": 128}  # tokens that a text of a kind has, about


@method("transformer", 24)
def distilled_states(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    others = {"teacher": "", "layers": [], "limit": 128, "papers": 0.7, "vectors": 1.0}
    plan = Schedule.of("distilled_states", options, others)
    teacher = course.made.get(plan.others["teacher"])
    if not isinstance(teacher, TransformerEncoder):
        raise LabError(
            f"distilled_states: no earlier stage is named {plan.others['teacher']!r}: name its teacher."
        )
    layers, limit = plan.others["layers"], plan.others["limit"]
    if len(layers) != encoder.layers:
        raise LabError(
            f"distilled_states: layers must name the teacher's {encoder.layers} that the student has."
        )
    teacher.requires_grad_(False)

    def loss_of(step: int) -> Tensor:
        rng = course.rng(step)
        texts = _texts(library, rng, plan, step / plan.steps)
        read = teacher.words.read(texts, limit)
        kept = [_kept(encoder, numbers) for numbers in read]
        with torch.no_grad():
            theirs, real = teacher.states(read)
            aim = teacher.pooled(theirs[-1], real)
        ours, mask = encoder.states([numbers[places] for numbers, places in zip(read, kept, strict=True)])
        places = torch.zeros(mask.shape, dtype=torch.int64)
        places[mask] = torch.from_numpy(np.concatenate(kept))
        total = torch.zeros(())
        for own, layer in zip(ours[1:], layers, strict=True):
            target = torch.take_along_dim(theirs[layer + 1], places[:, :, None], dim=1)[mask]
            total = total + (own[mask] - target).square().mean() / target.square().mean()
        vectors = encoder.pooled(ours[-1], mask)
        return total / len(layers) + plan.others["vectors"] * (1 - (vectors * aim).sum(1)).mean()

    return train(encoder, course, plan, loss_of)


def _kept(encoder: TransformerEncoder, numbers: np.ndarray) -> np.ndarray:
    """Where the tokens stand that the student reads."""
    places = np.flatnonzero(~np.isin(numbers, encoder.words.left_out))
    return places if len(places) > 2 else np.arange(len(numbers))


def _texts(library: Library, rng: np.random.Generator, plan: Schedule, share: float) -> list[str]:
    """Texts of one kind, as many as a batch's tokens hold: ever more of whole papers as training goes on."""
    whole = plan.others["papers"] * min(1.0, 2 * share + 0.2)
    kind = "paper" if rng.random() < whole else ("title" if rng.random() < 0.3 else "sentence")
    rows = drawn(library, rng, max(1, plan.tokens // LENGTHS[kind]))
    return [pieces(library, int(row), kind, rng) for row in rows]
