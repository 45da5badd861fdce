"""Every address there is, walked: what changes something says who may, how often and under what name.

A new address that takes a form without `access.acts` fails here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.color import no_style
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from broadsheet import community
from broadsheet.community import following
from broadsheet.models import (
    Claim,
    Collection,
    CollectionItem,
    Comment,
    CommentVersion,
    Interest,
    Lesson,
    LibraryImport,
    Moderation,
    Notice,
    Reader,
    Report,
    SavedSearch,
    Submission,
    Tally,
)
from broadsheet.web import access, limits
from tests import factories, people

# What takes a form without a token: what mail programs press and mail providers report, by their own proof.
# Neither reads a session (RFC 8058). Another one here is a decision, not an accident.
WITHOUT_TOKEN = re.compile(r"^/(mail/events|notices/stop|subscription/unsubscribe)/")

# Other services' protocols, where a question may be sent as a form. It reads no session and changes nothing,
# which the test below holds them to. Another one here is a decision, not an accident.
QUESTIONS = {
    "/api/query",
    "/oai",
    "/mcp",
    "/s2/graph/v1/author/batch",
    "/s2/graph/v1/paper/batch",
    "/s2/recommendations/v1/papers/",
}

FILLED = {
    "spelling": "2503.00001",
    "slug": "ada-lovelace",
    "name": "alice",
    "username": "alice",
    "key": "1",
    "pk": "1",
    "token": "token",
    "form": "json",
    "provider_id": "huggingface",
    "object_id": "1",
    "content_type_id": "1",
    "app_label": "broadsheet",
    "url": "nothing",
}


def routes() -> Iterator[tuple[str, Any]]:
    """(address, view) of every route, placeholders filled in."""
    yield from _below(get_resolver().url_patterns, "/")


def _below(patterns: list[Any], before: str) -> Iterator[tuple[str, Any]]:
    for found in patterns:
        here = before + str(found.pattern)
        if isinstance(found, URLResolver):
            yield from _below(found.url_patterns, here)
        elif isinstance(found, URLPattern):
            yield _filled(here), found.callback


def _filled(address: str) -> str:
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", address)
    named = re.sub(r"<(?:(\w+):)?(\w+)>", lambda found: _value(found[1] or "", found[2]), named)
    return re.sub(r"[\^$\\]|\.\*", "", named)


def _value(kind: str, name: str) -> str:
    if name == "form" and kind == "whole":
        return "bib"
    if name == "key" and kind in ("stem", "path", "str"):
        return "2025-03-14"
    return FILLED.get(name, "1")


ROUTES = sorted(dict(routes()).items())


@pytest.fixture
def furnished_house(db: None) -> None:
    furnish()


def furnish() -> None:
    """One of everything that an address may name."""
    alice, bob = people.reader("alice"), people.reader("bob")
    (paper,) = factories.papers(1)
    community.upvote(alice, paper)
    # By number, because addresses name them so.
    comment = Comment.objects.create(pk=1, paper=paper, reader=alice, text="Words for @bob")
    CommentVersion.objects.create(comment=comment, text="Other words")
    Notice.objects.create(pk=1, reader=bob, comment=comment, why="mention")
    Report.objects.create(pk=1, reader=bob, comment=comment, paper=paper, reason="spam")
    collection = Collection.objects.create(pk=1, reader=alice, name="To read", visibility="public")
    CollectionItem.objects.create(collection=collection, paper=paper, place=1)
    Submission.objects.create(pk=1, reader=alice, identifier="arxiv:2503.00009", spelling="2503.00009")
    Claim.objects.create(pk=1, reader=alice, paper=paper, name="Ada Lovelace")
    SavedSearch.objects.create(pk=1, reader=alice, query="newspapers")
    community.follow(alice, "reader", "bob")
    Moderation.objects.create(pk=1, kind="lock", reason="For a while.", paper=paper)
    interest = Interest.objects.create(pk=1, reader=alice, name="Newspapers", visibility="public")
    Lesson.objects.create(interest=interest, paper=paper, wanted=True)
    LibraryImport.objects.create(pk=1, reader=alice, name="mine.bib", state="done")
    following.feed_key(alice)
    # PostgreSQL counts on from numbers that it gave itself, and these it did not give.
    numbered = [Comment, Notice, Report, Collection, Submission, Claim, SavedSearch, Moderation, Interest]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [*numbered, LibraryImport]):
            cursor.execute(statement)


def complaint(address: str, view: Any) -> str:
    """What is wrong with a route; empty when nothing is."""
    deed = getattr(view, "deed", None)
    if address in QUESTIONS:
        return "" if getattr(view, "asks_only", False) else "it is not one that only asks"
    if deed is None:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            response = Client().generic(method, address)
            # Django's own redirects answer every method alike and change nothing.
            moved = response.status_code in (301, 302) and response.headers["Location"].startswith("/")
            if response.status_code not in (404, 405, 501) and not moved:
                return f"{method} is answered with {response.status_code}, and it has no access.acts"
        return ""
    if not deed.name or any(limit.count < 1 or limit.seconds < 1 for limit in deed.limits):
        return "its limits limit nothing"
    if getattr(view, "csrf_exempt", False) and not WITHOUT_TOKEN.search(address):
        return "it takes a form without a token"
    per = "address" if deed.by == "anyone" else "reader"
    return "" if any(limit.per == per for limit in deed.limits) else f"it has no limit for each {per}"


@pytest.mark.security_check(7)
def test_what_takes_a_form_says_who_may_how_often_and_what_it_is_called(db: None) -> None:
    complaints = {address: said for address, view in ROUTES if (said := complaint(address, view))}
    assert not complaints


# Every table of the back office has the same views.
GUARDED = [
    (address, view)
    for address, view in ROUTES
    if hasattr(view, "deed") and not re.match("/admin/(?!$|broadsheet/reader/$)", address)
]


@pytest.mark.security_check(7)
def test_a_form_without_its_token_is_refused(furnished_house: None) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(Reader.objects.get(username="alice"))
    taken = [
        address
        for address, view in GUARDED
        if not getattr(view, "csrf_exempt", False) and browser.post(address).status_code != 403
    ]
    assert not taken


@pytest.mark.security_check(24)
def test_who_may_not_is_sent_away(furnished_house: None) -> None:
    ranks = ("reader", "curator", "operator")
    browsers = {role: people.signed_in(people.reader(f"a-{role}", role=role)) for role in ranks[:2]}
    wrong = []
    for address, view in GUARDED:
        if view.deed.by == "anyone":
            continue
        stranger = Client().post(address)
        if stranger.status_code != 303 or not stranger.headers["Location"].startswith(access.SIGN_IN):
            wrong.append(f"{address} answers strangers with {stranger.status_code}")
        for role in ranks[: ranks.index(view.deed.by)]:
            if (status := browsers[role].post(address).status_code) != 404:
                wrong.append(f"{address} answers a {role} with {status}")
    assert not wrong


@pytest.mark.security_check(14)
def test_too_often_is_too_often_and_noted(furnished_house: None, caplog: pytest.LogCaptureFixture) -> None:
    """With the limit used up the view is not even asked, the answer says when, and the log says who."""
    olga = people.reader("olga", role="operator")
    browser, where = people.signed_in(olga), limits.place_of(RequestFactory().post("/"))
    for name, asked in {view.deed.name: view.deed.limits for _, view in GUARDED}.items():
        limits.spend(name, asked, str(olga.pk), where)
    Tally.objects.update(count=1_000_000)
    wrong = []
    for address, view in GUARDED:
        caplog.clear()
        with caplog.at_level("INFO", "broadsheet.audit"):
            response = browser.post(address)
        if response.status_code != 429 or int(response.headers.get("Retry-After", 0)) < 1:
            wrong.append(f"{address} answers with {response.status_code}")
        if f"{view.deed.name} by {olga.pk} from" not in caplog.text:
            wrong.append(f"{address} is not noted")
    assert not wrong


@pytest.mark.security_check(7)
def test_no_link_changes_anything(furnished_house: None) -> None:
    """Every address read by a stranger, a reader and an operator: the tables are the same afterwards.

    A session may be begun by looking at a form (a passkey's question is kept in it), so that one is left out.
    """
    browsers = [Client(), people.signed_in(Reader.objects.get(username="alice"))]
    browsers.append(people.signed_in(people.reader("olga", role="operator")))
    before = contents()
    for address, _ in ROUTES:
        if address.startswith("/admin/") and "broadsheet/reader" not in address:
            continue
        for browser in browsers:
            assert browser.get(address).status_code < 500, address
        after = contents()
        assert after == before, f"{address} changed a table"


@pytest.mark.security_check(7)
@pytest.mark.parametrize("address", sorted(QUESTIONS))
def test_a_question_sent_as_a_form_changes_nothing(furnished_house: None, address: str) -> None:
    browser = people.signed_in(Reader.objects.get(username="alice"))
    for form in ({}, {"id_list": "2503.00001"}, {"verb": "ListRecords", "metadataPrefix": "oai_dc"}):
        before = contents()
        assert browser.post(address, form).status_code < 500
        assert contents() == before


def contents() -> dict[str, int]:
    """A sum over every row of every table, so that any change shows."""
    sums = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if table not in ("broadsheet_session", "django_session") and not table.startswith("sqlite"):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                sums[table] = hash(tuple(map(str, cursor.fetchall())))
    return sums
