"""A person subscribes in a browser, confirms from the mail, gets one edition, leaves with one click."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from broadsheet import digest, mail
from broadsheet.mail import delivery
from broadsheet.models import Subscription
from tests.mail_places import fresh, links, put_off_is_due, subscribed
from tests.mail_rig import CUT, Rig

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:No directory at"),
]


class Crash(BaseException):
    """The sender is gone between two of its lines, as after a kill: it puts nothing in order."""


def test_a_person_subscribes_confirms_reads_and_leaves(
    post_office: Rig,
    settings: Settings,
    browser: Browser,
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.PUBLIC_URL = live_server.url
    for number in range(1, 4):
        fresh(number)
    page = browser.new_page(
        base_url=live_server.url, viewport={"width": 320, "height": 700}, timezone_id="Asia/Tokyo"
    )
    page.goto("/subscribe")
    page.get_by_text("change that").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.get_by_label("Time zone").input_value() == "Asia/Tokyo"
    page.get_by_label("Your mail address").fill("alice@example.org")
    page.get_by_role("button", name="Subscribe", exact=True).click()
    assert page.get_by_role("heading", name="Look into your mail").is_visible()

    digest.send()
    [confirmation] = post_office.messages()
    [link] = [each for each in links(confirmation) if "/confirm/" in each]
    page.goto(link)
    page.get_by_role("button", name="Yes, send it to me").click()
    assert page.get_by_role("heading", name="You are subscribed").is_visible()
    found = Axe().run(page).response["violations"]
    assert not found, [each["id"] for each in found]

    # Tomorrow comes, and the sender dies at every point of its way.
    tomorrow = timezone.now() + timedelta(days=4)
    Subscription.objects.update(next_at=timezone.now())
    digest.make_due(tomorrow)
    for point in ("claimed", "connecting", "recipient", "body"):

        def crash(reached: str, here: str = point) -> None:
            if reached == here:
                raise Crash

        monkeypatch.setattr(delivery, "reached", crash)
        with pytest.raises(Crash):
            digest.send()
        from broadsheet.models import Message

        Message.objects.filter(state="claimed").update(lease_until=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(delivery, "reached", lambda point: None)
    post_office.script = lambda stage, to, number: CUT if stage == "rcpt" and number % 2 else None
    for _ in range(2):
        digest.send()
        put_off_is_due()
    assert mail.deliver().counts == {}
    editions = [each for each in post_office.messages() if str(each["Subject"]).startswith("3 papers")]
    assert len(editions) == 1

    [stop] = re.findall(r"<(http[^>]+/unsubscribe/[^>]+)>", str(editions[0]["List-Unsubscribe"]))
    page.goto(stop)
    page.get_by_role("button", name="Stop it").click()
    assert page.get_by_role("heading", name="Stopped").is_visible()
    assert Subscription.objects.get().state == "stopped"
    page.close()


@pytest.mark.parametrize("width", [320, 640])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_edition_fits_and_can_be_read(
    post_office: Rig, browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    for number in range(1, 13):
        fresh(number, title=f"{number}. On $\\alpha$-stable processes and Verylongwordswithoutanyspace" * 2)
    subscribed()
    digest.send()
    [message] = post_office.messages()
    html = message.get_body(("html",))
    assert html is not None
    saved = tmp_path / "edition.html"
    saved.write_text(html.get_content(), "utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(saved.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page, options={"runOnly": ["color-contrast", "link-name"]}).response["violations"]
    assert not found, [(each["id"], each["nodes"][0]["html"]) for each in found]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(23, 22, 20)" if scheme == "dark" else "rgb(255, 253, 248)")
    page.close()


def test_the_preview_shows_its_styles_under_a_strict_policy(
    post_office: Rig, browser: Browser, live_server: LiveServer
) -> None:
    fresh(1)
    complaints: list[str] = []
    page = browser.new_page(base_url=live_server.url)
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto("/subscribe/preview")
    assert page.evaluate("getComputedStyle(document.querySelector('.name')).fontSize") == "34px"
    assert not [each for each in complaints if "favicon" not in each]
    page.close()
