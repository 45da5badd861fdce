"""Inverse cloze: a sentence belongs to the text it was taken from.

Paper 65 (Pre-training Tasks for Embedding-based Large-scale Retrieval). The idea: a query is like a sentence
that its document could have held, so a sentence and the rest of its abstract are a pair that costs nothing.
Changed: the title stays with the rest, and a paper of one sentence gives its title as the query.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method


@method("pairs", 65)
def inverse_cloze(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    taken, rest = [], []
    for row in rows:
        sentences = library.sentences_of(row)
        if len(sentences) < 2:
            taken.append(library.titles[row])
            rest.append(library.abstract(row))
            continue
        place = int(moment.rng.integers(len(sentences)))
        taken.append(sentences[place])
        rest.append(np.concatenate([library.titles[row], *sentences[:place], *sentences[place + 1 :]]))
    return [(taken, 1.0)], [(rest, 1.0)]
