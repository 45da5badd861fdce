"""What a method of the laboratory is, and how a recipe finds one by its name.

A method lives in a file of its own in `lab/methods/`, whose docstring names the paper (by its number on
the built-in front page), tells the idea, and says what was changed. Its kind says where in training it
stands:

- stage:  (encoder, library, options, course) -> encoder; a whole step of a recipe
- transformer: the same, of recipes that train a transformer (`lab.transformer`)
- pairs:  (library, rows, moment) -> (left, right) or (left, right, rows); what is brought together, as parts
          of texts, and of which papers if not of those that were asked for
- order:  (library, rows, rng, steps, size) -> int64 [steps, size]; which papers are seen when
- loss:   (scores [n, n], batch) -> scalar; scores are cosines over temperature, the diagonal belongs together
- update: (encoder, optimizer, loss_of) -> float; one step of the optimizer, gives the loss
- keep:   (encoders, oldest first) -> encoder; what is kept of a training's snapshots
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

import lab.methods
from lab import LabError
from lab.encoder import Bags, TableEncoder

if TYPE_CHECKING:
    from lab.corpus import Library

Kind = Literal["stage", "transformer", "pairs", "order", "loss", "update", "keep"]
Parts = list[tuple[list[NDArray[np.uint16]], float]]
Options = dict[str, Any]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Method:
    """`paper`: its number on the built-in front page, None for what every recipe begins with."""

    name: str
    kind: Kind
    paper: int | None
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where training stands: `share` of its steps done, 0 to 1, chance, the same for the same step, and the
    encoder as it is now."""

    share: float
    rng: np.random.Generator
    encoder: TableEncoder


@dataclass(frozen=True, slots=True)
class Batch:
    """What a loss may look at: the papers (one a pair, or all that were asked for), both sides as bags, the
    encoder that the stage began with, the one that is trained, and what the scores were divided by."""

    rows: NDArray[np.int64]
    left: Bags
    right: Bags
    start: TableEncoder
    encoder: TableEncoder
    library: Library
    temperature: float = 0.05


_known: dict[str, Method] = {}


def method(kind: Kind, paper: int | None = None) -> Callable[[Function], Function]:
    """Marks the function that is a file's method."""

    def mark(function: Function) -> Function:
        name = function.__module__.rpartition(".")[2]
        _known[name] = Method(name, kind, paper, function)
        return function

    return mark


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(lab.methods.__path__))


def find(name: str, *kinds: Kind) -> Method:
    """The method of this name. LabError, with the nearest name, if there is none of such a kind."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1)
        hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(names())}."
        raise LabError(f"There is no method {name!r} in lab/methods/.{hint}")
    importlib.import_module(f"lab.methods.{name}")
    found = _known[name]
    if kinds and found.kind not in kinds:
        raise LabError(
            f"{name!r} is of kind {found.kind!r}; here a method of kind {' or '.join(kinds)} belongs."
        )
    return found
