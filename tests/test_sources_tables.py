"""Tables of papers, as JSON lines and Parquet."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import LinkRecord, PaperRecord, Reject, SignalRecord, Source, SourceError
from broadsheet.sources.tables import COLUMNS, DailyTableSource, ParquetTableSource, TableSource, record

SAMPLES = Path(__file__).parent / "samples"


def read(name: str) -> list[PaperRecord | Reject]:
    return list(TableSource(io.BytesIO((SAMPLES / name).read_bytes())).fetch())


def write_parquet(path: Path, columns: dict[str, Any]) -> Path:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    parquet.write_table(arrow.table(columns), path)
    return path


def test_a_row_of_a_table_is_a_paper() -> None:
    assert read("papers.jsonl")[0] == PaperRecord(
        source="arxiv",
        title="Transformers without Normalization",
        identifiers=("2503.10622",),
        abstract="In our words.",
        authors=("Jiachen Zhu", "Xinlei Chen"),
        categories=("cs.LG", "cs.AI"),
        published_at=datetime(2025, 3, 13, tzinfo=UTC),
        announced_on=date(2025, 3, 14),
        comment="CVPR 2025",
    )


def test_an_old_paper_announced_again_was_revised_not_announced() -> None:
    paper = read("papers.jsonl")[1]
    assert isinstance(paper, PaperRecord)
    assert paper.announced_on is None
    assert paper.revised_at == datetime(2026, 2, 3, tzinfo=UTC)
    assert paper.month == date(1996, 6, 1)


@pytest.mark.parametrize(
    ("announced", "is_new"),
    [("2025-03-01", True), ("2025-05-15", True), ("2025-05-16", False), (None, False)],
)
def test_a_paper_is_new_until_45_days_after_its_month(announced: str | None, is_new: bool) -> None:
    paper = record({"id": "2503.01234", "title": "t", "announced": announced})
    assert (paper.announced_on is not None) is is_new
    assert (paper.revised_at is not None) is (announced is not None and not is_new)


def test_the_newest_of_two_revisions_counts() -> None:
    row = {"id": "1706.03762", "title": "t", "updated": "2023-08-02", "announced": "2023-08-03"}
    assert record(row).revised_at == datetime(2023, 8, 3, tzinfo=UTC)


def test_a_row_with_a_title_alone_is_a_paper_of_no_known_archive() -> None:
    assert read("papers.jsonl")[2] == PaperRecord(source="table", title="Known by its title alone")


def test_a_row_of_a_days_list_has_place_signals_and_links() -> None:
    seen = datetime(2025, 6, 25, 7, 50, 44, tzinfo=UTC)
    paper = read("daily.jsonl")[0]
    assert isinstance(paper, PaperRecord)
    assert (paper.source, paper.announced_on, paper.place) == ("huggingface", date(2025, 6, 25), 1)
    assert paper.organization == "Example Lab"
    assert paper.links == (
        LinkRecord("code", "https://github.com/TencentARC/GRPO-CARE"),
        LinkRecord("project", "https://example.org/care"),
    )
    assert paper.signals == (
        SignalRecord("upvotes", 19.0, seen),
        SignalRecord("comments", 1.0, seen),
        SignalRecord("stars", 19.0, seen),
    )


def test_without_a_moment_there_are_no_signals() -> None:
    paper = read("daily.jsonl")[1]
    assert isinstance(paper, PaperRecord)
    assert paper.signals == ()


def test_withdrawn_is_said_by_a_column_or_by_the_comment() -> None:
    assert record({"title": "t", "withdrawn": True}).withdrawn
    assert record({"title": "t", "comment": "This paper has been withdrawn"}).withdrawn
    assert not record({"title": "t", "withdrawn": "no"}).withdrawn


def test_several_ids_of_a_row_are_kept_the_strongest_first() -> None:
    row = {"id": "10.1145/3580305", "title": "t", "url": "https://arxiv.org/abs/2503.01234"}
    assert record(row).identifiers == ("2503.01234", "doi:10.1145/3580305")


def test_tables_are_sources() -> None:
    sources: list[Source] = [
        TableSource(io.BytesIO()),
        DailyTableSource(io.BytesIO()),
        ParquetTableSource(Path("x")),
    ]
    assert [source.name for source in sources] == ["arxiv", "huggingface", "arxiv"]


def test_parquet_and_json_lines_say_the_same(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (SAMPLES / "papers.jsonl").read_text().splitlines()]
    columns = {name: [row.get(name) for row in rows] for name in rows[0]}
    source = ParquetTableSource(write_parquet(tmp_path / "papers.parquet", columns))
    assert list(source.fetch()) == read("papers.jsonl")
    assert source.fraction == 1.0


def test_parquet_columns_of_other_types_and_names_do_no_harm(tmp_path: Path) -> None:
    columns = {
        "id": ["2503.01234", "2503.01235"],
        "title": ["A title", None],
        "authors": [[{"name": "Ada Lovelace"}], []],
        "published": [datetime(2025, 3, 2, 10, tzinfo=UTC), None],
        "announced": [date(2025, 3, 3), None],
        "categories": ["cs.LG stat.ML", None],
        "comment": [7, 8],
        "embedding": [[0.1] * 100] * 2,
    }
    paper, refused = ParquetTableSource(write_parquet(tmp_path / "x.parquet", columns)).fetch()
    assert paper == PaperRecord(
        source="arxiv",
        title="A title",
        identifiers=("2503.01234",),
        authors=("Ada Lovelace",),
        categories=("cs.LG", "stat.ML"),
        published_at=datetime(2025, 3, 2, 10, tzinfo=UTC),
        announced_on=date(2025, 3, 3),
    )
    assert refused == Reject(2, "The entry has no title.", "2503.01235")


def test_parquet_without_titles_or_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no column named title"):
        list(ParquetTableSource(write_parquet(tmp_path / "x.parquet", {"id": ["2503.01234"]})).fetch())
    (tmp_path / "y.parquet").write_bytes(b"PAR1" + b"\x00" * 100 + b"PAR1")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        list(ParquetTableSource(tmp_path / "y.parquet").fetch())


def test_a_damaged_parquet_file_gives_what_can_be_read(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    path = tmp_path / "x.parquet"
    table = arrow.table({"title": [f"Title number {number} of many" for number in range(5000)]})
    parquet.write_table(table, path, row_group_size=2500, use_dictionary=False, compression="zstd")
    second = parquet.read_metadata(path).row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[second : second + 1000] = b"\xff" * 1000
    path.write_bytes(bytes(data))
    *papers, last = ParquetTableSource(path).fetch()
    assert len(papers) >= 2500 - 1024
    assert isinstance(last, Reject)
    assert "damaged" in last.reason


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(COLUMNS)), values))
def test_whatever_the_columns_hold_the_answer_is_a_paper_or_a_sentence(row: dict[str, Any]) -> None:
    [item] = TableSource(io.BytesIO(json.dumps({"x": 1, **row}).encode())).fetch()
    assert isinstance(item, PaperRecord) or item.reason.endswith(".")
