"""arXiv's single look-ups, as the Atom interface answers them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from broadsheet import catalog
from broadsheet.models import Paper
from broadsheet.sources import LinkRecord, PaperRecord, Reject, SourceError
from broadsheet.sources.arxiv_api import ArxivApi
from broadsheet.sources.asking import Asker, BadAnswer, Pace
from broadsheet.sources.turns import FileTurns
from tests.answering import Reply, answering

SAMPLE = (Path(__file__).parent / "answers" / "arxiv_api.atom").read_bytes()


def api(folder: Path, url: str) -> ArxivApi:
    return ArxivApi(Asker(FileTurns(folder), "test", Pace(0.0)), url)


def test_a_looked_up_paper_is_read_whole_and_what_is_none_refused(tmp_path: Path) -> None:
    with answering(lambda request: Reply(SAMPLE)) as stranger:
        paper, refused = api(tmp_path, stranger.url).look_up(["2503.01234", "hep-th/9901001", "doi:10.1/x"])
        assert "id_list=2503.01234%2Chep-th%2F9901001&" in stranger.asked[0].path
    assert paper == PaperRecord(
        source="arxiv",
        title=r"A Study of Newspapers with $\alpha$ <b>bold</b> words",
        identifiers=("2503.01234", "doi:10.1000/news.1"),
        abstract="We read newspapers and say what we found. Code is at https://github.com/ada/newspapers.",
        authors=("Ada Lovelace", "Charles Babbage"),
        categories=("cs.LG", "cs.CL"),
        published_at=datetime(2025, 3, 3, 9, 8, 7, tzinfo=UTC),
        revised_at=datetime(2025, 3, 10, 11, 12, 13, tzinfo=UTC),
        comment="12 pages, to appear. Data: https://huggingface.co/datasets/ada/pages",
        journal_ref="J. Newsp. 1 (2025) 2",
        links=(
            LinkRecord("code", "https://github.com/ada/newspapers"),
            LinkRecord("dataset", "https://huggingface.co/datasets/ada/pages"),
        ),
        current=True,
    )
    assert isinstance(refused, Reject) and refused.reason == "The entry has no arXiv id."


def test_without_an_arxiv_id_nobody_is_asked(tmp_path: Path) -> None:
    assert api(tmp_path, "http://127.0.0.1:1/").look_up(["doi:10.1000/x"]) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Rate exceeded.",
        b"<html><body>Sorry</body></html>",
        SAMPLE[:900],
        b'<!DOCTYPE feed [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><feed>&b;</feed>',
        b'<!-- <a --><!DOCTYPE feed SYSTEM "file:///etc/passwd"><feed xmlns="http://www.w3.org/2005/Atom"/>',
        SAMPLE.decode().encode("utf-16"),
    ],
)
def test_what_is_no_feed_is_a_broken_answer(tmp_path: Path, body: bytes) -> None:
    with answering(lambda request: Reply(body)) as stranger, pytest.raises(BadAnswer):
        api(tmp_path, stranger.url).look_up(["2503.01234"], tries=1)


# What a submission asks for


@pytest.mark.django_db
def test_a_paper_that_is_asked_for_is_taken_in_once(settings: Settings) -> None:
    with answering(lambda request: Reply(SAMPLE)) as stranger:
        settings.SOURCES, settings.ARXIV_API_URL, settings.LOOPBACK_PAUSE = ["arxiv"], stranger.url, 0.0
        found = catalog.look_up("https://arxiv.org/pdf/2503.01234v1")
        assert found and found.identifier == "2503.01234" and found.categories == ["cs.LG", "cs.CL"]
        assert catalog.look_up("arXiv:2503.01234") == found
        assert catalog.look_up("doi:10.1000/news.1") == found, "another name of a known paper"
        assert len(stranger.asked) == 1


@pytest.mark.django_db
def test_what_nobody_knows_is_none_and_what_cannot_be_asked_is_a_sentence(settings: Settings) -> None:
    empty = b'<feed xmlns="http://www.w3.org/2005/Atom"><title>none</title></feed>'
    with answering(lambda request: Reply(empty)) as stranger:
        settings.SOURCES, settings.ARXIV_API_URL, settings.LOOPBACK_PAUSE = ["arxiv"], stranger.url, 0.0
        assert catalog.look_up("2503.01234") is None
        assert catalog.look_up("not an id") is None
    settings.ARXIV_API_URL = "http://127.0.0.1:1/"
    with pytest.raises(SourceError, match="cannot be reached"):
        catalog.look_up("2503.01234")
    settings.SOURCES = []
    with pytest.raises(SourceError, match="does not ask arXiv"):
        catalog.look_up("2503.01234")
    assert Paper.objects.count() == 0
