"""A file cut into pieces: its lines, the JSON objects in it, and the papers that are made of those.

Everything here works on a stream that may be hostile and larger than memory: one piece is held at a time,
and a piece has a largest size.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple, Protocol

import orjson

from broadsheet.sources import PaperRecord, Reject
from broadsheet.sources.moments import is_news
from broadsheet.sources.words import NotAPaper
from broadsheet.text import plain_line

LONGEST_PIECE = 4 * 1024 * 1024
LONGEST_SKIP = 512 * 1024 * 1024
LONGEST_EXCERPT = 200
_CHUNK = 64 * 1024
_BOM = codecs.BOM_UTF8


class Stream(Protocol):
    """The part of a buffered binary file that is used here. Damage shows as an `OSError` while reading."""

    def readline(self, size: int = -1, /) -> bytes: ...

    def read1(self, size: int = -1, /) -> bytes: ...


class Piece(NamedTuple):
    """One JSON object. `line` counts from 1 (entries, where lines mean nothing); `raw` is as written."""

    line: int
    row: dict[str, Any]
    raw: bytes | str


def papers(
    pieces: Iterable[Piece | Reject], build: Callable[[dict[str, Any]], PaperRecord], since: datetime | None
) -> Iterator[PaperRecord | Reject]:
    """What `build` makes of each piece. It raises `NotAPaper` for a piece that is none."""
    for piece in pieces:
        if isinstance(piece, Reject):
            yield piece
            continue
        try:
            record = build(piece.row)
        except NotAPaper as problem:
            yield reject(piece.line, str(problem), piece.raw)
            continue
        if since is None or is_news(record, since):
            yield record


def reject(line: int, reason: str, raw: bytes | str = "") -> Reject:
    """A `Reject` with the beginning of what was refused, made safe to print."""
    start = raw[: 4 * LONGEST_EXCERPT]
    text = start.decode("utf-8", "replace") if isinstance(start, bytes) else start
    return Reject(line, reason, plain_line(text)[:LONGEST_EXCERPT])


# --- lines -----------------------------------------------------------------------------------------------


def lines(stream: Stream, head: bytes = b"", number: int = 0) -> Iterator[tuple[int, bytes] | Reject]:
    """Numbered lines, line ends kept, without a byte order mark. A line of more than 4 MiB, and damage to
    the stream, are yielded as `Reject`s. `head` is the beginning of the line after `number` lines, if
    already read."""
    try:
        while line := _rest_of(stream, head):
            head = b""
            number += 1
            if len(line) <= LONGEST_PIECE:
                yield number, line
                continue
            yield reject(number, "The line is longer than 4 MB.", line)
            if not _skip_line(stream, line):
                yield Reject(number, "The line has no end; the file was not read beyond it.")
                return
    except OSError as problem:
        yield Reject(number + 1, _damage(problem))


def _rest_of(stream: Stream, head: bytes) -> bytes:
    if head.endswith(b"\n"):
        return head
    line = head + stream.readline(LONGEST_PIECE + 1 - len(head))
    return line.removeprefix(_BOM)


def _skip_line(stream: Stream, line: bytes) -> bool:
    """Reads to the end of the line; False if that lies more than 512 MiB away (a bomb rather than a line)."""
    skipped = 0
    while line and not line.endswith(b"\n"):
        skipped += len(line)
        if skipped > LONGEST_SKIP:
            return False
        line = stream.readline(LONGEST_PIECE)
    return True


def _damage(problem: OSError) -> str:
    return f"The file ends too early or is damaged; everything before this was read ({problem})."


def blocks(stream: Stream, begins: Callable[[str], object]) -> Iterator[tuple[int, list[str]] | Reject]:
    """The lines of a text in blocks, each from a line that `begins` one to the next such line, with the
    number of its first line. What stands before the first block is dropped."""
    start, size, gathered = 0, 0, list[str]()
    for item in lines(stream):
        text = item if isinstance(item, Reject) else _decoded(*item)
        if isinstance(text, Reject):
            yield text
            continue
        number, content = text
        if begins(content):
            yield from _block(start, size, gathered)
            start, size, gathered = number, 0, []
        if start and (size := size + len(content)) <= LONGEST_PIECE:
            gathered.append(content)
    yield from _block(start, size, gathered)


def _decoded(number: int, line: bytes) -> tuple[int, str] | Reject:
    try:
        return number, line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return reject(number, "The line is not valid UTF-8.", line)


def _block(start: int, size: int, gathered: list[str]) -> Iterator[tuple[int, list[str]] | Reject]:
    if size > LONGEST_PIECE:
        yield reject(start, "The entry is longer than 4 MB.", gathered[0] if gathered else "")
    elif gathered:
        yield start, gathered


# --- JSON ------------------------------------------------------------------------------------------------


def objects(stream: Stream) -> Iterator[Piece | Reject]:
    """The JSON objects of a file: one a line, the elements of one array, or one after another over several
    lines. Holds one object at a time, of at most 4 MiB."""
    blank = 0
    try:
        head = stream.readline(_CHUNK).removeprefix(_BOM)
        while head.isspace():
            blank += head.endswith(b"\n")
            head = stream.readline(_CHUNK)
        if head.lstrip().startswith(b"{") and not head.endswith(b"\n"):
            head += stream.readline(LONGEST_PIECE + 1 - len(head))
    except OSError as problem:
        yield Reject(1, _damage(problem))
        return
    if _goes_over_lines(head):
        yield from _scattered(chain([head], _chunks(stream)))
    else:
        yield from _on_lines(lines(stream, head, blank))


def _goes_over_lines(head: bytes) -> bool:
    """Whether the first line begins an array, or an object that is set out over several lines."""
    head = head.strip()
    return head.startswith(b"[") or (head.startswith(b"{") and head.endswith((b"{", b"[", b",")))


def _on_lines(numbered: Iterable[tuple[int, bytes] | Reject]) -> Iterator[Piece | Reject]:
    for item in numbered:
        if isinstance(item, Reject):
            yield item
            continue
        number, line = item
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as problem:
            if not line.isspace():
                yield reject(number, f"The line is not JSON ({problem.msg}).", line)
            continue
        if isinstance(row, dict):
            yield Piece(number, row, line)
        else:
            yield reject(number, "The line holds no JSON object.", line)


def _chunks(stream: Stream) -> Iterator[bytes]:
    while chunk := stream.read1(_CHUNK):
        yield chunk


def _scattered(chunks: Iterator[bytes]) -> Iterator[Piece | Reject]:
    """Objects in an array or in a row, found by decoding where the last one ended and reading on if that
    fails. Broken JSON gives no place to go on from, so it ends the file."""
    window = _Window(chunks)
    number = 0
    try:
        while window.at_value():
            number += 1
            value, raw = window.take()
            if not isinstance(value, dict):
                yield reject(number, "The entry is not a JSON object.", raw)
            elif not _was_utf8(raw):
                yield reject(number, "The entry is not valid UTF-8.", raw)
            else:
                yield Piece(number, value, raw)
    except _Broken as problem:
        yield reject(number, str(problem), window.text[window.position : window.position + LONGEST_EXCERPT])
    except OSError as problem:
        yield Reject(number + 1, _damage(problem))


def _was_utf8(written: str) -> bool:
    try:
        written.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Broken(ValueError):
    pass


def _integer(digits: str) -> float:
    # Python refuses to read thousands of digits at once; as a count such a number is nonsense anyway.
    return int(digits) if len(digits) < 20 else float(digits)


def _no_number(_: str) -> None:
    """NaN and Infinity are not JSON; a field that holds one holds nothing."""


_BETWEEN = re.compile(r"[\s,\[\]]*")
_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_no_number)


class _Window:
    """The part of a long text around the value that is being decoded."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        # Bytes that are not UTF-8 become lone surrogates, so that the entry they are in can be told.
        self.decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self.text = ""
        self.position = 0
        # Met while reading ahead; what was read before it comes first.
        self.damage: OSError | None = None

    def read(self) -> bool:
        """Doubles what lies ahead (at least one chunk), so that decoding again costs no more than reading."""
        wanted = max(_CHUNK, len(self.text) - self.position)
        parts, size = [self.text[self.position :]], 0
        try:
            while size < wanted and (chunk := next(self.chunks, b"")):
                parts.append(self.decode(chunk))
                size += len(chunk)
        except OSError as problem:
            self.damage = problem
        self.text, self.position = "".join(parts), 0
        if size == 0 and self.damage:
            raise self.damage
        return size > 0

    def at_value(self) -> bool:
        """Moves to the next value; False at the end of the text."""
        while True:
            self.position = _BETWEEN.match(self.text, self.position).end()  # type: ignore[union-attr]
            if self.position < len(self.text):
                return True
            if not self.read():
                return False

    def take(self) -> tuple[Any, str]:
        """The next value and how it was written. Raises `_Broken` where there is no reading on."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.position)
            except RecursionError as problem:
                raise _Broken("The JSON is nested too deeply; the file was not read beyond it.") from problem
            except ValueError as problem:
                if len(self.text) - self.position > LONGEST_PIECE:
                    raise _Broken(
                        "The entry is broken or longer than 4 MB; nothing after it was read."
                    ) from problem
                if not self.read():
                    raise _Broken(
                        "The JSON is broken or ends too early; nothing after this was read."
                    ) from problem
                continue
            written, self.position = self.text[self.position : end], end
            return value, written
