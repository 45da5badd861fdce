"""Hugging Face's daily papers."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import LinkRecord, PaperRecord, Reject, SignalRecord, Source
from broadsheet.sources.huggingface import HuggingFaceSource, record

SAMPLE = Path(__file__).parent / "samples" / "daily_papers.json"
SEEN = datetime(2025, 3, 14, 8, tzinfo=UTC)


def read() -> list[PaperRecord | Reject]:
    return list(HuggingFaceSource(io.BytesIO(SAMPLE.read_bytes()), SEEN).fetch())


def test_a_wrapped_item_is_a_paper_with_signals() -> None:
    assert read()[0] == PaperRecord(
        source="huggingface",
        title="Transformers without Normalization",
        identifiers=("2503.10622",),
        abstract="Our words: a tanh with one learned scale stands in for normalisation. "
        "Models at https://huggingface.co/example/dyt-base and https://example.github.io/dyt/.",
        authors=("Jiachen Zhu", "Yann LeCun"),
        published_at=datetime(2025, 3, 13, 17, 59, 6, tzinfo=UTC),
        announced_on=date(2025, 3, 14),
        organization="Meta Research",
        links=(
            LinkRecord("code", "https://github.com/jiachenzhu/DyT"),
            LinkRecord("project", "https://jiachenzhu.github.io/DyT"),
            LinkRecord("model", "https://huggingface.co/example/dyt-base"),
            LinkRecord("project", "https://example.github.io/dyt"),
        ),
        signals=(
            SignalRecord("upvotes", 97.0, SEEN),
            SignalRecord("comments", 4.0, SEEN),
            SignalRecord("stars", 412.0, SEEN),
        ),
    )


def test_a_flat_item_is_read_and_what_makes_no_sense_in_it_left_out() -> None:
    paper = read()[1]
    assert isinstance(paper, PaperRecord)
    assert paper.identifiers == ("2503.10633",)
    assert paper.announced_on == date(2025, 3, 14), "half past eleven in New York is the next day in UTC"
    assert paper.withdrawn
    assert paper.links == (), "javascript: is no link"
    assert paper.signals == (SignalRecord("comments", 0.0, SEEN),), "minus three votes are none"


def test_items_that_are_no_papers_are_refused_by_their_number() -> None:
    assert [(item.line, item.reason) for item in read() if isinstance(item, Reject)] == [
        (3, "The entry has no title."),
        (4, "The entry is not a JSON object."),
    ]


def test_around_a_dated_paper_the_outer_date_is_that_of_the_list() -> None:
    inner = {"id": "2503.10622", "title": "t", "publishedAt": "2025-03-13T00:00:00.000Z"}
    assert record({"paper": inner, "publishedAt": "2025-03-14T10:00:00.000Z"}, SEEN).announced_on == date(
        2025, 3, 14
    )
    assert record(inner, SEEN).announced_on is None


def test_an_organization_is_named_in_full_or_by_its_handle() -> None:
    assert (
        record({"title": "t", "organization": {"name": "lab", "fullname": "The Lab"}}, SEEN).organization
        == "The Lab"
    )
    assert record({"title": "t", "organization": {"name": "lab"}}, SEEN).organization == "lab"
    assert record({"title": "t", "organization": "lab"}, SEEN).organization == "lab"


def test_a_single_answer_is_read_like_a_list_of_one() -> None:
    answer = json.dumps(json.loads(SAMPLE.read_bytes())[1], indent=2).encode()
    [paper] = HuggingFaceSource(io.BytesIO(answer), SEEN).fetch()
    assert isinstance(paper, PaperRecord)


def test_the_answer_is_a_source() -> None:
    source: Source = HuggingFaceSource(io.BytesIO(b"[]"))
    assert source.name == "huggingface"
    assert list(source.fetch()) == []


FIELDS = ["paper", "id", "title", "summary", "authors", "publishedAt", "submittedOnDailyAt", "upvotes"]
FIELDS += ["numComments", "githubRepo", "githubStars", "projectPage", "organization", "withdrawnAt"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_whatever_the_fields_hold_the_answer_is_a_paper_or_a_sentence(item: dict[str, Any]) -> None:
    for found in HuggingFaceSource(io.BytesIO(b"[" + json.dumps(item).encode() + b"]"), SEEN).fetch():
        assert isinstance(found, PaperRecord) or found.reason.endswith(".")
