"""Vectors as codes: one bit per random direction to find candidates, one byte per number to rank them.

Three append-only files per embedder, all read through memory maps that every process shares:

* `rows`: key, hash of the words the vector was made from, scale (24 bytes);
* `bytes`: the unit vector as int8, `scale` times which gives the numbers back (1 byte per dimension);
* `bits-N`: for each of `bits_for(d)` random directions, on which side of the collection's centre the vector
  lies. The directions and thresholds are in `frame-N`. The centre moves while the first papers come in, so
  the bits are written anew (from the bytes) each time the collection has grown eightfold, until `SETTLED`
  rows.

A question is answered by a scan of all bits (Hamming distance, faiss), then the `rescored()` nearest are
ranked by their bytes against the question's full floats. Where a filter leaves few papers, only theirs are
scanned, and where it leaves fewer than would be rescored, they are all ranked: filters lose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from broadsheet.index import Floats, Mask
from broadsheet.index.files import Extent, Growing, VectorEntry
from broadsheet.index.papers import Ints, Newest, PaperTable, RowNumbers, Rows, mapped

ROW = np.dtype([("key", "<i8"), ("text", "<u8"), ("scale", "<f4"), ("spare", "V4")])

FEWEST_BITS = 512
FIRST_FRAME, GROWTH, SETTLED = 256, 8, 100_000
SAMPLE = 20_000
BLOCK = 8_192

# The cosine also rewards what question and collection have in common, so questions are compared with less
# than the whole centre. Of the true 100 among 3,000 candidates (wordllama, 302,555 papers): papers as
# questions 97.3% with the whole centre, 99.2% with 0.4, 97.4% with none; runs of 2 to 6
# words 90.8%, 97.3%, 95.8%.
QUESTION_CENTRE = np.float32(0.4)

# From this share of rows on, scanning everything and dropping what fails beats gathering what passes.
GATHERED_SHARE = 0.7

Bytes = npt.NDArray[np.uint8]


def bits_for(dimensions: int) -> int:
    """At least 512 bits: a cache line a row, and for small models more directions than dimensions."""
    return max(FEWEST_BITS, -(-dimensions // 64) * 64)


def rescored(rows: int, limit: int) -> int:
    """How many candidates are ranked by their bytes: 1% of the rows, from 3,000 to 20,000."""
    return max(10 * limit, min(max(rows // 100, 3_000), 20_000))


def unit(vectors: Floats) -> Floats:
    """Rows of length 1; rows of zeros stay zeros. In 64 bits, so that huge and tiny numbers are no
    trouble."""
    wide = vectors.astype(np.float64)
    largest = np.abs(wide).max(axis=-1, keepdims=True, initial=0.0)
    wide /= np.where(largest > 0, largest, 1.0)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0), np.float32)


@dataclass(frozen=True, slots=True)
class Frame:
    """Random directions [d, bits], float32, and the collection's centre along each, [bits]."""

    directions: Floats
    centre: Floats

    @classmethod
    def random(cls, dimensions: int) -> Frame:
        """Rows of a Hadamard matrix under random signs: as even as a random rotation (of the true 100, both
        keep 97.4 among 3,000 of 302,555; Gaussian directions 94.6), and made without linear algebra."""
        bits = bits_for(dimensions)
        chance = np.random.default_rng(1)
        square = np.ones((1, 1), np.float32)
        while len(square) < bits:
            square = np.block([[square, square], [square, -square]])
        signs = chance.choice(np.array([-1, 1], np.float32), (dimensions, 1))
        rows, columns = chance.permutation(len(square))[:dimensions], chance.permutation(len(square))[:bits]
        directions = signs * square[np.ix_(rows, columns)] / np.float32(np.sqrt(len(square)))
        return cls(np.ascontiguousarray(directions, np.float32), np.zeros(bits, np.float32))

    def centred(self, sample: Floats) -> Frame:
        return Frame(self.directions, np.asarray(sample.mean(axis=0) @ self.directions, np.float32))

    def bits(self, vectors: Floats) -> Bytes:
        """Of stored vectors, [n, d] → [n, bits / 8]."""
        return np.packbits(vectors @ self.directions > self.centre, axis=1)

    def question(self, vectors: Floats) -> Bytes:
        """Of questions: against a part of the centre only, see `QUESTION_CENTRE`."""
        return np.packbits(vectors @ self.directions > QUESTION_CENTRE * self.centre, axis=1)

    def raw(self) -> bytes:
        return np.vstack([self.directions, self.centre]).astype("<f4").tobytes()

    @classmethod
    def mapped(cls, path: Path, dimensions: int) -> Frame:
        whole = mapped(path, np.dtype("<f4"), dimensions + 1, bits_for(dimensions)).view(np.float32)
        return cls(whole[:-1], whole[-1])


def names(entry: VectorEntry) -> tuple[str, str, str, str]:
    """The files of an entry, relative to the room: rows, bytes, bits, frame."""
    folder = entry.folder
    return (
        f"{folder}/rows",
        f"{folder}/bytes",
        f"{folder}/bits-{entry.frame}",
        f"{folder}/frame-{entry.frame}",
    )


def quantised(vectors: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Unit vectors [n, d] as int8 and the scale of each row."""
    scales = np.maximum(np.abs(vectors).max(axis=1, initial=0.0), 1e-12) / 127
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


@dataclass(frozen=True, slots=True)
class VectorTable:
    """All vectors of one embedder as one commit left them. Never changes."""

    entry: VectorEntry
    rows: Rows
    bytes: npt.NDArray[np.int8]
    bits: Bytes
    frame: Frame
    newest: Newest
    live: Mask
    alive: int
    papers_seen: int

    @classmethod
    def opened(
        cls, room: Path, entry: VectorEntry, papers: PaperTable, former: VectorTable | None
    ) -> VectorTable:
        """`former` is an earlier state of the same table, whose lookups are extended rather than made
        anew."""
        rows_name, bytes_name, bits_name, frame_name = names(entry)
        rows = mapped(room / rows_name, ROW, entry.rows)
        known = len(former.rows) if former else 0
        newest = (former.newest if former else Newest.empty()).extended(
            rows["key"][known:].astype(np.int64), known
        )
        seen = former.papers_seen if former else 0
        changed = np.concatenate([rows["key"][known:], papers.rows["key"][seen:]])
        live = np.zeros(len(rows), np.bool_)
        if former:
            live[:known] = former.live
            before = former.newest.rows(changed)
            live[before[before >= 0]] = False
        _judge(live, newest.rows(changed), rows, papers)
        whole, width = entry.dimensions, bits_for(entry.dimensions) // 8
        return cls(
            entry,
            rows,
            mapped(room / bytes_name, np.dtype(np.int8), entry.rows, whole),
            mapped(room / bits_name, np.dtype(np.uint8), entry.rows, width),
            Frame.mapped(room / frame_name, whole),
            newest,
            live,
            int(np.count_nonzero(live)),
            len(papers.rows),
        )

    def rows_of(self, keys: Ints) -> RowNumbers:
        """The row of each key's vector, −1 where it has none."""
        rows = self.newest.rows(keys)
        there = rows >= 0
        there[there] = self.live[rows[there]]
        return np.where(there, rows, np.int32(-1))

    def decoded(self, rows: npt.NDArray[Any]) -> Floats:
        """[n, d] float32, of about length 1; zeros for row −1."""
        found = np.zeros((len(rows), self.entry.dimensions), np.float32)
        there = rows >= 0
        wanted = rows[there]
        found[there] = self.bytes[wanted] * self.rows["scale"][wanted][:, None]
        return found

    def nearest(self, vector: Floats, passing: RowNumbers | None, limit: int) -> tuple[Ints, Floats]:
        """Keys and cosines of the nearest rows, nearest first. `vector` is a unit vector [d]; `passing` are
        the live rows that may answer, ascending, None for all live ones."""
        candidates = self._candidates(vector, passing, rescored(len(self.rows), limit))
        # einsum turns bytes into floats in small pieces; `@` writes all of them first, three times as slow.
        scores = (
            np.einsum("ij,j->i", self.bytes.take(candidates, axis=0), vector) * self.rows["scale"][candidates]
        )
        if len(scores) > limit:
            kept = np.argpartition(-scores, limit - 1)[:limit]
            candidates, scores = candidates[kept], scores[kept]
        best = np.lexsort((candidates, -scores))
        return self.rows["key"][candidates[best]].astype(np.int64), scores[best].astype(np.float32)

    def _candidates(self, vector: Floats, passing: RowNumbers | None, wanted: int) -> npt.NDArray[Any]:
        share_of = self.alive if passing is None else len(passing)
        if share_of <= wanted:
            return np.flatnonzero(self.live) if passing is None else passing
        question = self.frame.question(vector[None, :])
        if share_of < GATHERED_SHARE * len(self.rows):
            rows = np.flatnonzero(self.live) if passing is None else passing
            return rows[_scan(question, self._gathered(rows), wanted)]
        if share_of == len(self.rows):
            return np.sort(_scan(question, self.bits, wanted))
        return self._sifted(question, passing, share_of, wanted)

    def _gathered(self, rows: npt.NDArray[Any]) -> Bytes:
        """The bits of some rows; a row is moved as one piece, which is several times as fast as byte by
        byte."""
        width = self.bits.shape[1]
        whole = self.bits.view(np.dtype((np.void, width)))[:, 0]
        return whole.take(rows).view(np.uint8).reshape(-1, width)

    def _sifted(
        self, question: Bytes, passing: RowNumbers | None, share_of: int, wanted: int
    ) -> npt.NDArray[Any]:
        """The nearest of everything, less what does not pass; asks for more where too few are left."""
        if passing is None:
            may = self.live
        else:
            may = np.zeros(len(self.rows), np.bool_)
            may[passing] = True
        asked = int(wanted * len(self.rows) / share_of * 1.2) + 100
        while True:
            found = _scan(question, self.bits, min(asked, len(self.rows)))
            kept = found[may[found]][:wanted]
            if len(kept) == wanted or asked >= len(self.rows):
                return np.sort(kept)
            asked *= 4


def _judge(live: Mask, numbers: RowNumbers, rows: Rows, papers: PaperTable) -> None:
    """A vector counts while it is its key's newest and its paper still has the words it was made from."""
    newest = numbers[numbers >= 0]
    there, texts = papers.texts(rows["key"][newest])
    live[newest] = there & (texts == rows["text"][newest])


def _scan(question: Bytes, bits: Bytes, wanted: int) -> npt.NDArray[np.int64]:
    """Row numbers of the `wanted` smallest Hamming distances, smallest first."""
    found = faiss.knn_hamming(question, np.ascontiguousarray(bits), wanted, variant="mc")[1][0]
    return np.asarray(found[found >= 0], np.int64)


class VectorLog:
    """The writer's end of the same files."""

    def __init__(self, room: Path, entry: VectorEntry, extents: dict[str, Extent] | None) -> None:
        self.room, self.entry = room, entry
        (room / entry.folder).mkdir(exist_ok=True)
        rows, whole, bits, frame = names(entry)
        known = extents or {}
        self._rows = Growing(room / rows, known.get(rows))
        self._bytes = Growing(room / whole, known.get(whole))
        self._bits = Growing(room / bits, known.get(bits))
        self._frame_extent = known.get(frame)
        if self._frame_extent:
            self._frame = Frame.mapped(room / frame, entry.dimensions)
        else:
            self._use(Frame.random(entry.dimensions))

    def append(self, keys: Ints, texts: npt.NDArray[np.uint64], vectors: Floats) -> None:
        """`vectors` are unit vectors [n, d] without rows of zeros."""
        rows = np.zeros(len(keys), ROW)
        codes, rows["scale"] = quantised(vectors)
        rows["key"], rows["text"] = keys, texts
        self._rows.append(rows.tobytes())
        self._bytes.append(codes.tobytes())
        self._bits.append(self._frame.bits(vectors).tobytes())
        self.entry = replace(self.entry, rows=self.entry.rows + len(rows))

    def settle(self) -> dict[str, Extent]:
        """Bring everything to the disk, in a new frame where it is time for one, and say how much there
        is."""
        self._bytes.flush()
        if self._frame_is_due():
            self._reframe()
        for file in (self._rows, self._bytes, self._bits):
            file.settle()
        rows, whole, bits, frame = names(self.entry)
        assert self._frame_extent is not None
        extents = [file.extent() for file in (self._rows, self._bytes, self._bits)]
        return dict(zip((rows, whole, bits, frame), [*extents, self._frame_extent], strict=True))

    def _frame_is_due(self) -> bool:
        framed, rows = self.entry.framed_at, self.entry.rows
        return framed < SETTLED and rows >= max(FIRST_FRAME, GROWTH * framed)

    def _reframe(self) -> None:
        """Bits are made anew from the bytes, in files with a new number: readers go on with the old ones."""
        rows, dimensions = self.entry.rows, self.entry.dimensions
        codes = mapped(self.room / names(self.entry)[1], np.dtype(np.int8), rows, dimensions).view(np.int8)
        sample = codes[:: max(1, rows // SAMPLE)].astype(np.float32)
        self._bits.close()
        self.entry = replace(self.entry, frame=self.entry.frame + 1, framed_at=rows)
        self._bits = Growing(self.room / names(self.entry)[2])
        self._use(self._frame.centred(unit(sample)))
        for first in range(0, rows, BLOCK):
            # Scales do not matter up to the side of the centre on which a vector lies, so rows are made unit
            # again.
            self._bits.append(
                self._frame.bits(unit(codes[first : first + BLOCK].astype(np.float32))).tobytes()
            )

    def _use(self, frame: Frame) -> None:
        self._frame = frame
        file = Growing(self.room / names(self.entry)[3])
        try:
            file.append(frame.raw())
            file.settle()
            self._frame_extent = file.extent()
        finally:
            file.close()

    def forget_old_frames(self) -> None:
        """Remove bits and frames that no manifest names any more."""
        named = {Path(name).name for name in names(self.entry)}
        for path in (self.room / self.entry.folder).iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        for file in (self._rows, self._bytes, self._bits):
            file.close()
