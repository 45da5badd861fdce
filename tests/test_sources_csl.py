"""CSL-JSON."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import LinkRecord, PaperRecord, Reject, Source
from broadsheet.sources.csl import CslSource

SAMPLE = Path(__file__).parent / "samples" / "references.csl.json"


def read(data: bytes) -> list[PaperRecord | Reject]:
    return list(CslSource(io.BytesIO(data)).fetch())


def test_an_item_is_a_paper() -> None:
    assert read(SAMPLE.read_bytes())[0] == PaperRecord(
        source="csl",
        title="Attention Is All You Need",
        identifiers=("1706.03762",),
        abstract="In our words.",
        authors=("Ashish Vaswani", "Ludwig van Beethoven", "The Collaboration"),
        published_at=datetime(2017, 6, 12, tzinfo=UTC),
        comment="arXiv:1706.03762 [cs]",
        links=(LinkRecord("abstract", "https://arxiv.org/abs/1706.03762"),),
    )


def test_crossrefs_lists_and_months_are_understood() -> None:
    paper = read(SAMPLE.read_bytes())[1]
    assert isinstance(paper, PaperRecord)
    assert paper.title == "Crossref gives lists"
    assert paper.month == date(2015, 5, 1)
    assert paper.journal_ref == "Nature 521.7553 (2015) 436-444"


def test_raw_dates_are_read_and_items_without_titles_refused() -> None:
    raw, refused = read(SAMPLE.read_bytes())[2:]
    assert isinstance(raw, PaperRecord)
    assert raw.published_at == datetime(2020, 1, 5, tzinfo=UTC)
    assert isinstance(refused, Reject)
    assert (refused.line, refused.reason) == (4, "The entry has no title.")


def test_a_single_item_and_one_item_a_line_are_read_too() -> None:
    items = json.loads(SAMPLE.read_bytes())
    assert read(json.dumps(items[0], indent=1).encode()) == read(SAMPLE.read_bytes())[:1]
    assert read(b"\n".join(json.dumps(item).encode() for item in items[:3])) == read(SAMPLE.read_bytes())[:3]


def test_csl_is_a_source() -> None:
    source: Source = CslSource(io.BytesIO())
    assert source.name == "csl"


FIELDS = ["id", "type", "title", "author", "issued", "DOI", "URL", "abstract", "note", "container-title"]
FIELDS += ["volume", "issue", "page"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["date-parts", "raw", "family", "given", "literal"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_whatever_the_fields_hold_the_answer_is_a_paper_or_a_sentence(item: dict[str, Any]) -> None:
    for found in read(b"[" + json.dumps({"title": "T", **item}).encode() + b"]"):
        assert isinstance(found, PaperRecord) or found.reason.endswith(".")
