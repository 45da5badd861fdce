"""Augmentation curriculum: whole texts first, thinner and thinner ones later.

Paper 29 (Strategic Text Augmentation and Curriculum Strategies). The idea: when altered examples come
matters as much as how they are altered. Changed: the alteration is the share of tokens left out, from none
at the beginning to MOST at the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method
from lab.methods.token_dropout import thinned

MOST = 0.5


@method("pairs", 29)
def augmentation_curriculum(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    return thinned(library, rows, moment.rng, MOST * moment.share)
