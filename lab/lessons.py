"""How a transformer is trained: steps of one batch each, with checkpoints, curve and progress.

A lesson is what a method asks of a step: given texts, a loss. Texts are titles, sentences and whole papers of
the training rows; short ones may come first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab import LabError
from lab.corpus import SENTENCE_END, Library
from lab.course import Course
from lab.method import Options
from lab.transformer import WORDS, TransformerEncoder

KEEP_EVERY = 50  # steps between two checkpoints
SAY_EVERY = 10  # steps between two lines of progress
MEAN = 0.98  # of the running mean of the loss, which the curve shows beside the loss
LONGEST = 1.0  # the norm that gradients are cut to


@dataclass(frozen=True, slots=True)
class Schedule:
    """The options that all such stages have. `tokens`: of a batch, about; `words`: whether the table of
    tokens is trained, too."""

    steps: int = 200
    tokens: int = 2_048
    rate: float = 2e-4
    words: bool = False
    others: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, options: Options, others: dict[str, Any]) -> Schedule:
        """From a stage's options; `others`: those of the method alone, with what they are if not given.
        LabError for a name or a type that is not known."""
        known = {key: getattr(cls(), key) for key in ("steps", "tokens", "rate", "words")} | others
        wanted = {key: value for key, value in options.items() if key not in ("method", "name", "start")}
        if unknown := set(wanted) - set(known):
            raise LabError(f"{name} has no option {', '.join(sorted(unknown))}.")
        for key, value in wanted.items():
            kind = type(known[key])
            if not isinstance(value, kind) and not (kind is float and isinstance(value, int)):
                raise LabError(f"{name}: {key} = {value!r} is not of type {kind.__name__}.")
        known |= wanted
        own = {key: known.pop(key) for key in ("steps", "tokens", "rate", "words")}
        return cls(**own, others=known)


def train(
    encoder: TransformerEncoder, course: Course, plan: Schedule, loss_of: Callable[[int], Tensor]
) -> TransformerEncoder:
    """The encoder after all steps; `loss_of` step i, which the same i always asks the same of.

    Raises LabError when the loss is no number any more.
    """
    trained = []
    for name in encoder.names:
        encoder[name].requires_grad_(plan.words or name != WORDS)
        if encoder[name].requires_grad:
            trained.append(encoder[name])
    optimizer = torch.optim.AdamW(trained, lr=plan.rate, weight_decay=0.01, betas=(0.9, 0.98))
    first, mean = _resume(course, encoder, optimizer)
    for step in range(first, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * _slope(step, plan.steps)
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(step)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise LabError(
                f"The loss of step {step + 1} is not a number: lower rate (now {plan.rate}). "
                f"The checkpoint of step {step // KEEP_EVERY * KEEP_EVERY} is kept in {course.folder}."
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, LONGEST)
        optimizer.step()
        mean = value if mean is None else MEAN * mean + (1 - MEAN) * value
        done = step + 1
        if not done % SAY_EVERY or done == plan.steps:
            course.note(step=done, loss=round(value, 5), mean=round(mean, 5))
            course.say(f"{done} of {plan.steps} steps, loss {value:.3f}, of late {mean:.3f}")
        if not done % KEEP_EVERY and done < plan.steps:
            part = course.checkpoint.with_suffix(".part")
            state = {"encoder": encoder.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({"done": done, "mean": mean, **state}, part)
            part.replace(course.checkpoint)
    return encoder.requires_grad_(False)


def _slope(step: int, steps: int) -> float:
    """A twentieth of warming up, then straight down to a fiftieth."""
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else max(0.02, 1 - (step - warm) / (steps - warm))


def _resume(
    course: Course, encoder: TransformerEncoder, optimizer: torch.optim.Optimizer
) -> tuple[int, float | None]:
    """The step to go on with and the mean of the loss, everything else put back as it was."""
    if not course.checkpoint.is_file():
        return 0, None
    state = torch.load(course.checkpoint)
    encoder.load_state_dict(state["encoder"])
    optimizer.load_state_dict(state["optimizer"])
    course.say(f"goes on after step {state['done']}")
    return int(state["done"]), state["mean"]


def pieces(library: Library, row: int, kind: str, rng: np.random.Generator) -> str:
    """A text of a paper: its title, a sentence of its abstract, or all of it as the product reads it."""
    papers = library.papers
    if kind == "title":
        return papers.titles[row]
    if kind == "paper":
        return papers.text(row)
    sentences = SENTENCE_END.split(papers.abstracts[row].strip())
    return sentences[int(rng.integers(len(sentences)))]


def drawn(library: Library, rng: np.random.Generator, number: int) -> NDArray[np.int64]:
    """So many training papers by chance, none twice."""
    rows = library.training_rows
    return rows[rng.choice(len(rows), number, replace=False)]
