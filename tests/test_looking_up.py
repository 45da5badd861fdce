"""One paper by its name, asked for where it lives: DOIs, bioRxiv, OpenReview, the ACL Anthology."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from broadsheet import catalog, doors
from broadsheet.models import Paper
from broadsheet.sources import LinkRecord, PaperRecord, SourceError, Unavailable
from tests.answering import Reply, Request, Stranger, answering

ANSWERS = Path(__file__).parent / "answers"
# As Crossref describes an article, what does not matter here left out.
ARTICLE = {
    "type": "article-journal",
    "DOI": "10.1000/News.7",
    "title": "On the Weight of Newspapers",
    "author": [{"given": "Ada", "family": "Lovelace"}, {"literal": "The Readers"}],
    "issued": {"date-parts": [[2025, 3]]},
    "container-title": "Journal of Newsprint",
    "volume": "4",
    "page": "1-9",
    "abstract": "<jats:p>They weigh little. Data: doi:10.5281/zenodo.77</jats:p>",
    "URL": "https://doi.org/10.1000/news.7",
    "note": "arXiv:1706.03762",
}
Ask = Callable[[Request], Reply]


@pytest.fixture
def stranger(settings: Settings) -> Iterator[Callable[[Ask], Stranger]]:
    """Stands in for every home of papers at once."""
    answer: list[Ask] = []
    with answering(lambda request: answer[0](request)) as server:
        settings.SOURCES, settings.LOOPBACK_PAUSE = ["huggingface"], 0.0
        settings.DOI_URL = f"{server.url}/doi"
        settings.BIORXIV_URL, settings.OPENREVIEW_URL = f"{server.url}/bio", f"{server.url}/open"

        def being(one: Ask) -> Stranger:
            answer[:] = [one]
            return server

        yield being


Being = Callable[[Ask], Stranger]


def said(told: object) -> Reply:
    return Reply(json.dumps(told).encode())


def test_a_doi_is_asked_for_at_its_registry_in_a_format_for_programs(stranger: Being) -> None:
    server = stranger(lambda request: said(ARTICLE))
    assert doors.look_up("doi:10.1000/news.7") == PaperRecord(
        source="doi",
        title="On the Weight of Newspapers",
        identifiers=("doi:10.1000/news.7",),
        abstract="They weigh little. Data: doi:10.5281/zenodo.77",
        authors=("Ada Lovelace", "The Readers"),
        month=date(2025, 3, 1),
        journal_ref="Journal of Newsprint 4 (2025) 1-9",
        links=(
            LinkRecord("abstract", "https://doi.org/10.1000/news.7"),
            LinkRecord("dataset", "https://doi.org/10.5281/zenodo.77"),
        ),
    )
    [asked] = server.asked
    assert asked.path == "/doi/10.1000/news.7"
    assert asked.headers["accept"] == "application/vnd.citationstyles.csl+json"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=404),
        Reply(status=406),
        said({**ARTICLE, "title": ""}),
        said({**ARTICLE, "type": "dataset"}),
    ],
)
def test_a_doi_of_nothing_or_of_no_paper_is_none(stranger: Being, reply: Reply) -> None:
    stranger(lambda request: reply)
    assert doors.look_up("doi:10.1000/news.7") is None


def test_a_strange_doi_is_one_piece_of_the_address(stranger: Being) -> None:
    server = stranger(lambda request: Reply(status=404))
    assert doors.look_up("doi:10.1000/a?b=c#d%2f<e>") is None
    assert server.asked[0].path == "/doi/10.1000/a%3Fb%3Dc%23d%252f%3Ce%3E"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"7"])
def test_a_registry_that_answers_nonsense_can_be_asked_again_later(stranger: Being, body: bytes) -> None:
    stranger(lambda request: Reply(body))
    with pytest.raises(Unavailable):
        doors.look_up("doi:10.1000/news.7", patience=0.2)


def test_biorxiv_and_medrxiv_are_asked_before_the_registry(stranger: Being) -> None:
    told = json.loads((ANSWERS / "biorxiv.json").read_bytes())

    def answer(request: Request) -> Reply:
        if request.path == "/bio/details/biorxiv/10.1101/2025.03.12.642848/na/json":
            return said(told)
        if request.path.startswith("/bio/"):
            return said({"messages": [{"status": "no posts found"}], "collection": []})
        return said(ARTICLE)

    server = stranger(answer)
    paper = doors.look_up("doi:10.1101/2025.03.12.642848")
    assert paper and paper.source == "biorxiv" and paper.withdrawn, "the newest version speaks"
    assert [version.number for version in paper.versions] == [1, 2]
    assert paper.published_at == datetime(2025, 3, 13, tzinfo=UTC), "and the first one gives the day"
    assert paper.announced_on == date(2025, 3, 13)
    assert len(server.asked) == 1
    other = doors.look_up("doi:10.1101/gr.123456")
    assert other and other.identifiers == ("doi:10.1101/gr.123456",), "the same house prints journals, too"
    assert [one.path.split("/")[1] for one in server.asked[1:]] == ["bio", "bio", "doi"]


def test_openreview_and_the_acl_anthology_have_their_own_names(stranger: Being) -> None:
    notes = (ANSWERS / "openreview.json").read_bytes()
    server = stranger(lambda request: Reply(notes) if request.path.startswith("/open") else said(ARTICLE))
    paper = doors.look_up("openreview:rJl0r3R9KX")
    assert paper and paper.title == "A Study of Venues"
    assert doors.look_up("openreview:zzzzzzzzzz") is None
    long = doors.look_up("acl:2024.acl-long.1")
    assert long and long.identifiers == ("acl:2024.acl-long.1", "doi:10.18653/v1/2024.acl-long.1")
    assert server.asked[-1].path == "/doi/10.18653/v1/2024.acl-long.1"
    stranger(lambda request: Reply(status=403))
    assert doors.look_up("openreview:rJl0r3R9KX") is None, "not for everybody's eyes"


def test_a_server_that_follows_nothing_asks_nobody(settings: Settings) -> None:
    settings.SOURCES = []
    for name in ("doi:10.1000/x", "openreview:rJl0r3R9KX", "acl:2024.acl-long.1", "2503.01234"):
        with pytest.raises(SourceError, match="does not have yet"):
            doors.look_up(name)
    assert doors.look_up("local:aaaaaaaaaaaaaaaa") is None


@pytest.mark.django_db
def test_a_paper_named_by_its_doi_is_taken_in_once(stranger: Being) -> None:
    server = stranger(lambda request: said(ARTICLE))
    found = catalog.look_up("https://doi.org/10.1000/NEWS.7")
    assert found and found.identifier == "doi:10.1000/news.7" and found.month == 202503
    assert catalog.look_up("doi:10.1000/news.7") == found
    assert len(server.asked) == Paper.objects.count() == 1
    stranger(lambda request: Reply(status=404))
    assert catalog.look_up("doi:10.1000/unknown") is None
