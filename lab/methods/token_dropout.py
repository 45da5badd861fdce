"""Token dropout: some of the words are left out, and the pair still belongs together.

Paper 103 (Data Augmentation in NLP), with the same purpose in 63. The idea: altered copies of a text make
up for few examples. Changed: nothing is written by a model; from both sides each token is left out with a
probability of DROPPED, which is an augmentation that a bag of tokens can have.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library, Tokens
from lab.method import Moment, Parts, method

DROPPED = 0.3


@method("pairs", 103)
def token_dropout(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    return thinned(library, rows, moment.rng, DROPPED)


def thinned(
    library: Library, rows: NDArray[np.int64], rng: np.random.Generator, share: float
) -> tuple[Parts, Parts]:
    """Titles and abstracts with a share of their tokens left out; a title keeps at least one."""
    titles = [_thin(library.titles[row], rng, share) for row in rows]
    return [(titles, 1.0)], [([_thin(library.abstract(row), rng, share) for row in rows], 1.0)]


def _thin(tokens: Tokens, rng: np.random.Generator, share: float) -> Tokens:
    kept = tokens[rng.random(len(tokens)) >= share]
    return kept if len(kept) else tokens[:1]
