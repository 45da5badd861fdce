"""What is a reader's own: shown as they wish, taken along whole, deleted for good; and one-time links."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils import timezone

from broadsheet import community
from broadsheet.community import blocking, following, talking
from broadsheet.models import Claim, Invitation, Mark, Moderation, Paper, Reader, SavedSearch, Submission
from tests import factories, people
from tests.pages.reading import get

pytestmark = pytest.mark.django_db


def test_a_readers_page_shows_what_they_let_be_seen(client: Client) -> None:
    alice, paper = people.reader("alice", name="Alice Liddell", about="I read."), factories.paper()
    community.upvote(alice, paper)
    page = get(client, "/readers/alice")
    assert page.words("h1") == ["Alice Liddell"]
    assert page.links()[paper.title] == paper.get_absolute_url()
    own = people.signed_in(alice)
    assert own.post("/account/profile", {"name": "", "about": ""}).status_code == 303
    hidden = get(client, "/readers/alice")
    assert paper.title not in hidden.links()
    assert "Votes are private" in hidden.words("h2")
    assert paper.title in get(own, "/readers/alice").links()


def test_a_readers_page_names_papers_and_comments(client: Client) -> None:
    alice, bob = people.reader("alice"), people.reader("bob")
    wrote, brought, other = factories.papers(3)
    Claim.objects.create(paper=wrote, reader=alice, name="Ada Lovelace", state="granted")
    Claim.objects.create(paper=other, reader=alice, name="Ada Lovelace", state="asked")
    Submission.objects.create(reader=alice, identifier=brought.identifier, paper=brought, state="listed")
    talking.say(alice, other.pk, "Well **said**, @bob")
    talking.withdraw(alice, talking.say(alice, other.pk, "Not this").pk)
    side = get(client, "/readers/alice").links()
    assert {wrote.title, brought.title, "1 comment"} <= set(side) and other.title not in side
    listed = get(client, "/readers/alice/comments")
    assert listed.links()[other.title].startswith("/comments/") and listed.links()["@bob"] == "/readers/bob"
    assert listed.words("strong") == ["said"] and "Not this" not in str(listed.words("p"))
    assert client.get("/readers/alice/comments?p=2").status_code == 404
    Reader.objects.update(show_comments=False)
    assert client.get("/readers/alice/comments").status_code == 404
    assert people.signed_in(bob).get("/readers/alice/comments").status_code == 404
    assert people.signed_in(alice).get("/readers/alice/comments").status_code == 200


def test_nobody_is_shown_an_address(client: Client) -> None:
    people.reader("alice")
    assert "alice@example.org" not in client.get("/readers/alice").content.decode()
    assert client.get("/readers/nobody").status_code == 404
    assert client.get("/readers/ALICE").headers["Location"] == "/readers/alice"


@pytest.mark.security_check(24)
def test_a_form_changes_only_what_it_offers() -> None:
    alice = people.reader("alice")
    form = {"name": "A", "role": "operator", "is_superuser": "1", "username": "root", "distrusted_at": ""}
    people.signed_in(alice).post("/account/profile", form)
    alice.refresh_from_db()
    assert (alice.name, alice.role, alice.is_superuser, alice.username) == ("A", "reader", False, "alice")


def test_everything_one_owns_comes_in_one_file() -> None:
    alice, bob = people.reader("alice"), people.reader("bob")
    first, second = factories.papers(2)
    community.upvote(alice, first)
    community.upvote(bob, second)
    Mark.objects.create(reader=alice, paper=second, kind="saved")
    SavedSearch.objects.create(reader=alice, query="newspapers")
    SavedSearch.objects.create(reader=bob, query="of bob alone")
    erin = people.reader("erin")
    blocking.block(alice, "erin")
    question = talking.say(alice, first.pk, "A question")
    talking.say(bob, first.pk, "An answer", question.pk)
    secret = following.feed_key(alice).secret
    response = people.signed_in(alice).post("/account/export")
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    told = {name: archive.read(name).decode() for name in archive.namelist()}
    assert json.loads(told["account.json"])["email"] == "alice@example.org"
    assert [vote["paper"] for vote in json.loads(told["votes.json"])] == [first.identifier]
    assert [search["query"] for search in json.loads(told["searches.json"])] == ["newspapers"]
    assert first.title in told["upvoted.bib"] and second.title in told["saved.bib"]
    assert [notice["why"] for notice in json.loads(told["notices.json"])] == ["reply"]
    assert [one["reader"] for one in json.loads(told["blocks.json"])] == [erin.username]
    assert secret in told["private-feeds.json"]
    assert "bob" not in "".join(told.values()) and "An answer" not in "".join(told.values())


def mentions(words: list[str]) -> list[str]:
    """Every table that holds one of these words anywhere."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
            rows = str(cursor.fetchall())
            found += [model.__name__ for word in words if word in rows]
    return found


def test_deletion_really_deletes(client: Client) -> None:
    alice, paper = people.reader("alice", name="Liddell"), factories.paper()
    browser = people.signed_in(alice)
    browser.post(f"{paper.get_absolute_url()}/upvote")
    SavedSearch.objects.create(reader=alice, query="white rabbits")
    dora = people.reader("dora", role="curator")
    community.take_votes_back(dora, [alice.pk], "To see what stays.")
    assert browser.post("/account/delete", {"proof": "wrong"}).status_code == 200
    assert Reader.objects.filter(username="alice").exists()
    assert browser.post("/account/delete", {"proof": people.PASSWORD}).headers["Location"] == "/account/left"
    assert browser.get("/account").status_code == 303
    assert mentions(["alice", "Liddell", "white rabbits"]) == []
    assert Paper.objects.get().upvotes == 0
    assert Moderation.objects.exists(), "what curators did stays in their log"
    assert client.get("/readers/alice").status_code == 404


def test_an_account_without_a_password_says_its_name_to_go() -> None:
    alice = people.reader("alice", password=None)
    browser = people.signed_in(alice)
    assert "not your name" in browser.post("/account/delete", {"proof": "bob"}).content.decode()
    assert browser.post("/account/delete", {"proof": "alice"}).status_code == 303


# --- the first operator ----------------------------------------------------------------------------------


def link() -> str:
    invitation = community.first_link()
    assert invitation is not None
    return f"/account/token/{community.token_of(invitation)}"


JOIN = {"username": "olga", "email": "olga@example.org", "password1": people.PASSWORD}


def test_the_first_account_becomes_operator_by_the_printed_link(client: Client) -> None:
    where = link()
    assert link() == where, "a restart prints the same link"
    get(client, where)
    assert client.post(where).headers["Location"] == "/account/sign-up?next=/account/link"
    assert (
        client.post("/account/sign-up", JOIN | {"next": "/account/link"}).headers["Location"]
        == "/account/link"
    )
    get(client, "/account/link")
    assert client.post("/account/link").headers["Location"] == "/account"
    olga = Reader.objects.get()
    assert (olga.role, olga.is_staff) == ("operator", True)
    assert community.first_link() is None
    assert Moderation.objects.get().kind == "role"


@pytest.mark.security_check(8)
def test_the_link_works_once_and_not_for_ever(client: Client) -> None:
    where = link()
    first, second = people.signed_in(people.reader("alice")), people.signed_in(people.reader("bob"))
    assert first.post(where).status_code == 303
    assert second.post(where).status_code == 410
    assert Reader.objects.get(username="bob").role == "reader"
    late = community.invite("operator")
    Invitation.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert second.get(f"/account/token/{community.token_of(late)}").status_code == 410


@pytest.mark.security_check(8)
@pytest.mark.parametrize("forge", [lambda token: token[:-1], lambda token: "A" + token, lambda token: "x:y"])
def test_a_forged_link_opens_nothing(client: Client, forge: Any) -> None:
    token = link().rpartition("/")[2]
    assert client.get(f"/account/token/{forge(token)}").status_code == 410


@pytest.mark.security_check(8)
def test_what_the_database_holds_opens_nothing_and_the_page_tells_nobody(client: Client) -> None:
    where = link()
    assert client.get(f"/account/token/{Invitation.objects.get().nonce}").status_code == 410
    response = client.get(where)
    assert response.headers["Referrer-Policy"] == "strict-origin"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert Invitation.objects.get().used_at is None, "looking at a link does not use it up"


def test_a_reader_who_is_locked_out_gets_in_by_a_link_and_sets_a_password(client: Client) -> None:
    alice = people.reader("alice")
    elsewhere = people.signed_in(alice)
    where = f"/account/token/{community.token_of(community.invite('reader', alice))}"
    assert client.post(where).headers["Location"] == "/account/password/set"
    new = "another walk through Bruges"
    assert client.post("/account/password/set", {"password1": new, "password2": new}).status_code == 302
    assert elsewhere.get("/account").status_code == 303
    assert Client().post("/account/sign-in", {"login": "alice", "password": new}).status_code == 302
