"""arXiv's metadata snapshot."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import LinkRecord, PaperRecord, Reject, Source, VersionRecord
from broadsheet.sources.arxiv import ArxivSnapshotSource, record

SAMPLE = Path(__file__).parent / "samples" / "arxiv_snapshot.jsonl"


def read(since: datetime | None = None) -> list[PaperRecord | Reject]:
    return list(ArxivSnapshotSource(io.BytesIO(SAMPLE.read_bytes())).fetch(since))


def one(**fields: Any) -> PaperRecord:
    return record({"id": "2503.01234", "title": "A title", **fields})


def test_a_line_of_the_snapshot_is_a_paper() -> None:
    assert read()[0] == PaperRecord(
        source="arxiv",
        title="Attention Is All You Need",
        identifiers=("1706.03762",),
        abstract="A network made of attention alone, in our words. It has no recurrence.\n\n"
        "A second paragraph names a score of 28.4.",
        authors=("Ashish Vaswani", "Noam Shazeer", "Niki Parmar"),
        categories=("cs.CL", "cs.LG"),
        published_at=datetime(2017, 6, 12, 17, 57, 34, tzinfo=UTC),
        revised_at=datetime(2023, 8, 2, 0, 41, 18, tzinfo=UTC),
        comment="15 pages, 5 figures. Code: https://github.com/tensorflow/tensor2tensor.",
        licence="http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
        links=(LinkRecord("code", "https://github.com/tensorflow/tensor2tensor"),),
        versions=(
            VersionRecord(1, datetime(2017, 6, 12, 17, 57, 34, tzinfo=UTC)),
            VersionRecord(7, datetime(2023, 8, 2, 0, 41, 18, tzinfo=UTC)),
        ),
    )


def test_latex_accents_suffixes_several_dois_and_withdrawal_are_understood() -> None:
    paper = read()[1]
    assert isinstance(paper, PaperRecord)
    assert paper.title == r"Strings near a Poincaré horizon with $\vec{x}$"
    assert paper.authors == ("G. Balázs", "H. Poincaré Jr.")
    assert paper.identifiers == ("hep-th/9901001", "doi:10.1103/physrevd.1.2", "doi:10.1103/physrevd.1.3")
    assert paper.journal_ref == "Phys. Rev. 1 (1999) 2"
    assert paper.withdrawn


def test_lines_that_are_no_papers_are_refused_with_their_number() -> None:
    refused = [(item.line, item.reason) for item in read() if isinstance(item, Reject)]
    assert [line for line, _ in refused] == [3, 4, 5]
    assert [reason for _, reason in refused[:2]] == ["The entry has no title.", "The entry has no arXiv id."]
    assert refused[2][1].startswith("The line is not JSON")


def test_only_news_is_yielded_where_a_moment_is_given() -> None:
    papers = [item for item in read(datetime(2023, 1, 1, tzinfo=UTC)) if isinstance(item, PaperRecord)]
    assert [paper.identifiers[0] for paper in papers] == ["1706.03762"]


def test_without_versions_only_the_month_is_known() -> None:
    paper = one(update_date="2025-04-02")
    assert paper.published_at is None
    assert paper.month == date(2025, 3, 1)
    assert paper.revised_at == datetime(2025, 4, 2, tzinfo=UTC)


def test_a_list_of_versions_without_the_first_does_not_tell_when_the_paper_was_new() -> None:
    paper = one(versions=[{"version": "v2", "created": "Wed, 2 Apr 2025 00:00:00 GMT"}])
    assert paper.published_at is None
    assert paper.versions == (VersionRecord(2, datetime(2025, 4, 2, tzinfo=UTC)),)


def test_an_abstract_that_begins_with_withdrawal_withdraws_the_paper() -> None:
    assert one(abstract="  This paper has been withdrawn by the author.").withdrawn


def test_the_line_of_authors_is_used_where_the_parsed_names_are_missing() -> None:
    assert one(authors="A. Author and B. Author (Here)").authors == ("A. Author", "B. Author")


def test_a_hostile_title_is_only_text() -> None:
    assert one(title="<script>alert(1)</script>\x00\u202e").title == "<script>alert(1)</script>"


def test_the_snapshot_is_a_source() -> None:
    source: Source = ArxivSnapshotSource(io.BytesIO())
    assert source.name == "arxiv"


FIELDS = [
    "id",
    "title",
    "authors",
    "authors_parsed",
    "abstract",
    "comments",
    "journal-ref",
    "doi",
    "categories",
]
FIELDS += ["license", "versions", "update_date"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_whatever_the_fields_hold_the_answer_is_a_paper_or_a_sentence(row: dict[str, Any]) -> None:
    line = json.dumps({"id": "2503.01234", "title": "A title", **row}).encode()
    [item] = ArxivSnapshotSource(io.BytesIO(line)).fetch()
    assert isinstance(item, PaperRecord) or item.reason.endswith(".")


@pytest.mark.parametrize("version", [None, 7, "v0", "v99999999999", "one", {}])
def test_versions_that_make_no_sense_are_dropped(version: object) -> None:
    expected = (VersionRecord(7, None),) if version == 7 else ()
    assert one(versions=[{"version": version}, "v1", None]).versions == expected
