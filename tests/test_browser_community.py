"""Three new readers and a curator in four browsers: they join, bring a paper, talk, and are moderated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from broadsheet import community
from broadsheet.community import collecting, talking
from broadsheet.models import Comment, Follow, Mark, Paper, Report, Submission
from tests import factories, people
from tests.test_community_submitting import FRESH, arxiv, entry

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:No directory at"),
]

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


class Someone:
    """A person with a browser of their own."""

    def __init__(self, browser: Browser, url: str, **wishes: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESK, "base_url": url, **wishes})
        self.context.set_default_timeout(10_000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def join(self, name: str) -> None:
        self.page.goto("/account/sign-up")
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=email]", f"{name}@example.org")
        self.page.fill("input[type=password]", people.PASSWORD)
        self.page.get_by_role("button", name="Make the account").click()
        self.page.wait_for_url(lambda url: "sign-up" not in url)

    def sign_in(self, name: str) -> None:
        self.page.goto("/account/sign-in")
        self.page.fill("input[name=login]", name)
        self.page.fill("input[name=password]", people.PASSWORD)
        self.page.press("input[name=password]", "Enter")
        self.page.wait_for_url(lambda url: "sign-in" not in url)


@pytest.fixture
def someone(browser: Browser, live_server: LiveServer) -> Iterator[Any]:
    found: list[Someone] = []

    def come(**wishes: Any) -> Someone:
        found.append(Someone(browser, live_server.url, **wishes))
        return found[-1]

    yield come
    for one in found:
        one.context.close()
        assert one.complaints == []


def test_three_new_readers_take_part_and_one_is_moderated(someone: Any, settings: Settings) -> None:
    factories.papers(3)
    people.reader("dora", role="curator")
    # One has a phone, one has no JavaScript.
    nina, bob, carl = someone(), someone(viewport=PHONE), someone(java_script_enabled=False)
    for who, name in ((nina, "nina"), (bob, "bob"), (carl, "carl")):
        who.join(name)
    dora = someone()
    dora.sign_in("dora")

    # Nina brings a paper; a curator lets it in; the worker fetches it.
    nina.page.goto("/submit")
    nina.page.fill("#paper", f"https://arxiv.org/abs/{FRESH}v1")
    nina.page.fill("#comment", "It *presses* well: $x^2$.")
    nina.page.get_by_role("button", name="Submit").click()
    nina.page.get_by_text("A curator looks at submissions of new readers first").wait_for()
    dora.page.goto("/moderation")
    dora.page.get_by_role("button", name="Let it in").click()
    dora.page.get_by_text("It is fetched next.").wait_for()
    with arxiv(settings, entry(FRESH, datetime.now(UTC))):
        assert community.fetch_due() == 1
    nina.page.goto("/submissions")
    nina.page.get_by_role("link", name=FRESH).click()
    nina.page.locator(".words em", has_text="presses").wait_for()

    # Carl, without JavaScript, previews and comments; Bob answers him in place.
    there = f"/papers/{FRESH}"
    carl.page.goto(there)
    carl.page.fill("textarea", "Is it **open**?")
    carl.page.get_by_role("button", name="Preview").click()
    assert carl.page.locator(".preview strong").inner_text() == "open"
    assert Comment.objects.count() == 1
    carl.page.get_by_role("button", name="Comment").click()
    carl.page.locator(".words strong", has_text="open").wait_for()
    bob.page.goto(there)
    bob.page.get_by_role("link", name="Answer").last.click()
    answer = bob.page.locator("[id^=answer-] form.say")
    answer.locator("textarea").fill("It is, @carl. Buy my newspaper!")
    answer.get_by_role("button", name="Answer").click()
    bob.page.get_by_text("Buy my newspaper!").wait_for()
    assert Comment.objects.latest("pk").parent is not None
    bob.page.get_by_role("button", name="thanks").first.click()
    bob.page.locator("button[aria-pressed=true]", has_text="thanks 1").first.wait_for()

    # Carl hears of it, saves the paper, follows its author, and reports Bob.
    carl.page.goto("/notices")
    carl.page.get_by_text("named you on").or_(carl.page.get_by_text("answered you on")).wait_for()
    carl.page.goto(there)
    carl.page.get_by_role("button", name="Save", exact=True).click()
    carl.page.get_by_role("button", name="Saved").wait_for()
    carl.page.goto("/author/ada-lovelace")
    carl.page.get_by_role("button", name="Follow Ada Lovelace").click()
    carl.page.get_by_role("button", name="Stop following Ada Lovelace").wait_for()
    assert (Mark.objects.get(kind="saved").kind, Follow.objects.get().key) == ("saved", "ada-lovelace")
    carl.page.goto(f"/talk/{FRESH}")
    carl.page.get_by_role("link", name="Report").last.click()
    carl.page.get_by_label("Spam").check()
    carl.page.get_by_role("button", name="Report").click()
    carl.page.get_by_role("heading", name="Thank you").wait_for()

    # Dora hides the comment and bans Bob; he is told why; the log tells everybody.
    dora.page.goto("/moderation")
    dora.page.get_by_role("link", name="Hide the comment").click()
    dora.page.get_by_label("Reason").fill("An advertisement.")
    dora.page.get_by_role("button", name="Hide it").click()
    dora.page.wait_for_url(lambda url: "/talk/" in url)
    dora.page.goto("/moderation/readers/bob")
    dora.page.get_by_label("Reason").first.fill("Selling newspapers.")
    dora.page.get_by_role("button", name="Ban").click()
    dora.page.get_by_text("bob is banned.").wait_for()
    assert Report.objects.get().heeded
    bob.page.goto(f"/talk/{FRESH}")
    bob.page.fill("textarea", "Again")
    bob.page.get_by_role("button", name="Comment").click()
    bob.page.get_by_text("Selling newspapers.").wait_for()
    stranger = someone(java_script_enabled=False)
    stranger.page.goto("/moderation/log")
    assert stranger.page.get_by_text("An advertisement.").count() == 1
    assert stranger.page.get_by_text("carl").count() == 0, "who reported is nobody's business"
    assert Submission.objects.get().state == "listed" and Paper.objects.count() == 4


PAGES = [
    "/papers/2503.00001",
    "/talk/2503.00001",
    "/library",
    "/collections",
    "/collections/{collection}",
    "/following",
    "/notices",
    "/submit",
    "/submissions",
    "/claim/2503.00001",
    "/moderation",
    "/moderation/log",
    "/moderation/rules",
    "/moderation/papers/2503.00001",
    "/moderation/readers/bob",
]


def test_pages_of_readers_fit_a_narrow_phone_and_read_well_aloud(someone: Any) -> None:
    one, two = factories.papers(2, organization="Analytical Society")
    dora, bob = people.reader("dora", role="curator"), people.reader("bob")
    first = talking.say(
        bob, one.pk, "A word without end: " + "newspaper" * 30 + " @dora https://example.org/" + "a" * 200
    )
    talking.say(dora, one.pk, "An answer", first.pk)
    talking.report(dora, "spam", "x" * 300, comment=first.pk)
    mine = collecting.make(dora, "N" * 120, "note" * 100, "link")
    collecting.put(dora, mine.pk, two.pk, "noted" * 60)
    community.mark(dora, one.pk, "saved")
    community.follow(dora, "author", "ada-lovelace")
    reader = someone(viewport={"width": 320, "height": 640}, color_scheme="dark")
    reader.sign_in("dora")
    for address in PAGES:
        path = address.format(collection=mine.pk)
        reader.page.goto(path)
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= 320, path
        found = Axe().run(reader.page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == [], path
