"""Metadata conditioning with cool-down: texts are first read together with what is known of their origin.

Paper 82 (Metadata Conditioning Accelerates Language Model Pre-training). The idea: with its origin in
front, a model need not spend itself on guessing it; a last part without it ("cool-down") makes it work
alone. Changed: the origin is the codes and names of the paper's categories, given to the abstract's side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method

COOL_DOWN = 0.9  # share of training after which the origin is left out


@method("pairs", 82)
def metadata_conditioning(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    titles = [library.titles[row] for row in rows]
    right: Parts = [([library.abstract(row) for row in rows], 1.0)]
    if moment.share < COOL_DOWN:
        right.append(([library.category_tokens(row) for row in rows], 2.0))
    return [(titles, 1.0)], right
