"""Same authors: a paper belongs to another paper of one of its authors.

Paper 65 (Pre-training Tasks for Embedding-based Large-scale Retrieval), whose third task pairs pages that
link to each other. The corpus holds no citations, so a shared author with few papers stands for the link;
that is the change. A paper without such a neighbour gives its title and abstract.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method


@method("pairs", 65)
def same_authors(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    left_titles, left, right_titles, right = [], [], [], []
    nobody = np.zeros(0, np.uint16)
    for row in rows:
        others = library.neighbours.get(int(row), ())
        if others:
            other = int(others[moment.rng.integers(len(others))])
            left_titles.append(library.titles[row])
            left.append(library.abstract(row))
            right_titles.append(library.titles[other])
            right.append(library.abstract(other))
        else:
            left_titles.append(library.titles[row])
            left.append(nobody)
            right_titles.append(nobody)
            right.append(library.abstract(row))
    return [(left_titles, 2.0), (left, 1.0)], [(right_titles, 2.0), (right, 1.0)]
