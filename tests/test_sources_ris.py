"""RIS."""

from __future__ import annotations

import io
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import LinkRecord, PaperRecord, Reject, Source
from broadsheet.sources.ris import RisSource

SAMPLE = Path(__file__).parent / "samples" / "references.ris"


def read(data: bytes) -> list[PaperRecord | Reject]:
    return list(RisSource(io.BytesIO(data)).fetch())


def test_a_reference_is_a_paper() -> None:
    assert read(SAMPLE.read_bytes())[0] == PaperRecord(
        source="ris",
        title="Notes on the Analytical Engine",
        identifiers=("doi:10.1000/memoirs.3",),
        abstract="In our words. Code at github.com/ada/notes.",
        authors=("Ada Lovelace", "Charles Babbage Jr.", "The Analytical Society"),
        published_at=datetime(1943, 8, 2, tzinfo=UTC),
        journal_ref="Scientific Memoirs 3.2 (1943) 666-731",
        links=(
            LinkRecord("abstract", "https://doi.org/10.1000/memoirs.3"),
            LinkRecord("code", "https://github.com/ada/notes"),
        ),
    )


def test_a_forgotten_end_harms_no_reference() -> None:
    _, unfinished, untitled = read(SAMPLE.read_bytes())
    assert isinstance(unfinished, PaperRecord)
    assert unfinished.identifiers == ("2503.10622",)
    assert unfinished.month == date(2025, 3, 1)
    assert unfinished.authors == ("Émile Borel",)
    assert isinstance(untitled, Reject)
    assert (untitled.line, untitled.reason) == (24, "The entry has no title.")


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm() -> None:
    data = b"\xef\xbb\xbf" + SAMPLE.read_bytes().replace(b"\n", b"\r\n")
    assert read(data) == [
        item if isinstance(item, PaperRecord) else Reject(item.line, item.reason, item.excerpt)
        for item in read(SAMPLE.read_bytes())
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"TY  - JOUR\nTI  - T\n" + b"x\n" * 200_000,
        b"TY  - JOUR\n" * 20_000,
        b"TY  - JOUR\n" + b"AU  - A\n" * 50_000,
        b"TY  - JOUR\nUR  - " + b";" * 200_000,
    ],
)
def test_hostile_files_are_read_in_linear_time(data: bytes) -> None:
    before = time.process_time()
    read(data)
    assert time.process_time() - before < 3.0


def test_ris_is_a_source() -> None:
    source: Source = RisSource(io.BytesIO())
    assert source.name == "ris"


tags = st.sampled_from(
    ["TY", "TI", "T1", "AU", "AB", "DO", "UR", "PY", "DA", "N1", "SP", "ER", "IS", "XX", "UK"]
)


@given(st.lists(st.tuples(tags, st.text(max_size=20)).map("  - ".join), max_size=20).map("\n".join))
def test_no_text_breaks_the_reading(text: str) -> None:
    for item in read(f"TY  - JOUR\nTI  - T\n{text}".encode("utf-8", "replace")):
        assert isinstance(item, PaperRecord) or item.reason.endswith(".")
