"""RSS, Atom and JSON Feed of listings and authors, as feed readers read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from django.test import Client
from pytest_django import Settings

from broadsheet.models import Paper
from broadsheet.sources import LinkRecord
from tests import factories
from tests.pages import strangers

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

DAY = "/papers/date/2025-03-14"
FORMS = {
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}


def parsed(client: Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, path
    found = feedparser.parse(response.content)
    assert not found.bozo, found.get("bozo_exception")
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "path",
    [
        "/papers",
        DAY,
        "/papers/week",
        "/papers/week/2025-W11",
        "/papers/month",
        "/papers/month/2025-03",
        "/papers/trending",
        "/papers/all",
        "/author/ada-lovelace",
    ],
)
def test_every_listing_has_a_feed_in_every_form(client: Client, path: str, form: str) -> None:
    factories.papers(2)
    response = client.get(f"{path}.{form}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == FORMS[form]
    if form == "json":
        assert [item["title"] for item in response.json()["items"]].count(
            "A study of newspapers, part 1"
        ) == 1
    else:
        titles = [entry.title for entry in parsed(client, f"{path}.{form}").entries]
        assert sorted(titles) == ["A study of newspapers, part 1", "A study of newspapers, part 2"]


@pytest.mark.parametrize("form", FORMS)
def test_pages_name_their_feeds(client: Client, form: str) -> None:
    factories.paper(1)
    html = client.get(f"{DAY}?category=cs.CL").content.decode()
    assert f'href="{DAY}.{form}?category=cs.CL"' in html


def test_an_entry_of_rss_tells_what_a_card_tells(client: Client) -> None:
    factories.paper(
        1,
        title="Bounds of $O(n^2)$ & more",
        organization="Analytical Society",
        links=(LinkRecord("code", "https://github.com/ada/press"),),
        signals=(factories.votes(30), factories.votes(1234, kind="stars")),
    )
    (entry,) = parsed(client, f"{DAY}.rss").entries
    assert entry.title == "Bounds of O(n²) & more"
    assert entry.link == entry.id == "http://testserver/papers/2503.00001"
    assert [author.name for author in entry.authors] == ["Ada Lovelace", "Reader Number1"]
    assert [tag.term for tag in entry.tags] == ["cs.CL", "cs.LG"]
    for words in (
        "We read newspaper number 1",
        "cs.CL",
        "code ★ 1,234",
        "Analytical Society",
        "30 upvotes elsewhere",
    ):
        assert words in entry.description
    assert entry.published_parsed[:3] == (2025, 3, 14)


def test_atom_has_what_the_standard_demands(client: Client) -> None:
    factories.paper(1)
    feed = parsed(client, f"{DAY}.atom")
    assert feed.version == "atom10"
    assert feed.feed.id == f"http://testserver{DAY}"
    assert feed.feed.title == "Broadsheet: Friday, 14 March 2025"
    assert {link.rel: link.href for link in feed.feed.links} == {
        "self": f"http://testserver{DAY}.atom",
        "alternate": f"http://testserver{DAY}",
    }
    (entry,) = feed.entries
    assert entry.id and entry.updated and entry.published and entry.authors
    assert {link.rel: link.href for link in entry.links}["via"] == "https://arxiv.org/abs/2503.00001"


def test_json_feed_has_what_the_standard_demands(client: Client) -> None:
    factories.paper(1)
    feed = client.get(f"{DAY}.json?category=cs.CL").json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == f"http://testserver{DAY}.json?category=cs.CL"
    assert feed["home_page_url"] == f"http://testserver{DAY}?category=cs.CL"
    (item,) = feed["items"]
    assert item["external_url"] == "https://arxiv.org/abs/2503.00001"
    assert item["authors"][0] == {"name": "Ada Lovelace", "url": "http://testserver/author/ada-lovelace"}


def test_filters_hold_in_feeds(client: Client) -> None:
    factories.paper(1)
    factories.paper(2, categories=("math.NT",))
    feed = parsed(client, "/papers.rss?category=math.NT")
    assert [entry.title for entry in feed.entries] == ["A study of newspapers, part 2"]
    assert feed.feed.title.endswith("(math.NT)")


def test_a_feed_of_the_newest_day_goes_back_to_the_last_day_that_its_field_has_papers(client: Client) -> None:
    factories.paper(1)
    factories.paper(2, categories=("math.NT",), announced_on=date(2025, 3, 12))
    assert [entry.title for entry in parsed(client, "/papers.rss?category=math.NT").entries] == [
        "A study of newspapers, part 2"
    ]


def test_a_feed_that_has_not_changed_is_not_sent_again(client: Client) -> None:
    factories.paper(1)
    for form in FORMS:
        first = client.get(f"{DAY}.{form}")
        again = client.get(f"{DAY}.{form}", headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
    assert first.headers["Cache-Control"] == "public, max-age=300"


def test_a_feed_of_an_empty_house_is_empty_but_a_feed(client: Client) -> None:
    for form in ("rss", "atom"):
        assert parsed(client, f"/papers.{form}").entries == []
    assert client.get("/papers.json").json()["items"] == []


def test_a_day_without_papers_has_no_feed(client: Client) -> None:
    factories.paper(1)
    response = client.get("/papers/date/2025-03-16.json")
    assert response.status_code == 404
    assert response.json()["detail"] == "There are no papers in “Sunday, 16 March 2025”."


def test_a_paper_without_dates_is_dated_by_its_month_or_not_at_all(client: Client) -> None:
    strangers.put(1, published_at=None, submitted_at=None, month=202502)
    (entry,) = client.get("/papers/all.json").json()["items"]
    assert entry["date_published"] == "2025-02-01T00:00:00+00:00"


def test_an_update_is_a_revision_and_not_a_new_vote(client: Client) -> None:
    factories.paper(1)
    Paper.objects.update(revised_at=datetime(2025, 4, 1, tzinfo=UTC))
    (item,) = client.get(f"{DAY}.json").json()["items"]
    assert item["date_modified"] == "2025-04-01T00:00:00+00:00"


def test_our_own_summaries_and_withdrawn_papers_are_marked(client: Client) -> None:
    factories.paper(1, withdrawn=True)
    Paper.objects.update(abstract_is_ours=True)
    (item,) = client.get(f"{DAY}.json").json()["items"]
    assert "withdrawn by its authors" in item["content_html"]
    assert "summary by Broadsheet" in item["content_html"]


def test_feeds_speak_of_the_public_address(client: Client, settings: Settings) -> None:
    factories.paper(1)
    settings.PUBLIC_URL = "https://papers.example"
    feed = client.get(f"{DAY}.json").json()
    assert feed["feed_url"] == f"https://papers.example{DAY}.json"
    assert feed["items"][0]["url"] == "https://papers.example/papers/2503.00001"


@pytest.mark.security_check(1)
@pytest.mark.parametrize("form", ["rss", "atom"])
def test_hostile_papers_leave_harmlessly(client: Client, form: str) -> None:
    strangers.put_all()
    response = client.get(f"{DAY}.{form}")
    ElementTree.fromstring(response.content)
    for entry in feedparser.parse(response.content, sanitize_html=False).entries:
        told = entry.content[0].value if form == "atom" else entry.description
        for words in ("<script", "<img", "<b>", "\u202e"):
            assert words not in told
        assert entry.link.startswith("http://testserver/papers/")
        assert "\u202e" not in entry.title and len(entry.title) <= 500


@pytest.mark.security_check(1)
def test_hostile_papers_leave_harmlessly_as_json(client: Client) -> None:
    strangers.put_all()
    items = client.get(f"{DAY}.json").json()["items"]
    assert len(items) == 9
    for item in items:
        assert "<script" not in item["content_html"] and "<img" not in item["content_html"]
    assert len(client.get(f"{DAY}.json").content) < 60_000
