"""Every journey of a reader in a real Chromium: with a mouse, a keyboard, a phone, and without JavaScript."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from broadsheet import catalog
from broadsheet.models import Paper, Signal, SourceState
from broadsheet.sources import LinkRecord, VersionRecord
from tests import factories
from tests.pages import strangers
from tests.pages.reading import sources

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:No directory at"),
]

DAY = "/papers/date/2025-03-14"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}

# One of every kind of page.
KINDS = [
    "/",
    f"{DAY}?category=cs.CL",
    "/papers/week/2025-W11?p=2",
    "/papers/trending",
    "/papers/date/2025-03-15",
    "/papers/2503.00001",
    "/papers/2502.00001",
    "/author/ada-lovelace",
    "/search?q=newspapers",
    "/search?q=nothing-of-the-kind",
    "/calendar?month=2025-03",
    "/sources",
    "/papers/week/2025-W11?as_of=2025-03-15T12:00Z",
    "/subscribe",
    "/about",
    "/keys",
    "/settings?saved=yes",
    "/papers/2503.99999",
    f"{DAY}?p=abc",
]

Open = Callable[..., "Page"]


@pytest.fixture(autouse=True)
def house(transactional_db: None) -> None:
    """Sixty papers of one day, one before and one after, and one with everything a page can show."""
    factories.papers(60, signals=(factories.votes(3),))
    factories.paper(61, announced_on=date(2025, 3, 12))
    factories.paper(62, announced_on=date(2025, 3, 18))
    full = factories.record(
        1,
        identifiers=("2502.00001",),
        title="All of $O(n^2)$ and more",
        abstract=r"We show that $\sum_{i=1}^{n} x_i^2 < \infty$ holds.",
        authors=tuple(f"Collaborator Number{number}" for number in range(40)),
        organization="Analytical Society",
        comment="12 pages",
        journal_ref="Annals 7",
        withdrawn=True,
        links=(LinkRecord("code", "https://github.com/ada/press"),),
        versions=(VersionRecord(1, datetime(2025, 3, 12, 9, tzinfo=UTC)),),
    )
    catalog.take_in([full], now=factories.NOW)
    paper = Paper.objects.get(identifier="2502.00001")
    for day in range(14, 20):
        moment = datetime(2025, 3, day, tzinfo=UTC)
        Signal.objects.create(paper=paper, source="huggingface", kind="upvotes", value=day**2, seen_at=moment)


@pytest.fixture(autouse=True)
def followed(house: None, settings: Settings) -> None:
    """One source that is well and one that is not, with a part whose name is one long word."""
    settings.SOURCES = ["arxiv", "feeds"]
    settings.FEEDS = ["https://" + "journal-of-long-names." * 4 + "example.org/rss?key=hunter2"]
    now = datetime.now(UTC)
    told = {"tried_at": now, "due_at": now + timedelta(hours=1)}
    SourceState.objects.create(
        source="arxiv", succeeded_at=now, new=1_234, read=12_345, in_all=302_555, **told
    )
    SourceState.objects.create(
        source="feeds", part=settings.FEEDS[0], problem="example.org cannot be reached.", failures=3, **told
    )


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[Open]:
    """Opens a path in a context of its own, and at the end tells what the page did that it must not do."""
    strayed: list[str] = []
    complaints: list[str] = []
    contexts = []

    def open_it(path: str, **wishes: Any) -> Page:
        context = browser.new_context(**{"viewport": DESK, "base_url": live_server.url, **wishes})
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: strayed.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    here = urlsplit(live_server.url).netloc
    assert [url for url in strayed if urlsplit(url).netloc not in (here, "")] == [], "no other host is asked"
    # A page that is not found is an error to Chromium, not to us.
    assert [words for words in complaints if "Failed to load resource" not in words] == []


def path_of(page: Page) -> str:
    parts = urlsplit(page.url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


# Reading


def test_anybody_can_read_on_a_phone_how_fresh_the_server_is(open_page: Open) -> None:
    page = open_page("/about", viewport=PHONE, color_scheme="dark")
    page.get_by_role("link", name="Sources", exact=True).click()
    assert path_of(page) == "/sources"
    well, broken = page.locator("section.source").all()
    assert "1,234 new, 0 changed, of 12,345 read" in well.inner_text() and "302,555" in well.inner_text()
    assert broken.get_by_role("note").inner_text() == "Not fresh. example.org cannot be reached."
    assert "hunter2" not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_from_the_front_page_to_a_paper_to_its_author_and_back(open_page: Open) -> None:
    page = open_page("/papers/date/2025-03-14")
    page.locator("h2 a").first.click()
    assert page.locator("h1").inner_text().startswith("A study of newspapers")
    page.get_by_role("link", name="Ada Lovelace").click()
    assert path_of(page) == "/author/ada-lovelace"
    page.go_back()
    page.get_by_role("link", name="Back to Friday, 14 March 2025").click()
    assert path_of(page) == DAY


def test_days_are_turned_like_pages(open_page: Open) -> None:
    page = open_page(DAY)
    page.locator("a[rel=prev]").click()
    assert page.locator("h1").inner_text() == "Wednesday, 12 March 2025"
    page.locator("a[rel=next]").click()
    assert path_of(page) == DAY


@pytest.mark.parametrize("javascript", [True, False])
def test_the_calendar_jumps_to_another_day(open_page: Open, javascript: bool) -> None:
    page = open_page(DAY, java_script_enabled=javascript)
    page.get_by_role("link", name="Calendar").first.click()
    page.locator(".calendar table").wait_for()
    assert (path_of(page) == DAY) == javascript, "with JavaScript it opens in place"
    page.get_by_role("link", name="18 March 2025, 1 paper").click()
    assert path_of(page) == "/papers/date/2025-03-18"


def test_the_calendar_turns_its_months_in_place_and_is_put_away_again(open_page: Open) -> None:
    page = open_page(DAY)
    calendar = page.get_by_role("link", name="Calendar").first
    calendar.click()
    page.get_by_role("link", name="February 2025", exact=True).click()
    page.locator("#calendar h2", has_text="February 2025").wait_for()
    assert page.evaluate("document.activeElement.id") == "step-2", "the focus stays on the arrow"
    calendar.click()
    assert page.locator("#calendar table").count() == 0


def test_filters_narrow_a_listing_and_open_it_again(open_page: Open) -> None:
    page = open_page("/papers/week/2025-W11")
    page.locator("#fields").get_by_role("link", name="Machine Learning").click()
    assert path_of(page) == "/papers/week/2025-W11?category=cs.LG"
    page.locator(".chips a[aria-current]").click()
    assert path_of(page) == "/papers/week/2025-W11"


def test_more_papers_come_in_place_and_the_focus_stays(open_page: Open) -> None:
    page = open_page(DAY)
    page.locator("#more").focus()
    page.keyboard.press("Enter")
    page.locator(".p").nth(59).wait_for()
    assert page.locator("#told").inner_text() == "30 more, 60 papers shown of 61."
    assert page.evaluate("document.activeElement.id") == "more"
    page.keyboard.press("j")
    assert page.evaluate("[...document.querySelectorAll('.p h2 a')].indexOf(document.activeElement)") == 30
    page.locator("#more").click()
    page.locator(".p").nth(60).wait_for()
    assert page.locator("#more").count() == 0


def test_without_javascript_more_papers_are_on_the_next_page(open_page: Open) -> None:
    page = open_page(DAY, java_script_enabled=False)
    page.locator("#more").click()
    assert path_of(page) == f"{DAY}?p=2"
    assert page.locator(".p").count() == 30
    page.get_by_role("link", name="Page 3").click()
    assert page.locator(".p").count() == 1


@pytest.mark.parametrize("javascript", [True, False])
def test_a_paper_says_why_it_is_here(open_page: Open, javascript: bool) -> None:
    page = open_page(DAY, java_script_enabled=javascript)
    page.locator(".why summary").first.click()
    assert page.locator(".why table").first.is_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_search_starts_in_the_box_on_every_page(open_page: Open, javascript: bool) -> None:
    page = open_page("/about", java_script_enabled=javascript)
    page.get_by_role("searchbox", name="Search papers").fill("newspapers part 7")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?*")
    page.get_by_role("link", name="A study of newspapers, part 7", exact=True).click()
    assert page.locator("h1").inner_text() == "A study of newspapers, part 7"


def test_a_citation_is_copied(open_page: Open) -> None:
    page = open_page("/papers/2503.00001", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("BibTeX to copy").click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").startswith("@misc{lovelace2025study")


@pytest.mark.parametrize("javascript", [True, False])
def test_settings_change_every_page_at_once(open_page: Open, javascript: bool) -> None:
    page = open_page("/settings", java_script_enabled=javascript, color_scheme="light")
    page.get_by_label("Lines, titles and authors only").check()
    page.get_by_label("Dark").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Back to the papers").click()
    assert page.locator(".lines .p").count() > 0
    assert page.locator(".sum").count() == 0
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 21, 17)"


# Keys


def test_j_and_k_walk_through_the_papers_and_o_opens_one(open_page: Open) -> None:
    page = open_page(DAY)
    at = "[...document.querySelectorAll('.p h2 a')].indexOf(document.activeElement)"
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate(at) == place
    title = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("o")
    page.wait_for_url("**/papers/2503.*")
    assert page.locator("h1").inner_text() == title


def test_the_slash_goes_to_the_search_box_and_escape_leaves_it(open_page: Open) -> None:
    page = open_page(DAY)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("j/?")
    assert page.get_by_role("searchbox").input_value() == "j/?"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("?")
    page.wait_for_url("**/keys")


def test_keys_can_be_switched_off(open_page: Open) -> None:
    page = open_page("/settings")
    page.get_by_label("Off").check()
    page.get_by_role("button", name="Save").click()
    page.goto(DAY)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement === document.body")


def test_the_first_tab_leads_past_the_head_of_the_page(open_page: Open) -> None:
    page = open_page(DAY)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_whatever_has_the_focus_shows_it(open_page: Open) -> None:
    page = open_page(DAY)
    for _ in range(25):
        page.keyboard.press("Tab")
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert width == "2px", page.evaluate("document.activeElement.outerHTML")


# Phones


def test_the_menu_of_a_phone_opens_by_touch_and_closes_by_escape(open_page: Open) -> None:
    page = open_page("/about", viewport=PHONE, has_touch=True)
    page.get_by_text("Menu", exact=True).tap()
    page.keyboard.press("Escape")
    assert not page.locator(".menu nav").is_visible()
    page.get_by_text("Menu", exact=True).tap()
    page.locator(".menu").get_by_role("link", name="Trending").tap()
    page.wait_for_url("**/papers/trending")


def test_on_a_phone_the_offer_to_subscribe_comes_after_the_third_paper(open_page: Open) -> None:
    page = open_page(DAY, viewport=PHONE)
    places = page.locator("#papers > li").evaluate_all("all => all.map(one => one.className)")
    assert places.index("sub") == 3
    assert page.locator("li.sub").is_visible() and not page.locator("aside .sub").is_visible()


def test_what_a_finger_aims_at_is_large_enough(open_page: Open) -> None:
    page = open_page(DAY, viewport=PHONE, has_touch=True, is_mobile=True)
    small = page.evaluate(
        """() => [...document.querySelectorAll(
            'input, .menu summary, .button, .pager a, .chips a, .fields a, .step a, footer a, .p h2 a')]
            .map(one => [one, one.getBoundingClientRect()])
            .filter(([one, box]) => box.width && (box.height < 44 || box.width < 24))
            .map(([one]) => one.outerHTML)"""
    )
    assert small == []
    # Links within a line of text take touches from around them: how tall is what answers to each?
    for selector in (".facts .cat", ".why summary", ".tabs a"):
        reach = page.evaluate(
            """(selector) => {
                const one = document.querySelector(selector);
                one.scrollIntoView({block: 'center'});
                const box = one.getBoundingClientRect();
                const x = box.x + box.width / 2, y = box.y + box.height / 2;
                return [...Array(100).keys()]
                    .filter(at => one.contains(document.elementFromPoint(x, y + at - 50))).length;
            }""",
            selector,
        )
        assert reach >= 44, f"{selector}: {reach} px"


def test_no_page_scrolls_sideways_on_the_narrowest_phone(open_page: Open) -> None:
    page = open_page("/", viewport=NARROW)
    for path in KINDS:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path


def test_no_strangers_paper_scrolls_a_page_sideways(open_page: Open) -> None:
    paths = [paper.get_absolute_url() for paper in strangers.put_all_apart()]
    page = open_page("/papers/all?category=cs.CR", viewport=NARROW)
    for path in ["/papers/all?category=cs.CR", "/author/mallory", *paths]:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path


# How good it is


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(open_page: Open, scheme: str, settings: Settings) -> None:
    settings.PAGE_SIZE = 8  # Thirty cards are of no other kind than eight, and axe looks at each of them.
    page = open_page("/", color_scheme=scheme)
    for path in KINDS:
        page.goto(path)
        for details in page.locator("details:visible > summary").all()[:8]:
            details.click()
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone_with_menu_and_calendar_open(open_page: Open, scheme: str) -> None:
    page = open_page(DAY, viewport=PHONE, color_scheme=scheme)
    page.locator(".chips").get_by_role("link", name="Calendar").click()
    page.locator("#calendar table").wait_for()
    page.get_by_text("Menu", exact=True).click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("viewport", [DESK, PHONE])
def test_nothing_moves_while_a_page_loads(open_page: Open, viewport: dict[str, int]) -> None:
    page = open_page("/about", viewport=viewport)
    page.add_init_script(
        """window.shifted = 0; new PerformanceObserver(list => {
            for (const entry of list.getEntries()) window.shifted += entry.value;
        }).observe({type: 'layout-shift', buffered: true});"""
    )
    for path in KINDS:
        page.goto(path)
        page.wait_for_timeout(200)
        # Less than this is Chromium drawing a line before its last bytes have come.
        assert page.evaluate("window.shifted") < 0.001, path


def test_the_first_page_is_light(client: Client) -> None:
    html = client.get("/").content
    weight = len(gzip.compress(html, 6))
    for address in [*sources(html.decode()), "/static/favicon.svg"]:
        found = finders.find(address.removeprefix("/static/"))
        assert isinstance(found, str), address
        weight += len(gzip.compress(Path(found).read_bytes(), 9))
    assert weight <= 60_000, f"{weight:,} bytes"
    css = finders.find("broadsheet.css")
    assert isinstance(css, str) and Path(css).stat().st_size <= 32_000


def test_a_page_prints_as_a_page(open_page: Open) -> None:
    page = open_page(DAY)
    page.emulate_media(media="print")
    assert page.locator("h2 a").first.is_visible()
    for hidden in (".find", ".tabs", "aside", ".pager"):
        assert not page.locator(hidden).first.is_visible()
