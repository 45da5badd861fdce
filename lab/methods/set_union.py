"""Set union: two titles together belong to two abstracts together.

Paper 78 (LaSO). The idea: features of two examples can be made into those of the union of their labels.
Changed: no network makes the union, since the sum of two bags is one; it is trained to find what is of
both. Each paper stands in two pairs, with the one before and the one after it. That is what five known
papers of a library are: a union.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method


@method("pairs", 78)
def set_union(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    others = np.roll(rows, 1)
    left = [np.concatenate([library.titles[a], library.titles[b]]) for a, b in zip(rows, others, strict=True)]
    right = [
        np.concatenate([library.abstract(a), library.abstract(b)]) for a, b in zip(rows, others, strict=True)
    ]
    return [(left, 1.0)], [(right, 1.0)]
