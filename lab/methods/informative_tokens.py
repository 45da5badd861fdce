"""Informative tokens: what tells most is hidden and must be recognised from all the rest.

Paper 110 (Vega v2), which first finds the tokens that a model has not learned well and then trains on those.
The idea: practise where there is something to learn. Changed: informative means rare in the corpus and
frequent in the text, and a hidden set is told from those of other papers, since a bag of tokens has no places
to fill.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method
from lab.methods.title_keywords import telling


@method("pairs", 110)
def informative_tokens(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    hidden, left = zip(*(telling(library, row) for row in rows), strict=True)
    return [(list(hidden), 1.0)], [(list(left), 1.0)]
