"""The Hugging Face dialect, asked by the real `huggingface_hub` and its `hf papers` command."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError
from huggingface_hub.utils._http import close_session
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from broadsheet.models import Paper, Reader, Submission
from broadsheet.sources import LinkRecord
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

LINKS = (
    LinkRecord("code", "https://github.com/ada/press"),
    LinkRecord("project", "https://ada.example/press"),
    LinkRecord("model", "https://huggingface.co/ada/reader-1b"),
    LinkRecord("dataset", "https://huggingface.co/datasets/ada/papers"),
    LinkRecord("demo", "https://huggingface.co/spaces/ada/press"),
)


@pytest.fixture(autouse=True)
def _hang_up() -> Iterator[None]:
    """The client keeps its connection, and behind it a thread of the server keeps one to the database."""
    yield
    close_session()


def three_papers() -> None:
    factories.paper(1, links=LINKS, organization="Analytical Society", signals=(factories.votes(7),))
    factories.paper(2, announced_on=date(2025, 3, 13), published_at=datetime(2025, 3, 11, tzinfo=UTC))
    factories.paper(3, announced_on=date(2025, 2, 3), published_at=datetime(2025, 1, 31, tzinfo=UTC))


def test_the_client_reads_every_list_and_paper(live_server: LiveServer) -> None:
    three_papers()
    api = HfApi(endpoint=live_server.url)

    everything = list(api.list_daily_papers())
    assert [each.id for each in everything] == ["2503.00001", "2503.00002", "2503.00003"]
    first = everything[0]
    assert first.title == "A study of newspapers, part 1"
    assert [author.name for author in first.authors or []] == ["Ada Lovelace", "Reader Number1"]
    assert first.published_at == datetime(2025, 3, 12, 9, tzinfo=UTC)
    assert first.submitted_at is not None
    assert first.submitted_at.date() == date(2025, 3, 14)
    assert first.submitted_by is not None
    assert first.submitted_by.username == "broadsheet"
    assert first.organization is not None
    assert first.organization.fullname == "Analytical Society"
    assert first.github_repo == "https://github.com/ada/press"
    assert first.project_page == "https://ada.example/press"
    assert first.comments == 0

    def ids(**asked: Any) -> list[str | None]:
        return [each.id for each in api.list_daily_papers(**asked)]

    assert ids(date="2025-03-13") == ["2503.00002"]
    assert ids(week="2025-W11") == ["2503.00001", "2503.00002"]
    assert ids(month="2025-02") == ["2503.00003"]
    assert sorted(filter(None, ids(sort="trending"))) == ["2503.00001", "2503.00002", "2503.00003"]
    assert ids(p=1, limit=2) == ["2503.00003"]
    assert ids(p=7) == []
    assert ids(submitter="nobody") == []

    assert {each.id for each in api.list_papers(query="newspapers", limit=2)} <= {
        "2503.00001",
        "2503.00002",
        "2503.00003",
    }
    assert len(list(api.list_papers())) == 3

    info = api.paper_info("2503.00001v2")
    assert info.id == "2503.00001"
    assert [model.id for model in info.linked_models or []] == ["ada/reader-1b"]
    assert [dataset.id for dataset in info.linked_datasets or []] == ["ada/papers"]
    assert [space.id for space in info.linked_spaces or []] == ["ada/press"]
    assert info.num_total_models == 1
    assert "# A study of newspapers, part 1" in api.read_paper("2503.00001")


def test_the_client_raises_its_own_errors_with_our_sentences(live_server: LiveServer) -> None:
    api = HfApi(endpoint=live_server.url)
    with pytest.raises(BadRequestError, match="Write it like 2025-W11"):
        list(api.list_daily_papers(week="last"))
    with pytest.raises(BadRequestError, match="from 1 to 100"):
        list(api.list_daily_papers(limit=1000))
    with pytest.raises(HfHubHTTPError, match="404"):
        api.paper_info("2503.09999")
    with pytest.raises(HfHubHTTPError, match="404"):
        api.read_paper("2503.09999")


def test_an_answer_is_given_again_for_seconds_where_that_is_set(settings: Settings) -> None:
    three_papers()
    settings.API_MEMORY = 60
    first = Client().get("/api/daily_papers?limit=9")
    packed = Client().get("/api/daily_papers?limit=9", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.content) == first.content
    Paper.objects.update(hotness=None)
    again = Client().get("/api/daily_papers?limit=9")
    assert again.content == first.content
    assert "Accept-Encoding" in first.headers["Vary"]
    assert Client().get("/api/daily_papers?limit=9", HTTP_HOST="localhost").json() == []
    assert Client().get("/api/papers/2503.00007").status_code == 404
    factories.paper(7)
    assert Client().get("/api/papers/2503.00007").status_code == 200
    settings.API_MEMORY = 0
    assert Client().get("/api/daily_papers?limit=9").json()[0]["id"] == "2503.00007"


def test_the_command_lists_searches_tells_and_reads(live_server: LiveServer, tmp_path: Path) -> None:
    three_papers()
    environ = {**os.environ, "HF_ENDPOINT": live_server.url, "HF_HOME": str(tmp_path)}
    environ["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"

    def hf(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("hf")), "papers", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    listed = hf("ls", "--date", "2025-03-14", "--format", "json")
    assert listed.returncode == 0, listed.stderr
    assert [each["id"] for each in json.loads(listed.stdout)] == ["2503.00001"]
    searched = hf("search", "newspapers", "--format", "json")
    assert len(json.loads(searched.stdout)) == 3, searched.stderr
    assert "A study of newspapers, part 1" in hf("info", "2503.00001").stdout
    assert "# A study of newspapers, part 1" in hf("read", "2503.00001").stdout
    missing = hf("info", "2503.09999")
    assert missing.returncode != 0
    assert "not found" in missing.stdout + missing.stderr


def test_a_longer_list_names_its_next_page(client: Client) -> None:
    factories.papers(3)
    response = client.get("/api/daily_papers?limit=2&sort=trending")
    assert response.headers["Link"] == '</api/daily_papers?limit=2&sort=trending&p=1>; rel="next"'
    assert "Link" not in client.get("/api/daily_papers?limit=2&p=1&sort=trending").headers
    assert len(client.get("/api/daily_papers?limit=2&p=1&sort=trending").json()) == 1


def test_all_papers_are_walked_by_cursor_each_once(client: Client) -> None:
    three_papers()
    factories.paper(
        4, announced_on=None, published_at=None, month=date(2024, 5, 1), identifiers=("2405.00004",)
    )
    address, seen = "/api/papers?limit=1", []
    while address:
        response = client.get(address)
        seen += [item["id"] for item in response.json()]
        address = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == ["2503.00001", "2503.00002", "2503.00003", "2405.00004"]
    assert client.get("/api/papers?cursor=elsewhere").status_code == 400


def test_who_brought_a_paper_is_its_submitter(client: Client) -> None:
    paper = factories.paper(1)
    factories.paper(2)
    alice = Reader.objects.create_user("alice")
    Submission.objects.create(
        reader=alice, paper=paper, identifier=paper.identifier, spelling=paper.identifier, state="listed"
    )
    found = client.get("/api/daily_papers?submitter=Alice").json()
    assert [item["id"] for item in found] == ["2503.00001"]
    assert found[0]["submittedBy"]["user"] == "alice"


def test_repositories_of_a_paper_are_told_together_and_by_kind(client: Client) -> None:
    factories.paper(1, links=LINKS)
    assert client.get("/api/arxiv/2503.00001/repos").json() == {
        "models": [{"id": "ada/reader-1b"}],
        "datasets": [{"id": "ada/papers"}],
        "spaces": [{"id": "ada/press"}],
    }
    assert client.get("/api/models?filter=arxiv:2503.00001").json() == [{"id": "ada/reader-1b"}]
    assert client.get("/api/models?filter=text-generation").status_code == 400


def test_an_item_never_holds_what_would_overwrite_the_clients_understanding(client: Client) -> None:
    factories.paper(1)
    item = client.get("/api/daily_papers").json()[0]
    assert "authors" not in item
    assert "comments" not in item
    assert "comments" not in item["paper"]
    for key in (
        "isAuthorParticipating",
        "numComments",
        "paper",
        "publishedAt",
        "submittedBy",
        "thumbnail",
        "title",
    ):
        assert key in item
    for key in ("id", "authors", "discussionId", "publishedAt", "summary", "title", "upvotes"):
        assert key in item["paper"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/daily_papers?date=tomorrow", 400),
        ("/api/daily_papers?date=2025-03-14&week=2025-W11", 400),
        ("/api/daily_papers?p=-1", 400),
        ("/api/daily_papers?limit=0", 400),
        ("/api/daily_papers?sort=best", 400),
        ("/api/daily_papers?p=30000&limit=100", 400),
        ("/api/daily_papers?date=%00", 400),
        ("/api/papers/search?q=" + "long" * 100, 400),
        ("/api/papers/2503.09999", 404),
        ("/api/papers/what/is/this", 404),
        ("/api/arxiv/none/repos", 404),
        ("/api/agent-harnesses", 404),
    ],
)
def test_what_cannot_be_meant_is_told_as_the_hub_tells_it(client: Client, address: str, status: int) -> None:
    response = client.get(address)
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.json()["error"]
    assert response.headers["X-Error-Message"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_the_header_says_the_sentence_in_plain_letters(client: Client) -> None:
    response = client.get("/api/daily_papers?date=tomorrow")
    assert response.headers["X-Error-Message"] == '"tomorrow" is not a day. Write it like 2025-03-14.'


@pytest.mark.parametrize(
    "address", ["/api/daily_papers", "/api/query?id_list=2503.00001", "/oai?verb=Identify"]
)
def test_a_host_that_is_not_ours_is_refused_in_every_dialect(client: Client, address: str) -> None:
    response = client.get(address, headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "html" not in response.headers["Content-Type"]
    assert b"evil.example" not in response.content


def test_writing_is_refused_in_the_same_shape(client: Client) -> None:
    response = client.post("/api/daily_papers")
    assert response.status_code == 405
    assert "error" in response.json()
    assert client.options("/api/daily_papers").headers["Access-Control-Allow-Methods"] == "GET, HEAD"


def test_each_address_may_ask_so_often_a_minute(client: Client, settings: Settings) -> None:
    settings.API_LIMIT = 2
    first = client.get("/api/daily_papers")
    assert first.headers["RateLimit"].startswith('"api";r=1;t=')
    assert first.headers["RateLimit-Policy"] == '"fixed window";"api";q=2;w=60'
    client.get("/api/daily_papers")
    refused = client.get("/api/daily_papers")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert "again in" in refused.json()["error"]


def test_queries_do_not_grow_with_papers(client: Client, django_assert_max_num_queries: Any) -> None:
    factories.papers(30)
    assert Paper.objects.count() == 30
    for address in ("/api/daily_papers", "/api/daily_papers?date=2025-03-14", "/api/papers"):
        with django_assert_max_num_queries(8):
            assert len(client.get(address).json()) == 30
