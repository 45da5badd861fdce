"""The columns by which papers are filtered, as rows in an append-only file, and which row of a key counts.

A paper has a row per `put`; the newest row of its key counts, and a row may say that the paper is gone. Rows
are 24 bytes and are read through a memory map that all processes share. Private memory: 4 bytes per key up
to the largest, 1 byte per row.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from broadsheet.index import Document, Filter, Mask
from broadsheet.index.files import Extent, Growing, Manifest

ROWS_FILE, CODES_FILE, OWNERS_FILE = "papers.rows", "papers.categories", "papers.owners"
ROW = np.dtype(
    [
        ("key", "<i8"),
        ("text", "<u8"),  # hash of title and abstract: what the vectors were made from
        ("day", "<i4"),
        ("year", "<i2"),
        ("flags", "<u1"),
        ("spare", "V1"),
    ]
)
HAS_CODE, HAS_MODELS, GONE = 1, 2, 4
MOST_CATEGORIES = 65_535

Rows = npt.NDArray[Any]
Column = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
RowNumbers = npt.NDArray[np.int32]


def text_hash(document: Document) -> int:
    """64 bits that change when the title or the abstract does."""
    words = f"{document.title}\0{document.abstract}".encode(errors="surrogatepass")
    return int.from_bytes(blake2b(words, digest_size=8).digest(), "little")


def with_archives(categories: Sequence[str]) -> list[str]:
    """Each code and its archive, once: ("cs.LG", "cs.CV") → ["cs.LG", "cs", "cs.CV"]."""
    return list(dict.fromkeys(part for code in categories for part in (code, code.partition(".")[0]) if part))


def mapped(
    path: Path, dtype: np.dtype[Any] | type, rows: int, columns: int | None = None
) -> npt.NDArray[Any]:
    """A read-only view of the first rows of a file; empty files cannot be mapped, so they are made up."""
    shape = (rows,) if columns is None else (rows, columns)
    if not rows:
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", shape=shape))


def cut_short(view: npt.NDArray[Any]) -> bool:
    """Whether the file under a `mapped` view has become too short to be read: the kernel ends the process
    that touches what is missing. Asks the file that is mapped, whatever has its name now; 1 µs."""
    below: Any = view
    while isinstance(below, np.ndarray):
        below = below.base
    return isinstance(below, mmap.mmap) and below.size() < len(below)


@dataclass(frozen=True, slots=True)
class Newest:
    """Which row of an append-only file counts for each key: `row_of_key[key]` is the row or −1."""

    row_of_key: RowNumbers

    @classmethod
    def empty(cls) -> Newest:
        return cls(np.full(0, -1, np.int32))

    def rows(self, keys: Ints) -> RowNumbers:
        """The row of each key, −1 where there is none."""
        found = np.full(len(keys), -1, np.int32)
        inside = (keys >= 0) & (keys < len(self.row_of_key))
        found[inside] = self.row_of_key[keys[inside]]
        return found

    def extended(self, keys: Ints, first: int) -> Newest:
        """A copy in which the rows `first`, `first` + 1, … belong to `keys`; the last row of a key wins."""
        longest = max(len(self.row_of_key), int(keys.max(initial=-1)) + 1)
        table = np.full(longest, -1, np.int32)
        table[: len(self.row_of_key)] = self.row_of_key
        table[keys] = np.arange(first, first + len(keys), dtype=np.int32)
        return Newest(table)


@dataclass(frozen=True, slots=True)
class PaperTable:
    """Every paper as one commit left it. Never changes; a later commit makes a new one from it."""

    rows: Rows
    codes: Column  # uint16: one category of one row
    owners: Column  # uint32: which row
    categories: dict[str, int]
    newest: Newest
    live: Mask

    @classmethod
    def empty(cls) -> PaperTable:
        return cls(
            np.zeros(0, ROW),
            np.zeros(0, np.uint16),
            np.zeros(0, np.uint32),
            {},
            Newest.empty(),
            np.zeros(0, np.bool_),
        )

    def grown(self, room: Path, manifest: Manifest) -> PaperTable:
        """This table with the rows that `manifest` has beyond it."""
        rows = mapped(room / ROWS_FILE, ROW, manifest.rows)
        count = manifest.files[CODES_FILE].length // 2
        codes = mapped(room / CODES_FILE, np.dtype("<u2"), count)
        owners = mapped(room / OWNERS_FILE, np.dtype("<u4"), count)
        first = len(self.rows)
        added = rows[first:]
        keys = added["key"].astype(np.int64)
        newest = self.newest.extended(keys, first)
        live = np.concatenate([self.live, np.zeros(len(added), np.bool_)])
        before = self.newest.rows(keys)
        live[before[before >= 0]] = False
        numbers = np.arange(first, len(rows), dtype=np.int32)
        live[first:] = (newest.rows(keys) == numbers) & (added["flags"] & GONE == 0)
        names = {name: code for code, name in enumerate(manifest.categories)}
        return PaperTable(rows, codes, owners, names, newest, live)

    def count(self) -> int:
        return int(np.count_nonzero(self.live))

    def texts(self, keys: Ints) -> tuple[Mask, npt.NDArray[np.uint64]]:
        """Whether each key is a paper, and the hash of its words."""
        rows = self.newest.rows(keys)
        there = rows >= 0
        there[there] = self.live[rows[there]]
        texts = np.zeros(len(keys), np.uint64)
        texts[there] = self.rows["text"][rows[there]]
        return there, texts

    def passing(self, filter: Filter) -> Ints:
        """Keys of the papers that pass everything but `authors`, `exclude` and `only`."""
        mask = self.live.copy()
        _within(mask, self.rows["day"], filter.first_day, filter.last_day)
        _within(mask, self.rows["year"], filter.first_year, filter.last_year)
        for flag, wanted in ((HAS_CODE, filter.has_code), (HAS_MODELS, filter.has_models)):
            if wanted is not None:
                mask &= (self.rows["flags"] & flag != 0) == wanted
        if filter.categories:
            mask &= self._in_any(filter.categories)
        return self.rows["key"][mask].astype(np.int64)

    def _in_any(self, categories: Sequence[str]) -> Mask:
        wanted = np.zeros(len(self.categories) + 1, np.bool_)
        wanted[[self.categories[name] for name in categories if name in self.categories]] = True
        mask = np.zeros(len(self.rows), np.bool_)
        mask[self.owners[np.flatnonzero(wanted[self.codes])]] = True
        return mask


def _within(mask: Mask, column: Column, first: int | None, last: int | None) -> None:
    if first is None and last is None:
        return
    mask &= column != 0
    if first is not None:
        mask &= column >= first
    if last is not None:
        mask &= column <= last


class PaperLog:
    """The writer's end of the same files."""

    def __init__(self, room: Path, manifest: Manifest | None) -> None:
        extents: dict[str, Extent] = manifest.files if manifest else {}
        self.rows = manifest.rows if manifest else 0
        self.categories = {name: code for code, name in enumerate(manifest.categories if manifest else ())}
        self._rows = Growing(room / ROWS_FILE, extents.get(ROWS_FILE))
        self._codes = Growing(room / CODES_FILE, extents.get(CODES_FILE))
        self._owners = Growing(room / OWNERS_FILE, extents.get(OWNERS_FILE))

    def append(self, documents: Sequence[Document]) -> npt.NDArray[np.uint64]:
        """One row per document; returns the hashes of their words."""
        found: list[tuple[int, int, int, int, int, bytes]] = []
        codes: list[int] = []
        owners: list[int] = []
        for row, document in enumerate(documents, self.rows):
            own = self._codes_of(document)
            flags = HAS_CODE * document.has_code + HAS_MODELS * document.has_models
            found.append((document.key, text_hash(document), document.day, document.year, flags, b""))
            codes += own
            owners += [row] * len(own)
        rows = np.array(found, ROW)
        self._codes.append(np.array(codes, "<u2").tobytes())
        self._owners.append(np.array(owners, "<u4").tobytes())
        self._append(rows)
        return np.asarray(rows["text"])

    def bury(self, keys: Ints) -> None:
        """A row for each key that says the paper is gone."""
        rows = np.zeros(len(keys), ROW)
        rows["key"], rows["flags"] = keys, GONE
        self._append(rows)

    def _append(self, rows: Rows) -> None:
        self._rows.append(rows.tobytes())
        self.rows += len(rows)

    def _codes_of(self, document: Document) -> list[int]:
        names = with_archives(document.categories)
        codes = [self.categories.setdefault(name, len(self.categories)) for name in names]
        if len(self.categories) > MOST_CATEGORIES:
            raise ValueError(f"There are more than {MOST_CATEGORIES:,} different categories.")
        return codes

    def settle(self) -> dict[str, Extent]:
        """Bring everything to the disk and say how much there is."""
        files = {ROWS_FILE: self._rows, CODES_FILE: self._codes, OWNERS_FILE: self._owners}
        for file in files.values():
            file.settle()
        return {name: file.extent() for name, file in files.items()}

    def close(self) -> None:
        for file in (self._rows, self._codes, self._owners):
            file.close()
