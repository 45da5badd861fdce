"""Accounts and votes in a real Chromium: three strangers join, one votes in place, one makes a passkey."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django.live_server_helper import LiveServer

from broadsheet import community
from broadsheet.models import Paper, Reader
from tests import factories, people

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:No directory at"),
]

DAY = "/papers/date/2025-03-14"


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A page that fails the test on any script error and on anything that the policy of pages forbids."""
    # A name, as passkeys are bound to one; an address of numbers is none.
    context = browser.new_context(base_url=live_server.url.replace("127.0.0.1", "localhost"))
    context.set_default_timeout(10_000)
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    yield opened
    context.close()
    assert wrong == []


def join(page: Page, name: str) -> None:
    page.goto("/account/sign-up")
    page.get_by_label("Username").fill(name)
    page.get_by_label("E-mail").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url("**/papers*")


def test_a_stranger_who_wants_to_vote_joins_and_votes_in_place(page: Page) -> None:
    factories.papers(3)
    page.goto(DAY)
    page.get_by_role("link", name="Vote; 0 votes").first.click()
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Username").fill("alice")
    page.get_by_label("E-mail").fill("alice@example.org")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url("**/papers/2503.*")
    page.goto(DAY)
    button = page.locator(".vote").first
    button.click()
    page.locator('.vote[aria-pressed="true"]').wait_for()
    assert page.url.endswith(DAY), "the page was not left"
    focused = page.evaluate("document.activeElement.id")
    assert focused.startswith("vote-"), "the focus stayed on the button"
    assert Paper.objects.filter(upvotes=1).count() == 1
    page.locator('.vote[aria-pressed="true"]').click()
    page.wait_for_function("!document.querySelector('.vote[aria-pressed=true]')")
    assert Paper.objects.filter(upvotes=0).count() == 3


def test_a_refused_vote_says_why_above_the_page(page: Page) -> None:
    factories.papers(2)
    join(page, "alice")
    page.goto(DAY)
    Paper.objects.update(withdrawn=True)
    page.locator("button.vote").first.click()
    told = page.locator(".wrong.up")
    told.wait_for()
    assert "withdrawn" in told.inner_text()


def test_the_printed_link_makes_the_operator(page: Page) -> None:
    invitation = community.first_link()
    assert invitation is not None
    page.goto(f"/account/token/{community.token_of(invitation)}")
    page.get_by_role("button", name="Make an account").click()
    page.get_by_label("Username").fill("olga")
    page.get_by_label("E-mail").fill("olga@example.org")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.get_by_role("button", name="Become operator").click()
    page.wait_for_url("**/account")
    assert Reader.objects.get().role == "operator"


@pytest.mark.security_check(8)
def test_a_passkey_is_made_and_signs_in(page: Page) -> None:
    """With the authenticator that Chromium brings for tests: a real key, real signatures, no hand on it."""
    devices: Any = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    device = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    device |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    join(page, "alice")
    page.goto("/account/passkeys/add")
    if "/account/again" in page.url:
        page.get_by_label("Password").fill(people.PASSWORD)
        page.get_by_role("button", name="Go on").click()
    page.get_by_label("Name").fill("my laptop")
    if (tick := page.locator("input[type=checkbox]")).count():
        tick.first.check()
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url("**/account/recovery")
    page.goto("/account/sign-out")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/papers*")
    page.goto("/account/sign-in")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/papers*")
    page.goto("/account")
    assert "1 passkey" in page.locator("main").inner_text()
    assert Reader.objects.get().username == "alice"
    # A password alone opens it no more: the passkey is asked for as well.
    page.goto("/account/sign-out")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/papers*")
    page.goto("/account/sign-in")
    page.get_by_label("Username or e-mail").fill("alice")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/account/second*")
    page.get_by_role("button", name="Use the passkey").click()
    page.wait_for_url("**/papers*")
    assert page.get_by_role("link", name="alice").count()
