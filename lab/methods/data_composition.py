"""Data composition: the special first, then the general with a little of the special in it.

Paper 71 (How Abilities are Affected by Supervised Fine-tuning Data Composition). The idea: kinds of data
that are mixed from the start disturb each other; special skills first and general ones after, with a small
share of the special kept, forgets least. Changed: the special are sentences (inverse cloze), the general
titles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method
from lab.methods.inverse_cloze import inverse_cloze
from lab.methods.title_abstract import title_abstract

SPECIAL = 0.5  # of training, at its beginning
KEPT = 1 / 16  # of the special after it


@method("pairs", 71)
def data_composition(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    special = moment.share < SPECIAL or moment.rng.random() < KEPT
    parts: tuple[Parts, Parts] = (inverse_cloze if special else title_abstract)(library, rows, moment)
    return parts
