"""Webhooks, against a real server on this machine that takes, refuses, stalls, lies and is not there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone
from pytest_django import Settings

from broadsheet import community, doors, webhooks
from broadsheet.models import Delivery, Message, Paper, Reader, Webhook, WebhookHit
from broadsheet.sources import Unavailable, wire
from broadsheet.sources.asking import Refused
from broadsheet.webhooks import sending
from tests import factories, people

pytestmark = pytest.mark.filterwarnings("ignore:No directory at")


class Receiver(ThreadingHTTPServer):
    """What a reader's program might be. `answers` are the statuses it gives, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = [(204, {})]
        self.stall = threading.Event()
        self.stall.set()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.server.stall.wait(20)
        answers = self.server.answers
        status, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        if not status:
            self.wfile.write(b"nonsense\r\n\r\n")
            return
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    settings.WEBHOOK_HOSTS = [found.place]
    yield found
    found.stall.set()
    found.shutdown()
    found.server_close()
    doors.close()


def made(who: Reader, receiver: Receiver, query: str = "newspaper") -> Webhook:
    hook = webhooks.make(who, receiver.url, query)
    webhooks.match_due()
    return hook


def news(number: int, **changes: Any) -> Paper:
    """A paper that came in just now."""
    found = factories.paper(number, **changes)
    now = timezone.now()
    Paper.objects.filter(pk=found.pk).update(listed_on=now.date(), changed_at=now)
    return found


def is_signed(hook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    """As the standard says it, from the secret that the receiver was told."""
    key = base64.b64decode(hook.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split()


def later(**by: float) -> None:
    """Lets time pass for everything that waits."""
    span = timedelta(**by)
    for delivery in Delivery.objects.all():
        delivery.due_at -= span
        if delivery.lease_until:
            delivery.lease_until -= span
        delivery.save()
    for hook in Webhook.objects.all():
        for name in ("not_before", "failing_since"):
            if getattr(hook, name):
                setattr(hook, name, getattr(hook, name) - span)
        hook.save()


# --- matching and sending ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_new_paper_is_told_once_signed_to_those_who_asked(receiver: Receiver) -> None:
    alice = people.reader("alice")
    old = news(1)
    hook = made(alice, receiver)
    webhooks.make(alice, receiver.url, "galaxies")
    news(2)
    news(3, title="On looms", abstract="Nothing of the kind.")
    for _ in range(3):
        webhooks.due()
    ((headers, body),) = receiver.got
    assert is_signed(hook, headers, body)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    told = json.loads(body)
    assert told["type"] == "papers.matched"
    assert told["data"]["query"] == "newspaper"
    # What was there before is no news; what came in the last minutes may come, once.
    assert {each["identifier"] for each in told["data"]["papers"]} <= {"2503.00002", old.identifier}
    assert "2503.00002" in body.decode()
    assert Delivery.objects.get().state == "done"
    hook.refresh_from_db()
    assert hook.delivered_at
    # A change of its words does not make it new.
    Paper.objects.update(changed_at=timezone.now())
    webhooks.due()
    assert len(receiver.got) == 1


@pytest.mark.django_db
def test_many_papers_come_in_few_messages_and_each_once(receiver: Receiver) -> None:
    hook = made(people.reader("alice"), receiver)
    for number in range(1, 31):
        news(number)
    webhooks.match_due()
    for _ in range(4):
        webhooks.send_due()
    names = [paper["identifier"] for _, body in receiver.got for paper in json.loads(body)["data"]["papers"]]
    assert (len(receiver.got), len(names), len(set(names))) == (2, 30, 30)
    assert WebhookHit.objects.filter(webhook=hook).count() == 30


@pytest.mark.django_db
def test_what_fails_is_tried_again_the_same_and_ever_later(receiver: Receiver) -> None:
    receiver.answers = [(500, {}), (0, {}), (429, {"Retry-After": "4000"}), (200, {})]
    hook = made(people.reader("alice"), receiver)
    news(1)
    webhooks.match_due()
    waits = []
    for _ in range(4):
        assert webhooks.send_due() == 1
        delivery = Delivery.objects.get()
        waits.append((delivery.due_at - timezone.now()).total_seconds())
        assert webhooks.send_due() == 0
        later(seconds=5_000)
    assert delivery.state == "done"
    assert delivery.attempts == 4
    assert 4 < waits[0] < 7 and 290 < waits[1] < 370 and 3_900 < waits[2] < 4_010
    assert len({(headers["webhook-id"], body) for headers, body in receiver.got}) == 1
    assert all(is_signed(hook, *each) for each in receiver.got)
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since, hook.not_before) == (0, None, None)


@pytest.mark.django_db
def test_a_receiver_that_is_down_is_left_in_peace_then_switched_off_and_its_owner_told(
    receiver: Receiver, settings: Settings
) -> None:
    settings.MAIL_FROM, settings.SMTP_URL = "papers@example.org", "smtp://127.0.0.1:1"
    alice = people.reader("alice")
    EmailAddress.objects.update(verified=True)
    hook = made(alice, receiver)
    receiver.answers = [(503, {})]
    for number in range(1, 30):
        news(number)
    webhooks.match_due()
    assert Delivery.objects.count() == 2
    # Two wait; one is tried, and the other one waits with it.
    assert [webhooks.send_due() for _ in range(3)] == [1, 0, 0]
    for _ in range(8):
        later(days=1)
        webhooks.send_due()
    hook.refresh_from_db()
    assert hook.state == "off"
    assert "taken nothing for 5 days" in hook.why
    (letter,) = Message.objects.all()
    assert letter.address == alice.email
    assert hook.get_absolute_url() in letter.text
    tried = len(receiver.got)
    later(days=1)
    assert webhooks.send_due() == 0
    receiver.answers = [(200, {})]
    webhooks.change(alice, hook.pk, on=True)
    for _ in range(3):
        webhooks.send_due()
    assert len(receiver.got) == tried + Delivery.objects.filter(state="done").count()
    assert Delivery.objects.filter(state="done").exists()


@pytest.mark.django_db
def test_one_who_says_gone_is_switched_off_at_once_and_redirects_are_not_followed(receiver: Receiver) -> None:
    hook = made(people.reader("alice"), receiver)
    receiver.answers = [(302, {"Location": "http://127.0.0.1:1/secret"}), (410, {})]
    news(1)
    webhooks.due()
    assert "follow no redirects" in Delivery.objects.get().said
    later(seconds=60)
    webhooks.send_due()
    hook.refresh_from_db()
    assert (hook.state, Delivery.objects.get().state) == ("off", "failed")


@pytest.mark.django_db
def test_a_slow_receiver_holds_up_nobody_and_is_given_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TRY", 0.3)
    made(people.reader("alice"), receiver)
    receiver.stall.clear()
    news(1)
    begun = time.monotonic()
    webhooks.due()
    assert time.monotonic() - begun < 10
    assert "did not answer in time" in Delivery.objects.get().said


@pytest.mark.django_db
def test_two_senders_never_hold_the_same_message(receiver: Receiver) -> None:
    made(people.reader("alice"), receiver)
    news(1)
    webhooks.match_due()
    now = timezone.now()
    (first,) = sending._claim(now)
    assert not sending._claim(now)
    # The first one was too slow; a second one took over, and what the first brings home is not believed.
    (second,) = sending._claim(now + sending.LEASE + timedelta(seconds=1))
    assert (second.pk, second.attempts) == (first.pk, 2)
    sending._settle(first, sending.Outcome(200, "", 1))
    assert Delivery.objects.get().state == "waiting"
    sending._settle(second, sending.Outcome(200, "", 1))
    assert Delivery.objects.get().state == "done"


BEGIN = """
import sys, django; django.setup()
from broadsheet import webhooks
from broadsheet.models import Delivery, Reader
hook = webhooks.make(Reader.objects.create_user("alice"), sys.argv[1], "newspapers")
webhooks.test(hook.reader, hook.pk)
Delivery.objects.update(kind="papers.matched")
webhooks.send_due()
"""
END = """
import django; django.setup()
from django.utils import timezone
from broadsheet import webhooks
from broadsheet.models import Delivery
held = webhooks.send_due()
Delivery.objects.update(lease_until=timezone.now())
print(held, webhooks.send_due(), Delivery.objects.get().state)
"""


def test_a_sender_killed_in_the_middle_loses_nothing(furnished: dict[str, str], receiver: Receiver) -> None:
    """The receiver has read the message and not answered when the sender dies; another one sends it again,
    once the claim of the dead one has ended."""
    environ = furnished | {
        "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings",
        "BROADSHEET_WEBHOOK_HOSTS": receiver.place,
    }
    receiver.stall.clear()
    with subprocess.Popen([sys.executable, "-c", BEGIN, receiver.url], env=environ) as sender:
        wait_for(lambda: bool(receiver.got))
        sender.kill()
    receiver.stall.set()
    done = subprocess.run(
        [sys.executable, "-c", END], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["0", "1", "done"]
    (first, body), (second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)


def wait_for(what: Any) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- where it may go ---------------------------------------------------------------------------------------


@pytest.mark.security_check(6)
@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook", "http://localhost/hook", "http://10.0.0.1/", "http://[::1]/", "http://router/",
        "http://169.254.169.254/latest/meta-data", "http://[::ffff:127.0.0.1]/", "http://0/", "http://a.local/",
        "https://example.org:22/", "https://me:secret@example.org/", "ftp://example.org/",
        "https://example.org/#part", "https://exa mple.org/", "https://exämple.org/", "https://" + "a" * 600,
        "//example.org", "", "https://", "javascript:alert(1)",
        "http://metadata.google.internal/", "http://[", "http://a.org:99999/",
    ],
)  # fmt: skip
def test_only_public_servers_on_usual_ports_are_sent_to(url: str) -> None:
    with pytest.raises(community.Refused):
        webhooks.make(people.reader("alice"), url, "newspapers")


@pytest.mark.security_check(6)
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::]"]
)
def test_what_a_name_leads_to_is_looked_at_when_connecting(receiver: Receiver, host: str) -> None:
    """Whatever was checked before, and whoever changed a name since: nothing private is ever connected to."""
    with pytest.raises((Refused, Unavailable)):
        wire.hand_over(f"http://{host}:{receiver.server_port}/hook", b"{}", {}, seconds=2)
    assert not receiver.got


@pytest.mark.security_check(6)
def test_an_answer_that_trickles_for_ever_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]

    def trickle() -> None:
        there, _ = listening.accept()
        with there:
            there.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            for _ in range(200):
                try:
                    there.sendall(b"x")
                except OSError:
                    return
                time.sleep(0.05)

    threading.Thread(target=trickle, daemon=True).start()
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        wire.hand_over(
            f"http://127.0.0.1:{port}/", b"{}", {}, trusted=frozenset({f"127.0.0.1:{port}"}), seconds=0.5
        )
    assert time.monotonic() - begun < 8
    listening.close()


# --- pages -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_webhook_is_made_tried_paused_and_deleted_on_its_pages(receiver: Receiver) -> None:
    alice = people.reader("alice")
    browser = people.signed_in(alice)
    refused = browser.post("/account/webhooks", {"url": "http://10.0.0.1/", "query": "newspapers"})
    assert refused.status_code == 400
    assert "open Internet" in refused.content.decode()
    assert 'value="http://10.0.0.1/"' in refused.content.decode()
    where = browser.post("/account/webhooks", {"url": receiver.url, "query": "newspapers"}).headers[
        "Location"
    ]
    hook = Webhook.objects.get()
    page = browser.get(where)
    assert hook.secret in page.content.decode()
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "Nothing has been sent yet" in page.content.decode()
    browser.post(f"{where}/test")
    assert "On its way" in browser.get(where, headers={"hx-request": "true"}).content.decode()
    webhooks.due()
    assert "Taken" in browser.get(where).content.decode()
    ((headers, body),) = receiver.got
    assert is_signed(hook, headers, body)
    assert json.loads(body)["type"] == "test"
    browser.post(f"{where}/deliveries/{Delivery.objects.get().pk}/again")
    webhooks.due()
    assert [each["webhook-id"] for each, _ in receiver.got] == [headers["webhook-id"]] * 2
    browser.post(f"{where}/change", {"on": "0"})
    assert "It is paused" in browser.get(where).content.decode()
    bad = browser.post(f"{where}/change", {"url": receiver.url, "query": " "})
    assert bad.status_code == 400
    before = hook.secret
    browser.post(f"{where}/secret")
    assert before not in browser.get(where).content.decode()
    charlie = people.signed_in(people.reader("charlie"))
    for path in ("", "/test", "/change", "/secret", "/delete"):
        method = charlie.post if path else charlie.get
        assert method(f"{where}{path}").status_code == 404
    browser.post(f"{where}/delete")
    assert not Webhook.objects.exists()


@pytest.mark.django_db
def test_webhooks_are_kept_by_a_key_too(receiver: Receiver) -> None:
    from tests.test_api_v1_keys import Program, is_problem

    ask = Program(people.reader("alice"))
    made = ask("POST", "/webhooks", {"url": receiver.url, "query": "newspapers"})
    assert made.status_code == 201
    assert is_problem(ask("POST", "/webhooks", {"url": receiver.url, "query": "newspapers"}), 409)
    assert is_problem(ask("POST", "/webhooks", {"url": "http://[::1]/", "query": "newspapers"}), 400)
    where = f"/webhooks/{made.json()['id']}"
    assert "secret" not in made.json()
    assert ask("GET", f"{where}/secret").json()["secret"].startswith("whsec_")
    sent = ask("POST", f"{where}/test").json()
    webhooks.due()
    (listed,) = ask("GET", f"{where}/deliveries").json()["deliveries"]
    assert (listed["event"], listed["state"], listed["status"]) == (sent["event"], "done", 204)
    assert ask("PATCH", where, {"state": "paused"}).json()["state"] == "paused"
    assert is_problem(Program(people.reader("bob"))("GET", where), 404)
    assert is_problem(Program(people.reader("cleo"), "read", "library")("GET", "/webhooks"), 403)
    assert ask("DELETE", where).status_code == 204


@pytest.mark.django_db
def test_old_deliveries_are_forgotten(receiver: Receiver) -> None:
    hook = made(people.reader("alice"), receiver)
    webhooks.test(hook.reader, hook.pk)
    Delivery.objects.update(made_at=timezone.now() - timedelta(days=31))
    assert webhooks.forget_due() == 1
