"""Misspelled titles: a title with slips in it still belongs to its abstract.

Paper 22 (Generative Spelling Correction via Natural Spelling Errors Emulation). The idea: plant mistakes
as people make them into clean text and learn what was meant. Changed: nothing is corrected; the encoder
must find the abstract in spite of the slip. Slips are of keys beside the right one, of letters doubled,
left out, swapped, in one word of a title, never the first letter. The misspellings that spelling is
measured by are not used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab.corpus import Library
from lab.method import Moment, Parts, method

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
BESIDE = {
    letter: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    for row in KEYS
    for place, letter in enumerate(row)
}
SHORTEST = 5  # letters of a word that is misspelled


@method("pairs", 22)
def misspelled_titles(library: Library, rows: NDArray[np.int64], moment: Moment) -> tuple[Parts, Parts]:
    titles = [
        library.reader.read(misspelled(library.papers.titles[row], moment.rng)).astype(np.uint16)
        for row in rows
    ]
    return [(titles, 1.0)], [([library.abstract(row) for row in rows], 1.0)]


def misspelled(text: str, rng: np.random.Generator) -> str:
    """The text in small letters with one slip in one of its longer words, if it has any."""
    words = text.lower().split()
    long = [
        place
        for place, word in enumerate(words)
        if len(word) >= SHORTEST and word.isascii() and word.isalpha()
    ]
    if not long:
        return " ".join(words)
    chosen = int(rng.choice(long))
    word = words[chosen]
    at = int(rng.integers(1, len(word) - 1))
    match int(rng.integers(4)):
        case 0:
            slip = word[:at] + str(rng.choice(list(BESIDE[word[at]]))) + word[at + 1 :]
        case 1:
            slip = word[:at] + word[at] + word[at:]
        case 2:
            slip = word[:at] + word[at + 1 :]
        case _:
            slip = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[chosen] = slip
    return " ".join(words)
