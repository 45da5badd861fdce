"""Files that survive a kill: appended to, cut back to the length that a manifest names, checked by CRC-32.

A manifest is the only thing that is ever replaced, and it is replaced whole: written aside, synced, renamed.
What lies beyond the lengths it names was never acknowledged and is cut off by the next writer.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from broadsheet.index import IndexBusy, IndexDamaged, IndexNotWritten

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a file counts: bytes, and the CRC-32 of exactly those bytes."""

    length: int
    crc: int


@dataclass(frozen=True, slots=True)
class VectorEntry:
    """Where the vectors of one embedder lie. `frame` numbers the file of 1-bit codes that is valid now;
    `framed_at` is how many rows there were when its thresholds were taken."""

    folder: str
    dimensions: int
    rows: int
    frame: int
    framed_at: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one commit made true. `born` tells a room from another that once stood under the same name;
    `stamp` is the number tantivy gave the commit; `rows` counts paper rows, `papers` those that count."""

    bookmark: str
    born: str
    stamp: int = 0
    rows: int = 0
    papers: int = 0
    aside: bool = False
    categories: tuple[str, ...] = ()
    files: dict[str, Extent] = field(default_factory=dict)
    vectors: dict[str, VectorEntry] = field(default_factory=dict)


def rebuild_words(folder: Path, problem: str) -> str:
    return (
        f"The search index in {folder} is damaged: {problem}. "
        "Run `broadsheet index rebuild`; no paper is lost."
    )


def write_manifest(room: Path, manifest: Manifest) -> None:
    body = json.dumps({"format": FORMAT, **asdict(manifest)}, ensure_ascii=True, sort_keys=True)
    replace_file(room / MANIFEST, f"{zlib.crc32(body.encode()):08x}\n{body}")


def read_manifest(room: Path) -> Manifest:
    """Raises FileNotFoundError where there is none, IndexDamaged where it is not what was written."""
    try:
        crc, _, body = (room / MANIFEST).read_bytes().partition(b"\n")
        if int(crc, 16) != zlib.crc32(body):
            raise ValueError("its checksum is wrong")
        return _parsed(json.loads(body))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise IndexDamaged(rebuild_words(room, f"{MANIFEST} cannot be read ({problem})")) from problem


def _parsed(words: dict[str, Any]) -> Manifest:
    if words.pop("format") != FORMAT:
        raise ValueError("another version of Broadsheet wrote it")
    words["categories"] = tuple(words["categories"])
    words["files"] = {name: Extent(**extent) for name, extent in words["files"].items()}
    words["vectors"] = {name: VectorEntry(**entry) for name, entry in words["vectors"].items()}
    return Manifest(**words)


def replace_file(path: Path, text: str) -> None:
    """All of the new text or all of the old, even after a power cut."""
    aside = path.with_name(path.name + ".new")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names durable: a file whose folder was never synced can be gone after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Growing:
    """A file that is only ever appended to. Opening it cuts off what lies beyond `extent`."""

    def __init__(self, path: Path, extent: Extent | None = None) -> None:
        self.path = path
        self.length, self.crc = (extent.length, extent.crc) if extent else (0, 0)
        self._file: IO[bytes] = path.open("r+b" if extent else "w+b")
        self._file.truncate(self.length)
        self._file.seek(self.length)
        self._synced = self.length

    def append(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self.crc = zlib.crc32(data, self.crc)
        self.length += memoryview(data).nbytes

    def settle(self) -> None:
        """Bring everything appended so far to the disk."""
        if self._synced != self.length or self.length == 0:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._synced = self.length

    def flush(self) -> None:
        self._file.flush()

    def extent(self) -> Extent:
        return Extent(self.length, self.crc)

    def close(self) -> None:
        try:
            self._file.close()
        except OSError:
            # A full disk refuses the last flush again; what it held was never acknowledged.
            self._file = open(os.devnull, "wb")  # noqa: SIM115, PTH123
            self._file.close()


def checked(room: Path, manifest: Manifest, contents: bool) -> None:
    """Raises IndexDamaged unless every file is there, long enough and, with `contents`, byte for byte
    right."""
    for name, extent in manifest.files.items():
        problem = problem_of(room / name, extent, contents)
        if problem:
            raise IndexDamaged(rebuild_words(room, problem))


def problem_of(path: Path, extent: Extent, contents: bool) -> str:
    """What is wrong with a file, "" when nothing is. Raises nothing but FileNotFoundError's own sentence."""
    try:
        size = path.stat().st_size
        if size < extent.length:
            return f"{path.name} has {size:,} bytes where {extent.length:,} were written"
        if contents and crc_of(path, extent.length) != extent.crc:
            return f"{path.name} is not what was written (wrong checksum)"
    except FileNotFoundError:
        return f"{path.name} is missing"
    except OSError as problem:
        return f"{path.name} cannot be read ({problem.strerror})"
    return ""


def crc_of(path: Path, length: int) -> int:
    """CRC-32 of the first `length` bytes, read through a small buffer so that nothing stays in memory."""
    crc, left = 0, length
    with path.open("rb") as file:
        while left and (piece := file.read(min(CHUNK, left))):
            crc = zlib.crc32(piece, crc)
            left -= len(piece)
    return crc


class WriterPlace:
    """The one writer's place, held by a lock that the kernel takes back when its process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(self._handle)
            raise IndexBusy(
                f"Another process is writing the search index in {path.parent}. There can be one writer: "
                "stop the other worker, or wait until it has ended."
            ) from problem

    def still_ours(self) -> bool:
        """False once somebody deleted the folder: we then hold a lock on a file that has no name."""
        try:
            there = os.stat(self.path)  # noqa: PTH116
        except OSError:
            return False
        here = os.fstat(self._handle)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)

    def release(self) -> None:
        os.close(self._handle)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns what a full disk says into a sentence."""
    try:
        yield
    except FileNotFoundError as problem:
        raise IndexDamaged(
            rebuild_words(folder, f"{problem.filename} disappeared while it was written")
        ) from problem
    except OSError as problem:
        raise IndexNotWritten(
            f"The search index in {folder} could not be written ({problem.strerror or problem}). "
            "Make room on its disk and run the same again; nothing acknowledged is lost."
        ) from problem
