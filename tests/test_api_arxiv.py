"""arXiv's search API: its grammar, its Atom, its errors, asked by the real `arxiv` package."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any as Anything

import arxiv
import feedparser
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer

from broadsheet import doors, search
from broadsheet.api.arxiv_query import All, Any, BadArxivQuery, Between, Leaf, Node, Not, parse
from broadsheet.models import Paper
from broadsheet.sources import VersionRecord
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


def shelf() -> None:
    """Four papers, indexed: two of newspapers, one of looms, one of newspapers elsewhere."""
    day = datetime(2025, 3, 12, 9, tzinfo=UTC)
    factories.paper(
        1,
        comment="12 pages, 3 figures",
        journal_ref="Journal of Looms 7",
        versions=(VersionRecord(1, day), VersionRecord(3, day)),
    )
    factories.paper(
        2,
        title="Looms that weave",
        abstract="Threads and cards.",
        authors=("Grace Hopper",),
        categories=("cs.PL",),
        published_at=datetime(2024, 6, 1, tzinfo=UTC),
        identifiers=("2406.00002",),
        announced_on=date(2024, 6, 3),
    )
    factories.paper(3, published_at=datetime(2025, 3, 13, 9, tzinfo=UTC), categories=("stat.ML",))
    factories.paper(4, identifiers=("doi:10.5555/12345678",), categories=("math.CO",))
    search.rebuild()


def found(client: Client, words: str, **more: str) -> list[str]:
    response = client.get("/api/query", {"search_query": words, "max_results": "50", **more})
    assert response.status_code == 200, response.content
    feed = feedparser.parse(response.content)
    assert not feed.bozo, feed.get("bozo_exception")
    return [entry.id.rpartition("/")[2] for entry in feed.entries]


ONE, TWO, THREE, FOUR = "2503.00001v3", "2406.00002v1", "2503.00003v1", "12345678"


def test_the_package_searches_pages_and_looks_up(live_server: LiveServer) -> None:
    shelf()
    client = arxiv.Client(page_size=2, delay_seconds=0, num_retries=0)
    client.query_url_format = live_server.url + "/api/query?{}"

    results = list(client.results(arxiv.Search("all:newspapers", sort_by=arxiv.SortCriterion.SubmittedDate)))
    assert len(results) == 3
    assert results[0].get_short_id() == "2503.00003v1"
    by_id = next(client.results(arxiv.Search(id_list=["2503.00001v1"])))
    assert by_id.get_short_id() == "2503.00001v3"
    assert by_id.title == "A study of newspapers, part 1"
    assert [author.name for author in by_id.authors] == ["Ada Lovelace", "Reader Number1"]
    assert by_id.published == datetime(2025, 3, 12, 9, tzinfo=UTC)
    assert by_id.primary_category == "cs.CL"
    assert by_id.categories == ["cs.CL", "cs.LG"]
    assert by_id.comment == "12 pages, 3 figures"
    assert by_id.journal_ref == "Journal of Looms 7"
    assert by_id.pdf_url == "http://arxiv.org/pdf/2503.00001v3"
    oldest = arxiv.Search(
        "all:newspapers OR all:looms",
        sort_by=arxiv.SortCriterion.SubmittedDate,
        sort_order=arxiv.SortOrder.Ascending,
        max_results=1,
    )
    assert [each.title for each in client.results(oldest)] == ["Looms that weave"]
    updated = arxiv.Search("all:newspapers", sort_by=arxiv.SortCriterion.LastUpdatedDate)
    assert len(list(client.results(updated))) == 3
    assert list(client.results(arxiv.Search(id_list=["2503.09999"]))) == []
    with pytest.raises(arxiv.HTTPError):
        list(client.results(arxiv.Search("ti:(loom")))
    client._session.close()


def test_the_grammar_finds_what_it_says(client: Client) -> None:
    shelf()
    assert found(client, "ti:looms") == [TWO]
    assert found(client, 'ti:"study of newspapers" AND cat:stat.ML') == [THREE]
    assert sorted(found(client, "cat:cs.CL OR cat:cs.PL")) == [TWO, ONE]
    assert sorted(found(client, "cat:cs*")) == [TWO, ONE]
    assert found(client, "cat:cs.CL AND cat:cs.LG") == [ONE]
    assert found(client, "cat:cs.CL AND cat:stat.ML") == []
    assert sorted(found(client, "all:newspapers ANDNOT cat:cs.CL")) == [FOUR, THREE]
    assert sorted(found(client, "ti:looms OR cat:stat.ML")) == [TWO, THREE]
    assert found(client, "au:hopper_g") == [TWO]
    assert found(client, 'au:"Grace Hopper"') == [TWO]
    assert found(client, "au:hopper ANDNOT ti:weave") == []
    assert found(client, "abs:thread*") == [TWO]
    assert found(client, "co:figures") == [ONE]
    assert found(client, 'jr:"of Looms" AND all:newspapers') == [ONE]
    assert found(client, "id:2503.00003") == [THREE]
    assert found(client, "submittedDate:[20240101 TO 20241231]") == [TWO]
    assert found(client, "all:newspapers AND submittedDate:[202503130000 TO 202503142359]") == [THREE]
    assert sorted(found(client, "lastUpdatedDate:[202406 TO 202406]")) == [TWO]
    assert sorted(found(client, "(ti:looms OR ti:newspapers) ANDNOT (cat:cs.CL OR cat:math.CO)")) == [
        TWO,
        THREE,
    ]
    assert found(client, "ti:(looms AND weave)") == [TWO]
    assert found(client, "all:newspapers", id_list="2503.00001,2406.00002") == [ONE]


def test_a_form_asks_the_same(client: Client) -> None:
    shelf()
    response = client.post("/api/query", {"search_query": "ti:looms"})
    assert [entry.title for entry in feedparser.parse(response.content).entries] == ["Looms that weave"]


def test_pages_follow_each_other_and_totals_are_true(client: Client) -> None:
    shelf()
    seen: list[str] = []
    for start in range(4):
        asked = {"search_query": "all:newspapers", "start": str(start), "max_results": "1"}
        feed = feedparser.parse(client.get("/api/query", asked).content)
        assert feed.feed.opensearch_totalresults == "3"
        seen += [entry.id for entry in feed.entries]
    assert len(seen) == len(set(seen)) == 3
    nothing = client.get("/api/query?search_query=all:newspapers&max_results=0").content
    assert b"<opensearch:totalResults>3<" in nothing
    assert b"<entry>" not in nothing


def test_titles_of_strangers_are_no_markup(client: Client) -> None:
    factories.paper(1, title='Cats & <b>dogs</b> "quoted" \x07 bell', comment="]]>")
    feed = feedparser.parse(client.get("/api/query?id_list=2503.00001").content)
    assert not feed.bozo
    assert "<b>dogs</b>" in feed.entries[0].title.replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("start=x&search_query=a", "start must be an integer"),
        ("start=-1&search_query=a", "start must be non-negative"),
        ("max_results=-1&search_query=a", "max_results must be non-negative"),
        ("max_results=2001&search_query=a", "max_results must not be more than 2000"),
        ("start=10000&search_query=a", "start must be less than 10000"),
        ("sortBy=votes&search_query=a", "sortBy must be in"),
        ("sortOrder=up&search_query=a", "sortOrder must be in"),
        ("id_list=not-an-id", "incorrect id format for not-an-id"),
        ("search_query=ti:(a", "does not close"),
        ("search_query=a)", "has not opened"),
        ("search_query=a+AND", "nothing to look for"),
        ("search_query=xx:a", "xx is no field"),
        ("search_query=submittedDate:[soon TO later]", "is no date"),
        ("", "search_query or id_list"),
        ("search_query=%00", "control characters"),
    ],
)
def test_errors_are_entries_as_arxiv_writes_them(client: Client, query: str, said: str) -> None:
    response = client.get(f"/api/query?{query}")
    assert response.status_code == 400
    assert response.headers["Content-Type"].startswith("application/atom+xml")
    feed = feedparser.parse(response.content)
    assert not feed.bozo
    assert feed.entries[0].title == "Error"
    assert said in feed.entries[0].summary
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_without_an_index_it_says_when_to_ask_again(client: Client) -> None:
    factories.paper(1)
    response = client.get("/api/query?search_query=all:newspapers")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "60"
    assert b"<title>Error</title>" in response.content
    assert client.get("/api/query?id_list=2503.00001").status_code == 200


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("electron", Leaf("any", "electron")),
        (
            "ti:a AND au:b OR abs:c",
            Any((All((Leaf("title", "a"), Leaf("author", "b"))), Leaf("abstract", "c"))),
        ),
        ("ti:a b", Any((Leaf("title", "a"), Leaf("any", "b")))),
        ("a ANDNOT b", All((Leaf("any", "a"), Not(Leaf("any", "b"))))),
        ('ti:"a b"', Leaf("title", "a b", phrase=True)),
        ("au:del_maestro", Leaf("author", "del maestro", phrase=True)),
        ("au:maestro_a", Leaf("author", "a maestro", phrase=True)),
        ("submittedDate:[2023 TO *]", Between("published", date(2023, 1, 1), None)),
        ("submittedDate:[202312 TO 202312]", Between("published", date(2023, 12, 1), date(2023, 12, 31))),
    ],
)
def test_queries_become_trees(text: str, tree: Node) -> None:
    assert parse(text) == tree


PIECES = st.sampled_from(
    ["ti:", "au:", "cat:", "all:", "co:", "id:", "AND", "OR", "ANDNOT", "(", ")", '"', "submittedDate:[",
     " TO ", "]", "2023", "*", "_", "a", "cs.LG", "é", "\u2028", "%", ":", " ", "newspapers", "\ud800"]
)  # fmt: skip


@effort(max_examples=150)
@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_a_tree_or_a_sentence(text: str) -> None:
    try:
        parse(text)
    except BadArxivQuery as refusal:
        assert str(refusal).endswith(".")


def test_any_query_is_answered_or_refused_never_broken(client: Client) -> None:
    shelf()

    @effort(max_examples=100, database=None)
    @given(st.lists(PIECES, max_size=20), st.sampled_from(["relevance", "submittedDate", "lastUpdatedDate"]))
    def ask(pieces: list[str], sort: str) -> None:
        words = " ".join(pieces).encode(errors="replace").decode()
        response: Anything = client.get("/api/query", {"search_query": words, "sortBy": sort})
        assert response.status_code in (200, 400), (words, response.content)

    ask()
    assert Paper.objects.count() == 4
