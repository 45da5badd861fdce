"""Files and folders of papers: what they are is told by their content, never by their names."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import zstandard

from broadsheet.sources import PaperRecord, Reject, Source, SourceError
from broadsheet.sources.arxiv import ArxivSnapshotSource
from broadsheet.sources.bibtex import BibtexSource
from broadsheet.sources.csl import CslSource
from broadsheet.sources.huggingface import HuggingFaceSource
from broadsheet.sources.pieces import Piece, objects
from broadsheet.sources.ris import RisSource
from broadsheet.sources.tables import COLUMNS, DailyTableSource, ParquetTableSource, TableSource

ACCEPTED = (
    "arXiv's metadata snapshot, Hugging Face daily papers, JSON lines or Parquet with a title in each row, "
    "CSL-JSON, BibTeX, RIS and Zotero RDF, plain or compressed with gzip or zstd"
)

_CHUNK = 256 * 1024
_SAMPLE = 64 * 1024


@dataclass(frozen=True)
class Kind:
    """One kind of file: its words for people, the name of its source, and how a stream of it is read."""

    words: str
    name: str
    open: Callable[[io.BufferedReader, datetime], Source]


SNAPSHOT = Kind("arXiv metadata snapshot", "arxiv", lambda stream, seen_at: ArxivSnapshotSource(stream))
DAILY = Kind("Hugging Face daily papers", "huggingface", HuggingFaceSource)
DAILY_TABLE = Kind("table of daily papers", "huggingface", lambda stream, seen_at: DailyTableSource(stream))
TABLE = Kind("table of papers", "arxiv", lambda stream, seen_at: TableSource(stream))
CSL = Kind("CSL-JSON", "csl", lambda stream, seen_at: CslSource(stream))
BIBTEX = Kind("BibTeX", "bibtex", lambda stream, seen_at: BibtexSource(stream))
RIS = Kind("RIS", "ris", lambda stream, seen_at: RisSource(stream))


def _zotero(stream: io.BufferedReader, seen_at: datetime) -> Source:
    # What reads XML takes a moment to load, and most processes read none.
    from broadsheet.sources.zotero import ZoteroRdfSource

    return ZoteroRdfSource(stream)


ZOTERO = Kind("Zotero RDF", "zotero", _zotero)


class FileSource:
    """A file as a `Source`. `kind` names its format for people; `size` is in bytes on disk; `position` is how
    many of them have been used up and `fraction` (0 to 1) how much of the work that is."""

    def __init__(self, path: Path, kind: Kind | None) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.kind = kind.words if kind else "Parquet table of papers"
        self.name = kind.name if kind else "arxiv"
        self._kind = kind
        self._progress: Callable[[], float] = lambda: 0.0

    @property
    def fraction(self) -> float:
        return min(1.0, self._progress())

    @property
    def position(self) -> int:
        return round(self.fraction * self.size)

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        """Yields what the file holds. Raises `SourceError` if it can no longer be opened."""
        if self._kind is None:
            table = ParquetTableSource(self.path)
            self._progress = lambda: table.fraction
            yield from table.fetch(since)
            return
        with _opened(self.path) as file, _unpacked(file) as stream:
            self._progress = lambda: file.tell() / max(1, self.size)
            seen_at = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            yield from self._kind.open(stream, seen_at).fetch(since)
            self._progress = lambda: 1.0


def open_path(path: Path | str) -> list[FileSource]:
    """The papers at `path`: a file, or every file of a known kind in a folder and the folders in it.

    A folder is read in the order of names; hidden files, links and files of other kinds are passed over.
    Raises `SourceError` if there is nothing at `path`, if it may not be read, or if nothing in it is known.
    """
    path = Path(path)
    try:
        found = _in_folder(path) if path.is_dir() else [_recognised(path)]
    except OSError as problem:
        raise SourceError(f"{path} cannot be read ({problem.strerror or problem}).") from problem
    if not found:
        raise SourceError(f"Nothing in {path} is known here. Broadsheet reads {ACCEPTED}.")
    return found


def _in_folder(folder: Path) -> list[FileSource]:
    found = []
    for path in _regular_files(folder):
        try:
            found.append(_recognised(path))
        except _UnknownKind:
            continue
    return found


def _regular_files(folder: Path) -> Iterator[Path]:
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(base, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


class _UnknownKind(SourceError):
    """The file is readable, but nothing for us: in a folder, no reason to stop."""


# --- recognising -----------------------------------------------------------------------------------------

_RIS = re.compile(rb"^TY  -", re.MULTILINE)
_BIBTEX = re.compile(rb"^\s{0,100}@\s{0,9}[A-Za-z]{1,100}\s{0,9}[{(]", re.MULTILINE)
_SAMPLED_OBJECTS = 20


def _recognised(path: Path) -> FileSource:
    if not path.is_file():
        raise SourceError(f"{path} is neither a file nor a folder.")
    with _opened(path) as file, _unpacked(file) as stream:
        if _magic(file) == b"PAR1":
            return FileSource(path, None)
        sample = _sample(stream)
    if sample.startswith(b"PAR1"):
        raise SourceError(f"{path} is compressed Parquet, which cannot be read in parts; unpack it first.")
    return FileSource(path, _kind_of(path, sample))


def _kind_of(path: Path, sample: bytes) -> Kind:
    if sample.startswith(b"PK\x03\x04"):
        raise _UnknownKind(f"{path} is a zip archive; unpack it first.")
    if sample.lstrip().startswith((b"{", b"[")):
        with _opened(path) as file, _unpacked(file) as stream:
            kind = _kind_of_objects(objects(stream))
    else:
        kind = _kind_of_text(sample)
    if kind is None:
        raise _UnknownKind(f"What {path} holds is not known here. Broadsheet reads {ACCEPTED}.")
    return kind


def _kind_of_text(sample: bytes) -> Kind | None:
    if sample.lstrip().startswith(b"<"):
        return ZOTERO if b"http://www.zotero.org/namespaces/export#" in sample else None
    return RIS if _RIS.search(sample) else BIBTEX if _BIBTEX.search(sample) else None


def in_memory(data: bytes, kind: Kind | None = None) -> Source | None:
    """What is small enough to be held, as a source of papers; None for text of no known kind."""

    def stream() -> io.BufferedReader:
        return io.BufferedReader(_Unpacking(io.BytesIO(data).read1), _CHUNK)

    sample = data[:_SAMPLE].removeprefix(codecs.BOM_UTF8)
    if kind is None and sample.lstrip().startswith((b"{", b"[")):
        kind = _kind_of_objects(objects(stream()))
    kind = kind or _kind_of_text(sample)
    return kind.open(stream(), datetime.now(UTC)) if kind else None


def _kind_of_objects(pieces: Iterator[Piece | Reject]) -> Kind | None:
    rows = (piece.row for piece in islice(pieces, _SAMPLED_OBJECTS) if isinstance(piece, Piece))
    return next((kind for row in rows if (kind := _kind_of_row(row))), None)


def _kind_of_row(row: dict[str, Any]) -> Kind | None:
    """Told by the fields that only one format has."""
    keys = row.keys()
    if isinstance(row.get("paper"), dict) or (
        "title" in keys and keys & {"publishedAt", "submittedOnDailyAt"}
    ):
        return DAILY
    if "title" not in keys:
        return None
    if keys & {"authors_parsed", "versions", "update_date", "submitter"}:
        return DAILY_TABLE if "day" in keys else SNAPSHOT
    if "day" in keys:
        return DAILY_TABLE
    if keys & {"issued", "container-title", "DOI", "citation-key"} or {"author", "type"} <= keys:
        return CSL
    return TABLE if len(keys & COLUMNS) > 1 else None


# --- opening ---------------------------------------------------------------------------------------------


def _opened(path: Path) -> io.FileIO:
    try:
        return io.FileIO(path)
    except OSError as problem:
        raise SourceError(f"{path} cannot be opened ({problem.strerror}).") from problem


def _magic(file: io.FileIO) -> bytes:
    start = file.read(4)
    file.seek(0)
    return start


def _sample(stream: io.BufferedReader) -> bytes:
    """The beginning, without a byte order mark; of a damaged file, as much as there is."""
    parts, size = [], 0
    try:
        while size < _SAMPLE and (part := stream.read1(_SAMPLE)):
            parts.append(part)
            size += len(part)
    except OSError:
        pass
    return b"".join(parts).removeprefix(codecs.BOM_UTF8)


def _unpacked(file: io.FileIO) -> io.BufferedReader:
    """The content, unpacked on the way. Damage raises an `OSError` where it is met, not before."""
    magic = _magic(file)
    if magic.startswith(b"\x1f\x8b"):
        return io.BufferedReader(_Unpacking(gzip.GzipFile(fileobj=file, mode="rb").read1), _CHUNK)
    if magic == zstandard.FRAME_HEADER:
        return io.BufferedReader(_Unpacking(_Zstd(file).read), _CHUNK)
    return io.BufferedReader(file, _CHUNK)


class _Unpacking(io.RawIOBase):
    """A raw stream over a function that reads, its various complaints turned into `OSError`s."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data = self._read(len(buffer))
        except (EOFError, zlib.error, zstandard.ZstdError) as problem:
            raise OSError(str(problem)) from problem
        buffer[: len(data)] = data
        return len(data)


class _Zstd:
    """Reads zstd frames. The library's own reader does not say that the last one is cut off."""

    # Two kilobytes hold at most 500 blocks of 128 KiB each: what one step can unpack to is bounded.
    STEP = 2048

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.frame = self._new_frame()
        self.inside = False
        self.ready = io.BytesIO()

    @staticmethod
    def _new_frame() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()

    def read(self, size: int) -> bytes:
        while not (data := self.ready.read(size)):
            packed = self.frame.unused_data or self.file.read(self.STEP)
            if self.frame.eof:
                self.frame, self.inside = self._new_frame(), False
            if not packed:
                if self.inside:
                    raise EOFError("the last zstd frame is cut off")
                return b""
            self.inside = True
            self.ready = io.BytesIO(self.frame.decompress(packed))
            self.inside = not self.frame.eof
        return data
