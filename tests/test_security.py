"""What holds for the site as a whole, whoever built the page: injection, secrets, caches, forms.

docs/security.md says which test shows which point; the numbers of the marks are those of its table.
"""

from __future__ import annotations

import ast
import logging
import os
import re
import subprocess
import sys

import pytest
from django.core import mail
from django.test import Client, override_settings

from broadsheet.community import talking
from broadsheet.config.logs import UtcLine
from broadsheet.models import Comment, Reader
from broadsheet.web import limits
from tests import factories, people, rubbish
from tests.conftest import PROJECT
from tests.pages.reading import get
from tests.rubbish import SCRIPT
from tests.test_every_route import ROUTES, furnish

CODE = [path for path in (PROJECT / "broadsheet").rglob("*.py") if "migrations" not in path.parts]


@pytest.mark.security_check(5)
@pytest.mark.security_check(29)
@pytest.mark.django_db
def test_what_a_reader_is_called_is_text_everywhere() -> None:
    """In pages, in JSON inside pages, in the back office and on the curators' desk."""
    alice = people.reader("alice", name=SCRIPT, about=SCRIPT)
    paper = factories.paper(title=f"A study of {SCRIPT}")
    talking.say(alice, paper.pk, f"I say {SCRIPT}")
    people.signed_in(alice).post(f"{paper.get_absolute_url()}/upvote")
    olga = people.signed_in(people.reader("olga", role="operator"))
    for path in (
        paper.get_absolute_url(),
        "/readers/alice",
        "/papers/date/2025-03-14",
        f"/search?q={SCRIPT}",
        "/moderation",
        "/moderation/readers/alice",
        f"/admin/broadsheet/reader/{alice.pk}/change/",
        f"/admin/broadsheet/comment/{Comment.objects.get().pk}/change/",
    ):
        html = olga.get(path, follow=True).content.decode()
        assert "<script>alert" not in html, path


@pytest.mark.security_check(4)
@pytest.mark.django_db
def test_every_page_forbids_scripts_of_others() -> None:
    factories.paper()
    browser = people.signed_in(people.reader("olga", role="operator"))
    # Every table of the back office has the same pages.
    for address in (one for one, _ in ROUTES if not re.match("/admin/(?!$|broadsheet/reader/)", one)):
        policy = browser.get(address).headers["Content-Security-Policy"]
        if address == "/subscribe/preview":
            # A mail as it would arrive, whose styles stand in its elements: those very styles and no script.
            assert re.search(r"style-src 'unsafe-hashes' 'sha256-", policy) and "script-src" not in policy
            policy = policy.replace("'unsafe-hashes'", "") + "; object-src 'none'"
        assert "unsafe" not in policy and "*" not in policy, address
        for wanted in (
            "default-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ):
            assert wanted in policy, address


@pytest.mark.security_check(26)
@pytest.mark.django_db
@pytest.mark.parametrize("tail", ["/x.css", "/x.js", ".css", "/..%2fx.png", ";x.css", "%0a.css"])
def test_a_private_page_is_not_served_under_the_name_of_a_public_file(tail: str) -> None:
    """Web cache deception: /account/x.css must not be the account page."""
    browser = people.signed_in(people.reader("alice"))
    for page in ("/account", "/account/profile", "/library"):
        response = browser.get(page + tail)
        assert "public" not in response.headers["Cache-Control"]
        assert response.status_code >= 300, f"{page}{tail}"


@pytest.mark.security_check(16)
@pytest.mark.django_db
@override_settings(
    MAIL_IS_CONFIGURED=True,
    ACCOUNT_EMAIL_VERIFICATION="mandatory",
    ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED=True,
)
@pytest.mark.parametrize(
    "address",
    [
        "a@example.org\nBcc: b@example.org",
        "a@example.org\r\n.\r\nMAIL FROM:<x>",
        "a@example.org\0",
        "a b@example.org",
    ],
)
def test_no_line_break_comes_into_a_mail_by_a_form(address: str) -> None:
    form = {"username": "alice", "password1": people.PASSWORD}
    Client().post("/account/sign-up", form | {"email": address})
    for path in ("/account/code", "/account/password/forgotten"):
        Client().post(path, {"email": address})
    assert not mail.outbox
    assert not Reader.objects.exists()


@pytest.mark.security_check(17)
@pytest.mark.django_db
@override_settings(MAIL_IS_CONFIGURED=True)
def test_nobody_can_be_flooded_with_mail_by_our_forms() -> None:
    people.reader("alice")
    for _ in range(40):
        Client().post("/account/code", {"email": "alice@example.org"})
    assert len(mail.outbox) <= 30


@pytest.mark.security_check(21)
@pytest.mark.django_db
def test_a_form_of_two_megabytes_is_refused_before_it_is_read() -> None:
    browser = people.signed_in(people.reader("alice"))
    response = browser.post("/account/profile", {"name": "x", "about": "a" * 2_000_000})
    assert response.status_code == 400
    many = {f"field{number}": "x" for number in range(1_000)}
    assert browser.post("/account/profile", many).status_code == 400


# A name that holds a secret, compared with == or !=.
SECRET = re.compile(r"(token|secret|signature|mac|password|api_?key)s?$", re.IGNORECASE)


@pytest.mark.security_check(28)
def test_no_secret_is_compared_letter_by_letter() -> None:
    found = []
    # What sources call a token is a place in a list.
    for path in (path for path in CODE if "sources" not in path.parts):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                sides = [node.left, *node.comparators]
                # Against a constant ("is there one?") nothing can be learned letter by letter.
                names = [ast.unparse(side) for side in sides if not isinstance(side, ast.Constant)]
                if len(names) > 1 and any(SECRET.search(name) for name in names):
                    found.append(f"{path.relative_to(PROJECT)}:{node.lineno} {ast.unparse(node)}")
    assert not found


@pytest.mark.security_check(30)
def test_what_is_installed_is_pinned_by_its_contents() -> None:
    for name in ("run", "dev", "weights"):
        words = (PROJECT / "requirements" / f"{name}.txt").read_text("utf-8")
        packages = re.findall(
            r"^[A-Za-z0-9_.\[\]-]+ ?(?:==|@) ?\S+(?:.*\\\n(?:\s+.*\n?)*)?", words, re.MULTILINE
        )
        assert packages
        assert all("--hash=sha256:" in package for package in packages), name


@pytest.mark.security_check(30)
def test_no_file_is_opened_that_could_run_code() -> None:
    """Pickles travel between a process and its own child and are never read from a file."""
    allowed = {"broadsheet/sources/aside.py"}
    for path in CODE:
        words = path.read_text("utf-8")
        if str(path.relative_to(PROJECT)) not in allowed:
            assert not re.search(
                r"\bimport pickle|pickle\.load|trust_remote_code|allow_pickle=True", words
            ), path


@pytest.mark.security_check(32)
def test_nobody_writes_a_line_into_the_log() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "bad name: %s", ("a\r\n2026 ERROR forged",), None)
    lines = UtcLine().format(record).split("\n")
    assert len([line for line in lines if not line.startswith("  ")]) == 1
    told = logging.LogRecord("x", logging.INFO, "", 0, "GET /account/token/abcdef123456", (), None)
    assert "abcdef123456" not in UtcLine().format(told)


@pytest.mark.security_check(33)
@pytest.mark.django_db
def test_no_full_text_is_served_from_here() -> None:
    """PDFs stay where their authors put them: the page links there, and no address of ours holds one."""
    paper = factories.paper()
    links = get(Client(), paper.get_absolute_url()).links()
    assert links["PDF"].startswith("https://arxiv.org/pdf/")
    for address in (f"{paper.get_absolute_url()}.pdf", f"/pdf/{paper.identifier}"):
        response = Client().get(address, follow=True)
        assert "pdf" not in response.headers.get("Content-Type", "")


@pytest.mark.security_check(6)
def test_only_sources_ask_the_outside_world() -> None:
    """No page fetches an address that somebody typed: what can speak HTTP is imported by four rooms alone.

    Commands are one of them: they ask the server that whoever types the command names (`--remote`).
    """
    speaks = re.compile(
        r"^\s*(?:import|from) (httpx2?|requests|urllib\.request|aiohttp|urllib3)\b", re.MULTILINE
    )
    rooms = {
        path.relative_to(PROJECT / "broadsheet").parts[0] for path in CODE if speaks.search(path.read_text())
    }
    assert rooms <= {"sources", "embedders", "mail", "management"}


# --- forms and addresses full of rubbish -----------------------------------------------------------------


@pytest.mark.security_check(19)
@pytest.mark.django_db
def test_no_form_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m tests.rubbish` sends as many as wanted."""
    monkeypatch.setattr(limits, "spend", lambda *_: None)
    furnish()
    people.reader("olga", role="operator")
    assert rubbish.forms(500, seed=7).broken == []


@pytest.mark.security_check(19)
@pytest.mark.django_db
def test_no_address_breaks_and_none_writes() -> None:
    furnish()
    people.reader("olga", role="operator")
    assert rubbish.addresses(150, seed=7).broken == []


# --- cookies, passwords, and this document ---------------------------------------------------------------


def said(asked: str, environ: dict[str, str]) -> str:
    """What a Python of its own says, with these settings."""
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environ, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.security_check(10)
def test_cookies_are_for_this_host_and_for_no_script() -> None:
    """With https in BROADSHEET_URL, as a process reads its settings."""
    asked = (
        "from broadsheet.config import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, "
        "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, "
        "s.SESSION_COOKIE_SAMESITE, s.SECURE_HSTS_SECONDS)"
    )
    environ = {**os.environ, "BROADSHEET_URL": "https://papers.example.org"}
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environ, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.stdout.split() == ["__Host-session", "__Host-csrf", "True", "True", "True", "Lax", "31536000"]


@pytest.mark.security_check(10)
def test_passwords_are_kept_by_argon2() -> None:
    asked = "from broadsheet.config import settings as s; print(s.PASSWORD_HASHERS[0])"
    assert said(asked, dict(os.environ)).strip() == "django.contrib.auth.hashers.Argon2PasswordHasher"


DOCUMENT = (PROJECT / "docs" / "security.md").read_text("utf-8")
TESTS = "".join(path.read_text("utf-8") for path in (PROJECT / "tests").glob("test_*.py"))
NOT_HERE = {23}


def test_every_test_that_the_document_names_exists() -> None:
    for name in set(re.findall(r"`(test_\w+)`", DOCUMENT)):
        assert f"def {name}(" in TESTS, name
    for name in set(re.findall(r"`(test_\w+\.py)`", DOCUMENT)):
        assert (PROJECT / "tests" / name).exists(), name


def test_every_point_is_in_the_document_and_has_a_test() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", DOCUMENT, re.MULTILINE)
    told = {int(number) for row in rows for number in row.split(", ")}
    shown = {int(number) for number in re.findall(r"security_check\((\d+)\)", TESTS)}
    assert told == set(range(1, 34)) - NOT_HERE
    assert told <= shown, sorted(told - shown)
