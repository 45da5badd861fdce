"""The readers on real files: every row goes in, and its dates make sense."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from broadsheet import identifiers
from broadsheet.sources import PaperRecord
from broadsheet.sources.files import FileSource, open_path

pytestmark = pytest.mark.real_data


def the_file(folder: Path, name: str) -> FileSource:
    if not (folder / name).is_file():
        pytest.skip(f"{name} is not in {folder}")
    [found] = open_path(folder / name)
    return found


def test_every_row_of_the_daily_lists_goes_in(data_folder: Path) -> None:
    file = the_file(data_folder, "hf_daily.jsonl.gz")
    papers = [item for item in file.fetch() if isinstance(item, PaperRecord)]
    assert len(papers) == 9881
    assert file.fraction == 1.0
    for paper in papers:
        assert paper.source == "huggingface"
        assert paper.announced_on
        assert paper.place
        assert identifiers.arxiv_id(paper.identifiers[0]) == paper.identifiers[0]
        assert {"upvotes", "comments"} <= {signal.kind for signal in paper.signals}
    places = Counter((paper.announced_on, paper.place) for paper in papers)
    assert max(places.values()) == 1, "each place of each day is taken once"


def test_arxiv_rows_go_in_with_a_month_and_no_announcement_years_late(data_folder: Path) -> None:
    file = the_file(data_folder, "arxiv.parquet")
    for paper in islice(file.fetch(), 60_000):
        assert isinstance(paper, PaperRecord)
        month = identifiers.month_of(paper.identifiers[0])
        assert month
        assert (paper.published_at is None) == (paper.month is not None)
        if paper.announced_on:
            assert -100 < (paper.announced_on - month).days < 31 + 46
    assert 0 < file.fraction < 1
