"""Body first: the opening sentence belongs to the body that follows it.

Paper 65 (Pre-training Tasks for Embedding-based Large-scale Retrieval). The idea: an opening says what all
of the text is about, so it is a better query than a sentence from anywhere. Changed: the first sentence of
an abstract stands for the first section of an article; the title goes with neither, lest it give the answer
away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method


@method("pairs", 65)
def body_first(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    opening, body = [], []
    for row in rows:
        sentences = library.sentences_of(row)
        alone = len(sentences) < 2
        opening.append(library.titles[row] if alone else sentences[0])
        body.append(np.concatenate(sentences if alone else sentences[1:]))
    return [(opening, 1.0)], [(body, 1.0)]
