"""The front page that comes with Broadsheet."""

from __future__ import annotations

from datetime import UTC, date, datetime

from broadsheet.sources import PaperRecord, Source
from broadsheet.sources.builtin import BuiltinSource


def test_the_whole_front_page_is_readable_and_in_order() -> None:
    papers = list(BuiltinSource().fetch())
    assert len(papers) > 100
    assert [paper.place for paper in papers if isinstance(paper, PaperRecord)] == list(
        range(1, len(papers) + 1)
    )


def test_every_paper_has_a_title_a_summary_and_the_day_of_the_page() -> None:
    for paper in BuiltinSource().fetch():
        assert isinstance(paper, PaperRecord)
        assert paper.title
        assert paper.abstract
        assert (paper.source, paper.comment, paper.announced_on) == ("builtin", "", date(2025, 3, 14))


def test_it_is_a_source_and_news_only_in_its_time() -> None:
    source: Source = BuiltinSource()
    assert source.name == "builtin"
    assert list(source.fetch(datetime(2025, 3, 15, tzinfo=UTC))) == []
