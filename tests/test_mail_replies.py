"""What a server answers decides what becomes of a message, and of nobody else's."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from broadsheet import digest, mail
from broadsheet.mail import delivery, pacing, smtp
from broadsheet.models import Message, Outbox, Pace, Suppression
from tests import mail_rig
from tests.mail_places import fresh, put_off_is_due, queued, states, subscribed
from tests.mail_rig import CUT, Rig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    key, crt = path.with_suffix(".key"), path.with_suffix(".crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(key.read_bytes() + crt.read_bytes())
    return path


def offered(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def domains_wait_no_more() -> None:
    Pace.objects.update(not_before=timezone.now() - timedelta(seconds=1))


@pytest.mark.mail_check(16)
@pytest.mark.parametrize(
    ("stage", "said"),
    [("connect", "421 4.3.2 busy"), ("rcpt", "450 4.2.0 later"), ("rcpt", "451 4.3.0 later"),
     ("rcpt", "452 4.2.2 full"), ("dot", "450 4.7.0 later"), ("data", "451 4.3.0 later")],
)  # fmt: skip
def test_a_later_is_tried_again_and_delivered_once(post_office: Rig, stage: str, said: str) -> None:
    post_office.script = lambda at, to, number: said if at == stage and post_office.seen[at] == 1 else None
    queued("alice@example.org", "bob@another.example")
    first = mail.deliver().counts
    assert first["deferred"] >= 1
    put_off = Message.objects.filter(state="deferred")
    assert all(each.due_at > timezone.now() + timedelta(seconds=40) for each in put_off)
    assert mail.deliver().counts == {}, "before its time it is not tried again"
    put_off_is_due()
    domains_wait_no_more()
    mail.deliver()
    assert post_office.recipients() == {"alice@example.org": 1, "bob@another.example": 1}


@pytest.mark.mail_check(16)
def test_waits_double_up_to_a_limit_and_are_never_the_same() -> None:
    waits = [delivery.backoff(attempts).total_seconds() for attempts in range(1, 30)]
    assert 40 < waits[0] < 80
    assert all(48 * 2**place <= wait <= 72 * 2**place for place, wait in enumerate(waits[:7]))
    assert max(waits) <= 1.2 * pacing.BACKOFF.longest
    assert len(set(waits)) == len(waits)


@pytest.mark.mail_check(17)
def test_nobody_of_that_name_is_never_written_to_again(post_office: Rig) -> None:
    post_office.script = lambda stage, to, number: (
        "550 5.1.1 <bob@example.org> no such user" if stage == "rcpt" and to.startswith("bob") else None
    )
    queued("alice@example.org", "bob@example.org")
    assert mail.deliver().counts == {"accepted": 1, "failed": 1}
    put_off_is_due()
    assert mail.deliver().counts == {}
    assert post_office.seen["rcpt"] == 2
    assert Suppression.objects.get().reason == "bounce"
    assert mail.post("Bob@example.org", "Another", "Text") is None
    # What is kept of the server's words names nobody.
    assert "bob@" not in Message.objects.get(address="bob@example.org").said


@pytest.mark.mail_check(18)
def test_a_refusal_of_what_is_said_is_not_held_against_the_person(post_office: Rig) -> None:
    post_office.script = lambda stage, to, number: "554 5.7.1 looks like spam" if stage == "dot" else None
    queued(*(f"reader{number}@example.org" for number in range(6)), issue="2026-11-25")
    report = mail.deliver()
    assert report.counts == {"failed": 6}
    assert not Suppression.objects.exists()
    assert any("Issue 2026-11-25" in problem for problem in report.problems)


@pytest.mark.mail_check(19)
def test_a_refused_log_in_stops_the_run_before_the_first_recipient(
    tmp_path: Path, settings: Settings, certificate: Path
) -> None:
    with mail_rig.running(tmp_path, certificate=offered(certificate), login=("papers", "right")) as rig:
        mail_rig.configure(settings, rig)
        settings.SMTP_URL = f"smtp://papers:wrong@127.0.0.1:{rig.port}?tls=required&ca={certificate}"
        queued("alice@example.org", "bob@example.org")
        with pytest.raises(mail.MailTrouble, match="refused the log-in") as trouble:
            mail.deliver()
        assert "wrong" not in str(trouble.value)
        assert rig.seen["mail"] == rig.seen["rcpt"] == 0
        assert set(states().values()) == {"pending"}
        settings.SMTP_URL = settings.SMTP_URL.replace("wrong", "right")
        assert mail.deliver().counts == {"accepted": 2}


@pytest.mark.mail_check(19)
@pytest.mark.mail_check(20)
def test_a_stripped_starttls_or_a_wrong_certificate_is_refused(
    post_office: Rig, tmp_path: Path, settings: Settings, certificate: Path
) -> None:
    queued("alice@example.org")
    settings.SMTP_URL = post_office.url + "?tls=required"
    with pytest.raises(mail.MailTrouble, match="never handed over in the clear"):
        mail.deliver()
    folder = tmp_path / "with tls"
    folder.mkdir()
    for from_the_start in (False, True):
        with mail_rig.running(folder, certificate=offered(certificate), from_the_start=from_the_start) as rig:
            url = f"{'smtps' if from_the_start else 'smtp'}://127.0.0.1:{rig.port}?tls=required"
            settings.SMTP_URL = url
            with pytest.raises(mail.MailTrouble, match=r"certificate|TLS"):
                mail.deliver()
            assert rig.seen["mail"] == 0
            assert states() == {"alice@example.org": "pending"}
    with mail_rig.running(folder, certificate=offered(certificate), from_the_start=True) as rig:
        settings.SMTP_URL = f"smtps://127.0.0.1:{rig.port}?ca={certificate}"
        assert mail.deliver().counts == {"accepted": 1}


@pytest.mark.mail_check(20)
def test_mail_to_another_machine_is_never_configured_without_tls(settings: Settings) -> None:
    settings.SMTP_URL = "smtp://mail.example.org"
    assert mail.server().tls == "starttls"
    settings.SMTP_URL = "smtp://mail.example.org?tls=off"
    with pytest.raises(mail.NotSetUp, match="this machine alone"):
        mail.server()


@pytest.mark.mail_check(21)
def test_one_domain_that_wants_to_wait_holds_up_no_other(post_office: Rig) -> None:
    post_office.script = lambda stage, to, number: (
        "451 4.7.1 slow down" if stage == "rcpt" and to.endswith("@slow.example") else None
    )
    slow = [f"reader{number}@slow.example" for number in range(40)]
    quick = [f"reader{number}@quick.example" for number in range(40)]
    queued(*(each for pair in zip(slow, quick, strict=True) for each in pair))
    mail.deliver()
    assert set(post_office.recipients()) == set(quick)
    # After the first answers the others of that domain are not even tried: one batch of them at most was.
    asked = post_office.seen["rcpt"] - len(quick)
    assert asked <= delivery.BATCH
    pace = Pace.objects.get(pk="slow.example")
    assert pace.not_before and pace.not_before > timezone.now()
    post_office.script = mail_rig.well_behaved
    put_off_is_due()
    domains_wait_no_more()
    mail.deliver()
    assert set(post_office.recipients()) == {*slow, *quick}
    assert Pace.objects.get(pk="slow.example").failures == 0


@pytest.mark.mail_check(22)
def test_each_recipient_has_a_transaction_and_a_state_of_its_own(post_office: Rig) -> None:
    """The server asserts that a transaction has one recipient."""
    answers = {
        "gone": "550 5.1.1 no",
        "full": "552 5.2.2 full",
        "late": "450 4.2.0 later",
        "spam": "550 5.7.1 no",
    }
    post_office.script = lambda stage, to, number: (
        answers.get(to.partition("@")[0]) if stage == "rcpt" else None
    )
    queued(*(f"{name}@{name}.example" for name in (*answers, "fine")))
    mail.deliver()
    assert {address.partition("@")[0]: state for address, state in states().items()} == {
        "gone": "failed", "full": "failed", "late": "deferred", "spam": "failed", "fine": "accepted",
    }  # fmt: skip
    assert list(Suppression.objects.values_list("pk", flat=True)) == ["gone@gone.example"]


@pytest.mark.mail_check(23)
def test_a_flood_of_failures_pauses_and_a_resumed_run_begins_where_it_stopped(
    post_office: Rig, settings: Settings
) -> None:
    settings.MAIL_PAUSE_AFTER = 4
    post_office.script = lambda stage, to, number: (
        "550 5.7.1 blocked" if stage == "dot" and number > 5 else None
    )
    queued(*(f"reader{number}@example.org" for number in range(20)))
    report = mail.deliver()
    assert report.counts == {"accepted": 5, "failed": 4}
    paused = Outbox.objects.get().paused_for
    assert "4 messages in a row failed" in paused
    assert "blocked" in paused
    with pytest.raises(mail.MailTrouble, match="paused"):
        mail.deliver()
    post_office.script = mail_rig.well_behaved
    assert mail.resume()
    assert mail.deliver().counts == {"accepted": 11}
    assert set(post_office.recipients().values()) == {1}


@pytest.mark.mail_check(24)
def test_a_server_with_a_limit_for_each_connection_is_called_again(post_office: Rig) -> None:
    taken = 0

    def limited(stage: str, to: str, number: int) -> str | None:
        nonlocal taken
        taken = 0 if stage == "connect" else taken + (stage == "taken")
        return "421 4.7.0 that is enough for one connection" if stage == "mail" and taken >= 10 else None

    post_office.script = limited
    queued(*(f"reader{number}@example.org" for number in range(35)))
    assert mail.deliver().counts["accepted"] == 35
    assert set(post_office.recipients().values()) == {1}
    assert post_office.seen["connect"] == 4


def _one_byte_a_second(connection: socket.socket) -> None:
    for each in b"220 mail.example.org ready and waiting for whatever may come\r\n" * 10:
        connection.sendall(bytes([each]))
        time.sleep(1)


@pytest.mark.mail_check(25)
def test_a_server_of_one_byte_a_second_is_timed_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "CONNECT_WAIT", 2.0)
    with mail_rig.raw(_one_byte_a_second) as port:
        settings.SMTP_URL, settings.MAIL_FROM = f"smtp://127.0.0.1:{port}", "papers@example.org"
        queued("alice@example.org")
        began = time.monotonic()
        assert mail.deliver().counts == {"deferred": 1}
        # The greeting alone would have taken a minute.
        assert time.monotonic() - began < 20
    assert states() == {"alice@example.org": "deferred"}


@pytest.mark.mail_check(25)
@pytest.mark.parametrize("slow", ["EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_server_that_drips_at_any_stage_is_left_and_the_rest_go(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """Its first conversation never gets a whole answer at that stage; the next ones are well."""
    monkeypatch.setattr(pacing, "REPLY_WAIT", 0.6)
    settings.MAIL_FINAL_WAIT = 0.6
    dripped: list[str] = []
    taken: list[str] = []

    def drips(connection: socket.socket) -> None:
        file = connection.makefile("rwb")
        recipient = ""

        def answer(stage: str, said: bytes) -> None:
            if stage == slow and not dripped:
                dripped.append(stage)
                for each in said * 20:
                    connection.sendall(bytes([each]) if each not in b"\r\n" else b"-")
                    time.sleep(0.1)
            file.write(said + b"\r\n")
            file.flush()

        answer("connect", b"220 slow")
        while line := file.readline():
            word = line[:4].decode().upper()
            if word == "RCPT":
                recipient = line.decode()
            answer(word, b"354 go" if word == "DATA" else b"250 ok")
            if word == "DATA":
                while file.readline() != b".\r\n":
                    pass
                answer(".", b"250 taken")
                taken.append(recipient)

    with mail_rig.raw(drips) as port:
        settings.SMTP_URL, settings.MAIL_FROM = f"smtp://127.0.0.1:{port}", "papers@example.org"
        queued(*(f"reader{number}@host{number}.example" for number in range(3)))
        first = mail.deliver().counts
        assert dripped == [slow]
        if slow == "EHLO":
            # No connection was made, so everything waits for the next.
            assert first == {"deferred": 3}
            put_off_is_due()
            assert mail.deliver().counts == {"accepted": 3}
            return
        assert first == {"ambiguous" if slow == "." else "deferred": 1, "accepted": 2}
    assert len(taken) == 2 and len(set(taken)) == 2


@pytest.mark.mail_check(25)
def test_a_recipient_whose_server_hangs_is_put_off_and_the_rest_go(
    post_office: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "REPLY_WAIT", 1.0)
    post_office.script = lambda stage, to, number: CUT if (stage, number) == ("rcpt", 2) else None
    queued(*(f"reader{number}@host{number}.example" for number in range(5)))
    assert mail.deliver().counts == {"accepted": 4, "deferred": 1}


@pytest.fixture
def small_server(tmp_path: Path, settings: Settings) -> Iterator[Rig]:
    with mail_rig.running(tmp_path, size=15_000) as rig:
        mail_rig.configure(settings, rig)
        yield rig


@pytest.mark.mail_check(26)
def test_a_digest_too_long_for_the_server_is_shortened_and_says_so(small_server: Rig) -> None:
    from broadsheet.digest import composing

    composing.forget_what_is_set()
    for number in range(1, 31):
        fresh(number, abstract="Ein Würfel ∑ über 漢字. " * 40)
    subscribed(how_many=30)
    assert digest.send().sending.counts == {"accepted": 1}
    [message] = small_server.messages()
    [(_, _, body)] = small_server.bodies
    assert len(body) <= 15_000
    assert body.isascii()
    assert str(message["Subject"]).startswith("30 papers")
    plain = message.get_body(("plain",))
    assert plain is not None
    assert "more did not fit in this mail" in plain.get_content()


@pytest.mark.mail_check(26)
def test_a_server_that_knows_no_extension_gets_a_valid_message(settings: Settings) -> None:
    """HELO alone: no SIZE, no 8BITMIME, no SMTPUTF8."""
    got: list[bytes] = []

    def old(connection: socket.socket) -> None:
        file = connection.makefile("rwb")
        file.write(b"220 old\r\n")
        file.flush()
        while line := file.readline():
            word = line[:4].upper()
            answer = b"500 what?" if word == b"EHLO" else b"354 go" if word == b"DATA" else b"250 ok"
            got.append(line)
            file.write(answer + b"\r\n")
            file.flush()
            if word == b"DATA":
                while (piece := file.readline()) != b".\r\n":
                    got.append(piece)
                file.write(b"250 taken\r\n")
                file.flush()

    with mail_rig.raw(old) as port:
        settings.SMTP_URL, settings.MAIL_FROM = f"smtp://127.0.0.1:{port}", "Größe <papers@example.org>"
        mail.post("alice@example.org", "Grüße ∑ 漢字", "Ähem\n.\n", "<p>∑</p>")
        assert mail.deliver().counts == {"accepted": 1}
    whole = b"".join(got)
    assert whole.isascii()
    assert b"Subject: =?utf-8?" in whole
    assert b"SIZE=" not in whole
    assert max(map(len, got)) <= 1000
