"""The Semantic Scholar dialect, asked by the real `semanticscholar` package."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer
from semanticscholar import SemanticScholar
from semanticscholar.SemanticScholarException import BadQueryParametersException, ObjectNotFoundException

from broadsheet import doors, search
from broadsheet.models import Paper
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


def test_the_package_searches_looks_up_and_recommends(live_server: LiveServer) -> None:
    factories.papers(5)
    factories.paper(9, title="Looms that weave", identifiers=("doi:10.5555/12345678",))
    search.rebuild()
    scholar = SemanticScholar(api_url=f"{live_server.url}/s2", retry=False)

    results = scholar.search_paper("study of newspapers", limit=2)
    titles = [paper.title for paper in results]
    assert len(titles) == len(set(titles)) == results.total
    assert results.total >= 5
    assert scholar.search_paper("Looms that weave", match_title=True).title == "Looms that weave"
    one = scholar.get_paper("ARXIV:2503.00001")
    assert one.title == "A study of newspapers, part 1"
    assert [author.name for author in one.authors] == ["Ada Lovelace", "Reader Number1"]
    assert one.externalIds["ArXiv"] == "2503.00001"
    assert one.year == 2025
    assert scholar.get_paper(one.paperId).title == one.title
    assert scholar.get_paper("DOI:10.5555/12345678").title == "Looms that weave"
    both, missing = scholar.get_papers(["ARXIV:2503.00002", "ARXIV:2503.09999"], return_not_found=True)
    assert [paper.title for paper in both] == ["A study of newspapers, part 2"]
    assert missing == ["ARXIV:2503.09999"]
    alike = scholar.get_recommended_papers("ARXIV:2503.00001", limit=3)
    assert len(alike) == 3
    assert one.paperId not in {paper.paperId for paper in alike}
    from_lists = scholar.get_recommended_papers_from_lists(["ARXIV:2503.00001"], ["DOI:10.5555/12345678"])
    assert "A study of newspapers, part 2" in {paper.title for paper in from_lists}
    people = scholar.get_paper_authors("ARXIV:2503.00001")
    assert [each.name for each in people] == ["Ada Lovelace", "Reader Number1"]
    assert list(scholar.get_paper_citations("ARXIV:2503.00001")) == []
    assert list(scholar.get_paper_references("ARXIV:2503.00001")) == []
    bulk = scholar.search_paper("study of newspapers", bulk=True, sort="publicationDate:desc")
    assert len({paper.paperId for paper in bulk}) == 5
    ada = scholar.search_author("Ada Lovelace")[0]
    assert (ada.name, ada.paperCount) == ("Ada Lovelace", 6)
    assert {each.name for each in scholar.search_author("reader")} >= {"Reader Number1", "Reader Number5"}
    assert len(scholar.get_author(ada.authorId).papers) == 6
    assert len({each.title for each in scholar.get_author_papers(ada.authorId, limit=4)}) == 6
    people, unknown = scholar.get_authors([ada.authorId, "12"], return_not_found=True)
    assert [each.name for each in people] == ["Ada Lovelace"]
    assert unknown == ["12"]
    assert "Looms that weave" in {each.title for each in scholar.get_autocomplete("looms th")}
    told = scholar.search_snippet("newspapers", limit=2)
    assert told[0].snippet.text.startswith("We read newspaper number")
    with pytest.raises(ObjectNotFoundException):
        scholar.get_paper("ARXIV:2503.09999")
    with pytest.raises(ObjectNotFoundException):
        scholar.get_author("12")
    with pytest.raises(BadQueryParametersException):
        scholar.get_paper("ARXIV:2503.00001", fields=["horoscope"])


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/s2/graph/v1/paper/search", 400),
        ("/s2/graph/v1/paper/search?query=a&limit=101", 400),
        ("/s2/graph/v1/paper/search?query=a&offset=999&limit=100", 400),
        ("/s2/graph/v1/paper/search?query=a&year=soon", 400),
        ("/s2/graph/v1/paper/search?query=a&minCitationCount=3", 400),
        ("/s2/graph/v1/paper/search?query=a&fields=horoscope", 400),
        ("/s2/graph/v1/paper/search/match?query=zzzz", 404),
        ("/s2/graph/v1/paper/2503.09999", 404),
        ("/s2/graph/v1/paper/ffffffffffffffffffffffffffffffffffffffff", 404),
        ("/s2/graph/v1/paper/CorpusId:99999999999999999999999", 404),
        ("/s2/graph/v1/author/1", 404),
        ("/s2/graph/v1/author/ada/papers", 404),
        ("/s2/graph/v1/author/search", 400),
        ("/s2/graph/v1/paper/search/bulk?query=a&sort=citationCount", 400),
        ("/s2/graph/v1/paper/autocomplete", 400),
        ("/s2/graph/v1/snippet/search?query=a&authors=b", 400),
        ("/s2/graph/v1/paper/2503.09999/citations", 404),
        ("/s2/recommendations/v1/papers/forpaper/nothing", 404),
    ],
)
def test_refusals_are_errors_in_json(client: Client, address: str, status: int) -> None:
    factories.paper(1)
    response = client.get(address)
    assert response.status_code == status
    assert response.json()["error"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "body",
    ["", "[", "[]", "{}", '{"ids": []}', '{"ids": "x"}', '{"ids": [1]}', '{"ids": ["\\ud800"]}', "[" * 9999],
)
def test_bodies_nobody_can_mean_are_refused(client: Client, body: str) -> None:
    response = client.post("/s2/graph/v1/paper/batch", body, "application/json")
    assert response.status_code == (200 if "ud800" in body else 400)
    too_many = json.dumps({"ids": ["2503.00001"] * 501})
    assert client.post("/s2/graph/v1/paper/batch", too_many, "application/json").status_code == 400


def test_hidden_papers_are_not_told(client: Client) -> None:
    factories.paper(1)
    Paper.objects.update(hidden=True, hotness=None, score=None)
    assert client.get("/s2/graph/v1/paper/ARXIV:2503.00001").status_code == 404
