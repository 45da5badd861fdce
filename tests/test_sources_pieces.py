"""Files cut into pieces, however hostile the file."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import Reject
from broadsheet.sources.pieces import LONGEST_PIECE, Piece, blocks, lines, objects


def stream(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def read(data: bytes) -> list[Any]:
    """Rows, and the reasons of what was refused."""
    return [piece.reason if isinstance(piece, Reject) else piece.row for piece in objects(stream(data))]


class Failing(io.BytesIO):
    """A file on a disk that fails after its content."""

    def readline(self, size: int | None = -1, /) -> bytes:
        return super().readline(size) or self._fail()

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(size) or self._fail()

    def _fail(self) -> bytes:
        raise OSError("the disk is tired")


@pytest.mark.parametrize(
    "data",
    [
        b'{"n": 1}\n{"n": 2}\n',
        b'{"n": 1}\r\n{"n": 2}',
        b'\xef\xbb\xbf{"n": 1}\n\n  \n{"n": 2}\n',
        b'\n\n{"n": 1}\n{"n": 2}\n',
        b'[{"n": 1}, {"n": 2}]',
        b'[\n  {\n    "n": 1\n  },\n  {"n": 2}\n]\n',
        b'\xef\xbb\xbf [{"n": 1},{"n": 2}]',
        b'{\n  "n": 1\n}\n{\n  "n": 2\n}\n',
        b'{\n"n": 1}{"n": 2}',
    ],
)
def test_objects_are_found_in_every_layout(data: bytes) -> None:
    assert read(data) == [{"n": 1}, {"n": 2}]


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    pieces = list(objects(stream(b'\n{"n": 1}\n\nbroken\n{"n": 2}\n')))
    assert [piece.line for piece in pieces] == [2, 4, 5]


def test_one_bad_line_never_stops_the_rest() -> None:
    data = b'{"n": 1}\nbroken\n[1]\n{"t": "\xff"}\n{"t": "\\ud800"}\n{"x": 1e999}\n{"x": NaN}\n{"n": 2}\n'
    found = read(data)
    assert found[0] == {"n": 1}
    assert found[-1] == {"n": 2}
    assert found[2] == "The line holds no JSON object."
    assert all(isinstance(reason, str) for reason in found[1:-1])


def test_a_broken_first_line_never_stops_the_rest() -> None:
    assert read(b'{"title": "cut off in the\n{"n": 2}\n')[1:] == [{"n": 2}]


def test_a_line_over_four_megabytes_is_refused_and_the_next_one_read() -> None:
    long = b'{"t": "' + b"x" * LONGEST_PIECE + b'"}\n'
    assert read(b'{"n": 1}\n' + long + b'{"n": 2}\n') == [{"n": 1}, "The line is longer than 4 MB.", {"n": 2}]
    assert read(long + b'{"n": 2}\n') == ["The line is longer than 4 MB.", {"n": 2}]


def test_an_array_may_be_larger_than_any_line() -> None:
    rows = [{"n": number, "t": "é" * 1000} for number in range(5000)]
    data = json.dumps(rows, ensure_ascii=False).encode()
    assert len(data) > LONGEST_PIECE
    assert read(data) == rows


def test_an_entry_of_an_array_that_is_not_utf8_is_refused_alone() -> None:
    assert read(b'[{"n": 1}, {"t": "\xff"}, 7, {"n": 2}]') == [
        {"n": 1},
        "The entry is not valid UTF-8.",
        "The entry is not a JSON object.",
        {"n": 2},
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'[{"n": 1}, {"t": "never closed', "broken or ends too early"),
        (b'[{"n": 1}, {broken}, {"n": 2}]', "broken or ends too early"),
        (b'[{"n": 1}, {"t": "' + b"x" * (2 * LONGEST_PIECE), "broken or longer than 4 MB"),
        (b'[{"n": 1}, ' + b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_array_gives_what_came_before(data: bytes, reason: str) -> None:
    first, last = read(data)
    assert first == {"n": 1}
    assert reason in last


def test_bombs_of_brackets_and_digits_are_harmless() -> None:
    assert read(b"[" * 1_000_000) == []
    assert "broken" in read(b"{" * 100_000)[0]
    assert "not JSON" in read(b'{"a":' * 50_000 + b"\n")[0]
    [row] = read(b'[{"n": ' + b"9" * 100_000 + b', "x": 1e999, "y": NaN}]')
    assert row == {"n": float("inf"), "x": float("inf"), "y": None}


def test_damage_while_reading_is_told_and_everything_before_it_kept() -> None:
    for data in (b'{"n": 1}\n{"n": 2}\n', b'[{"n": 1}, {"n": 2},'):
        first, second, damage = objects(Failing(data))
        assert isinstance(first, Piece)
        assert isinstance(second, Piece)
        assert isinstance(damage, Reject)
        assert "the disk is tired" in damage.reason
    [only] = objects(Failing(b""))
    assert isinstance(only, Reject)


def test_the_excerpt_is_short_and_safe_to_print() -> None:
    [refused] = objects(stream(b"\x1b[31m\x00 \xe2\x80\xae" + b"<b>" * 500))
    assert isinstance(refused, Reject)
    assert len(refused.excerpt) <= 200
    assert refused.excerpt.isprintable()


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20)), max_size=8))
def test_lines_and_arrays_say_the_same(rows: list[dict[str, Any]]) -> None:
    small = [
        {key: value % 10**9 if isinstance(value, int) else value for key, value in row.items()}
        for row in rows
    ]
    written = [json.dumps(row, ensure_ascii=True).encode() for row in small]
    assert read(b"\n".join(written)) == read(b"[" + b", ".join(written) + b"]") == small


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_objects_or_lines(data: bytes) -> None:
    read(data)
    read(b"[" + data)
    list(lines(stream(data)))
    list(blocks(stream(data), lambda line: line.startswith("a")))
