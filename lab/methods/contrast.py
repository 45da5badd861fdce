"""Contrastive training, which every recipe begins with: what belongs together comes nearer than the rest
of the batch. The loss is InfoNCE in both directions (van den Oord et al. 2018), negatives are the batch
itself.

Symbols: n pairs a batch, left and right float32 [n, d] of length 1, temperature t; scores = left rightᵀ /
t.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.encoder import Bags, TableEncoder
from lab.method import Batch, Moment, Options, find, method

KEEP_EVERY = 50  # steps between two checkpoints
SAY_EVERY = 25  # steps between two lines of progress
SNAPSHOTS = 10  # of a training, evenly spread, for the methods that keep more than the last


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of this stage. `pairs`: how often each way of making pairs is drawn."""

    steps: int = 150
    size: int = 1024
    rate: float = 0.01
    temperature: float = 0.05
    pairs: dict[str, float] = field(default_factory=lambda: {"title_abstract": 1.0})
    order: str = "shuffled"
    loss: str = "in_batch"
    update: str = "plain"
    keep: str = "last"
    weights: bool = False  # train how much each token tells, too
    table: bool = True  # train the table; without it, weights alone
    papers: int = 0  # only so many of the training papers, 0 for all
    archive: str = ""  # only papers of this arXiv archive ("cs"); "-cs" for all others

    @classmethod
    def of(cls, options: Options) -> Plan:
        wanted = {name: value for name, value in options.items() if name not in ("method", "name", "start")}
        if unknown := set(wanted) - set(cls.__dataclass_fields__):
            raise LabError(f"contrast has no option {', '.join(sorted(unknown))}.")
        for name, value in wanted.items():
            kind = type(getattr(cls(), name))
            if not isinstance(value, kind) and not (kind is float and isinstance(value, int)):
                raise LabError(f"contrast: {name} = {value!r} is not of type {kind.__name__}.")
        plan = cls(**wanted)
        plan._check()
        return plan

    def _check(self) -> None:
        if self.steps < 1 or self.size < 2 or self.rate <= 0 or self.temperature <= 0:
            raise LabError("contrast: steps must be 1 or more, size 2 or more, rate and temperature above 0.")
        shares = self.pairs.values()
        if not all(isinstance(share, (int, float)) and share >= 0 for share in shares) or not sum(shares) > 0:
            raise LabError(
                "contrast: pairs must name ways to make pairs, with shares that sum to more than 0."
            )
        if not (self.table or self.weights):
            raise LabError("contrast: with table and weights both false there is nothing to train.")


@method("stage")
def contrast(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    """The encoder after `steps` steps. Raises LabError when the loss is no number any more."""
    plan, start = Plan.of(options), encoder.copy()
    makers = {name: find(name, "pairs").function for name in plan.pairs}
    shares = np.array(list(plan.pairs.values())) / sum(plan.pairs.values())
    loss_of, update = find(plan.loss, "loss").function, find(plan.update, "update").function
    seen = _order(plan, library, course, start)
    encoder.weights.requires_grad_(plan.weights)
    encoder.table.requires_grad_(plan.table)
    trained = [one for one in (encoder.table, encoder.weights) if one.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=plan.rate)
    snapshots: list[TableEncoder] = []
    first = _resume(course, encoder, optimizer, snapshots)
    for step in range(first, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate * _slope(step, plan.steps)
        moment = Moment(step / plan.steps, course.rng(step), encoder)
        maker = list(makers.values())[moment.rng.choice(len(shares), p=shares)]
        left, right, *other = maker(library, seen[step], moment)
        rows = other[0] if other else seen[step]
        batch = Batch(rows, Bags.of(left), Bags.of(right), start, encoder, library, plan.temperature)
        value = update(encoder, optimizer, _closure(encoder, batch, plan.temperature, loss_of))
        if not np.isfinite(value):
            raise LabError(
                f"The loss of step {step + 1} is not a number: lower rate (now {plan.rate}). "
                f"The checkpoint of step {step // KEEP_EVERY * KEEP_EVERY} is kept in {course.folder}."
            )
        done = step + 1
        if done * SNAPSHOTS // plan.steps > step * SNAPSHOTS // plan.steps:
            snapshots.append(encoder.copy())
        if not done % SAY_EVERY or done == plan.steps:
            course.note(step=done, loss=round(value, 5))
            course.say(f"{done} of {plan.steps} steps, loss {value:.3f}")
        if not done % KEEP_EVERY and done < plan.steps:
            _keep(course, done, encoder, optimizer, snapshots)
    encoder.weights.requires_grad_(False)
    encoder.table.requires_grad_(True)
    kept: TableEncoder = find(plan.keep, "keep").function([*snapshots[:-1], encoder])
    return kept


def _closure(
    encoder: TableEncoder, batch: Batch, temperature: float, loss_of: Callable[[Tensor, Batch], Tensor]
) -> Callable[[], Tensor]:
    return lambda: loss_of(encoder(batch.left) @ encoder(batch.right).T / temperature, batch)


def _slope(step: int, steps: int) -> float:
    """A tenth of warming up, then straight down to a twentieth."""
    warm = max(1, steps // 10)
    return (step + 1) / warm if step < warm else max(0.05, 1 - (step - warm) / (steps - warm))


def _order(plan: Plan, library: Library, course: Course, start: TableEncoder) -> NDArray[np.int64]:
    rows = library.training_rows
    if plan.archive:
        wanted, name = not plan.archive.startswith("-"), plan.archive.removeprefix("-")
        rows = rows[(library.archives[rows] == name) == wanted]
    if plan.papers:
        rows = course.rng(1_000_001).choice(rows, min(plan.papers, len(rows)), replace=False)
    if len(rows) < plan.size:
        raise LabError(f"contrast: a batch of {plan.size} papers needs more than the {len(rows)} there are.")
    order: NDArray[np.int64] = find(plan.order, "order").function(
        library, rows, course.rng(1_000_000), plan.steps, plan.size, start
    )
    return order


def _keep(
    course: Course,
    done: int,
    encoder: TableEncoder,
    optimizer: torch.optim.Optimizer,
    kept: list[TableEncoder],
) -> None:
    part = course.checkpoint.with_suffix(".part")
    state: dict[str, Any] = {
        "done": done,
        "encoder": encoder.state_dict(),
        "optimizer": optimizer.state_dict(),
        "snapshots": [(one.table.detach(), one.weights.detach()) for one in kept],
    }
    torch.save(state, part)
    part.replace(course.checkpoint)


def _resume(
    course: Course, encoder: TableEncoder, optimizer: torch.optim.Optimizer, kept: list[TableEncoder]
) -> int:
    """The step to go on with, everything else put back as it was."""
    if not course.checkpoint.is_file():
        return 0
    try:
        state = torch.load(course.checkpoint)
    except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise LabError(
            f"{course.checkpoint} cannot be read: remove it, and the stage begins anew."
        ) from error
    encoder.load_state_dict(state["encoder"])
    optimizer.load_state_dict(state["optimizer"])
    kept += [TableEncoder(table, weights) for table, weights in state["snapshots"]]
    course.say(f"goes on after step {state['done']}")
    return int(state["done"])
