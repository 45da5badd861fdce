"""A paper's title beside its opening sentence, of the papers that the teacher has read.

What every recipe begins with that has a teacher: the losses that ask it need these pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method


@method("pairs")
def title_opening(
    library: Library, rows: NDArray[np.int64], moment: Moment
) -> tuple[Parts, Parts, NDArray[np.int64]]:
    """As many taught papers as were asked for, drawn anew, and which they are."""
    taught = library.teacher.rows
    drawn = moment.rng.choice(taught, min(len(rows), len(taught)), replace=False)
    openings = [library.sentences_of(row)[0] for row in drawn]
    return [([library.titles[row] for row in drawn], 1.0)], [(openings, 1.0)], drawn
