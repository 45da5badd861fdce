"""Search, authors, settings, and the pages and files about this place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from pytest_django import Settings

from broadsheet import doors, search
from broadsheet.web import words
from broadsheet.web.preferences import Look, chosen
from tests import factories, people
from tests.pages.reading import FRAGMENT, get

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture
def indexed() -> Iterator[None]:
    factories.papers(2)
    while search.index_due():
        pass
    yield
    doors.close()


def test_a_search_finds_words_of_titles(client: Client, indexed: None) -> None:
    page = get(client, "/search?q=newspapers")
    assert page.words("h2")[0].startswith("A study of newspapers")
    assert "2 papers found" in page.words("p", class_="soft")
    assert page.one("input", type="search").attributes["value"] == "newspapers"
    assert page.one("meta", name="robots").attributes["content"] == "noindex"


def test_a_search_for_an_identifier_finds_the_paper(client: Client) -> None:
    factories.paper(1)
    page = get(client, "/search?q=https://arxiv.org/pdf/2503.00001v2")
    assert "This is the paper called 2503.00001." in page.words("p", class_="soft")


def test_a_search_for_an_identifier_that_is_not_here_shows_the_way(client: Client) -> None:
    page = get(client, "/search?q=2503.99999")
    assert "No paper 2503.99999 here" in page.words("h2")
    assert "https://arxiv.org/abs/2503.99999" in page.links().values()


def test_a_search_that_finds_nothing_says_what_may_help(client: Client) -> None:
    assert "Nothing found" in get(client, "/search?q=zzzz").words("h2")
    assert get(client, "/search").words("h1") == ["Search"]


def test_a_search_for_an_author_leads_to_their_page(client: Client) -> None:
    factories.paper(1)
    assert (
        get(client, "/search?q=Ada+Lovelace").links()["All papers by Ada Lovelace"] == "/author/ada-lovelace"
    )


def test_an_author_has_a_page_of_their_papers(client: Client) -> None:
    factories.papers(3)
    page = get(client, "/author/ada-lovelace")
    assert page.words("h1") == ["Ada Lovelace"]
    assert len(page.all("li", class_="p")) == 3
    assert page.links()["RSS"] == "/author/ada-lovelace.rss"


def test_an_author_of_many_papers_is_paged(client: Client) -> None:
    factories.papers(65)
    assert get(client, "/author/ada-lovelace").links()["Show more"] == "/author/ada-lovelace?p=2"
    more = get(client, "/author/ada-lovelace?p=3", headers=FRAGMENT)
    assert len(more.all("li", class_="p")) == 5


def test_another_spelling_of_an_author_leads_to_the_one_page(client: Client) -> None:
    factories.paper(1, authors=("Ada Lovelace", "李 明"))
    assert client.get("/author/Ada%20LOVELACE").headers["Location"] == "/author/ada-lovelace"
    assert get(client, "/author/%E6%9D%8E-%E6%98%8E").words("h1") == ["李 明"]


# Settings


def test_settings_are_kept_in_a_cookie_and_nowhere_else(client: Client) -> None:
    response = client.post("/settings", {"layout": "lines", "theme": "dark", "keys": "off"})
    assert response.status_code == 303
    cookie = response.cookies["look"]
    assert cookie.value == "lines.dark.off.100"
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    page = get(client, "/settings?saved=yes")
    assert page.words("p", role="status") == ["Saved. Back to the papers"]
    assert page.one("html").attributes == {"lang": "en", "data-theme": "dark", "data-keys": "off"}
    assert {one.attributes["value"] for one in page.all("input", checked="")} == {
        "lines",
        "dark",
        "off",
        "100",
    }


def test_how_much_votes_count_goes_with_the_account(client: Client) -> None:
    factories.papers(3)
    alice = people.reader("alice")
    client.force_login(alice)
    client.post("/settings", {"layout": "lines", "theme": "dark", "keys": "on", "social": "50"})
    alice.refresh_from_db()
    assert alice.social == 50
    elsewhere = Client()
    elsewhere.force_login(alice)
    page = get(elsewhere, "/papers/date/2025-03-14")
    assert (
        "Votes count half here" in page.one("main").text and "data-theme" not in page.one("html").attributes
    )
    assert page.links()["RSS"] == "/papers/date/2025-03-14.rss?social=50"
    assert "wherever you sign in" in get(elsewhere, "/settings").one("main").text
    assert "Votes count half here" not in get(Client(), "/papers/date/2025-03-14").one("main").text


def test_a_feed_takes_how_much_votes_count_from_its_address(client: Client) -> None:
    factories.paper(1, signals=(factories.votes(900),))
    for number in range(2, 30):
        factories.paper(number)

    def titles(query: str) -> list[str]:
        told = client.get(f"/papers/date/2025-03-14.json{query}").json()
        return [item["title"] for item in told["items"]]

    assert titles("")[0].endswith("part 1")
    assert sorted(titles("?social=0")) == sorted(titles("")) and titles("?social=0") != titles("")
    refused = client.get("/papers/trending.rss?social=loud")
    assert refused.status_code == 400 and "from 0 to 100" in refused.content.decode()


@pytest.mark.security_check(7)
def test_a_stranger_cannot_change_settings() -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/settings", {"theme": "dark"})
    assert response.status_code == 403
    assert not response.cookies


def test_the_settings_form_is_not_cached(client: Client) -> None:
    response = client.get("/settings")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert b"csrfmiddlewaretoken" in response.content


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", '"><script>.dark.on', "lines.dark.on.more", "." * 50])
def test_a_broken_cookie_is_no_choice(client: Client, cookie: str) -> None:
    client.cookies["look"] = cookie
    assert client.get("/").status_code == 200
    assert chosen("<b>", "purple", "") == Look()


# Pages about this place


def test_subscribing_offers_feeds_and_says_honestly_that_there_is_no_mail(client: Client) -> None:
    factories.papers(2)
    page = get(client, "/subscribe")
    links = page.links()
    assert links["Trending, Atom"] == "/papers/trending.atom"
    assert links["Computation and Language (cs.CL), RSS"] == "/papers.rss?category=cs.CL"
    assert not page.all("input", type="email")
    assert "Mail is not set up on this server." in " ".join(page.words("p"))


def test_all_feeds_come_in_one_file(client: Client) -> None:
    factories.papers(2)
    response = client.get("/subscribe.opml")
    outlines = ElementTree.fromstring(response.content).findall(".//outline[@xmlUrl]")
    assert outlines[0].attrib["xmlUrl"] == "http://testserver/papers.atom"
    assert "http://testserver/papers.atom?category=cs.CL" in [one.attrib["xmlUrl"] for one in outlines]
    for one in outlines:
        assert client.get(one.attrib["xmlUrl"].removeprefix("http://testserver")).status_code == 200


def test_about_tells_the_formula_with_the_weights_in_use(client: Client) -> None:
    text = " ".join(get(client, "/about").words("li"))
    assert "log₂(1 + votes)" in text and "0.25 × log₂(1 + stars)" in text


@pytest.mark.parametrize("path", ["/about", "/keys", "/subscribe", "/settings", "/calendar"])
def test_pages_have_one_heading_and_a_name(client: Client, path: str) -> None:
    page = get(client, path)
    assert len(page.all("h1")) == 1
    assert page.words("title")[0].endswith("— Broadsheet")


def test_the_navigation_says_where_we_are(client: Client) -> None:
    factories.paper(1)
    for path, word in (
        ("/about", "About"),
        ("/papers/trending", "Trending"),
        ("/papers/2503.00001", "Papers"),
    ):
        page = get(client, path)
        current = {element.text for element in page.all("a", aria_current="true")}
        assert word in current


def test_the_name_on_the_masthead_is_a_setting(client: Client, settings: Settings) -> None:
    settings.SITE_NAME = "The <Daily> Abstract"
    page = get(client, "/about")
    assert page.words("p", class_="name") == ["The <Daily> Abstract"]


def test_addresses_for_the_outside_world_follow_the_public_address(
    client: Client, settings: Settings
) -> None:
    factories.paper(1)
    settings.PUBLIC_URL = "https://papers.example"
    page = get(client, "/papers/2503.00001")
    assert page.one("link", rel="canonical").attributes["href"] == "https://papers.example/papers/2503.00001"
    assert b"https://papers.example/sitemap.xml" in client.get("/robots.txt").content
    assert b"https://papers.example/papers/2503.00001" in client.get("/sitemap.xml").content


def test_robots_the_sitemap_and_opensearch_are_well_formed(client: Client) -> None:
    factories.papers(2)
    assert b"Sitemap: http://testserver/sitemap.xml" in client.get("/robots.txt").content
    places = [
        one.text
        for one in ElementTree.fromstring(client.get("/sitemap.xml").content).iter()
        if one.tag.endswith("loc")
    ]
    assert "http://testserver/papers/2503.00001" in places
    opensearch = client.get("/opensearch.xml")
    assert b"http://testserver/search?q={searchTerms}" in opensearch.content
    ElementTree.fromstring(opensearch.content)
    assert client.get("/favicon.ico").headers["Content-Type"] == "image/svg+xml"


# Words


@pytest.mark.parametrize(
    ("number", "words_for_it"),
    [
        (0, "0"),
        (94, "94"),
        (999, "999"),
        (1000, "1k"),
        (1234, "1.2k"),
        (9_960, "9.9k"),
        (34_500, "34k"),
        (999_999, "999k"),
        (1_500_000, "1.5M"),
    ],
)
def test_large_numbers_are_short(number: int, words_for_it: str) -> None:
    assert words.compact(number) == words_for_it


def test_every_number_has_a_unit() -> None:
    assert words.counted(1, "paper") == "1 paper"
    assert words.counted(12_345, "paper") == "12,345 papers"


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=5), "1 min ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=6, hours=23), "6 d ago"),
        (timedelta(days=7), "7 March 2025"),
        (timedelta(days=-1), "15 March 2025"),
    ],
)
def test_times_are_relative_for_a_week_and_dates_after(passed: timedelta, said: str) -> None:
    now = datetime(2025, 3, 14, 12, tzinfo=UTC)
    assert words.ago(now - passed, now) == said
