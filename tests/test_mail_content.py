"""A mail says what it should, to whom it should, whatever the papers in it say."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection
from pytest_django import Settings

from broadsheet import digest, mail
from broadsheet.digest import composing
from broadsheet.models import Clipping, Edition, Message
from tests.mail_places import fresh, states, subscribed
from tests.mail_rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = [
    "Title\r\nBcc: eve@example.org",
    "Title\x00with\x07controls",
    "x" * 3000,
    "Right \u202eto left\u202c",
    "<script>alert(1)</script>",
    "=?utf-8?q?Bcc=3A_eve?=",
    ".\n..\n.hidden",
    "A $\\sum_{i} x^2$ & <b>bold</b>",
]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A private key in a file, and the DNS record of its public half."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    path = tmp_path_factory.mktemp("dkim") / "key.pem"
    path.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return path, b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])


@pytest.mark.mail_check(37)
def test_a_digest_has_every_header_of_a_list_and_both_ways_out_are_signed(
    post_office: Rig, settings: Settings, key: tuple[Path, bytes]
) -> None:
    settings.MAIL_DKIM_KEY = str(key[0])
    settings.MAIL_BOUNCES, settings.MAIL_MAILDIR = "bounces@papers.example.org", "/nowhere"
    fresh(1)
    subscribed()
    digest.send()
    [(_, _, body)] = post_office.bodies
    message = message_from_bytes(body, policy=policy.default)
    for name in ("From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe"):
        assert len(message.get_all(name, [])) == 1, name
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    ways = str(message["List-Unsubscribe"])
    assert re.fullmatch(r"<https://[^>]+/subscription/unsubscribe/[^>]+>, <mailto:[^>]+>", ways)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    signed = re.search(r"h=([^;]+);", str(message["DKIM-Signature"]))
    assert signed
    names = {each.strip().lower() for each in signed[1].split(":")}
    assert {"list-unsubscribe", "list-unsubscribe-post", "from", "subject"} <= names
    assert dkim.verify(body, dnsfunc=lambda name, timeout=5: key[1])
    # The line is not folded: relays have broken signatures over a folded one.
    assert re.search(rb"(?m)^List-Unsubscribe: <https[^\r\n]+>\r\n[A-Z]", body)


@pytest.mark.mail_check(47)
def test_what_papers_say_breaks_no_header_no_line_and_no_page(post_office: Rig) -> None:
    for number, words in enumerate(HOSTILE, 1):
        if connection.vendor == "postgresql":
            # It stores no NUL; sources take them out at the door.
            words = words.replace("\x00", "")
        fresh(number, title=f"{number} {words}", abstract=f"{words}\n.\n..\n", authors=(words[:200] or "A",))
    subscribed(how_many=50)
    digest.send()
    [(to, _, body)] = post_office.bodies
    assert to == "alice@example.org"
    assert len(post_office.accepted()) == 1
    assert body.isascii()
    assert max(map(len, body.split(b"\r\n"))) <= 998
    message = message_from_bytes(body, policy=policy.default)
    assert message["Bcc"] is None
    assert len(message.get_all("To", [])) == len(message.get_all("Subject", [])) == 1
    html = message.get_body(("html",))
    assert html is not None
    page = html.get_content()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "\x00" not in page


@pytest.mark.mail_check(47)
@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: ascii(words)[:20])
def test_a_subject_is_one_line_whatever_it_holds(post_office: Rig, words: str) -> None:
    mail.post("alice@example.org", words + "\ud800", f".\n..\n{words}\n.", f"<p>{'x' * 5000}</p>")
    assert mail.deliver().counts == {"accepted": 1}
    [(to, _, body)] = post_office.bodies
    assert to == "alice@example.org"
    head = body.partition(b"\r\n\r\n")[0]
    assert len(re.findall(rb"(?im)^(?:bcc|cc):", head)) == 0
    assert len(re.findall(rb"(?im)^subject:", head)) == 1
    plain = message_from_bytes(body, policy=policy.default).get_body(("plain",))
    assert plain is not None
    assert plain.get_content().splitlines()[:2] == [".", ".."]


@pytest.mark.mail_check(49)
def test_nothing_in_a_mail_watches_who_reads_it(post_office: Rig) -> None:
    fresh(1)
    subscribed()
    digest.send()
    [message] = post_office.messages()
    html = message.get_body(("html",))
    assert html is not None
    page = html.get_content()
    assert not re.search(r"<img|<link|<iframe|url\(|@import|background=", page, re.IGNORECASE)
    # Links lead where they say: to papers and to the reader's own page.
    for href in re.findall(r'href="([^"]+)"', page):
        assert re.fullmatch(r"https://papers\.example\.org/(papers(/\S+)?|subscription/\S+)", href), href


@pytest.mark.mail_check(28)
def test_one_edition_that_cannot_be_set_keeps_nobody_from_theirs(post_office: Rig) -> None:
    fresh(1)
    alice = subscribed()
    fresh(2)
    for name in ("bob", "charlie"):
        subscribed(f"{name}@example.org")
    digest.make_due()
    edition = Edition.objects.get(subscription=alice)
    # What was frozen is altered: the edition is refused rather than sent as something else.
    edition.picks[0][1] = "another reason"
    edition.save()
    report = digest.send()
    assert states() == {
        "alice@example.org": "failed", "bob@example.org": "accepted", "charlie@example.org": "accepted",
    }  # fmt: skip
    assert any("could not be composed" in problem for problem in report.sending.problems)


@pytest.mark.mail_check(28)
def test_a_paper_that_raises_is_left_out_and_reported(
    post_office: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broadsheet.digest import clippings

    bad, good = fresh(1), fresh(2)
    whole = clippings.cut

    def cut(paper: object) -> dict[str, str]:
        if getattr(paper, "pk", None) == bad.pk:
            raise KeyError("title")
        return whole(paper)  # type: ignore[arg-type]

    monkeypatch.setattr(clippings, "cut", cut)
    alice = subscribed()
    report = digest.send()
    assert any(f"Paper {bad.pk} was left out" in problem for problem in report.sending.problems)
    edition = Edition.objects.get(subscription=alice)
    assert edition.left_out == 1
    [(clipping, _)] = edition.picks
    assert Clipping.objects.get(pk=clipping).paper_id == good.pk
    assert Message.objects.get().state == "accepted"


def test_a_full_digest_stays_below_what_gmail_clips(post_office: Rig) -> None:
    for number in range(1, 51):
        fresh(
            number,
            title=f"{number}. " + "A long title of a paper " * 8,
            abstract="A sentence of words. " * 60,
        )
    subscribed(how_many=50)
    digest.send()
    [(_, _, body)] = post_office.bodies
    assert len(body) < 100_000


def test_plain_text_subscribers_get_plain_text(post_office: Rig) -> None:
    fresh(1, title="On $\\alpha$-stable processes")
    subscribed(form="text")
    digest.send()
    [message] = post_office.messages()
    assert message.get_content_type() == "text/plain"
    assert "On α-stable processes" in message.get_content()


def test_what_was_frozen_is_what_is_sent(post_office: Rig) -> None:
    paper = fresh(1)
    subscribed()
    digest.make_due()
    paper.title = "Altered since"
    paper.save()
    composing.forget_what_is_set()
    digest.send()
    assert "A study of newspapers" in str(post_office.messages()[0]["Subject"])
