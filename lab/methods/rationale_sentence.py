"""Rationale sentence: the sentence that says why belongs to the title as well.

Paper 64 (Distilling Step-by-Step). The idea: reasons are a second thing to learn beside answers. Changed:
nobody writes reasons; of an abstract, the sentence that shares most with its title, by rarity of the
shared tokens over the root of its length, says why it has that title.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library, Tokens
from lab.method import Moment, Parts, method


@method("pairs", 64)
def rationale_sentence(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    titles = [library.titles[row] for row in rows]
    reasons = [reason(library, title, int(row)) for title, row in zip(titles, rows, strict=True)]
    return [(titles, 1.0)], [(reasons, 1.0)]


def reason(library: Library, title: Tokens, row: int) -> Tokens:
    """The tokens of the sentence of a paper's abstract that shares most with its title."""

    def shared(sentence: Tokens) -> float:
        both = np.intersect1d(title, sentence)
        return float(library.rarity[both].clip(min=0).sum()) / max(1.0, len(sentence)) ** 0.5

    return max(library.sentences_of(row), key=shared)
