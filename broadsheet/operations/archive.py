"""The file that a backup is: a tar of plain files under fixed names, compressed with Zstandard.

The first member, `manifest.json`, names every other with its size and SHA-256. Reading trusts nothing: no
member that the manifest does not name, no path, no link, no more bytes than announced.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from broadsheet.operations.refusal import Refusal

FORMAT = 1
MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCK = 512
_CHUNK = 1 << 20
_MANIFEST = "manifest.json"
_MANIFEST_MOST = 4_000_000
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,99}")

# Bytes done so far and bytes in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Member:
    """One file of the archive. `size` in bytes."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself. `created` is UTC in ISO 8601, `database` a Django vendor name,
    `migrations` the applied ones by app, `tables` each table's columns where rows are kept table by table."""

    broadsheet: str
    created: str
    database: str
    papers: int
    migrations: dict[str, list[str]]
    tables: dict[str, list[str]] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all members, unpacked."""
        return sum(member.size for member in self.members.values())


def pack(target: Path, files: dict[str, Path], manifest: Manifest, progress: Progress) -> None:
    """Writes the archive aside, on disk to the last byte, and puts it at `target` in one step, mode 0600."""
    members = {name: Member(path.stat().st_size, _sha256(path)) for name, path in files.items()}
    manifest = replace(manifest, members=members)
    aside = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with _created(aside) as file:
            _write(file, files, manifest, progress)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
        sync_folder(target.parent)
    finally:
        aside.unlink(missing_ok=True)


def _write(file: BinaryIO, files: dict[str, Path], manifest: Manifest, progress: Progress) -> None:
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    with compressor.stream_writer(file, closefd=False) as packed:
        said = json.dumps(asdict(manifest), indent=1).encode()
        packed.write(_header(_MANIFEST, len(said)) + said + bytes(-len(said) % _BLOCK))
        done = 0
        for name, path in files.items():
            size = manifest.members[name].size
            packed.write(_header(name, size))
            with path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    packed.write(chunk)
                    done += len(chunk)
                    progress(done, manifest.size)
            packed.write(bytes(-size % _BLOCK))
        packed.write(bytes(2 * _BLOCK))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def unpack(source: Path, folder: Path, progress: Progress) -> Manifest:
    """Unpacks into an empty `folder` and verifies every byte. Raises Refusal with a sentence when anything is
    not as a backup of ours should be; the folder then holds no more than was announced and fits the disk."""
    with _opened(source) as (stream, manifest):
        free = shutil.disk_usage(folder).free
        if manifest.size > free:
            raise Refusal(
                f"The backup unpacks to {in_words(manifest.size)}, and the data folder's disk has "
                f"{in_words(free)} free. Make room, then try again."
            )
        left, done = dict(manifest.members), 0
        while left:
            name, size = _next(stream, source)
            expected = left.pop(name, None)
            if expected is None or expected.size != size:
                raise _damaged(source, f"{name} is not what its manifest announces")
            with _created(folder / name) as file:
                done = _copy(stream, file, expected, done, manifest.size, progress, source)
    return manifest


def read_manifest(source: Path) -> Manifest:
    """What the archive says of itself. Raises Refusal when it is not a backup."""
    with _opened(source) as (_, manifest):
        return manifest


def is_archive(path: Path) -> bool:
    """Whether the file begins as a backup does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tuple[BinaryIO, Manifest]]:
    if not source.is_file():
        raise Refusal(f"There is no backup file {source}.")
    if not is_archive(source):
        raise Refusal(f"{source} is not a Broadsheet backup.")
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    try:
        with source.open("rb") as file, decompressor.stream_reader(file) as stream:
            yield stream, _manifest(stream, source)
    except zstandard.ZstdError as error:
        raise _damaged(source, "it cannot be decompressed") from error


def _manifest(stream: BinaryIO, source: Path) -> Manifest:
    name, size = _next(stream, source)
    if name != _MANIFEST or size > _MANIFEST_MOST:
        raise _damaged(source, "it does not begin with a manifest")
    said = _exactly(stream, size + -size % _BLOCK, source)[:size]
    try:
        return _parse(json.loads(said))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(source, "its manifest cannot be read") from error


def _parse(said: dict[str, Any]) -> Manifest:
    if said["format"] > FORMAT:
        raise Refusal(f"The backup was made by a newer Broadsheet ({said['broadsheet']}). Upgrade first.")
    members = {
        name: Member(int(one["size"]), str(one["sha256"])) for name, one in said.pop("members").items()
    }
    if not all(_NAME.fullmatch(name) and member.size >= 0 for name, member in members.items()):
        raise ValueError("member")
    return Manifest(**said, members=members)


def _next(stream: BinaryIO, source: Path) -> tuple[str, int]:
    """Name and size of the next member. One block, one plain file: every extension of tar is refused."""
    try:
        info = tarfile.TarInfo.frombuf(_exactly(stream, _BLOCK, source), "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise _damaged(source, "it ends early or is not a tar") from error
    if info.type != tarfile.REGTYPE or not _NAME.fullmatch(info.name) or info.size < 0:
        raise _damaged(source, "it holds something that is not a plain file")
    return info.name, info.size


def _copy(
    stream: BinaryIO, file: BinaryIO, member: Member, done: int, total: int, progress: Progress, source: Path
) -> int:
    digest, left = hashlib.sha256(), member.size
    while left:
        chunk = _exactly(stream, min(_CHUNK, left), source)
        digest.update(chunk)
        file.write(chunk)
        left -= len(chunk)
        done += len(chunk)
        progress(done, total)
    _exactly(stream, -member.size % _BLOCK, source)
    if digest.hexdigest() != member.sha256:
        raise _damaged(source, "its contents do not match their SHA-256")
    file.flush()
    os.fsync(file.fileno())
    return done


def _exactly(stream: BinaryIO, count: int, source: Path) -> bytes:
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            raise _damaged(source, "it ends early")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _damaged(source: Path, why: str) -> Refusal:
    return Refusal(f"{source} is damaged or not a Broadsheet backup: {why}. Nothing was changed.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _created(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def sync_folder(folder: Path) -> None:
    """Makes renames within the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def in_words(size: float) -> str:
    """Bytes for people: `1.4 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
