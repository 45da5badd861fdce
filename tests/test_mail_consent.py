"""Nobody is written to who did not ask, and whoever has enough hears nothing more."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import send_mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from broadsheet import digest, mail
from broadsheet.mail import addresses, delivery, tokens
from broadsheet.models import Edition, Message, Subscription, Suppression
from tests import people
from tests.mail_places import ORIGIN, fresh, paths, queued, states, subscribed
from tests.mail_rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = [
    "a@example.org, b@example.org",
    "a@example.org\r\nBcc: b@example.org",
    '"a\r\nRCPT TO:<b@example.org>"@example.org',
    '"a b"@example.org',
    "Alice <a@example.org>",
    "a@example.org(b@example.org)",
    "a@b@example.org",
    "=?utf-8?q?a?=@example.org",
    "a@[127.0.0.1]",
    "a@example",
    "a@exa mple.org",
    "a@-example.org",
    "a@gm\u0430il.com",
    "\u0430lice@example.org",
    "a\x00@example.org",
    "a..b@example.org",
    "x" * 65 + "@example.org",
    "a@" + "x" * 250 + ".org",
    "a" * 100_000,
    "",
]


def sign_up(client: Client, address: str, **more: Any) -> Any:
    return client.post("/subscribe", {"address": address, **more})


@pytest.mark.mail_check(31)
def test_a_sign_up_sends_one_confirmation_without_a_word_of_the_visitors(
    post_office: Rig, client: Client
) -> None:
    fresh(1)
    spam = "buy-pills-at-evil-example"
    sign_up(client, f"{spam}@example.org", what="search", key=f"{spam} http://evil.example", name=spam)
    digest.send()
    [message] = post_office.messages()
    body = message.as_bytes().replace(f"{spam}@example.org".encode(), b"")
    assert spam.encode() not in body
    assert b"evil.example" not in body
    Subscription.objects.update(next_at=timezone.now() - timedelta(days=1))
    digest.send()
    assert len(post_office.accepted()) == 1, "no digest before the confirmation"


@pytest.mark.mail_check(32)
def test_a_confirmation_is_random_expires_and_needs_a_press(post_office: Rig, client: Client) -> None:
    sign_up(client, "alice@example.org")
    digest.greet_due()
    text = Message.objects.get().text
    [secret] = re.findall(r"/subscription/confirm/(\S+)", text)
    assert len(secret) >= 32, "192 random bits"
    row = Subscription.objects.values().get()
    assert secret not in str(row), "hashed at rest"
    for method in (client.get, client.head):
        assert method(f"/subscription/confirm/{secret}").status_code == 200
    assert Subscription.objects.get().state == "unconfirmed"
    # It can do nothing else.
    for deed in ("manage", "unsubscribe"):
        assert client.post(f"/subscription/{deed}/{secret}").status_code == 404
    assert client.post("/subscription/confirm/" + secrets.token_urlsafe(24)).status_code == 404
    Subscription.objects.update(confirm_until=timezone.now() - timedelta(seconds=1))
    assert client.post(f"/subscription/confirm/{secret}").status_code == 404
    Subscription.objects.update(confirm_until=timezone.now() + timedelta(days=1))
    for _ in range(3):
        assert client.post(f"/subscription/confirm/{secret}").status_code == 200
    assert Subscription.objects.filter(state="active").count() == 1
    digest.stop(Subscription.objects.get())
    # An old link does not bring back what was stopped.
    assert client.post(f"/subscription/confirm/{secret}").status_code == 404


@pytest.mark.mail_check(33)
def test_a_thousand_sign_ups_for_one_address_send_one_mail_a_day(post_office: Rig) -> None:
    for number in range(1000):
        spelling = "a.l.i.c.e@gmail.com" if number % 2 else "Alice+news@googlemail.com"
        digest.ask(spelling, digest.Choices())
    while digest.greet_due():
        pass
    digest.send()
    assert len(post_office.accepted()) == 1


@pytest.mark.mail_check(33)
def test_one_place_may_not_sign_up_the_world(post_office: Rig) -> None:
    answers = [sign_up(Client(), f"reader{number}@example.org").status_code for number in range(60)]
    assert 429 in answers
    assert Subscription.objects.count() < 40


@pytest.mark.mail_check(33)
def test_the_answer_is_the_same_for_known_unknown_and_suppressed_addresses(post_office: Rig) -> None:
    """Equal in status, in body and in the questions asked of the database, so equal in time."""
    subscribed("known@example.org")
    mail.suppress("silent@example.org", "complaint")
    told = []
    sign_up(Client(), "first@example.org")
    for name in ("known", "silent", "nobody"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = sign_up(Client(), f"{name}@example.org")
        shapes = [re.sub(r"'[^']*'|\b\d+\b", "?", each["sql"]) for each in queries]
        told.append((answer.status_code, answer.content, shapes))
    assert told[0] == told[1] == told[2]
    assert told[0][0] == 200


def tables() -> dict[str, list[Any]]:
    from django.apps import apps

    # Every table but those of turns and logs: a page that is opened may count against its reader's limit.
    passing = ("Turn", "Tally", "Run", "Session")
    models = [each for each in apps.get_models() if each.__name__ not in passing and each._meta.managed]
    return {each.__name__: list(each._default_manager.order_by("pk").values_list()) for each in models}


@pytest.mark.mail_check(34)
def test_no_link_in_any_mail_does_anything_when_it_is_opened(post_office: Rig, client: Client) -> None:
    fresh(1)
    subscribed()
    sign_up(client, "bob@example.org")
    digest.send()
    before = tables()
    opened = {path for message in post_office.messages() for path in paths(message)}
    assert {path.split("/")[2] for path in opened if path.startswith("/subscription")} == {
        "confirm", "manage", "unsubscribe",
    }  # fmt: skip
    for path in opened:
        for scanner in (client.get, client.head):
            assert scanner(path).status_code in (200, 301, 302), path
    assert tables() == before
    assert not client.cookies.get("sessionid"), "and nothing in a mail logs anyone in"


@pytest.mark.mail_check(35)
def test_one_click_stops_it_at_once_for_whoever_posts(post_office: Rig) -> None:
    alice, bob = subscribed(), subscribed("bob@example.org")
    other = people.signed_in(people.reader("charlie"))
    path = digest.stop_path(alice)
    bare = Client(enforce_csrf_checks=True)
    body = "List-Unsubscribe=One-Click"
    for client in (bare, bare, other):
        done = client.post(path, body, content_type="application/x-www-form-urlencoded")
        assert done.status_code == 200
        assert "Location" not in done
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.state, bob.state) == ("stopped", "active")
    forged = path[:-4] + ("0000" if path[-4:] != "0000" else "1111")
    before = tables()
    assert bare.post(forged, body, content_type="application/x-www-form-urlencoded").status_code == 404
    assert tables() == before


@pytest.mark.mail_check(36)
def test_a_link_to_stop_can_do_nothing_else(post_office: Rig, client: Client) -> None:
    alice = subscribed()
    token = digest.stop_path(alice).rpartition("/")[2]
    for path in (f"/subscription/manage/{token}", f"/subscription/confirm/{token}"):
        assert client.get(path).status_code == 404
        assert client.post(path, {"do": "stop"}).status_code == 404
    number = alice.pk + 1
    assert client.post(f"/subscription/unsubscribe/{number}-{token.partition('-')[2]}").status_code == 404
    alice.refresh_from_db()
    assert alice.state == "active"
    # A new nonce ends every link made before.
    Subscription.objects.update(nonce=tokens.nonce())
    assert client.post(f"/subscription/unsubscribe/{token}").status_code == 404


@pytest.mark.mail_check(38)
def test_a_mail_to_the_stop_address_stops_it(post_office: Rig, settings: Settings, tmp_path: Any) -> None:
    fresh(1)
    alice = subscribed()
    digest.send()
    [first] = post_office.messages()
    assert "mailto:" not in str(first["List-Unsubscribe"]), "not promised where no mail is read"
    settings.MAIL_BOUNCES, settings.MAIL_MAILDIR = "bounces@papers.example.org", str(tmp_path / "Maildir")
    bob = subscribed("bob@example.org")
    digest.send()
    last = post_office.messages()[-1]
    [to] = re.findall(r"<mailto:([^>]+)>", str(last["List-Unsubscribe"]))
    new = tmp_path / "Maildir" / "new"
    new.mkdir(parents=True)
    (new / "1.mail").write_bytes(f"From: x@example.org\r\nTo: {to}\r\n\r\nstop\r\n".encode())
    forged = to.replace(to.rpartition("-")[2][:4], "0000")
    (new / "2.mail").write_bytes(f"From: x@example.org\r\nTo: {forged}\r\n\r\nstop\r\n".encode())
    digest.send_due()
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.state, bob.state) == ("active", "stopped")
    assert len(list((tmp_path / "Maildir" / "cur").iterdir())) == 2


@pytest.mark.mail_check(39)
def test_a_suppressed_address_gets_nothing_from_any_path(
    post_office: Rig, settings: Settings, client: Client
) -> None:
    fresh(1)
    subscribed("Alice.Liddell@gmail.com")
    queued("aliceliddell@gmail.com")
    # A copy of what perhaps arrived, and a subscription that came into the table by no form of ours.
    queued("a.liceliddell@gmail.com", issue="copy", state="ambiguous", uncertain=1)
    Message.objects.update(address_key="aliceliddell@gmail.com")
    imported = subscribed("a.lice.liddell@gmail.com", what="interest", key="newspapers")
    mail.suppress(" a.liceliddell+x@GoogleMail.com ", "complaint")
    settings.EMAIL_BACKEND = "broadsheet.mail.backend.QueueBackend"
    settings.MAIL_OPERATOR = "alice.liddell@gmail.com"
    send_mail("Code", "123456", None, ["ALICE.liddell@gmail.com"])
    mail.post("alice.liddell@googlemail.com", "A comment", "Text")
    sign_up(client, "aliceliddell@gmail.com")
    digest.send()
    with pytest.raises(CommandError, match="receives no mail"):
        call_command("digest", "test")
    assert post_office.accepted() == []
    assert set(states().values()) == {"suppressed"}
    imported.refresh_from_db()
    assert imported.state == "stopped"


@pytest.mark.mail_check(39)
def test_spellings_of_one_mailbox_are_one() -> None:
    for spelling in ("Ada.Lovelace@Gmail.com", "adalovelace+x@googlemail.com", " ada.lovelace@gmail.com "):
        assert addresses.key(spelling) == "adalovelace@gmail.com"
    # Elsewhere dots and tags may be other people.
    assert addresses.key("Ada.L+x@Example.org") == "ada.l+x@example.org"


@pytest.mark.mail_check(40)
def test_after_suppression_one_has_to_ask_and_confirm_anew(post_office: Rig, client: Client) -> None:
    fresh(1)
    alice = subscribed()
    mail.suppress("alice@example.org", "bounce")
    assert digest.forgive("alice@example.org")
    Subscription.objects.update(next_at=timezone.now())
    assert digest.send().due == 0
    sign_up(client, "alice@example.org")
    digest.send()
    assert [line["to"] for line in post_office.accepted()] == ["alice@example.org"]
    assert Message.objects.get().kind == "confirm"
    alice.refresh_from_db()
    assert alice.state == "stopped"
    assert not Edition.objects.exists()


@pytest.mark.mail_check(30)
def test_leaving_after_an_edition_is_made_is_in_time(
    post_office: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(1)
    alice, bob = subscribed(), subscribed("bob@example.org")
    subscribed("charlie@example.org")
    digest.make_due()
    digest.stop(alice)
    done: list[str] = []

    def reached(point: str) -> None:
        # Bob complains while his mail's lines are going out.
        if point == "body" and not done:
            done.append(point)
            mail.suppress("bob@example.org", "complaint")

    monkeypatch.setattr(delivery, "reached", reached)
    Message.objects.filter(address=bob.address).update(urgent=True)
    digest.send()
    assert states() == {
        "alice@example.org": "cancelled",
        "bob@example.org": "suppressed",
        "charlie@example.org": "accepted",
    }
    assert set(post_office.recipients()) == {"charlie@example.org"}


@pytest.mark.mail_check(48)
@pytest.mark.parametrize("typed", HOSTILE, ids=lambda typed: ascii(typed)[:24])
def test_an_address_that_is_more_than_one_plain_address_is_refused(
    post_office: Rig, client: Client, typed: str
) -> None:
    answer = sign_up(client, typed)
    assert answer.status_code == 400
    assert not Subscription.objects.exists()
    with pytest.raises(mail.BadAddress) as refused:
        mail.post(typed, "Subject", "Text")
    assert str(refused.value).endswith(".")


@pytest.mark.mail_check(48)
def test_ordinary_addresses_are_taken_and_sent_to_alone(post_office: Rig) -> None:
    for each in (
        "o'neil+x@example.org",
        "ada_l@sub.example.co.uk",
        "ada@b\u00fccher.example",
        "A@EXAMPLE.ORG",
    ):
        mail.post(each, "Subject", "Text")
    assert mail.deliver().counts == {"accepted": 4}
    assert set(post_office.recipients()) == {
        "o'neil+x@example.org", "ada_l@sub.example.co.uk", "ada@xn--bcher-kva.example", "A@example.org",
    }  # fmt: skip


@pytest.mark.mail_check(50)
def test_links_lead_to_the_configured_place_whatever_a_request_said(post_office: Rig, client: Client) -> None:
    client.post("/subscribe", {"address": "alice@example.org"}, HTTP_HOST="evil.example")
    fresh(1)
    subscribed("bob@example.org")
    digest.send()
    for message in post_office.messages():
        whole = message.as_string()
        assert "evil.example" not in whole
        for part in message.walk():
            if part.get_content_maintype() == "text":
                found = re.findall(r"https?://[^/\s\"<]+", part.get_content())
                assert set(found) == {ORIGIN}
    assert not Suppression.objects.exists()
