"""The Papers with Code dialect, by the requests that the real `pwc` command sent when it was run by hand.

The command is on no package index, so `tests/answers/pwc.json` keeps what version 0.1.16 asked for each of
its lines; what is checked of the answers is what that command reads of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from broadsheet import doors, search
from broadsheet.models import Paper
from broadsheet.sources import LinkRecord
from tests import factories
from tests.conftest import PROJECT

pytestmark = pytest.mark.django_db

RECORDED = json.loads((PROJECT / "tests" / "answers" / "pwc.json").read_text("utf-8"))
HERE = "/pwc/api/v1/"


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


@pytest.fixture
def three_papers() -> None:
    code = LinkRecord("code", "https://github.com/ada/press")
    model = LinkRecord("model", "https://huggingface.co/ada/reader-1b")
    cited = factories.votes(12, kind="citations")
    factories.paper(1, organization="Analytical Society", links=(code, model), signals=(cited,))
    factories.paper(2)
    factories.paper(3, announced_on=date(2024, 1, 5), published_at=datetime(2024, 1, 3, tzinfo=UTC))
    while search.index_due():
        pass


def is_a_paper(told: Any) -> bool:
    return (
        isinstance(told["id"], int)
        and re.fullmatch(r"\d{4}-\d\d-\d\d", told["published"]) is not None
        and all(isinstance(name, str) for name in told["authors"])
        and bool(told["title"] and told["abstract"] and told["url_abs"] and told["route_identifier"])
        and all(each["name"] and each["slug"] for each in told["organizations"])
    )


def ids(told: Any) -> list[str]:
    papers = told["results"] if isinstance(told, dict) else told
    assert all(map(is_a_paper, papers))
    return [each["arxiv_id"] for each in papers]


@pytest.mark.parametrize("line", RECORDED, ids=lambda line: line["command"])
def test_what_the_command_asked_is_answered_in_its_shapes(line: dict[str, Any], three_papers: None) -> None:
    Paper.objects.filter(identifier="2503.00001").update(upvotes=1)
    for asked in line["requests"]:
        response = Client().get(asked)
        assert response.status_code == 200, response.content
        if asked.endswith("/read"):
            assert response.headers["Content-Type"].startswith("text/markdown")
            assert response.content.decode().startswith("# A study of newspapers, part 1")
            continue
        told = response.json()
        if "/lineage" in asked:
            assert told["paper"] == {"reference": "2503.00001", "title": "A study of newspapers, part 1"}
            assert told["predecessors"] == told["successors"] == []
        elif "/evaluations/" in asked:
            assert told == {"count": 0, "results": []}
        elif re.search(r"/papers/2503\.\d+(v2)?\?", asked):
            assert is_a_paper(told)
            assert ("repositories" in told) == ("include_resources=true" in asked)
        else:
            assert ids(told)


def ask(path: str, **told: Any) -> Any:
    response = Client().get(HERE + path, told)
    assert response.status_code == 200, response.content
    return response.json()


def test_lists_repeat_their_filters_and_keep_to_them(three_papers: None) -> None:
    assert ids(ask("papers/", order_by="date_published", order_dir="asc"))[0] == "2503.00003"
    last_year = ask("papers/", start_date="2024-01-03", end_date="2024-12-31")
    assert ids(last_year) == ["2503.00003"]
    assert last_year["applied_filters"] == {"start_date": "2024-01-03", "end_date": "2024-12-31"}
    theirs = ask("papers/", organization="analytical-society", task="Computation and Language")
    assert ids(theirs) == ["2503.00001"]
    assert theirs["applied_filters"] == {
        "organization": "analytical-society",
        "task": "Computation and Language",
    }
    assert theirs["count"] == 1
    assert ids(ask("papers/", organization="Nobody at all")) == []
    assert ids(ask("papers/", order_by="date_published", page=3, page_size=1)) == ["2503.00003"]
    assert ids(ask("papers/", search="newspapers", start_date="2025-01-01")) == ["2503.00001", "2503.00002"]
    assert ids(ask("papers/trending", max_age_days=30)) == ["2503.00001", "2503.00002"]
    assert ids(ask("papers/", page=90)) == []


def test_a_paper_is_told_with_what_belongs_to_it(three_papers: None) -> None:
    told = ask("papers/2503.00001v3", include_resources="true")
    assert told["citation_count"] == 12
    assert told["repositories"] == [{"url": "https://github.com/ada/press", "is_official": None}]
    assert told["hf_models"] == ["https://huggingface.co/ada/reader-1b"]
    assert told["organizations"] == [{"name": "Analytical Society", "slug": "analytical-society"}]
    assert ask(f"papers/{told['id']}")["title"] == told["title"]


def test_a_title_that_is_no_query_is_found(three_papers: None) -> None:
    strange = 'year:20..10 "A study" -'
    paper = factories.paper(4, title=strange)
    found = ask("papers/search", q=strange, mode="keyword")
    assert paper.arxiv_id in ids(found)


def test_words_alone_bring_no_paper_that_has_none_of_them(three_papers: None) -> None:
    assert ids(ask("papers/search", q="sonnets", mode="keyword")) == []
    assert len(ids(ask("papers/search", q="study", mode="keyword"))) == 3


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("papers/2503.09999", 404, "There is no paper 2503.09999 here."),
        ("papers/2503.09999/related", 404, "There is no paper"),
        ("research/papers/x/read", 404, "There is no paper x"),
        ("papers/search", 400, "“q” says"),
        ("papers/search?q=a&mode=loud", 400, "hybrid, keyword, semantic"),
        ("papers/search?q=a&page_size=101", 400, "from 1 to 100"),
        ("papers/search?q=a&start_date=2025", 400, "a day such as"),
        ("papers/?start_date=2025-02-02&end_date=2025-02-01", 400, "is after"),
        ("papers/?task=weaving", 404, "Tasks are the fields of arXiv"),
        ("papers/?conference=CVPR", 400, "Nothing is known of a conference"),
        ("papers/?order_by=citation_count", 400, "not sorted by citations"),
        ("papers/trending?min_velocity=2", 400, "not kept here"),
        ("papers/1/related?limit=21", 400, "from 1 to 20"),
        ("tasks/", 404, "Only papers are kept here"),
    ],
)
def test_refusals_are_the_dialects_own(three_papers: None, path: str, status: int, sentence: str) -> None:
    response = Client().get(HERE + path, follow=True)
    assert response.status_code == status
    assert sentence in response.json()["detail"]


def test_a_list_costs_the_same_however_long(
    three_papers: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for path in ("papers/recent?limit=3", "papers/trending", "papers/?task=cs.CL", "papers/search?q=study"):
        with django_assert_max_num_queries(9):
            assert ids(Client().get(HERE + path).json())
