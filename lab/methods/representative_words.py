"""Representative words: a text belongs to the words that set it apart from the whole collection.

Paper 108 (B-PROP). The idea: sample word sets by how representative they are, by contrast between the
document's own distribution and that of the collection, and learn that the likelier set fits the document
better. Changed: the contrast is that of term frequencies (B-PROP takes it from BERT's attention), and a set
competes with the sets of other papers in the batch instead of a second set of the same paper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method

WORDS = 8


@method("pairs", 108)
def representative_words(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    chosen, whole = [], []
    for row in rows:
        text = np.concatenate([library.titles[row], library.abstract(row)])
        tokens, times = np.unique(text, return_counts=True)
        contrast = times * np.maximum(library.rarity[tokens], 0.1)
        number = min(WORDS, len(tokens))
        chosen.append(moment.rng.choice(tokens, number, replace=False, p=contrast / contrast.sum()))
        whole.append(text)
    return [(chosen, 1.0)], [(whole, 1.0)]
