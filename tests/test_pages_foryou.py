"""The page of recommendations: for a stranger who pastes ids, and for a reader with a library."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from broadsheet import community, doors, search
from broadsheet.models import Paper
from tests import factories, people
from tests.pages.reading import get

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def house(settings: Settings) -> Iterator[None]:
    """Numbers 1 to 6 are about looms, 7 to 12 about telegraphs."""
    settings.RERANKER = ""
    for number in range(1, 13):
        words = "weaving looms" if number <= 6 else "telegraph wires"
        factories.paper(number, title=f"Part {number}: {words}", abstract=f"A study of {words}.")
    while search.index_due():
        pass
    yield
    doors.close()


def identifier(number: int) -> str:
    return Paper.objects.get(title__startswith=f"Part {number}:").identifier


def test_who_pastes_more_than_an_address_holds_is_told(client: Client) -> None:
    many = " ".join(f"2501.{number:05d}" for number in range(1, 61))
    page = client.post("/for-you", {"papers": many}, follow=True).content.decode()
    assert "The first 50 of these papers count here." in page


def test_pasted_ids_lead_to_a_page_that_is_visibly_theirs(client: Client) -> None:
    pasted = f"I read arXiv:{identifier(1)}v2,\nhttps://arxiv.org/abs/{identifier(2)} and 2401.99999"
    answer = client.get("/for-you", {"papers": pasted, "days": "all"})
    assert answer.status_code == 303
    page = get(client, answer["Location"])
    titles = page.words("h2")
    assert "weaving looms" in titles[0]
    assert not any(title.startswith(("Part 1:", "Part 2:")) for title in titles)
    assert "like “Part" in " ".join(page.words("main"))
    assert "2401.99999" in " ".join(page.words("main"))


def test_without_anything_named_the_page_asks(client: Client) -> None:
    page = get(client, "/for-you")
    assert "Paste papers that you like" in " ".join(page.words("main"))
    assert not page.words("h2")


def test_a_sentence_is_enough_and_what_is_typed_is_no_markup(client: Client) -> None:
    answer = client.get("/for-you", {"text": "telegraph wires <b>", "days": "all"})
    content = answer.content.decode()
    assert "telegraph wires &lt;b&gt;" in content
    assert "Part 7: telegraph wires" in content


def test_what_cannot_be_meant_is_a_sentence(client: Client) -> None:
    for query in ("papers=nothing+here", "days=yesterday"):
        answer = client.get(f"/for-you?{query}")
        assert answer.status_code == 400
        assert "Traceback" not in answer.content.decode()


def test_a_reader_sees_papers_like_the_saved_ones(client: Client) -> None:
    alice = people.reader("alice")
    browser = people.signed_in(alice)
    assert "Save a few papers" in " ".join(get(browser, "/for-you").words("main"))
    community.mark(alice, Paper.objects.get(identifier=identifier(8)).pk, "saved")
    titles = get(browser, "/for-you?days=all").words("h2")
    assert "telegraph wires" in titles[0]
    assert not any(title.startswith("Part 8:") for title in titles)


def test_questions_do_not_grow_with_the_papers_named(client: Client) -> None:
    def questions(numbers: range) -> int:
        names = "&".join(f"like={identifier(number)}" for number in numbers)
        client.get(f"/for-you?{names}&days=all")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(f"/for-you?{names}&days=all")
        return len(asked)

    assert questions(range(1, 6)) == questions(range(1, 2))
