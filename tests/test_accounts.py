"""Making an account, coming back to it, and what of it is nobody else's business."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import allauth
import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.db import connection
from django.template import Engine
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from broadsheet.models import Reader, Session
from broadsheet.web import limits
from broadsheet.web.sessions import SessionStore
from tests import factories, people
from tests.pages.reading import get, queries, read

pytestmark = pytest.mark.django_db

CODE = re.compile(r"[A-Z0-9-]{6,9}")
JOIN = {"username": "alice", "email": "alice@example.org", "password1": people.PASSWORD}


@pytest.fixture
def mails(settings: Any) -> None:
    """A server that can send mail."""
    settings.MAIL_IS_CONFIGURED = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    settings.ACCOUNT_PREVENT_ENUMERATION = True


def code_in(words: str) -> str:
    """The code that stands on a line of its own in a mail."""
    return next(found[0] for line in words.splitlines() if (found := CODE.fullmatch(line.strip())))


def sign_in(client: Client, login: str = "alice", password: str = people.PASSWORD, **more: str) -> Any:
    return client.post("/account/sign-in", {"login": login, "password": password} | more)


def test_a_stranger_makes_an_account_and_is_signed_in(client: Client) -> None:
    response = client.post("/account/sign-up", JOIN | {"next": "/papers/trending"})
    assert (response.status_code, response.headers["Location"]) == (302, "/papers/trending")
    assert Reader.objects.get().username == "alice"
    assert "alice" in get(client, "/about").links()


def test_without_mail_the_page_says_that_the_address_is_not_verified(client: Client) -> None:
    assert "is not verified" in client.get("/account/sign-up").content.decode()


def test_with_mail_an_account_opens_by_the_code_in_the_mail(client: Client, mails: None) -> None:
    response = client.post("/account/sign-up", JOIN)
    assert response.headers["Location"] == "/account/email/confirm"
    assert "Sign in" in get(client, "/about").links()
    code = code_in(str(mail.outbox[0].body))
    assert client.post("/account/email/confirm", {"code": code}).status_code == 302
    assert "alice" in get(client, "/about").links()


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.org"])
def test_name_and_address_both_sign_in(client: Client, login: str) -> None:
    people.reader("alice")
    assert sign_in(client, login).status_code == 302


@pytest.mark.parametrize(
    "form",
    [
        JOIN | {"username": "a b"},
        JOIN | {"username": "-alice"},
        JOIN | {"username": "Admin"},
        JOIN | {"username": "ALICE"},
        JOIN | {"email": "not an address"},
        JOIN | {"password1": "short"},
        JOIN | {"password1": "password123"},
        JOIN | {"username": "wellington", "password1": "wellington1"},
        JOIN | {"username": "x" * 33},
        {},
    ],
)
def test_what_no_account_can_be_is_refused_in_words(client: Client, form: dict[str, str]) -> None:
    people.reader("alice", email="other@example.org")
    response = client.post("/account/sign-up", form)
    assert response.status_code == 200
    assert 'class="wrong"' in response.content.decode()
    assert Reader.objects.count() == 1


def test_a_filled_lure_makes_no_account(client: Client) -> None:
    client.post("/account/sign-up", JOIN | {"website": "http://spam.example"})
    assert not Reader.objects.exists()


def test_a_closed_door_says_so(client: Client, settings: Any) -> None:
    settings.SIGN_UP_IS_OPEN = False
    response = client.post("/account/sign-up", JOIN)
    assert "No new accounts" in response.content.decode()
    assert not Reader.objects.exists()


@pytest.mark.security_check(10)
def test_signing_in_changes_the_session(client: Client) -> None:
    people.reader("alice")
    client.get("/account/sign-in")
    sign_in(client)
    first = client.cookies["session"].value
    client.post("/account/sign-out")
    sign_in(client)
    assert client.cookies["session"].value not in ("", first)
    assert not Session.objects.filter(session_key=first).exists()


@pytest.mark.security_check(10)
def test_a_new_password_ends_every_other_session() -> None:
    alice = people.reader("alice")
    here, there = Client(), Client()
    sign_in(here), sign_in(there)
    new = "another walk through Bruges"
    form = {"oldpassword": people.PASSWORD, "password1": new, "password2": new}
    assert here.post("/account/password", form).status_code == 302
    assert here.get("/account").status_code == 200
    assert there.get("/account").headers["Location"] == "/account/sign-in?next=%2Faccount"
    assert Session.objects.filter(reader=alice).count() == 1


def test_one_button_signs_out_everywhere_else() -> None:
    people.reader("alice")
    here, there = Client(), Client()
    sign_in(here), sign_in(there)
    assert here.post("/account/sessions/end").status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303


def test_signing_out_takes_a_button(client: Client) -> None:
    people.reader("alice")
    sign_in(client)
    client.get("/account/sign-out")
    assert client.get("/account").status_code == 200
    assert client.post("/account/sign-out").status_code == 302
    assert client.get("/account").status_code == 303


def test_a_closed_account_cannot_come_in_and_is_thrown_out(client: Client) -> None:
    alice = people.reader("alice")
    sign_in(client)
    alice.is_active = False
    alice.save()
    assert client.get("/account").status_code == 303
    assert sign_in(client).headers["Location"] == "/account/inactive"


def test_a_forgotten_password_is_mended_by_a_code(client: Client, mails: None) -> None:
    people.reader("alice")
    elsewhere = people.signed_in(Reader.objects.get())
    response = client.post("/account/password/forgotten", {"email": "alice@example.org"})
    assert response.headers["Location"] == "/account/password/code"
    code = code_in(str(mail.outbox[0].body))
    response = client.post("/account/password/code", {"code": code})
    new = "another walk through Bruges"
    client.post("/account/password/new", {"password1": new, "password2": new})
    assert sign_in(Client(), password=new).status_code == 302
    assert elsewhere.get("/account").status_code == 303


# --- nobody learns who has an account --------------------------------------------------------------------


class Counting:
    """Counts what costs time: how often a password is hashed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from django.contrib.auth.hashers import MD5PasswordHasher

        self.hashed = 0
        encode = MD5PasswordHasher.encode

        def counted(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
            self.hashed += 1
            return encode(hasher, password, salt)

        monkeypatch.setattr(MD5PasswordHasher, "encode", counted)

    def take(self) -> int:
        hashed, self.hashed = self.hashed, 0
        return hashed


def shown(response: Any, *names: str) -> str:
    """What one sees, without what one has typed and without tokens."""
    page = read(response.content.decode())
    text = " ".join(" ".join(element.text.split()) for element in page.all("main"))
    for name in names:
        text = text.replace(name, "—")
    return f"{response.status_code} {response.headers.get('Location', '')} {text}"


@pytest.mark.security_check(9)
def test_sign_in_answers_alike_in_words_and_work(monkeypatch: pytest.MonkeyPatch) -> None:
    people.reader("alice")
    counting = Counting(monkeypatch)
    for one, other in (("alice", "nobody"), ("alice@example.org", "nobody@example.org")):
        known = sign_in(Client(), one, "wrong"), counting.take()
        unknown = sign_in(Client(), other, "wrong"), counting.take()
        assert shown(known[0], one) == shown(unknown[0], other)
        assert known[1] == unknown[1] == 1


@pytest.mark.security_check(9)
def test_sign_up_answers_alike_in_words_and_work(monkeypatch: pytest.MonkeyPatch, mails: None) -> None:
    people.reader("bob", email="alice@example.org")
    EmailAddress.objects.update(verified=True)
    counting = Counting(monkeypatch)
    known = Client().post("/account/sign-up", JOIN), counting.take()
    unknown = Client().post("/account/sign-up", JOIN | {"email": "new@example.org"}), counting.take()
    assert shown(known[0]) == shown(unknown[0])
    assert known[1] == unknown[1] == 1
    assert len(mail.outbox) == 2


@pytest.mark.security_check(9)
@pytest.mark.parametrize("path", ["/account/password/forgotten", "/account/code"])
def test_what_sends_a_mail_answers_alike(path: str, mails: None) -> None:
    people.reader("alice")
    known = Client().post(path, {"email": "alice@example.org"})
    unknown = Client().post(path, {"email": "nobody@example.org"})
    assert shown(known) == shown(unknown)
    assert len(mail.outbox) == 2


@pytest.mark.security_check(9)
def test_without_mail_a_taken_address_is_not_told(client: Client) -> None:
    people.reader("bob", email="alice@example.org")
    assert client.post("/account/sign-up", JOIN).status_code == 302


# --- limits ----------------------------------------------------------------------------------------------


@pytest.mark.security_check(14)
def test_guessing_a_password_is_slowed_down(client: Client) -> None:
    people.reader("alice")
    answers = [sign_in(client, password=f"guess {number}").status_code for number in range(11)]
    assert answers == [200] * 10 + [429]
    refused = sign_in(client)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900
    assert "try again in" in refused.content.decode()
    # Somebody else behind another address is not kept out by that.
    assert sign_in(Client(REMOTE_ADDR="198.51.100.7")).status_code == 302


@pytest.mark.security_check(14)
@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", ""),
    ],
)
def test_limits_count_by_address_or_by_64(rf: Any, address: str, counted: str) -> None:
    assert limits.place_of(rf.get("/", REMOTE_ADDR=address)) == counted


@pytest.mark.security_check(14)
@pytest.mark.parametrize(
    ("proxies", "said", "believed"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "<script>", "192.0.2.1"),
    ],
)
def test_only_our_own_proxies_are_believed(
    rf: Any, settings: Any, proxies: int, said: str, believed: str
) -> None:
    settings.PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=said)
    assert limits.address_of(request) == believed


# --- what it costs, and who may keep it ------------------------------------------------------------------


@pytest.mark.security_check(26)
def test_a_strangers_page_is_everybodys_and_asks_for_no_session(client: Client) -> None:
    factories.papers(3)
    with CaptureQueriesContext(connection) as captured:
        response = client.get("/papers/date/2025-03-14")
    assert not [query for query in captured if "session" in query["sql"]]
    assert response.headers["Cache-Control"] == "public, max-age=60"
    assert not response.cookies
    assert "csrf" not in response.content.decode()


@pytest.mark.security_check(26)
@pytest.mark.parametrize("path", ["/papers/date/2025-03-14", "/about", "/search", "/nothing"])
def test_what_a_signed_in_reader_sees_is_kept_nowhere(path: str) -> None:
    factories.papers(3)
    response = people.signed_in(people.reader()).get(path, follow=True)
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in response.headers["Vary"]


def test_who_comes_with_a_session_is_the_reader_as_they_stand() -> None:
    """The query of every signed-in page is kept as text; what it brings is what the ORM would."""
    alice = people.reader("alice", about="Reads.", distrusted_at=timezone.now(), show_votes=False)
    browser = people.signed_in(alice)
    session = SessionStore(browser.session.session_key)
    assert session[SESSION_KEY] == str(alice.pk) and session.reader is not None
    stored = Reader.objects.filter(pk=alice.pk).values().get()
    assert {name: getattr(session.reader, name) for name in stored} == stored
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert SessionStore(browser.session.session_key).load() == {}


def test_a_listing_costs_a_reader_at_most_two_queries_more(client: Client) -> None:
    factories.papers(12)
    mine = people.signed_in(people.reader())
    for page in ("/papers/date/2025-03-14", "/papers/all?category=cs.LG"):
        assert queries(mine, page) <= queries(client, page) + 2


# Pages of the library that we do not offer, and pieces that only its own pages are made of.
NOT_OURS = re.compile(
    r"/(base_\w+|base|trust|phone_change|confirm_phone\w*|email_change|password_reset_done|"
    r"signup_by_passkey|verified_email_required|login_redirect|signup_form)\.html$|/(totp|snippets|email)/"
)


def test_every_page_about_accounts_is_in_our_words() -> None:
    """The library's own, in other words and another look, would come up where one of ours is missing."""
    theirs = Path(allauth.__file__).parent / "templates"
    names = [
        str(path.relative_to(theirs))
        for room in ("account", "mfa", "socialaccount")
        for path in sorted((theirs / room).rglob("*.html"))
        if not NOT_OURS.search(f"/{path.relative_to(theirs)}")
    ]
    assert len(names) > 20
    # Theirs may come up where all they do is to fill in a page of ours.
    ours = 'extends "account/base_confirm_code'
    shown = {name: Engine.get_default().get_template(name).origin.name for name in names}
    assert not [
        name
        for name, where in shown.items()
        if "allauth/templates" in where and ours not in (theirs / name).read_text()
    ]


# --- next= -----------------------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "http:evil.example",
    "///evil.example",
    "evil.example",
    "/%0d%0aSet-Cookie:x=1\r\nX: y",
]


@pytest.mark.security_check(15)
@pytest.mark.parametrize("there", ELSEWHERE)
def test_next_leads_nowhere_else(client: Client, there: str) -> None:
    people.reader("alice")
    assert sign_in(client, next=there).headers["Location"] == "/papers"


@pytest.mark.security_check(15)
@pytest.mark.parametrize("there", ["/papers/2503.00001", "/search?q=a%20b&sort=date", "/"])
def test_next_leads_back(client: Client, there: str) -> None:
    people.reader("alice")
    assert sign_in(client, next=there).headers["Location"] == there
