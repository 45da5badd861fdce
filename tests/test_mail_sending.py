"""Messages go out over a real socket once, as what they are, to exactly one person each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection, send_mail
from django.db import transaction
from pytest_django import Settings

from broadsheet import mail
from broadsheet.models import Message
from tests import mail_rig
from tests.mail_rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rig(tmp_path: Path, settings: Settings) -> Iterator[Rig]:
    with mail_rig.running(tmp_path) as running:
        mail_rig.configure(settings, running)
        yield running


def test_a_posted_message_arrives_once_with_its_headers(rig: Rig) -> None:
    mail.post("alice@example.org", "Grüße ∑", "Hello\n.\n..\nbye", "<p>Hello</p>")
    assert mail.deliver().counts == {"accepted": 1}
    assert mail.deliver().counts == {}
    [message] = rig.messages()
    assert message["Subject"] == "Grüße ∑"
    assert str(message["From"]) == "The Broadsheet <papers@broadsheet.example>"
    assert message["To"] == "alice@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Hello", ".", "..", "bye"]


def test_a_message_lives_and_dies_with_the_transaction_that_posted_it(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        mail.post("alice@example.org", "No", "No")
        raise ZeroDivisionError
    assert not Message.objects.exists()


def test_djangos_own_mail_goes_through_the_queue(rig: Rig, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "broadsheet.mail.backend.QueueBackend"
    send_mail("Code", "Your code is 123456", None, ["alice@example.org", "bob@example.org"])
    both = EmailMultiAlternatives("Link", "Text", to=["charlie@example.org"], connection=get_connection())
    both.attach_alternative("<p>HTML</p>", "text/html")
    both.send()
    assert mail.deliver().counts == {"accepted": 3}
    assert set(rig.recipients()) == {"alice@example.org", "bob@example.org", "charlie@example.org"}
    # What was said to one person is not kept once it is said.
    assert not Message.objects.exclude(text="").exists()


def test_without_a_server_nothing_is_queued_and_delivering_says_what_to_set(settings: Settings) -> None:
    settings.SMTP_URL = settings.MAIL_FROM = ""
    assert mail.post("alice@example.org", "Subject", "Text") is None
    with pytest.raises(mail.MailTrouble, match="BROADSHEET_MAIL_FROM"):
        mail.deliver()
