"""Our own JSON API: what it tells, how it refuses, and that it does what its OpenAPI document says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client

from bench import contract
from broadsheet import doors, search
from tests import factories, people

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


def test_listings_search_papers_and_related_are_told(client: Client) -> None:
    factories.papers(3)
    search.rebuild()
    day = client.get("/api/v1/listings/day?key=2025-03-14&limit=2").json()
    assert (day["total"], day["pages"], len(day["papers"])) == (3, 2, 2)
    found = client.get("/api/v1/search?q=newspapers&limit=2").json()
    assert found["total"] == 3
    rest = client.get("/api/v1/search", {"q": "newspapers", "limit": "2", "cursor": found["next"]}).json()
    titles = [each["title"] for each in found["papers"] + rest["papers"]]
    assert len(titles) == len(set(titles)) == 3
    one = client.get("/api/v1/papers/2503.00001v2").json()
    assert one["identifier"] == "2503.00001"
    assert one["url"].endswith("/papers/2503.00001")
    assert one["authors"] == ["Ada Lovelace", "Reader Number1"]
    alike = client.get("/api/v1/related/2503.00001").json()["papers"]
    assert {each["identifier"] for each in alike} == {"2503.00002", "2503.00003"}
    cursor, seen = "", list[str]()
    for _ in range(3):
        page = client.get("/api/v1/papers", {"limit": "1", "cursor": cursor}).json()
        seen += [each["identifier"] for each in page["papers"]]
        cursor = page["next"]
    assert sorted(seen) == ["2503.00001", "2503.00002", "2503.00003"]
    assert cursor == ""


def test_every_score_comes_with_the_terms_that_it_is_made_of(client: Client) -> None:
    for number in range(1, 4):
        factories.paper(number, signals=(factories.votes(5 * number), factories.votes(3, kind="comments")))
    told = client.get("/api/v1/listings/day?key=2025-03-14").json()["papers"]
    assert [one["place"] for one in told] == [1, 2, 3] and not told[0]["reserved"]
    assert told[0]["identifier"] == "2503.00003" and told[0]["score"] > told[1]["score"]
    for one in told:
        assert one["why"][0]["label"] == "Votes" and one["why"][0]["detail"].endswith("elsewhere")
        assert sum(term["points"] for term in one["why"]) == pytest.approx(one["score"], abs=0.01)
    trending = client.get("/api/v1/listings/trending").json()["papers"][0]
    assert trending["why"][-1]["label"] == "Age" and trending["why"][-1]["points"] < 0
    whole = client.get("/api/v1/papers/2503.00003").json()
    assert whole["score"] == told[0]["score"] and whole["why"][0] == told[0]["why"][0]


def test_votes_can_be_turned_down_in_a_listing(client: Client) -> None:
    factories.paper(1, signals=(factories.votes(900),))
    for number in range(2, 40):
        factories.paper(number)
    loud = client.get("/api/v1/listings/day?key=2025-03-14").json()["papers"]
    quiet = client.get("/api/v1/listings/day?key=2025-03-14&social=0").json()["papers"]
    assert loud[0]["identifier"] == "2503.00001"
    assert [one["identifier"] for one in quiet] != [one["identifier"] for one in loud]
    assert {one["identifier"] for one in quiet} == {one["identifier"] for one in loud}
    assert client.get("/api/v1/listings/day?key=2025-03-14&social=101").status_code == 400


def test_an_unchanged_answer_is_not_sent_again(client: Client) -> None:
    factories.paper(1)
    first = client.get("/api/v1/papers/2503.00001")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get("/api/v1/papers/2503.00001", headers={"if-none-match": first.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/papers?limit=0", 400),
        ("/api/v1/papers?limit=many", 400),
        ("/api/v1/papers?cursor=elsewhere", 400),
        ("/api/v1/listings/day?key=tomorrow", 400),
        ("/api/v1/listings/decade", 400),
        ("/api/v1/listings/all?page=99", 404),
        ("/api/v1/listings/all?category=zz.ZZ", 404),
        ("/api/v1/search", 400),
        ("/api/v1/papers/2503.09999", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/papers?cursor=%00", 400),
    ],
)
def test_refusals_are_problem_details(client: Client, address: str, status: int) -> None:
    factories.paper(1)
    response = client.get(address)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == status
    assert told["detail"]
    assert client.post(address, content_type="application/json").status_code in (400, 404, 405)


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """The end of a request leaves the connection open in which the test's transaction is."""
    ends = (request_started, request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


def test_whatever_is_asked_the_answer_is_as_the_document_says(_one_connection: None) -> None:
    """Some of the requests of `python -m bench.contract`: none is a 500 or of an unknown shape."""
    factories.papers(3)
    search.rebuild()
    found = contract.fuzz(contract.Asking(people.reader("alice")), cases=1)
    assert found.asked > 60
    assert not found.bad


def test_pages_start_without_what_stands_behind_the_door() -> None:
    asked = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'broadsheet.config.settings'; "
        "import django; django.setup(); import broadsheet.config.urls; "
        "print(sorted({'ninja', 'pydantic', 'mcp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
