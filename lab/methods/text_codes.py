"""Text and codes: a text belongs to the codes it was filed under.

Paper 11 (A Multi-View Joint Learning Framework for Embedding Clinical Codes and Text). The idea: text and
codes are two views of one thing and should meet in one space. Changed: codes are arXiv categories read as
words; batch contrast takes the place of the canonical correlation over a graph, since a category's graph here
is two levels deep.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method


@method("pairs", 11)
def text_codes(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    """One paper a combination of categories: two with the same would call each other wrong."""
    seen: dict[bytes, int] = {}
    for row in rows:
        seen.setdefault(library.category_tokens(int(row)).tobytes(), int(row))
    kept = list(seen.values())
    texts = [np.concatenate([library.titles[row], library.abstract(row)]) for row in kept]
    return [(texts, 1.0)], [([library.category_tokens(row) for row in kept], 1.0)]
