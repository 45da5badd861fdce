"""What comes back is believed when it carries our seal, counted once, and never answered."""

from __future__ import annotations

import json
import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dkim
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from broadsheet import digest, mail
from broadsheet.digest import composing
from broadsheet.mail import delivery, returns
from broadsheet.models import Bounce, Message, Subscription, Suppression
from tests import mail_rig, mail_transfer
from tests.conftest import REQUIRED
from tests.mail_places import fresh, queued, subscribed
from tests.mail_rig import Rig
from tests.mail_transfer import Office
from tests.test_mail_content import key as key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    if reason := mail_transfer.find_postfix():
        if "postfix" in REQUIRED:
            pytest.fail(f"BROADSHEET_REQUIRE names 'postfix', but {reason}", pytrace=False)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="broadsheet-postfix-") as folder:
        Path(folder).chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        with mail_transfer.running(Path(folder)) as running:
            yield running


def no_stop(number: int) -> None:
    raise AssertionError("no mail here says stop")


def report(
    message: Message, *, status: str = "5.1.1", action: str = "failed", name: str = "1", **more: str
) -> bytes:
    """A delivery report as servers write them."""
    to = more.get("to", f"bounces+{delivery.seal_of(message)}@papers.example.org")
    return (
        f"From: MAILER-DAEMON@mx.example.org\r\nTo: {to}\r\nMessage-ID: <{name}@mx.example.org>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; {message.address}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} <{message.address}> unknown\r\n\r\n"
        f"--b\r\nContent-Type: {more.get('quoted', 'text/rfc822-headers')}\r\n\r\n"
        f"{more.get('headers', 'Subject: Papers')}\r\n\r\n--b--\r\n"
    ).encode()


@pytest.mark.mail_check(37)
@pytest.mark.mail_check(41)
def test_a_real_server_delivers_a_signed_digest_and_reports_an_unknown_user(
    office: Office, settings: Settings, key: tuple[Path, bytes]
) -> None:
    mail_rig.configure(settings, mail_rig.Rig(Path("/nowhere"), port=office.port))
    # A long address, longer than a line of a mail may be folded at.
    settings.PUBLIC_URL = f"https://{'long-name.' * 12}example.org"
    settings.MAIL_DKIM_KEY = str(key[0])
    settings.MAIL_BOUNCES, settings.MAIL_MAILDIR = "bounces@back.example", str(office.back)
    composing.forget_what_is_set()
    fresh(1)
    subscribed("alice@home.example")
    subscribed("charlie@home.example")
    assert digest.send().sending.counts == {"accepted": 2}
    [body] = office.wait(office.home)
    assert dkim.verify(body.replace(b"\n", b"\r\n"), dnsfunc=lambda name, timeout=5: key[1])
    assert re.search(rb"(?m)^List-Unsubscribe: <https://.{100,}>, <mailto:bounces\+stop-[^>]+>$", body)
    assert office.wait(office.back)
    digest.send()
    suppressed = Suppression.objects.get()
    assert (suppressed.pk, suppressed.reason) == ("charlie@home.example", "bounce")
    assert Bounce.objects.get().kind == "hard"
    assert Subscription.objects.get(address="alice@home.example").state == "active"


@pytest.mark.mail_check(41)
@pytest.mark.parametrize("quoted", ["message/rfc822", "text/rfc822-headers"])
def test_the_seal_is_found_in_the_message_that_a_report_quotes(post_office: Rig, quoted: str) -> None:
    [message] = queued("alice@example.org")
    headers = f"Subject: Papers\r\nX-Report-Seal: {delivery.seal_of(message)}"
    raw = report(message, to="postmaster@papers.example.org", quoted=quoted, headers=headers)
    assert mail.read(raw, no_stop) == "hard"
    assert mail.is_suppressed("alice@example.org")


@pytest.mark.mail_check(42)
def test_soft_bounces_count_once_a_day_fade_and_end_in_silence_that_the_reader_sees(
    post_office: Rig, client: Client
) -> None:
    alice = subscribed()
    [message] = queued("alice@example.org")
    for number in range(3):
        assert mail.read(report(message, status="4.2.2", name=f"same-day-{number}"), no_stop) == "soft"
    assert mail.score("alice@example.org") == 1
    Bounce.objects.update(seen_at=timezone.now() - timedelta(days=40))
    assert mail.score("alice@example.org") == 0, "forgotten after a quiet month"
    for days in range(returns.SOFT_MOST - 1, -1, -1):
        assert not mail.is_suppressed("alice@example.org")
        mail.read(report(message, status="5.2.2", name=f"day-{days}"), no_stop)
        if days:
            Bounce.objects.filter(seen_at__gt=timezone.now() - timedelta(hours=1)).update(
                seen_at=timezone.now() - timedelta(days=days)
            )
    assert mail.is_suppressed("alice@example.org")
    page = client.get(digest.manage_path(alice)).content.decode()
    assert "Mail to this address came back" in page


@pytest.mark.mail_check(43)
def test_the_same_report_counts_once(post_office: Rig) -> None:
    [message] = queued("alice@example.org")
    raw = report(message, status="4.2.2")
    assert [mail.read(raw, no_stop) for _ in range(5)] == ["soft", *["seen"] * 4]
    assert Bounce.objects.count() == 1
    assert [mail.take("soft", "bob@example.org", "event 7") for _ in range(5)] == ["soft", *["seen"] * 4]


GARBAGE = [
    b"",
    b"\x00" * 100,
    b"\xff\xfe" * 50,
    b"Content-Type: multipart/report; boundary=\r\n\r\n--",
    b"a" * 3_000_000,
    b"Content-Type: multipart/report; " + b"a=b;" * 90_000 + b"\r\n\r\n",
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(3_000)),
]


@pytest.mark.security_check(18)
@pytest.mark.mail_check(44)
def test_a_forged_report_or_garbage_changes_nothing(post_office: Rig) -> None:
    [message] = queued("alice@example.org")
    seal = delivery.seal_of(message)
    for forged in (
        seal[:-4] + ("0000" if seal[-4:] != "0000" else "1111"),
        seal.partition("-")[0] + "-" + "0" * 40,
        "zzz-" + seal.partition("-")[2],
    ):
        raw = report(message, to=f"bounces+{forged}@papers.example.org")
        assert mail.read(raw, no_stop) == "forged"
    assert mail.read(report(message, to="bounces@papers.example.org"), no_stop) == "forged"
    for raw in GARBAGE:
        assert mail.read(raw, no_stop) in ("ignored", "forged")
    assert not Suppression.objects.exists()
    assert not Bounce.objects.exists()


@pytest.mark.security_check(18)
@pytest.mark.mail_check(44)
@pytest.mark.mail_check(46)
def test_a_providers_reports_count_with_the_secret_and_not_without(
    post_office: Rig, settings: Settings, client: Client
) -> None:
    event = {
        "RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "TypeCode": 1, "Email": "alice@example.org",
        "MessageID": "m", "BouncedAt": "2026-11-25T10:00:00Z", "Description": "no such user",
    }  # fmt: skip
    complaint = event | {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512, "ID": 43,
                         "Email": "bob@example.org"}  # fmt: skip

    def told(what: object, authorization: str = "") -> int:
        headers = {"Authorization": authorization} if authorization else {}
        body = json.dumps(what)
        return client.post("/mail/events/postmark", body, "application/json", headers=headers).status_code

    assert told(event) == 404, "no secret is set here"
    settings.MAIL_WEBHOOK_SECRET = "hook:secret"
    settings.ANYMAIL = {"WEBHOOK_SECRET": "hook:secret"}
    assert told(event) == 400
    assert told(event, "Basic aG9vazp3cm9uZw==") == 400
    assert not Suppression.objects.exists()
    right = "Basic aG9vazpzZWNyZXQ="
    for _ in range(3):
        assert told(event, right) == 200
    assert told(complaint, right) == 200
    assert dict(Suppression.objects.values_list("pk", "reason")) == {
        "alice@example.org": "bounce", "bob@example.org": "complaint",
    }  # fmt: skip
    assert Bounce.objects.count() == 2
    assert client.post("/mail/events/nobody", "{}", "application/json").status_code == 404
    # Garbage with the right secret, and what is no one address, change nothing.
    for provider in ("postmark", "mailgun", "sendgrid", "brevo", "amazon_ses"):
        for body in ("", "null", "[null]", "{", '{"event-data": 1}', "\x00" * 9):
            answer = client.post(
                f"/mail/events/{provider}", body, "application/json", headers={"Authorization": right}
            )
            assert answer.status_code in (200, 400, 404), (provider, body)
    for address in ("eve@example.org, bob@example.org", "eve\r\n@example.org"):
        told(event | {"ID": address, "Email": address}, right)
    assert Suppression.objects.count() == Bounce.objects.count() == 2


@pytest.mark.mail_check(45)
def test_automatic_answers_are_ignored_and_nothing_is_ever_answered(post_office: Rig) -> None:
    [message] = queued("alice@example.org")
    Message.objects.update(state="accepted")
    to = f"bounces+{delivery.seal_of(message)}@papers.example.org"
    for headers in (
        "Auto-Submitted: auto-replied\r\nSubject: Out of office",
        "X-Autoreply: yes\r\nSubject: I am on holiday",
        "Subject: Please confirm that you are a person",
        "Precedence: auto_reply\r\nSubject: Re: 12 papers",
    ):
        raw = f"From: alice@example.org\r\nTo: {to}\r\n{headers}\r\n\r\nHello\r\n".encode()
        assert mail.read(raw, no_stop) == "ignored"
    assert mail.read(report(message, action="delayed", status="4.4.1"), no_stop) == "ignored"
    assert mail.deliver().counts == {}
    assert not Bounce.objects.exists()


@pytest.mark.mail_check(46)
def test_a_complaint_ends_all_mail_at_once(post_office: Rig) -> None:
    fresh(1)
    subscribed()
    digest.send()
    [(_, _, original)] = post_office.bodies
    arf = (
        b"From: abuse@example.org\r\nTo: papers@broadsheet.example\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nThis is a complaint.\r\n"
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + original + b"\r\n--b--\r\n"
    )
    assert mail.read(arf, no_stop) == "complaint"
    assert Suppression.objects.get().reason == "complaint"
    fresh(2)
    Subscription.objects.update(next_at=timezone.now())
    assert digest.send(now=timezone.now() + timedelta(days=1)).suppressed == 1
    assert len(post_office.accepted()) == 1
