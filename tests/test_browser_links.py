"""Links that are permissions, pressed in a real Chromium: what a test client forgives, a browser does not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from broadsheet import community, digest
from broadsheet.digest import composing
from broadsheet.models import Reader, Subscription
from tests import factories, mail_rig, people
from tests.mail_rig import Rig
from tests.test_digest import links

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:No directory at"),
]


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def rig(tmp_path: Path, settings: Settings) -> Iterator[Rig]:
    composing.forget_what_is_set()
    with mail_rig.running(tmp_path) as running:
        mail_rig.configure(settings, running)
        # The pages are served without encryption here, and a browser keeps a secure cookie to itself.
        settings.CSRF_COOKIE_SECURE = settings.SESSION_COOKIE_SECURE = False
        yield running


def test_the_first_account_becomes_the_operator_by_the_link_that_up_prints(page: Page) -> None:
    invitation = community.first_link()
    assert invitation is not None
    page.goto(f"/account/token/{community.token_of(invitation)}")
    page.get_by_role("button", name="Make an account").click()
    page.get_by_label("Username").fill("olga")
    page.get_by_label("E-mail").fill("olga@example.org")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url("**/account/link")
    page.locator("main form button").click()
    page.wait_for_load_state()
    assert Reader.objects.get().role == "operator"


def test_a_person_subscribes_confirms_receives_once_and_leaves(page: Page, rig: Rig) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    for number in range(1, 4):
        factories.paper(number, announced_on=yesterday.date(), published_at=yesterday)
    page.goto("/subscribe")
    page.get_by_label("Your mail address").fill("alice@example.org")
    page.locator("main form button").first.click()
    page.get_by_text("Look into your mail").first.wait_for()
    digest.send()
    page.goto(_path(next(link for link in links(rig.messages()[0]) if "/confirm/" in link)))
    page.get_by_role("button", name="Yes, send it to me").click()
    page.get_by_role("heading", name="You are subscribed").wait_for()
    Subscription.objects.update(next_at=timezone.now() - timedelta(minutes=1))
    digest.send()
    digest.send()
    editions = [each for each in rig.messages() if "papers" in str(each["Subject"])]
    assert len(editions) == 1
    [stop] = re.findall(r"<(https://[^>]+)>", str(editions[0]["List-Unsubscribe"]))
    page.goto(_path(stop))
    assert Subscription.objects.get().state == "active", "looking at the page stops nothing"
    page.locator("main form button").first.click()
    page.wait_for_load_state()
    assert Subscription.objects.get().state == "stopped"


def _path(link: str) -> str:
    return link.removeprefix("https://papers.example.org")


def test_signing_in_with_another_sites_account_leads_there(page: Page, settings: Settings) -> None:
    """The other site is a server of ours: what counts is that the browser lets the form be answered by it."""
    with _another_site() as (where, seen):
        settings.SIGN_IN_ELSEWHERE = [where]
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {
                "APPS": [
                    {
                        "provider_id": "huggingface",
                        "name": "Hugging Face",
                        "client_id": "us",
                        "secret": "known",
                        "settings": {"server_url": where},
                    }
                ]
            }
        }
        page.goto("/account/sign-in")
        page.get_by_role("button", name="Hugging Face").click()
        page.wait_for_url(f"{where}/authorize*")
    assert any(path.startswith("/authorize?") and "client_id=us" in path for path in seen)


@contextmanager
def _another_site() -> Iterator[tuple[str, list[str]]]:
    """An OpenID provider as far as its front door; yields its origin and the paths that were asked."""
    seen: list[str] = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            origin = f"http://{self.headers['Host']}"
            known = {name: f"{origin}/{name.split('_')[0]}" for name in ENDPOINTS}
            known["authorization_endpoint"] = f"{origin}/authorize"
            body = json.dumps(known).encode() if "well-known" in self.path else b"<p>Who are you?"
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if b"{" in body else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
