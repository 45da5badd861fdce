"""A paper's title beside its abstract, the pair that every corpus has. What every recipe begins with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method


@method("pairs")
def title_abstract(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    titles = [library.titles[row] for row in rows]
    return [(titles, 1.0)], [([library.abstract(row) for row in rows], 1.0)]
