"""What a reader holds: one commit of one room, mapped and ready to answer."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from broadsheet.index import EVERYTHING, Filter, IndexDamaged
from broadsheet.index.codes import VectorTable
from broadsheet.index.files import MANIFEST, Manifest, checked, read_manifest, rebuild_words
from broadsheet.index.papers import Ints, PaperTable, RowNumbers, cut_short
from broadsheet.index.words import Weights, WordTable, lengths_in, problems_in, stamp_of

WORDS = "words"
CACHED_FILTERS = 8
# A writer may replace or remove files while a reader opens them; then the manifest is read again.
ATTEMPTS = 5

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class View:
    """Everything as one commit left it. Threads share it; nothing in it changes but the cache."""

    room: Path
    stamp: Stamp
    manifest: Manifest
    papers: PaperTable
    words: WordTable
    vectors: dict[str, VectorTable]
    lengths: dict[Path, int]
    passing: dict[tuple[str, Filter], RowNumbers] = field(default_factory=dict)

    def columns_cut(self) -> bool:
        """Whether a mapped file was cut short from outside, so that reading it would end the process. 5 µs,
        before every question."""
        maps = [self.papers.rows, self.papers.codes, self.papers.owners]
        for table in self.vectors.values():
            maps += [table.rows, table.bytes, table.bits, table.frame.directions]
        return any(map(cut_short, maps))

    def words_cut(self) -> bool:
        """The same of the words, whose files go by their names: one that has none any more was merged into
        another, and stays whole for whoever has it mapped. Some 160 µs."""
        for path, length in self.lengths.items():
            with suppress(OSError):
                if os.stat(path).st_size < length:  # noqa: PTH116
                    return True
        return False

    def rows_passing(self, name: str, filter: Filter) -> RowNumbers | None:
        """Rows of `name` whose papers pass, ascending; None when all do. `exclude` is left to the caller."""
        asked = replace(filter, exclude=frozenset(), only=None)
        rows = self._cached(name, asked) if asked != EVERYTHING else None
        if filter.only is None:
            return rows
        only = self._rows(name, np.array(sorted(filter.only), np.int64))
        return only if rows is None else np.intersect1d(rows, only)

    def _cached(self, name: str, filter: Filter) -> RowNumbers:
        known = self.passing.get((name, filter))
        if known is None:
            known = self._rows(name, self._keys(filter))
            while len(self.passing) >= CACHED_FILTERS:
                with suppress(KeyError, StopIteration, RuntimeError):
                    self.passing.pop(next(iter(self.passing)))
            self.passing[name, filter] = known
        return known

    def _keys(self, filter: Filter) -> Ints:
        keys = self.papers.passing(filter)
        if not filter.authors:
            return keys
        by_author = self.words.keys(Filter(authors=filter.authors))
        return np.intersect1d(keys, np.array(by_author, np.int64))

    def _rows(self, name: str, keys: Ints) -> RowNumbers:
        rows = self.vectors[name].rows_of(keys)
        # Nearly in order already, which a stable sort makes use of.
        return np.sort(rows[rows >= 0], kind="stable")


def stamp_at(path: Path) -> Stamp:
    """Changes whenever the file is replaced. Raises FileNotFoundError."""
    found = os.stat(path)  # noqa: PTH116 (twice per question)
    return found.st_ino, found.st_mtime_ns, found.st_size


def view_of(room: Path, former: View | None, weights: Weights, contents: bool) -> View:
    """The newest commit of a room. `former` saves work where it is an earlier commit of the same room.

    Raises FileNotFoundError where there is no manifest, IndexDamaged where files are not what it says."""
    for _ in range(ATTEMPTS):
        stamp = stamp_at(room / MANIFEST)
        manifest = read_manifest(room)
        try:
            return _opened(room, stamp, manifest, former, weights, contents)
        except (FileNotFoundError, IndexDamaged) as problem:
            trouble = problem
            if stamp_at(room / MANIFEST) == stamp:
                break
    if isinstance(trouble, IndexDamaged):
        raise trouble
    raise IndexDamaged(rebuild_words(room, f"{trouble.filename} is missing")) from trouble


def _opened(
    room: Path, stamp: Stamp, manifest: Manifest, former: View | None, weights: Weights, contents: bool
) -> View:
    if former and former.manifest.born != manifest.born:
        former = None
    check_room(room, manifest, contents and former is None)
    papers = (former.papers if former else PaperTable.empty()).grown(room, manifest)
    words = former.words.refreshed() if former else WordTable(room / WORDS, weights)
    known = former.vectors if former else {}
    vectors = {
        name: VectorTable.opened(room, entry, papers, known.get(name))
        for name, entry in manifest.vectors.items()
    }
    return View(room, stamp, manifest, papers, words, vectors, lengths_in(room / WORDS))


def check_room(room: Path, manifest: Manifest, contents: bool) -> None:
    """Raises IndexDamaged unless all files are there, long enough and, with `contents`, what was written."""
    checked(room, manifest, contents)
    found = problems_in(room / WORDS, contents)
    if not found and stamp_of(room / WORDS) < manifest.stamp:
        found = ["its words are older than its last commit"]
    if found:
        raise IndexDamaged(rebuild_words(room, found[0]))
