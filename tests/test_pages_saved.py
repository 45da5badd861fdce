"""Searches that a reader keeps, and searches that start from several papers; paging by cursor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from broadsheet import doors, search
from broadsheet.models import Paper, Reader, SavedSearch
from broadsheet.search import Narrowing
from tests import factories
from tests.pages.reading import FRAGMENT, get, queries

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def house(settings: Settings) -> Iterator[None]:
    """Papers about newspapers, and five each about two quite different things."""
    settings.RERANKER = ""
    settings.PAGE_SIZE = 20
    factories.papers(30)
    for number in range(5):
        looms = "Weaving patterns on mechanical looms with punched cards and threads of silk."
        comets = "Orbits of comets computed from observations with telescopes on mountains."
        factories.paper(100 + number, title=f"Looms {number}", abstract=looms, authors=("Ada Lovelace",))
        factories.paper(200 + number, title=f"Comets {number}", abstract=comets, authors=("Alice Star",))
    while search.index_due():
        pass
    yield
    doors.close()


@pytest.fixture
def alice() -> Reader:
    return Reader.objects.create_user("alice", "alice@example.org", "a long enough password")


@pytest.fixture
def signed_in(client: Client, alice: Reader) -> Client:
    client.force_login(alice)
    return client


def names(of: str) -> list[str]:
    return list(
        Paper.objects.filter(title__startswith=of).order_by("pk").values_list("identifier", flat=True)
    )


# --- saved searches


@pytest.mark.parametrize(
    ("text", "narrowing", "whole"),
    [
        ("state  space", Narrowing(), "state space"),
        ("looms", Narrowing(categories=("cs.LG",), has_code=True), "looms cat:cs.LG has:code"),
        ("looms", Narrowing(first_year=2023, last_year=2023), "looms year:2023"),
        ("looms", Narrowing(first_year=2023, last_year=2025), "looms year:2023..2025"),
        ("looms", Narrowing(first_year=2023), "looms year:2023.."),
        ("looms", Narrowing(last_year=2023), "looms year:..2023"),
        ("", Narrowing(has_models=True), "has:models"),
        # Two categories would be alternatives.
        ('cat:cs "cat: x" looms', Narrowing(categories=("cs.LG",)), '"cat: x" looms cat:cs.LG'),
        ("cat: cs looms", Narrowing(categories=("cs.LG",)), "looms cat:cs.LG"),
    ],
)
def test_filters_beside_a_search_become_words_of_it(text: str, narrowing: Narrowing, whole: str) -> None:
    assert search.as_text(text, narrowing) == whole


def test_what_was_folded_into_words_finds_the_same_papers() -> None:
    beside = search.search("newspapers", narrowing=Narrowing(categories=("cs.LG",), first_year=2025))
    folded = search.search(search.as_text("newspapers", Narrowing(categories=("cs.LG",), first_year=2025)))
    assert [paper.pk for paper in folded.papers] == [paper.pk for paper in beside.papers]
    assert folded.total == beside.total > 0


def test_a_reader_saves_a_search_names_it_renames_it_and_deletes_it(signed_in: Client, alice: Reader) -> None:
    page = get(signed_in, "/search?q=newspapers&category=cs.LG")
    assert page.one("form", class_="keep-search").attributes["action"] == "/searches"
    sent = {element.attributes["name"]: element.attributes.get("value", "") for element in page.all("input")}
    assert sent["q"] == "newspapers cat:cs.LG"
    answer = signed_in.post("/searches", {"q": sent["q"], "name": "  My   papers "})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/searches?saved=yes")
    kept = SavedSearch.objects.get()
    assert (kept.reader, kept.query, kept.name) == (alice, "newspapers cat:cs.LG", "My papers")

    listed = get(signed_in, "/searches?saved=yes")
    assert listed.links()["My papers"] == "/search?q=newspapers+cat%3Acs.LG"
    assert listed.links()["My papers, Atom"] == "/search.atom?q=newspapers+cat%3Acs.LG"
    assert signed_in.get(listed.links()["My papers, Atom"]).status_code == 200
    # The same search is not offered again, and saving it again makes no second one.
    again = get(signed_in, "/search?q=newspapers&category=cs.LG")
    assert not again.all("form", class_="keep-search")
    assert again.links()["your saved searches"] == "/searches"
    signed_in.post("/searches", {"q": "newspapers", "category": "cs.LG"})
    assert SavedSearch.objects.get().name == "My papers"

    assert signed_in.post(f"/searches/{kept.pk}", {"name": "Better"}).status_code == 303
    assert SavedSearch.objects.get().name == "Better"
    gone = signed_in.post(f"/searches/{kept.pk}/delete")
    assert not SavedSearch.objects.exists()
    back = get(signed_in, gone.headers["Location"])
    assert "Deleted “Better”." in back.words("p")
    assert {"newspapers cat:cs.LG", "Better"} <= {each.attributes.get("value") for each in back.all("input")}


def test_whoever_has_not_signed_in_is_sent_to_do_so_and_comes_back(client: Client) -> None:
    page = get(client, "/search?q=newspapers&year=2025")
    link = urlsplit(page.links()["Sign in to save it"])
    assert link.path == "/account/sign-in"
    assert parse_qs(link.query)["next"] == ["/search?q=newspapers&year=2025"]
    assert not page.all("form", class_="keep-search")
    for answer in (client.get("/searches"), client.post("/searches/1"), client.post("/searches/1/delete")):
        assert answer.headers["Location"] == "/account/sign-in?next=%2Fsearches"
    sent = client.post("/searches", {"q": "looms"})
    assert sent.headers["Location"] == "/account/sign-in?next=%2Fsearch%3Fq%3Dlooms"
    assert not SavedSearch.objects.exists()


def test_nobody_touches_the_searches_of_others(signed_in: Client) -> None:
    bob = Reader.objects.create_user("bob")
    kept = search.save(bob, "looms", "Mine")
    assert signed_in.post(f"/searches/{kept.pk}", {"name": "x"}).status_code == 404
    assert signed_in.post(f"/searches/{kept.pk}/delete").status_code == 404
    assert SavedSearch.objects.get().name == "Mine"
    assert "Mine" not in get(signed_in, "/searches").words("a")


def test_what_cannot_be_kept_is_refused_with_a_sentence(
    signed_in: Client, alice: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sent, said in (
        ({"q": "  "}, "There is nothing to save yet"),
        ({"q": "year:then"}, "Behind “year:” stands"),
        ({"q": "w " * 249, "category": "cs.LG"}, "too long to be saved"),
        ({"q": "a", "year": "soon"}, "“year” is a year"),
    ):
        answer = signed_in.post("/searches", sent)
        assert answer.status_code == 400
        assert said in answer.content.decode()
    monkeypatch.setattr("broadsheet.search.saved.MOST_SAVED", 1)
    search.save(alice, "looms")
    assert "You keep 1 searches" in signed_in.post("/searches", {"q": "comets"}).content.decode()
    assert signed_in.get("/searches/1").status_code == 405


def test_the_list_takes_as_many_questions_for_one_search_as_for_many(
    signed_in: Client, alice: Reader
) -> None:
    search.save(alice, "looms")
    one = queries(signed_in, "/searches")
    for number in range(20):
        search.save(alice, f"looms {number}")
    assert queries(signed_in, "/searches") == one <= 4


def test_pages_made_for_a_reader_are_kept_by_nobody_else(signed_in: Client, client: Client) -> None:
    for path in ("/search?q=looms", "/searches"):
        assert signed_in.get(path).headers["Cache-Control"] == "private, no-store"


# --- from several papers


def test_a_search_from_several_papers_leans_to_the_wanted_and_away_from_the_others(client: Client) -> None:
    looms, comets = names("Looms"), names("Comets")
    both = get(client, f"/similar?like={looms[0]}&like={comets[0]}")
    found = [title for title in both.words("h2") if title.startswith(("Looms", "Comets"))][:8]
    assert sorted(title[:5] for title in found) == ["Comet"] * 4 + ["Looms"] * 4
    away = get(client, f"/similar?like={looms[0]}&like={comets[0]}&not={comets[1]}")
    titles = [title for title in away.words("h2") if title.startswith(("Looms", "Comets"))]
    assert [title[:5] for title in titles[:4]] == ["Looms"] * 4
    assert "Comets 1" not in titles


def test_papers_are_added_turned_and_removed_by_links_and_by_name(client: Client) -> None:
    looms, comets = names("Looms"), names("Comets")
    page = get(client, f"/similar/{looms[0]}")
    assert page.links()["Search from this paper and others"] == f"/similar?like={looms[0]}"
    more = page.links()["More like this"]
    assert more.startswith(f"/similar?like={looms[0]}&like=")
    assert page.links()["Less like this"].startswith(f"/similar?like={looms[0]}&not=")

    page = get(client, f"/similar?like={looms[0]}&not={comets[0]}&sort=date")
    links = page.links()
    assert links["Turn to like"] == f"/similar?like={looms[0]}&like={comets[0]}&sort=date"
    # Without it nothing would be left to search from.
    assert "Turn to less" not in links
    assert [each.attributes["href"] for each in page.all("a") if each.text == "Remove"] == [
        f"/similar?not={comets[0]}&sort=date",
        f"/similar?like={looms[0]}&sort=date",
    ]
    added = client.get(f"/similar?like={looms[0]}&add=comets 1&as=not")
    assert added.headers["Location"] == f"/similar?like={looms[0]}&not={comets[1]}"
    added = client.get(f"/similar?like={looms[0]}&add=arXiv:{looms[1]}v1&as=like")
    assert added.headers["Location"] == f"/similar?like={looms[0]}&like={looms[1]}"
    assert client.get(f"/similar?like={looms[0]}&add=").headers["Location"] == f"/similar?like={looms[0]}"


def test_an_empty_search_from_papers_asks_for_one_and_bad_names_are_said(client: Client) -> None:
    empty = get(client, "/similar")
    assert empty.one("input", id="add") and not empty.all("li", class_="p")
    looms = names("Looms")
    page = get(client, f"/similar?like={looms[0]}&like=2401.99999&like=<b>")
    assert "Not here, so left out: 2401.99999, <b>." in page.words("p")
    assert page.all("li", class_="p") and not page.all("b")
    for query, status in (
        ("like=a&sort=taste", 400),
        ("add=nothing of that name", 400),
        ("&".join(f"like={number}" for number in range(21)), 400),
        (f"like={looms[0]}&p=99", 404),
        (f"like={looms[0]}&p=x", 400),
    ):
        assert client.get(f"/similar?{query}").status_code == status, query
    Paper.objects.filter(identifier=looms[1]).update(hidden=True, hotness=None)
    assert f"Not here, so left out: {looms[1]}." in get(client, f"/similar?like={looms[1]}").words("p")


def test_a_search_from_papers_can_be_taken_along_as_citations(client: Client) -> None:
    looms = names("Looms")
    link = get(client, f"/similar?like={looms[0]}").links()["BibTeX"]
    assert link == f"/similar.bib?like={looms[0]}&n=1000"
    assert "Looms 1" in client.get(link).content.decode()
    assert client.get("/similar.bib").status_code == 400


@pytest.mark.parametrize("page", ["/similar?like={}", "/similar/{}"])
def test_a_search_from_papers_is_a_feed_with_the_newest_first(client: Client, page: str) -> None:
    looms, comets = names("Looms"), names("Comets")
    links = get(client, page.format(looms[0])).links()
    assert links["JSON Feed"] == f"/similar.json?like={looms[0]}"
    for name in ("RSS", "Atom"):
        assert "Looms 4" in client.get(links[name]).content.decode()
    feed = json.loads(client.get(links["JSON Feed"]).content)
    titles = [item["title"] for item in feed["items"]]
    by_date = [
        title for title in get(client, f"/similar?like={looms[0]}&sort=date").words("h2") if title in titles
    ]
    assert titles[: len(by_date)] == by_date and len(by_date) >= 7
    assert feed["title"].endswith("like Looms 0")
    nearest = json.loads(client.get(f"{links['JSON Feed']}&not={comets[0]}&sort=relevance").content)
    assert {item["title"] for item in nearest["items"]} >= {"Looms 1", "Looms 2", "Looms 3"}
    assert feed["home_page_url"].endswith(f"/similar?like={looms[0]}&sort=date")
    assert client.get("/similar.rss").status_code == 400


def test_a_search_from_many_papers_asks_the_database_no_more_than_from_one(client: Client) -> None:
    looms, comets = names("Looms"), names("Comets")
    one = queries(client, f"/similar?like={looms[0]}")
    many = "&".join([f"like={name}" for name in looms] + [f"not={name}" for name in comets])
    assert queries(client, f"/similar?{many}") == one <= 4


# --- cursors


def test_papers_that_come_in_between_two_pages_are_neither_repeated_nor_skipped(client: Client) -> None:
    first = get(client, "/search?q=newspapers&sort=date")
    shown = first.words("h2")[:20]
    factories.paper(31, title="Newspapers of a later month", identifiers=("2504.00031",), published_at=None)
    while search.index_due():
        pass
    by_number = get(client, "/search?q=newspapers&sort=date&p=2", headers=FRAGMENT)
    assert set(by_number.words("h2")) & set(shown)
    more = get(client, first.links()["Show more"], headers=FRAGMENT)
    rest = [title for title in more.words("h2") if title not in shown]
    assert len(rest) == len(more.all("li", class_="p")) == 10


@pytest.mark.parametrize("after", ["x", "20", "20.", ".5", "9" * 40 + ".1", "-1.5", "20.x", "%00", "٣.٤"])
def test_a_cursor_that_is_none_leaves_the_page_number(client: Client, after: str) -> None:
    answer = client.get(f"/search?q=newspapers&p=2&after={after}")
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert b'start="21"' in answer.content
