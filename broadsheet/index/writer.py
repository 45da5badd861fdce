"""The one who writes a room: keeps columns, words and vectors in step and makes each commit whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from broadsheet.index import EVERYTHING, Document, Floats
from broadsheet.index.codes import VectorLog, unit
from broadsheet.index.files import (
    Manifest,
    VectorEntry,
    WriterPlace,
    read_manifest,
    sync_folder,
    write_manifest,
)
from broadsheet.index.papers import Ints, PaperLog, PaperTable
from broadsheet.index.view import WORDS, check_room
from broadsheet.index.words import Weights, WordLog, WordTable, stamp_of


def lock_of(folder: Path, room: str) -> Path:
    return folder / f"{room}.lock"


class Writer:
    """Holds `place`, which the caller took, until it is closed. Everything staged is in it until `commit`."""

    def __init__(
        self,
        room: Path,
        place: WriterPlace,
        memory: int,
        threads: int,
        check: bool,
        *,
        aside: bool,
        new: bool,
    ) -> None:
        self.room, self.place, self._aside = room, place, aside
        self.staged = False
        self._texts: dict[int, int | None] = {}
        manifest = None if new else read_manifest(room)
        if manifest:
            check_room(room, manifest, check)
        else:
            _emptied(room)
        self._manifest = manifest or Manifest("", uuid4().hex)
        self._table = PaperTable.empty().grown(room, manifest) if manifest else PaperTable.empty()
        self._words = WordLog(room / WORDS, memory, threads)
        self._vectors: dict[str, VectorLog] = {}
        try:
            self._papers = PaperLog(room, manifest)
            for name, entry in self._manifest.vectors.items():
                self._vectors[name] = VectorLog(room, entry, self._manifest.files)
            if manifest:
                self._heal()
        except BaseException:
            self._close_files()
            raise

    def _heal(self) -> None:
        """Take out of the words what a kill left there without the manifest knowing it."""
        if stamp_of(self.room / WORDS) == self._manifest.stamp:
            return
        by_words = WordTable(self.room / WORDS, Weights()).keys(EVERYTHING)
        known = set(self._table.rows["key"][self._table.live].tolist())
        self._words.replace([key for key in by_words if key not in known], [])

    def dimensions(self, name: str) -> int | None:
        return self._vectors[name].entry.dimensions if name in self._vectors else None

    def put(self, documents: Sequence[Document], vectors: Mapping[str, Floats]) -> None:
        """Keys may repeat: the last document of a key is kept."""
        self.staged = True
        last = {document.key: row for row, document in enumerate(documents)}
        kept = [documents[row] for row in last.values()]
        keys = np.array(list(last), np.int64)
        there, _ = self._known(keys)
        self._words.replace(keys[there].tolist(), kept)
        texts = self._papers.append(kept)
        self._texts.update(zip(last, texts.tolist(), strict=True))
        for name, rows in vectors.items():
            self._append(name, keys, texts, rows[list(last.values())])

    def put_vectors(self, name: str, keys: Ints, vectors: Floats) -> None:
        self.staged = True
        there, texts = self._known(keys)
        self._append(name, keys[there], texts[there], vectors[there])

    def remove(self, keys: Ints) -> None:
        self.staged = True
        gone = np.unique(keys[self._known(keys)[0]])
        self._words.replace(gone.tolist(), [])
        self._papers.bury(gone)
        self._texts.update(dict.fromkeys(gone.tolist()))

    def _known(self, keys: Ints) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint64]]:
        """Which keys are papers, staged ones included, and the hashes of their words."""
        there, texts = self._table.texts(keys)
        if self._texts:
            for place, key in enumerate(keys.tolist()):
                if key in self._texts:
                    text = self._texts[key]
                    there[place], texts[place] = text is not None, text or 0
        return there, texts

    def _append(self, name: str, keys: Ints, texts: npt.NDArray[np.uint64], vectors: Floats) -> None:
        if not vectors.shape[1]:
            return
        rows = unit(vectors)
        some = rows.any(axis=1)
        self._log(name, vectors.shape[1]).append(keys[some], texts[some], rows[some])

    def _log(self, name: str, dimensions: int) -> VectorLog:
        if name not in self._vectors:
            entry = VectorEntry(f"v{len(self._vectors)}", dimensions, rows=0, frame=0, framed_at=0)
            shutil.rmtree(self.room / entry.folder, ignore_errors=True)
            self._vectors[name] = VectorLog(self.room, entry, None)
        return self._vectors[name]

    def commit(self, bookmark: str) -> None:
        """Order matters: files first, then tantivy, then the manifest that makes both true."""
        files = self._papers.settle()
        for log in self._vectors.values():
            files |= log.settle()
            sync_folder(self.room / log.entry.folder)
        stamp = self._words.commit()
        sync_folder(self.room)
        manifest = replace(
            self._manifest,
            bookmark=bookmark,
            stamp=stamp,
            rows=self._papers.rows,
            aside=self._aside,
            categories=tuple(self._papers.categories),
            files=files,
            vectors={name: log.entry for name, log in self._vectors.items()},
        )
        self._table = self._table.grown(self.room, manifest)
        self._manifest = replace(manifest, papers=self._table.count())
        write_manifest(self.room, self._manifest)
        self._texts.clear()
        self.staged = False
        for log in self._vectors.values():
            log.forget_old_frames()

    def close(self) -> None:
        """Gives everything free; what is staged is forgotten, and cut off by the next writer."""
        try:
            self._close_files()
        finally:
            self.place.release()

    def _close_files(self) -> None:
        self._words.close()
        if hasattr(self, "_papers"):
            self._papers.close()
        for log in self._vectors.values():
            log.close()


def _emptied(room: Path) -> None:
    if room.exists():
        shutil.rmtree(room)
    room.mkdir(parents=True)
