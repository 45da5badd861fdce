"""Listings as readers see them: cards, filters, pages, neighbours, the calendar, and what they cost."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from broadsheet import catalog
from broadsheet.models import Paper
from broadsheet.sources import LinkRecord
from broadsheet.web.pager import Pager
from tests import factories
from tests.pages.reading import FRAGMENT, get, queries, sources

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

DAY = "/papers/date/2025-03-14"


def test_the_front_page_is_the_newest_day_that_has_papers(client: Client) -> None:
    factories.paper(1)
    factories.paper(2, announced_on=date(2025, 3, 13))
    for path in ("/", "/papers"):
        page = get(client, path)
        assert page.words("h1") == ["Friday, 14 March 2025"]
        assert page.words("h2")[0] == "A study of newspapers, part 1"
        assert page.one("link", rel="canonical").attributes["href"].endswith(DAY)


@pytest.mark.parametrize("path", ["/", "/papers/week", "/papers/trending", "/papers/all"])
def test_an_empty_house_says_why_it_is_empty_and_what_to_do(client: Client, path: str) -> None:
    page = get(client, path)
    assert "No papers here yet" in page.words("h2")
    assert page.words("pre") == ["broadsheet import FILE…"]
    assert not page.all("nav", class_="chips")


def test_a_card_shows_what_is_known_of_a_paper(client: Client) -> None:
    code = LinkRecord("code", "https://github.com/ada/press")
    signals = (
        factories.votes(30),
        factories.votes(8, kind="comments"),
        factories.votes(1234, kind="stars"),
    )
    factories.paper(1, organization="Analytical Society", links=(code,), signals=signals)
    page = get(client, DAY)
    assert page.words("p", class_="by") == ["Ada Lovelace, Reader Number1"]
    facts = page.words("div", class_="facts")[0]
    for words in ("cs.CL", "Code ★ 1.2k", "Analytical Society", "30 upvotes", "8 comments", "Why here?"):
        assert words in facts
    assert page.links()["Code ★ 1.2k"] == "/papers/2503.00001#links"


def test_the_vote_box_shows_our_readers_votes_and_nobody_elses(client: Client) -> None:
    factories.paper(1, signals=(factories.votes(30),))
    page = get(client, DAY)
    assert page.words("a", class_="vote") == ["·"], "upvotes elsewhere are not votes here"
    assert page.words("span", class_="said") == ["30 upvotes on Hugging Face"]
    Paper.objects.update(upvotes=1)
    page = get(client, DAY)
    assert page.words("a", class_="vote") == ["1"]
    assert not page.all("button"), "a stranger has nothing to press, only a way to sign in"


def test_every_card_says_why_it_stands_there(client: Client) -> None:
    factories.paper(1, signals=(factories.votes(3),))
    page = get(client, DAY)
    rows = page.words("tr")
    assert any(row.startswith("Votes") and row.endswith("+2.00") for row in rows), rows
    assert rows[-1] == "Together points 2.00" or rows[-1].startswith("Together")


def test_papers_in_reserved_places_are_marked(client: Client) -> None:
    factories.papers(20)
    catalog.take_in(
        [
            factories.record(
                n, title=f"Voted {n}", identifiers=(f"2502.{n:05d}",), signals=(factories.votes(9),)
            )
            for n in range(1, 31)
        ],
        now=factories.NOW,
    )
    assert get(client, DAY).words("span", class_="new") == ["new here, not voted on yet"] * 3


def test_withdrawn_papers_and_our_own_summaries_are_marked(client: Client) -> None:
    factories.paper(1, withdrawn=True)
    Paper.objects.update(abstract_is_ours=True)
    page = get(client, DAY)
    assert page.words("span", class_="gone") == ["withdrawn by its authors"]
    assert page.words("span", class_="ours") == ["summary by Broadsheet"]


def test_formulas_in_titles_and_abstracts_become_mathml(client: Client) -> None:
    factories.paper(1, title="Bounds of $O(n^2)$ for all", abstract=r"We show $\alpha < 1$.")
    page = get(client, DAY)
    assert len(page.all("math")) == 2
    assert "$" not in page.words("h2")[0]


def test_the_total_has_a_unit(client: Client) -> None:
    factories.paper(1)
    assert "1 paper" in get(client, DAY).words("p", class_="here")[0]
    factories.papers(2)
    assert "2 papers" in get(client, DAY).words("p", class_="here")[0]


def test_previous_and_next_skip_days_without_papers(client: Client) -> None:
    for number, day in enumerate((date(2025, 3, 7), date(2025, 3, 14), date(2025, 3, 20)), start=1):
        factories.paper(number, announced_on=day)
    links = get(client, DAY).links()
    assert links["Back to Friday, 7 March 2025"] == "/papers/date/2025-03-07"
    assert links["On to Thursday, 20 March 2025"] == "/papers/date/2025-03-20"


def test_tabs_lead_to_the_week_and_month_around_what_is_shown(client: Client) -> None:
    factories.paper(1)
    links = get(client, DAY).links()
    assert links["Week"] == "/papers/week/2025-W11"
    assert links["Month"] == "/papers/month/2025-03"
    for path in (links["Week"], links["Month"]):
        assert get(client, path).links()["Day"] == DAY


@pytest.mark.parametrize("period", ["week", "month"])
def test_the_newest_week_and_month_have_addresses_of_their_own(client: Client, period: str) -> None:
    factories.paper(1)
    assert get(client, f"/papers/{period}").words("h2")[0] == "A study of newspapers, part 1"


def test_an_empty_day_is_not_found_and_names_the_nearest_days(client: Client) -> None:
    factories.paper(1)
    factories.paper(2, announced_on=date(2025, 3, 20))
    page = get(client, "/papers/date/2025-03-16", 404)
    assert "No papers on this day" in page.words("h2")
    assert page.links()["Back to Friday, 14 March 2025"] == DAY
    assert page.links()["On to Thursday, 20 March 2025"] == "/papers/date/2025-03-20"


def test_filters_are_links_that_switch_on_and_off(client: Client) -> None:
    factories.paper(1, links=(LinkRecord("code", "https://github.com/ada/press"),))
    factories.paper(2, categories=("cs.LG",))
    page = get(client, DAY)
    assert page.links()["With code"] == f"{DAY}?has=code"
    filtered = get(client, f"{DAY}?category=cs.CL&has=code")
    assert filtered.words("h2")[0] == "A study of newspapers, part 1"
    links = {
        " ".join(link.text.split()): link.attributes["href"]
        for link in filtered.all("a", aria_current="true")
    }
    assert links["cs.CL ×, remove this filter"] == f"{DAY}?has=code"
    assert links["With code ×, remove this filter"] == f"{DAY}?category=cs.CL"


def test_a_filter_that_leaves_nothing_offers_a_way_back(client: Client) -> None:
    factories.paper(1)
    page = get(client, f"{DAY}?has=models")
    assert "No such papers on this day" in page.words("h2")
    assert page.links()["Show all papers of Friday, 14 March 2025"] == DAY


def test_the_newest_papers_of_a_field_may_be_of_an_earlier_day(client: Client) -> None:
    factories.paper(1)
    factories.paper(2, categories=("math.NT",), announced_on=date(2025, 3, 12))
    response = client.get("/papers?category=math.NT")
    assert response.status_code == 302
    assert response.headers["Location"] == "/papers/date/2025-03-12?category=math.NT"


def test_fields_are_listed_with_their_counts(client: Client) -> None:
    factories.papers(3)
    page = get(client, DAY)
    assert page.words("ul", class_="fields")[0].startswith("Computation and Language 3 papers")


def test_a_long_listing_has_numbered_pages(client: Client) -> None:
    factories.papers(65)
    page = get(client, f"{DAY}?p=2")
    assert page.one("ol", id="papers").attributes["start"] == "31"
    assert len(page.all("li", class_="p")) == 30
    links = page.links()
    assert links["Page 1"] == DAY
    assert links["Page 3"] == f"{DAY}?p=3"
    assert not page.all("li", class_="lead"), "only the first paper of a listing leads"
    assert "Show more" not in get(client, f"{DAY}?p=3").links()


def test_htmx_gets_the_next_papers_the_new_pager_and_a_word_for_the_ear(client: Client) -> None:
    factories.papers(65)
    page = get(client, f"{DAY}?p=2", headers=FRAGMENT)
    assert not page.all("html")
    assert len(page.all("li", class_="p")) == 30
    assert page.one("nav", id="pager").attributes["hx-swap-oob"] == "true"
    assert page.one("a", id="more").attributes["hx-get"] == f"{DAY}?p=3"
    assert page.words("p", role="status") == ["30 more, 60 papers shown of 65."]


def test_a_page_says_to_caches_what_it_depends_on(client: Client) -> None:
    factories.paper(1)
    response = client.get(DAY)
    assert response.headers["Cache-Control"] == "public, max-age=60"
    assert {"Cookie", "HX-Request"} <= {word.strip() for word in response.headers["Vary"].split(",")}


def test_lines_show_no_abstracts(client: Client) -> None:
    factories.paper(1)
    client.cookies["look"] = "lines.dark.on"
    response = client.get(DAY)
    html = response.content.decode()
    assert 'class="lines"' in html and 'data-theme="dark"' in html
    assert "We read newspaper number 1" not in html
    assert response.headers["Cache-Control"].startswith("private")


def test_a_page_of_the_listing_comes_as_citations(client: Client) -> None:
    factories.papers(2)
    response = client.get(f"{DAY}.bib")
    assert response.headers["Content-Type"].startswith("application/x-bibtex")
    assert response.content.count(b"@misc{") == 2
    assert "2025-03-14.bib" in response.headers["Content-Disposition"]
    assert client.get(f"{DAY}.ris").content.count(b"TY  - ") == 2
    assert client.get("/papers.csl.json").json()[0]["genre"] == "preprint"
    assert client.get("/papers/date/2025-03-16.bib").status_code == 404


def test_nothing_is_loaded_from_another_host(client: Client) -> None:
    factories.paper(1)
    html = client.get(DAY).content.decode()
    assert sources(html)
    assert all(address.startswith("/") and not address.startswith("//") for address in sources(html))
    assert "<style" not in html and " style=" not in html and " onclick=" not in html


# The calendar


def test_the_calendar_shows_a_month_with_its_counts(client: Client) -> None:
    factories.papers(3)
    page = get(client, "/calendar?month=2025-03")
    links = page.links()
    assert links["14 March 2025, 3 papers"] == DAY
    assert links["Week 11, 3 papers in this month"] == "/papers/week/2025-W11"
    assert links["February 2025"] == "/calendar?month=2025-02"
    assert links["March 2026"] == "/calendar?month=2026-03"
    assert "3 papers in March 2025" in page.words("p", role="status")[0]


def test_the_calendar_opens_on_the_newest_month_and_keeps_filters(client: Client) -> None:
    factories.paper(1)
    page = get(client, "/calendar?category=cs.CL&has=code")
    assert page.one("input", name="month").attributes["value"] == "2025-03"
    assert [element.attributes["value"] for element in page.all("input", type="hidden")] == ["cs.CL", "code"]


def test_htmx_gets_only_the_grid(client: Client) -> None:
    page = get(client, "/calendar?month=2025-03", headers=FRAGMENT)
    assert not page.all("html") and page.all("table")


@pytest.mark.parametrize("month", ["1900-01", "2200-12"])
def test_the_calendar_does_not_fall_off_its_edges(client: Client, month: str) -> None:
    get(client, f"/calendar?month={month}")


# What it costs

PAGES = [
    "/",
    "/papers",
    DAY,
    f"{DAY}?category=cs.CL",
    "/papers/week/2025-W11",
    "/papers/month/2025-03",
    "/papers/trending",
    "/papers/all",
    "/papers/2503.00001",
    "/author/ada-lovelace",
    "/search?q=newspapers",
    "/calendar",
    "/subscribe",
    "/papers.rss",
    f"{DAY}.atom",
]


def voted(first: int, last: int) -> None:
    records = (
        factories.record(n, title=f"Voted {n}", identifiers=(f"2502.{n:05d}",), signals=(factories.votes(n),))
        for n in range(first, last)
    )
    catalog.take_in(records, now=factories.NOW)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_takes_at_most_six_queries_however_many_papers(
    client: Client, path: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    factories.papers(3)
    voted(1, 12)
    few = queries(client, path)
    factories.papers(60)
    voted(12, 60)
    assert queries(client, path) == few
    # What is counted once a minute is remembered now, as it is for all but one reader a minute.
    with django_assert_max_num_queries(6):
        client.get(path)


@pytest.mark.parametrize(
    "path", ["/about", "/keys", "/settings", "/robots.txt", "/opensearch.xml", "/favicon.svg"]
)
def test_pages_about_this_place_take_no_query(
    client: Client, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        client.get(path)


def test_page_numbers_leave_gaps_but_keep_both_ends() -> None:
    pager = Pager("/papers", "has=code", 7, 20, 600)
    assert [number for number, _ in pager.numbers] == [1, 0, 6, 7, 8, 0, 20]
    assert pager.next == "/papers?has=code&p=8"
    assert Pager("/papers", "", 2, 2, 40).previous == "/papers"
    assert Pager("/papers", "", 2, 2, 40).shown == 40
