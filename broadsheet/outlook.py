"""The outlook of a paper that nobody has seen yet: how likely people are to pick it, and why we think so.

A linear model that `python -m evals.outlook` learns from past picks and writes to data/outlook.json, where
its coefficients can be read. It sees what is known when a paper appears: its words, who wrote it and how
often people picked their papers before, links to code, the form of its title. Pure arithmetic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import exp, log, log2
from typing import TYPE_CHECKING, Any, TypeVar

Name = TypeVar("Name")

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# What the model sees besides the words, in the order of its coefficients, and the term each belongs to.
TRAITS: dict[str, str] = {
    "picks of all authors": "authors",
    "picks of the author with most": "authors",
    "picks of the first author": "authors",
    "picks of the last author": "authors",
    "share of authors with a pick": "authors",
    "number of authors": "authors",
    "links to code": "links",
    "links to another page": "links",
    "title with a colon": "form",
    "length of the abstract": "form",
    "technical report": "form",
}
# The encoder whose vectors the coefficients were learned on, as a setting names it.
ENCODER = "static:untrained"
TERMS = ("text", "authors", "links", "form")

# How long a pick speaks for its authors, in days.
MEMORY = 365
# Of a collaboration's names, so many are looked up, and the last one.
AUTHORS = 100

_CODE = re.compile(r"github\.com|gitlab\.com|huggingface\.co|codeberg\.org", re.IGNORECASE)
_PAGE = re.compile(r"github\.io|project page|https?://(?!(?:www\.)?(?:github|arxiv|doi)\b)", re.IGNORECASE)
_REPORT = re.compile(r"technical report", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outlook:
    """`chance` (0 to 1) that people pick the paper. `terms`: what speaks for it and against it, in doublings
    of the odds, against the average paper; by `TERMS`."""

    chance: float
    terms: dict[str, float]


def looked_up(authors: Sequence[Name]) -> Sequence[Name]:
    """The authors whose earlier papers count: of a collaboration, the first hundred and the last."""
    return authors if len(authors) <= AUTHORS else [*authors[:AUTHORS], authors[-1]]


def traits(title: str, abstract: str, comment: str, picks: Sequence[int], authors: int) -> list[float]:
    """What the model sees besides the words, by `TRAITS`. `picks`: for each author looked up, in order, how
    many of their papers people picked in the year before this one appeared; `authors`: how many there are.
    """
    words = f"{abstract} {comment}"
    counted = list(picks) or [0]
    return [
        log2(1 + sum(counted)),
        log2(1 + max(counted)),
        log2(1 + counted[0]),
        log2(1 + counted[-1]),
        sum(map(bool, counted)) / len(counted),
        log2(1 + authors),
        float(bool(_CODE.search(words))),
        float(bool(_PAGE.search(words))),
        float(":" in title),
        min(len(abstract), 2500) / 1000,
        float(bool(_REPORT.search(f"{title} {words}"))),
    ]


class Model:
    """The learned coefficients. `embedder` names the vectors that those of the words go with."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        import numpy as np

        self.embedder: str = told["embedder"]
        self.bias: float = told["bias"]
        self._words = np.asarray(told["words"], dtype=np.float32)
        self._words_mean: float = told["words_mean"]
        self._means = np.asarray([told["traits"][name]["mean"] for name in TRAITS], dtype=np.float32)
        self._weights = np.asarray([told["traits"][name]["weight"] for name in TRAITS], dtype=np.float32)

    def read(self, traits: Sequence[Sequence[float]], vectors: Floats | None) -> list[Outlook]:
        """The outlook of n papers. `traits` [n][11]; `vectors` float32 [n, d] of their words, or None where
        nothing can read them: then the words count as average. Thousands a second."""
        import numpy as np

        seen = (np.asarray(traits, dtype=np.float32) - self._means) * self._weights
        words = np.zeros(len(traits)) if vectors is None else vectors @ self._words - self._words_mean
        return [self._told(float(text), row) for text, row in zip(words, seen, strict=True)]

    def _told(self, text: float, row: Floats) -> Outlook:
        terms = dict.fromkeys(TERMS, 0.0)
        terms["text"] = text / log(2)
        for term, value in zip(TRAITS.values(), row, strict=True):
            terms[term] += float(value) / log(2)
        odds = self.bias + log(2) * sum(terms.values())
        return Outlook(1 / (1 + exp(-max(min(odds, 30.0), -30.0))), terms)


@cache
def _told() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("broadsheet").joinpath("data/outlook.json").read_text("utf-8"))
    return found


@cache
def model() -> Model:
    """The published model."""
    return Model(_told())


@cache
def custom(category: str) -> float:
    """How many votes a paper of this primary category usually has, compared with the average vote's paper.

    1 for a code that nothing is known of. A field with few votes so far is taken for the more usual the
    fewer papers it had (a Bayesian average).
    """
    found: float = _told()["custom"].get(category, 1.0 if not category else _told()["custom_elsewhere"])
    return found
