"""What nobody would write, sent to every form and every address there is: nothing may answer with 500.

    BROADSHEET_HOME=$(mktemp -d) python -m tests.rubbish --forms 20000 --addresses 10000 --document 5000

On the data folder in BROADSHEET_HOME, which must be a new one, or on an empty database in DATABASE_URL. Forms
come from a stranger, a reader and an operator, addresses with rubbish in place of their parts and behind
them; after those every table must be what it was. `--document`: requests that schemathesis makes of the
OpenAPI document of our own JSON routes. Limits are lifted, since what lies behind them is tried.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

SCRIPT = "</script><script>alert(1)</script>"
PIECES = (
    "", "0", "-1", "1", "9" * 20, "\0", "\ud7ff", "é" * 300, "a" * 5_000, "<b>", SCRIPT, "$" * 500,
    "{" * 500,
    r"$\def\x{\x\x}\x$", "$$" + r"\frac{1}{" * 200 + "$$", "> " * 300 + "x", "@alice " * 30, "`" * 999,
    "[x](javascript:alert(1))", "' OR 1=1 --", "../../etc/passwd", "//evil.example", "on",
    "2503.00001", "alice", "2025-03-14", "NaN", "1e999", "\u202egnp", "\r\nX: y", "%00", "{{7*7}}", "null",
)  # fmt: skip
NAMES = (
    "name", "about", "next", "email", "username", "password1", "login", "password", "text", "reason", "paper",
    "reader", "which", "kind", "key", "query", "q", "role", "day", "into", "note", "place", "visibility",
    "action", "code", "credential", "proof", "order", "days", "do", "comment", "spelling", "media",
    "parent", "words", "layout", "on", "url", "link", "take", "readers", "papers", "what", "rhythm", "hour",
)  # fmt: skip
QUERIES = (
    "q", "p", "sort", "category", "has", "as_of", "social", "month", "year", "next", "after", "exact",
    "like", "not", "text", "days", "limit", "cursor", "name", "id_list", "search_query", "verb",
    "metadataPrefix", "date",
)  # fmt: skip


@dataclass
class Sent:
    """What came of it: how often each status, what was answered with 500, how long it took."""

    statuses: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


def fields(chance: random.Random, names: tuple[str, ...]) -> dict[str, list[str]]:
    """Some fields with what nobody would write into them."""
    chosen = chance.sample(names, chance.randint(0, 9))
    return {name: [chance.choice(PIECES) for _ in range(chance.choice((1, 1, 1, 3)))] for name in chosen}


def browsers() -> list[Any]:
    """Of a stranger, of Alice and of Olga, who is an operator. An error is an answer, as it is outside."""
    from django.test import Client

    found = [Client(), Client(), Client()]
    for browser in found:
        browser.raise_request_exception = False
    return found


def _sign_in(found: list[Any]) -> None:
    """Whoever was deleted, banned, made a reader or signed out by the rubbish comes in again."""
    from broadsheet.models import Ban, Reader
    from tests import people

    for browser, name, role in zip(found[1:], ("alice", "olga"), ("reader", "operator"), strict=True):
        reader = Reader.objects.filter(username=name).first() or people.reader(name, role=role)
        Ban.objects.filter(reader=reader).delete()
        Reader.objects.filter(pk=reader.pk).update(role=role, is_active=True)
        browser.force_login(reader)


def forms(requests: int, seed: int) -> Sent:
    """Sends rubbish to every form as three people."""
    from django.test import override_settings

    from tests.test_every_route import GUARDED

    chance, found, people = random.Random(seed), Sent(), browsers()
    begun = time.perf_counter()
    with override_settings(MAIL_IS_CONFIGURED=False):
        for number in range(requests):
            if number % 50 == 0:
                _sign_in(people)
            address, _ = chance.choice(GUARDED)
            form, headers = fields(chance, NAMES), {"HX-Request": "true"} if chance.random() < 0.3 else {}
            response = chance.choice(people).post(address, form, headers=headers)
            found.statuses[response.status_code] += 1
            if response.status_code >= 500:
                found.broken.append(f"{address} {form}")
    found.seconds = time.perf_counter() - begun
    return found


def addresses(requests: int, seed: int) -> Sent:
    """Asks for every address with rubbish in it. A table that is not what it was is told like an error."""
    from tests.test_every_route import ROUTES, contents

    chance, found, people = random.Random(seed), Sent(), browsers()
    _sign_in(people)
    known = [address for address, _ in ROUTES]
    before = contents()
    begun = time.perf_counter()
    for _ in range(requests):
        parts = chance.choice(known).split("/")
        if chance.random() < 0.6:
            parts[chance.randrange(1, len(parts))] = quote(chance.choice(PIECES), safe="")
        query = urlencode(fields(chance, QUERIES), doseq=True) if chance.random() < 0.7 else ""
        address = "/".join(parts)
        headers = {"HX-Request": "true"} if chance.random() < 0.3 else {}
        response = chance.choice(people).get(address, QUERY_STRING=query, headers=headers)
        found.statuses[response.status_code] += 1
        if response.status_code >= 500:
            found.broken.append(f"{address}?{query}")
    found.seconds = time.perf_counter() - begun
    after = contents()
    found.broken += [f"{table} is not what it was" for table in before if after[table] != before[table]]
    return found


def document(requests: int) -> Sent:
    """Asks our own JSON routes what their OpenAPI document lets one ask, as schemathesis makes it up; as a
    program with a key of Alice's that may do everything."""
    import schemathesis
    from django.test import Client
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.core.result import Ok

    from broadsheet.community import keys
    from broadsheet.models import Reader
    from broadsheet.models.api_key import SCOPES

    browser, found = Client(raise_request_exception=False), Sent()
    _, secret = keys.make(Reader.objects.get(username="alice"), "rubbish", SCOPES, 30)
    schema = schemathesis.openapi.from_dict(browser.get("/api/v1/openapi.json").json())
    reads = [read.ok() for read in schema.get_all_operations() if isinstance(read, Ok)]
    begun = time.perf_counter()
    for read in reads:

        @given(read.as_strategy())
        @settings(
            max_examples=max(1, requests // len(reads)),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            query = {name: value for name, value in (case.query or {}).items() if value is not None}
            sent = isinstance(case.body, dict | list | str | int | float | bool)
            response = browser.generic(
                case.method,
                case.formatted_path,
                json.dumps(case.body) if sent else "",
                "application/json",
                QUERY_STRING=urlencode(query, doseq=True),
                HTTP_AUTHORIZATION=f"Bearer {secret}",
            )
            found.statuses[response.status_code] += 1
            if response.status_code >= 500:
                found.broken.append(f"{case.method} {case.formatted_path}?{query} {case.body}")

        ask()
    found.seconds = time.perf_counter() - begun
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rubbish", description=__doc__)
    parser.add_argument("--forms", type=int, default=2_000)
    parser.add_argument("--addresses", type=int, default=1_000)
    parser.add_argument("--document", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    import django

    django.setup()
    import logging

    from django.conf import settings
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    from broadsheet import search
    from broadsheet.models import Reader
    from broadsheet.web import limits
    from tests import people
    from tests.test_every_route import furnish

    setup_test_environment()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    if Reader.objects.exists():
        sys.stderr.write("There are readers here already. Name a new BROADSHEET_HOME.\n")
        return 2
    logging.disable(logging.INFO)
    settings.API_LIMIT = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    limits.spend = lambda *_: None
    furnish()
    people.reader("olga", role="operator")
    search.rebuild()
    failed = False
    # Forms come last: of what they leave nobody knows anything.
    for what in ("addresses", "document", "forms"):
        if what == "document":
            found = document(asked.document)
        else:
            found = (forms if what == "forms" else addresses)(getattr(asked, what), asked.seed)
        told = ", ".join(f"{count:,} × {status}" for status, count in sorted(found.statuses.items()))
        sys.stdout.write(f"{what}: {found.statuses.total():,} requests in {found.seconds:.0f} s: {told}\n")
        for line in found.broken[:50]:
            sys.stdout.write(f"  broken: {ascii(line)[:400]}\n")
        sys.stdout.flush()
        failed = failed or bool(found.broken)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
