"""The search page: what it shows of an answer, its filters and orders, as one types, as feeds and files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils.safestring import mark_safe
from pytest_django import DjangoAssertNumQueries, Settings
from pytest_django.live_server_helper import LiveServer

from broadsheet import doors, search
from broadsheet.models import Paper
from broadsheet.sources import LinkRecord
from broadsheet.web.cards import marked
from tests import factories
from tests.pages.reading import FRAGMENT, get

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

TYPING = FRAGMENT | {"HX-Target": "found"}


@pytest.fixture(autouse=True)
def house(settings: Settings) -> Iterator[None]:
    """Thirty papers about newspapers of two years; the third has code and another field."""
    settings.RERANKER = ""
    settings.PAGE_SIZE = 20
    factories.papers(28)
    about = {"published_at": datetime(2023, 1, 2, tzinfo=UTC), "identifiers": ("2301.00029",)}
    factories.paper(29, categories=("cs.CV",), links=(LinkRecord("code", "https://github.com/x/y"),), **about)
    factories.paper(30, title="Telegraph <b>engines</b> & wires", authors=("Grace Hopper",))
    while search.index_due():
        pass
    yield
    doors.close()


def test_what_was_asked_for_is_marked_and_nothing_else_is_markup(client: Client) -> None:
    page = get(client, "/search?q=telegraph+engines")
    assert page.words("h2")[0] == "Telegraph <b>engines</b> & wires"
    assert page.words("mark")[:2] == ["Telegraph", "engines"]
    assert not page.all("b")


def test_marks_keep_what_was_escaped_and_leave_formulas_alone() -> None:
    def marks(text: str) -> list[tuple[int, int]]:
        return [(at, at + 3) for at in range(len(text)) if text.startswith("amp", at)]

    assert marked(mark_safe("a &amp; amp <i>amp</i>"), marks) == (
        "a &amp; <mark>amp</mark> <i><mark>amp</mark></i>"
    )
    assert marked(mark_safe("amp <math>x</math>"), marks) == "amp <math>x</math>"


def test_filters_have_counts_and_can_be_taken_off(client: Client) -> None:
    links = get(client, "/search?q=newspapers").links()
    on = get(client, links["With code 1 papers"])
    assert len(on.all("li", class_="p")) == 1
    assert on.links()["With code ×, remove this filter"] == "/search?q=newspapers"
    assert links["2023 1 papers"] == "/search?q=newspapers&year=2023"
    year = get(client, "/search?q=newspapers&year=2023")
    assert year.words("h2")[0] == "A study of newspapers, part 29"
    assert year.links()["2023 ×, remove this filter"] == "/search?q=newspapers"
    field = get(client, "/search?q=newspapers&category=CS.cv&sort=date")
    assert field.links()["cs.CV ×, remove this filter"] == "/search?q=newspapers&sort=date"
    assert len(field.all("li", class_="p")) == 1


def test_the_order_is_a_link_and_pages_keep_it(client: Client) -> None:
    page = get(client, "/search?q=newspapers")
    assert page.links()["Date"] == "/search?q=newspapers&sort=date"
    by_date = get(client, "/search?q=newspapers&sort=date")
    assert "Date" in by_date.words("a", aria_current="page")
    title = by_date.words("h2")[19]
    last = Paper.objects.get(title=title).pk
    assert by_date.links()["Show more"] == f"/search?q=newspapers&sort=date&p=2&after=20.{last}"
    more = get(client, "/search?q=newspapers&sort=date&p=2", headers=FRAGMENT)
    assert more.all("li", class_="p") and not more.all("h1")


def test_a_mistyped_word_is_corrected_and_can_be_insisted_on(client: Client) -> None:
    page = get(client, "/search?q=newspapres&sort=date")
    assert page.words("strong") == ["newspapers"]
    assert page.links()["newspapres"] == "/search?q=newspapres&sort=date&exact=1"
    assert not get(client, "/search?q=newspapres&exact=1").all("strong")


def test_what_is_only_near_in_meaning_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    found = search.search("telegraph")
    found.reasons = {paper.pk: search.Reason(by_meaning=True) for paper in found.papers}
    monkeypatch.setattr(search, "search", lambda *given, **more: found)
    assert "by meaning" in get(client, "/search?q=telegraph").words("span")
    found.reasons = {paper.pk: search.Reason(by_words=True, by_meaning=True) for paper in found.papers}
    assert "by meaning" not in get(client, "/search?q=telegraph").words("span")


def test_an_empty_answer_suggests_other_questions(client: Client) -> None:
    page = get(client, "/search?q=newspapers&category=math.OC")
    assert "Nothing found" in page.words("h2")
    assert page.links()["newspapers"] == "/search?q=newspapers"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=year:then", "Behind “year:” stands"),
        ("q=a&sort=taste", "Papers can be sorted by"),
        ("q=a&year=soon", "“year” is a year"),
        ("q=a&year=20232024", "“year” is a year"),
        ("q=a&has=soul", "is nothing that papers are filtered by"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(client: Client, query: str, said: str) -> None:
    for path in ("/search", "/search.rss", "/search.bib"):
        response = client.get(f"{path}?{query}")
        assert response.status_code == 400
        assert said in response.content.decode()


def test_as_one_types_the_results_come_alone_and_are_told(client: Client) -> None:
    typed = get(client, "/search?q=newsp", headers=TYPING)
    assert len(typed.all("li", class_="p")) == 20
    assert not typed.all("h1", id="main") and not typed.all("html")
    assert "papers found" in typed.one("p", role="status").text
    half = get(client, "/search?q=year:", headers=TYPING)
    assert half.words("h1")
    assert "HX-Target" in client.get("/search?q=a", headers=TYPING).headers["Vary"]


@pytest.mark.parametrize("query", ["q=newspapers", "q=Ada+Lovelace&sort=date", "q=newspapers&category=cs.CV"])
def test_at_most_six_questions_to_the_database(
    client: Client, query: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6):
        get(client, f"/search?{query}")


@pytest.mark.parametrize("form", ["rss", "atom", "json", "bib", "ris", "csl.json"])
def test_a_search_comes_as_feeds_and_as_citations(client: Client, form: str) -> None:
    page = get(client, "/search?q=telegraph&sort=votes")
    whole = "" if form in ("rss", "atom", "json") else "&n=1000"
    assert f"/search.{form}?q=telegraph&sort=votes{whole}" in page.links().values()
    response = client.get(f"/search.{form}?q=telegraph&sort=votes")
    assert response.status_code == 200
    assert b"elegraph" in response.content
    assert client.get(f"/search.{form}").status_code == 400


def test_similar_papers_come_when_somebody_scrolls_to_them(client: Client) -> None:
    page = get(client, "/papers/2503.00001")
    assert page.one("section", id="similar").attributes["hx-get"] == "/similar/2503.00001"
    assert page.links()["Papers like this one"] == "/similar/2503.00001"
    few = get(client, "/similar/2503.00001", headers=FRAGMENT | {"HX-Target": "similar"})
    assert len(few.all("li", class_="p")) == 6
    assert few.links()["Date"] == "/similar/2503.00001?sort=date"
    whole = get(client, "/similar/2503.00001?sort=date")
    assert whole.words("h1") == ["Similar papers"]
    assert len(whole.all("li", class_="p")) == 20
    assert get(client, "/similar/2503.00001?p=2", headers=FRAGMENT).all("li", class_="p")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_results_come_while_somebody_types(browser: Browser, live_server: LiveServer) -> None:
    page = browser.new_page()
    page.set_default_timeout(10_000)
    page.goto(f"{live_server.url}/search")
    box = page.get_by_role("searchbox")
    box.press_sequentially("telegr", delay=30)
    page.locator("#told", has_text="found.").wait_for(state="attached")
    assert page.locator("#found mark").first.inner_text() == "Telegraph"
    assert page.url.endswith("/search?q=telegr") and page.title().startswith("telegr — Search")
    assert page.evaluate("document.activeElement.name") == "q"
    page.goto(f"{live_server.url}/papers/2503.00001")
    page.locator("#similar").scroll_into_view_if_needed()
    page.locator("#similar").get_by_role("link", name="Date").click()
    page.locator("#similar a[aria-current]", has_text="Date").wait_for()
    assert page.locator("#similar li.p").count() == 6
    page.close()


def test_similar_papers_of_what_is_not_here_or_called_otherwise(client: Client) -> None:
    assert client.get("/similar/2503.99999").status_code == 404
    assert client.get("/similar/2503.00001?sort=taste").status_code == 400
    assert client.get("/similar/2503.00001?p=99").status_code == 404
    assert client.get("/similar/2503.00001v1").headers["Location"] == "/similar/2503.00001"
