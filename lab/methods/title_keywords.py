"""Title and keywords: a title belongs to the few words that tell most of its abstract.

Paper 53 (VacancySBERT), which pairs a job's title with the list of its skills. The idea: a short list of
terms teaches what a title means without the grammar around them. Changed: keywords are the tokens of the
abstract with the highest term frequency times rarity; no list of keywords is given.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method

KEYWORDS = 12


@method("pairs", 53)
def title_keywords(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    titles = [library.titles[row] for row in rows]
    return [(titles, 1.0)], [([telling(library, row)[0] for row in rows], 1.0)]


def telling(library: Library, row: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The tokens of an abstract that tell most, uint16 [at most KEYWORDS], and all the others."""
    tokens, times = np.unique(library.abstract(row), return_counts=True)
    order = np.argsort(-times * library.rarity[tokens], kind="stable")
    return tokens[order[:KEYWORDS]], tokens[order[KEYWORDS:]]
