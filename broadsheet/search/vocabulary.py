"""The corpus's own words and how common they are, in one small file that all processes map.

A file is a numpy array of rows (word, papers), sorted by word; row 0 has an empty word and counts the papers
of the whole corpus. Words are of letters only, 3 to 24 of them, and those too rare to be trusted are left
out: at 300,000 papers it has 85,000 words in 2.4 MB. It is made from the index and can be made again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SHORTEST, LONGEST = 3, 24
MOST_WORDS = 200_000
ROW = np.dtype([("word", f"S{LONGEST}"), ("papers", "<u4")])


def rarest_trusted(papers: int) -> int:
    """In how many papers a word must occur to be taken for one: people misspell in abstracts, too."""
    if papers < 2_000:
        return 1
    return 2 if papers < 50_000 else max(3, papers // 200_000)


def write(path: Path, terms: Iterable[tuple[str, int]], papers: int) -> int:
    """Makes the file, aside and renamed; returns how many words it has. OSError if the disk is full."""
    least = rarest_trusted(papers)
    kept = [
        (word.encode(), count)
        for word, count in terms
        if count >= least and SHORTEST <= len(word) <= LONGEST and word.isascii() and word.isalpha()
    ]
    if len(kept) > MOST_WORDS:
        kept = sorted(kept, key=lambda each: -each[1])[:MOST_WORDS]
    rows = np.array(sorted([(b"", papers), *kept]), ROW)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, rows)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return len(kept)


def papers_of(path: Path) -> int:
    """How many papers the corpus had when the file was made; 0 if there is none."""
    try:
        return Vocabulary(path).papers
    except (OSError, ValueError):
        return 0


class Vocabulary:
    """A mapped file. Private memory: 10 bytes a word."""

    def __init__(self, path: Path) -> None:
        """OSError or ValueError if the file is missing or not one of ours."""
        try:
            rows: npt.NDArray[Any] = np.load(path, mmap_mode="r")
        except EOFError as trouble:
            raise ValueError(f"{path} is empty.") from trouble
        if rows.dtype != ROW or not len(rows) or rows["word"][0]:
            raise ValueError(f"{path} holds no vocabulary.")
        self.papers = int(rows["papers"][0])
        self.words = np.asarray(rows["word"])
        self.counts = np.ascontiguousarray(rows["papers"])
        letters = np.zeros((len(rows), LONGEST), np.uint8)
        letters[:] = np.ascontiguousarray(self.words).view(np.uint8).reshape(len(rows), LONGEST)
        self.lengths = (letters > 0).sum(axis=1).astype(np.uint8)
        self.signatures = np.zeros(len(rows), np.uint32)
        for place in range(LONGEST):
            column = letters[:, place].astype(np.uint32)
            self.signatures |= np.where(column > 0, np.uint32(1) << ((column - 97) & 31), np.uint32(0))

    def __len__(self) -> int:
        return len(self.words) - 1

    def papers_with(self, word: str) -> int:
        """In how many papers the word occurs; 0 if it is unknown or too rare to be trusted."""
        with suppress(UnicodeEncodeError):
            said = word.encode("ascii")
            place = int(np.searchsorted(self.words, said))
            if said and place < len(self.words) and self.words[place] == said:
                return int(self.counts[place])
        return 0

    def near(self, word: str, edits: int) -> list[tuple[str, int]]:
        """The words at most `edits` (≤ 2) away and in how many papers each occurs. `word` is of a to z.

        An edit adds, drops or changes a letter or swaps two neighbours. Exact: every word of the file is
        compared, first by its length and its set of letters, then letter by letter for all that remain.
        """
        said = word.encode("ascii")
        length = len(said)
        bits = np.uint32(0)
        for letter in said:
            bits |= np.uint32(1 << (letter - 97))
        # A change of letter takes one out of the set and brings one in: two bits an edit.
        close = np.bitwise_count(self.signatures ^ bits) <= 2 * edits
        close &= (self.lengths >= max(1, length - edits)) & (self.lengths <= length + edits)
        rows = np.flatnonzero(close)
        if not len(rows):
            return []
        letters = self.words[rows].view(np.uint8).reshape(len(rows), LONGEST)
        found = rows[distances(said, letters, self.lengths[rows]) <= edits]
        return [(self.words[row].decode(), int(self.counts[row])) for row in found]


def distances(
    word: bytes, letters: npt.NDArray[np.uint8], lengths: npt.NDArray[np.uint8]
) -> npt.NDArray[Any]:
    """Edits between `word` (1 to 31 letters) and each row of `letters` [n, width], zero-padded: int8 [n].

    All rows at once, a column of letters at a time, each row's column of the distance table in the bits of
    one number. Method: Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances",
    Nordic Journal of Computing 10 (2003).
    """
    places = np.zeros(256, np.uint32)
    for place, letter in enumerate(word):
        places[letter] |= np.uint32(1 << place)
    last = np.uint32(1 << (len(word) - 1))
    rows = len(letters)
    rises = np.full(rows, 0xFFFF_FFFF, np.uint32)
    falls = np.zeros(rows, np.uint32)
    diagonal = np.zeros(rows, np.uint32)
    before = np.zeros(rows, np.uint32)
    now = np.full(rows, len(word), np.int8)
    result = now.copy()
    for column in range(int(lengths.max(initial=0))):
        here = places[letters[:, column]]
        swapped = ((~diagonal & here) << np.uint32(1)) & before
        diagonal = (((here & rises) + rises) ^ rises) | here | falls | swapped
        up = falls | ~(diagonal | rises)
        down = diagonal & rises
        now += ((up & last) != 0).astype(np.int8)
        now -= ((down & last) != 0).astype(np.int8)
        up = (up << np.uint32(1)) | np.uint32(1)
        down <<= np.uint32(1)
        rises = down | ~(diagonal | up)
        falls = up & diagonal
        before = here
        np.copyto(result, now, where=lengths == column + 1)
    return result
