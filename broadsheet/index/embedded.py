"""The default engine: a folder beside the database, read by every process, written by one.

    index/
      current          "a" or "b": the room that answers
      a.lock, b.lock   held by the writer of each room
      a/               manifest.json   what the last commit made true (see files.py)
                       papers.*        columns for filters (see papers.py)
                       words/          tantivy (see words.py)
                       v0/, v1/ …      vector codes, a folder per embedder (see codes.py)
      b/               an `aside()`, while there is one

A commit brings appended files to the disk, lets tantivy commit, then replaces the manifest. A kill between
the last two leaves tantivy one commit ahead: the next writer takes out of it what the manifest does not know.

A reader looks at two file times per question. It keeps what it has mapped when the folder is deleted under
it, and goes over to whatever grows in its place. The kernel ends a process that reads a mapped file beyond
its end (SIGBUS), so each question comes after a look at the lengths: a file that somebody cut short is damage
like any other. Only what is cut between look and reading, within milliseconds (words: a tenth of a second),
ends the process.

NumPy's linear algebra starts a thread per core and lets them spin, which costs seconds on a busy machine: run
with OPENBLAS_NUM_THREADS=1. Measured on 302,555 arXiv papers by bench/index_embedded.py.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from broadsheet.index import (
    EVERYTHING,
    Document,
    Facet,
    Filter,
    Floats,
    Hit,
    IndexDamaged,
    IndexTrouble,
    LexicalQuery,
    Mask,
    Order,
    words,
)
from broadsheet.index.asked import (
    checked_document,
    checked_filter,
    checked_keys,
    checked_limit,
    checked_vectors,
)
from broadsheet.index.codes import unit
from broadsheet.index.files import (
    MANIFEST,
    Manifest,
    WriterPlace,
    problem_of,
    read_manifest,
    rebuild_words,
    replace_file,
    writing,
)
from broadsheet.index.view import WORDS, Stamp, View, stamp_at, view_of
from broadsheet.index.words import Weights
from broadsheet.index.writer import Writer, lock_of

POINTER = "current"
ROOMS = ("a", "b")
# Seconds between two looks at the lengths of all files of words.
BETWEEN_LOOKS = 0.1


class EmbeddedIndex:
    """An `Index` in one folder. See the contract; this one adds only how it is tuned.

    `weights`: of fields in BM25. `memory`: bytes for each of `threads` while words are written. `check`: read
    every byte once when first opened (about 1 GB/s) and compare it with its checksum; without it, only
    lengths.
    """

    def __init__(
        self,
        folder: Path,
        *,
        weights: Weights = Weights(),  # noqa: B008 (frozen)
        memory: int = 64_000_000,
        threads: int = 1,
        check: bool = True,
    ) -> None:
        self.folder = folder
        self._weights, self._memory, self._threads, self._check = weights, memory, threads, check
        self._aside_room: str | None = None
        self._parent: EmbeddedIndex | None = None
        self._lock = threading.RLock()
        self._view: View | None = None
        self._seen: tuple[Stamp | None, Stamp | None] = (None, None)
        self._writer: Writer | None = None
        self._look_again = 0.0

    # Reading

    def bookmark(self) -> str | None:
        with self._lock:
            if self._room() is None:
                return None
            view = self._current()
            return view.manifest.bookmark if view else None

    def count(self) -> int:
        view = self._current()
        return view.manifest.papers if view else 0

    def vector_counts(self) -> dict[str, int]:
        view = self._current()
        return {name: table.alive for name, table in view.vectors.items()} if view else {}

    def lexical(
        self, query: LexicalQuery, filter: Filter = EVERYTHING, limit: int = 100, order: Order = "relevance"
    ) -> list[Hit]:
        limit, filter = checked_limit(limit), checked_filter(filter)
        if order != "relevance" and order not in words.ORDERS:
            raise ValueError(f"There is no order {order!r}.")
        view = self._current()
        return view.words.search(query, filter, limit, order) if view else []

    def nearest(self, name: str, vector: Floats, filter: Filter = EVERYTHING, limit: int = 100) -> list[Hit]:
        limit, filter = checked_limit(limit), checked_filter(filter)
        view = self._current()
        if view is None or name not in view.vectors:
            return []
        table = view.vectors[name]
        question = checked_vectors(np.asarray(vector)[None], 1, table.entry.dimensions)[0]
        if not limit or not question.any():
            return []
        wanted = limit + len(filter.exclude)
        keys, scores = table.nearest(unit(question), view.rows_passing(name, filter), wanted)
        pairs = zip(keys.tolist(), scores.tolist(), strict=True)
        return [Hit(key, score) for key, score in pairs if key not in filter.exclude][:limit]

    def vectors(self, name: str, keys: Sequence[int]) -> Floats:
        view = self._current()
        if view is None or name not in view.vectors:
            return np.zeros((len(keys), 0), np.float32)
        table = view.vectors[name]
        return table.decoded(table.rows_of(checked_keys(keys)))

    def has_vectors(self, name: str, keys: Sequence[int]) -> Mask:
        view = self._current()
        if view is None or name not in view.vectors:
            return np.zeros(len(keys), np.bool_)
        return view.vectors[name].rows_of(checked_keys(keys)) >= 0

    def facets(
        self,
        query: LexicalQuery,
        filter: Filter = EVERYTHING,
        fields: Sequence[Facet] = ("category", "year", "has_code"),
    ) -> dict[str, dict[str, int]]:
        view = self._current()
        return (
            view.words.facets(query, checked_filter(filter), fields)
            if view
            else {each: {} for each in fields}
        )

    def terms(self) -> Iterator[tuple[str, int]]:
        view = self._current()
        return view.words.terms() if view else iter(())

    def matched(self, query: LexicalQuery, text: str) -> list[tuple[int, int]]:
        return words.spans(query, text)

    def verify(self) -> list[str]:
        try:
            room = self._room()
            if room is None:
                return []
            manifest = read_manifest(room)
            found = [
                problem_of(room / name, extent, contents=True) for name, extent in manifest.files.items()
            ]
            problems = [each for each in found if each] + words.problems_in(room / WORDS, contents=True)
            return [f"{problem}." for problem in problems] or self._disagreements(manifest)
        except FileNotFoundError as problem:
            return [f"{problem.filename} is missing."]
        except IndexTrouble as problem:
            return [str(problem)]

    def _disagreements(self, manifest: Manifest) -> list[str]:
        """Where words and columns do not know the same papers. After a kill they may, until the next
        commit."""
        view = self._current()
        if view is None or words.stamp_of(view.room / WORDS) != manifest.stamp or view.manifest != manifest:
            return []
        by_words = np.sort(np.array(view.words.keys(EVERYTHING), np.int64))
        by_rows = np.sort(view.papers.rows["key"][view.papers.live].astype(np.int64))
        if np.array_equal(by_words, by_rows):
            return []
        return [f"{len(np.setxor1d(by_words, by_rows)):,} papers are known to words or to columns alone."]

    # Writing

    def put(self, documents: Sequence[Document], vectors: Mapping[str, Floats] | None = None) -> None:
        for document in documents:
            checked_document(document)
        rows = {
            name: checked_vectors(each, len(documents), self._dimensions(name))
            for name, each in (vectors or {}).items()
        }
        if documents:
            with self._lock, self._writing() as writer:
                writer.put(documents, rows)

    def put_vectors(self, name: str, keys: Sequence[int], vectors: Floats) -> None:
        rows = checked_vectors(vectors, len(keys), self._dimensions(name))
        if len(keys):
            with self._lock, self._writing() as writer:
                writer.put_vectors(name, checked_keys(keys), rows)

    def remove(self, keys: Sequence[int]) -> None:
        if len(keys):
            with self._lock, self._writing() as writer:
                writer.remove(checked_keys(keys))

    def commit(self, bookmark: str) -> None:
        with self._lock, self._writing() as writer:
            writer.commit(bookmark)
            if not self._aside_room and self._pointed() is None:
                replace_file(self.folder / POINTER, writer.room.name)

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        """The writer, which does not outlive an error: half of what was staged may be in it."""
        writer = self._opened_writer()
        try:
            with writing(self.folder):
                yield writer
        except BaseException:
            self._let_go()
            raise

    def _opened_writer(self) -> Writer:
        if self._writer and not self._writer.place.still_ours():
            staged = self._writer.staged
            self._let_go()
            if staged:
                raise IndexDamaged(
                    f"The search index in {self.folder} was deleted while it was written. What was staged is "
                    "forgotten: start again from its bookmark."
                )
        if self._writer is None:
            with writing(self.folder):
                self._writer = self._new_writer()
        return self._writer

    def _new_writer(self) -> Writer:
        while True:
            name = self._aside_room or self._pointed() or ROOMS[0]
            place = WriterPlace(lock_of(self.folder, name))
            # Somebody may have published between the look and the lock.
            if self._aside_room or (self._pointed() or ROOMS[0]) == name:
                break
            place.release()
        try:
            aside = self._aside_room is not None
            new = self._room() is None
            return Writer(
                self.folder / name, place, self._memory, self._threads, self._check, aside=aside, new=new
            )
        except BaseException:
            place.release()
            raise

    def _let_go(self) -> None:
        writer, self._writer = self._writer, None
        if writer:
            writer.close()

    def close(self) -> None:
        with self._lock:
            self._let_go()
            self._view = None

    # Growing anew

    def aside(self) -> EmbeddedIndex:
        with self._lock:
            if self._aside_room:
                raise ValueError("An aside has no aside of its own.")
            made = EmbeddedIndex(
                self.folder,
                weights=self._weights,
                memory=self._memory,
                threads=self._threads,
                check=self._check,
            )
            made._aside_room = ROOMS[1 - ROOMS.index(self._kept_room())]
            made._parent = self
            made._discard_unless_resumable()
            return made

    def _discard_unless_resumable(self) -> None:
        """What lies in the room counts only if it is an aside, whole, of this version."""
        assert self._aside_room
        room = self.folder / self._aside_room
        try:
            if read_manifest(room).aside and self._current():
                return
        except (FileNotFoundError, IndexDamaged):
            pass
        if room.exists():
            with writing(self.folder):
                place = WriterPlace(lock_of(self.folder, self._aside_room))
                shutil.rmtree(room)
                place.release()

    def publish(self) -> None:
        if self._aside_room is None or self._parent is None:
            raise ValueError("Only what aside() made can be published.")
        with self._lock, self._parent._lock, writing(self.folder):
            if self._writer and self._writer.staged:
                raise ValueError("Commit what is staged before you publish.")
            if not (self.folder / self._aside_room / MANIFEST).exists():
                raise ValueError("Nothing was committed that could be published.")
            self._let_go()
            self._parent._let_go()
            former = ROOMS[1 - ROOMS.index(self._aside_room)]
            place = WriterPlace(lock_of(self.folder, former))
            try:
                replace_file(self.folder / POINTER, self._aside_room)
                (self.folder / former / MANIFEST).unlink(missing_ok=True)
                shutil.rmtree(self.folder / former, ignore_errors=True)
            finally:
                place.release()
            self._aside_room = self._parent = self._view = None

    def drop(self) -> None:
        with self._lock, writing(self.folder):
            self._let_go()
            self._view = None
            names = [self._aside_room] if self._aside_room else [*ROOMS]
            places = [WriterPlace(lock_of(self.folder, name)) for name in names]
            try:
                if not self._aside_room:
                    (self.folder / POINTER).unlink(missing_ok=True)
                for name in names:
                    (self.folder / name / MANIFEST).unlink(missing_ok=True)
                    shutil.rmtree(self.folder / name, ignore_errors=True)
            finally:
                for place in places:
                    place.release()

    # Finding the room

    def _pointed(self) -> str | None:
        """The room that answers, None where there is no index yet."""
        try:
            name = (self.folder / POINTER).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            raise IndexDamaged(
                rebuild_words(self.folder, f"{POINTER} cannot be read ({problem})")
            ) from problem
        if name not in ROOMS:
            raise IndexDamaged(rebuild_words(self.folder, f"{POINTER} names no room"))
        return name

    def _kept_room(self) -> str:
        """The room that an aside stays out of: what answers, also where the pointer is damaged, since else
        nothing could ever grow back."""
        try:
            return self._pointed() or ROOMS[0]
        except IndexDamaged:
            for name in ROOMS:
                with suppress(FileNotFoundError, IndexDamaged):
                    if not read_manifest(self.folder / name).aside:
                        return name
            return ROOMS[0]

    def _room(self) -> Path | None:
        name = self._aside_room or self._pointed()
        if name is None or (self._aside_room and not (self.folder / name / MANIFEST).exists()):
            return None
        return self.folder / name

    def _current(self) -> View | None:
        """The newest commit; what we had where the folder was deleted under us; None where there never was
        one."""
        view = self._view
        if view and not self._cut(view) and self._stamps(view.room) == self._seen:
            return view
        with self._lock:
            if self._view and self._cut(self._view):
                # Never to be read again; opening it says what is wrong.
                self._view = None
            room = self._room()
            if room is None:
                return None if self._aside_room else self._view
            seen = self._stamps(room)
            try:
                self._view = view_of(room, self._view, self._weights, self._check)
            except FileNotFoundError as problem:
                if self._view and not self._aside_room:
                    return self._view
                raise IndexDamaged(rebuild_words(room, f"{problem.filename} is missing")) from problem
            # Taken before reading: a commit in between is then seen at the next question.
            self._seen = seen
            return self._view

    def _cut(self, view: View) -> bool:
        """Whether a file was cut short under us. Looks at the words now and then only."""
        if view.columns_cut():
            return True
        now = time.monotonic()
        if now < self._look_again:
            return False
        if view.words_cut():
            return True
        self._look_again = now + BETWEEN_LOOKS
        return False

    def _stamps(self, room: Path) -> tuple[Stamp | None, Stamp | None]:
        """Of the pointer and of the manifest, None where missing."""
        return None if self._aside_room else _stamp(self.folder / POINTER), _stamp(room / MANIFEST)

    # What callers may get wrong

    def _dimensions(self, name: str) -> int | None:
        """How long vectors of this name are, None while there are none."""
        if self._writer:
            return self._writer.dimensions(name)
        view = self._current()
        return view.vectors[name].entry.dimensions if view and name in view.vectors else None


def _stamp(path: Path) -> Stamp | None:
    try:
        return stamp_at(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
