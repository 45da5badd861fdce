"""Keys, and what they open: our own JSON API as a program of a reader uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from broadsheet import doors, search
from broadsheet.api.v1_routes import api
from broadsheet.community import keys, moderating
from broadsheet.models import (
    SCOPES,
    ApiKey,
    Comment,
    CommunityRules,
    Message,
    Paper,
    Reader,
    Repeatable,
    Tally,
    Upvote,
)
from broadsheet.web import limits
from tests import factories, people

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


class Program:
    """A program of a reader: asks with a key, sends and reads JSON."""

    def __init__(self, who: Reader, *scopes: str) -> None:
        self.browser = Client(enforce_csrf_checks=True)
        self.key, self.told = keys.make(who, f"program {ApiKey.objects.count()}", scopes or SCOPES, 0)

    def __call__(self, method: str, path: str, sent: Any = None, **headers: str) -> Any:
        body = "" if sent is None else json.dumps(sent)
        told = {"authorization": f"Bearer {self.told}", **headers}
        return self.browser.generic(
            method, f"/api/v1{path}", body, content_type="application/json", headers=told
        )


def operations() -> list[tuple[str, str, Any]]:
    """(method, path, what it needs) of every operation."""
    routers = [api.default_router, *(router for _, router in api._routers)]
    return [
        (method, _filled(path), operation.auth_param)
        for router in dict.fromkeys(routers)
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    ]


def _filled(path: str) -> str:
    told = {
        "identifier": "2503.00001",
        "key": "1",
        "delivery": "1",
        "kind": "saved" if "/library" in path else "thanks",
    }
    told["period"] = "all"
    return re.sub(r"\{(?:path:)?(\w+)\}", lambda found: told[found[1]], path)


def is_problem(response: Any, status: int) -> bool:
    told = response.json()
    return (
        response.status_code == status
        and response.headers["Content-Type"] == "application/problem+json"
        and told["status"] == status
        and bool(told["detail"])
        and bool(told["title"])
    )


CHANGING = [each for each in operations() if each[0] != "GET"]


# --- every operation ---------------------------------------------------------------------------------------


@pytest.mark.security_check(7)
def test_every_operation_that_changes_something_says_who_may_and_how_often() -> None:
    assert len(CHANGING) > 15
    for method, path, needs in CHANGING:
        assert needs.scope in SCOPES and needs.scope != "read", (method, path)
        assert needs.name and any(limit.per == "reader" for limit in needs.limits), (method, path)


@pytest.mark.security_check(24)
def test_strangers_wrong_keys_and_small_keys_are_refused_everywhere() -> None:
    alice = people.reader("alice")
    factories.paper(1)
    for method, path, needs in operations():
        if not hasattr(needs, "scope"):
            continue
        stranger = Client().generic(method, f"/api/v1{path}")
        assert is_problem(stranger, 401), (method, path)
        assert stranger.headers["WWW-Authenticate"].startswith("Bearer")
    other = [scope for scope in SCOPES if scope != "vote"]
    small = Program(alice, *other)
    for method, path, needs in operations():
        if getattr(needs, "scope", "") == "vote":
            refused = small(method, path)
            assert is_problem(refused, 403)
            assert 'scope="vote"' in refused.headers["WWW-Authenticate"]
    reading = Program(alice, "read")
    assert all(is_problem(reading(method, path), 403) for method, path, _ in CHANGING)
    assert is_problem(Client().get("/api/v1/papers", headers={"authorization": "Bearer brds_no"}), 401)
    assert is_problem(Client().get("/api/v1/papers", headers={"authorization": "Basic YTpi"}), 401)


@pytest.mark.security_check(7)
def test_a_session_needs_the_token_of_a_form_and_a_key_does_not() -> None:
    alice, paper = people.reader("alice"), factories.paper(1)
    browser = people.signed_in(alice, enforce_csrf_checks=True)
    for method, path, _ in CHANGING:
        assert is_problem(browser.generic(method, f"/api/v1{path}"), 403), (method, path)
    assert not Upvote.objects.exists()
    token = browser.get("/account").content.decode().partition('name="csrfmiddlewaretoken" value="')[2][:64]
    done = browser.put("/api/v1/votes/2503.00001", headers={"x-csrftoken": token})
    assert done.status_code == 200
    assert "Access-Control-Allow-Origin" not in done.headers
    assert done.headers["Cache-Control"] == "private, no-store"
    assert Program(alice)("DELETE", f"/votes/{paper.identifier}").json()["upvoted"] is False


@pytest.mark.security_check(14)
def test_each_deed_has_the_limits_of_its_page_and_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    alice = people.reader("alice")
    factories.paper(1)
    ask, place = Program(alice), "127.0.0.1"
    for _, _, needs in CHANGING:
        limits.spend(needs.name, needs.limits, str(alice.pk), place)
    Tally.objects.update(count=1_000_000)
    for method, path, needs in CHANGING:
        caplog.clear()
        with caplog.at_level("INFO", "broadsheet.audit"):
            refused = ask(method, path)
        assert is_problem(refused, 429), (method, path)
        assert int(refused.headers["Retry-After"]) >= 1
        assert f"{needs.name} by {alice.pk} (key {ask.key.pk}) from" in caplog.text
        assert ask.told not in caplog.text


@pytest.mark.security_check(7)
def test_reading_changes_nothing() -> None:
    ask = Program(people.reader("alice"))
    factories.paper(1)
    assert ask("GET", "/me").status_code == 200
    for method, path, _ in operations():
        if method == "GET":
            with CaptureQueriesContext(connection) as asked:
                assert ask("GET", path).status_code in (200, 400, 404), path
            written = [each["sql"] for each in asked if not each["sql"].startswith(("SELECT", "PRAGMA"))]
            assert not written, path


# --- keys --------------------------------------------------------------------------------------------------


@pytest.mark.security_check(8)
def test_what_is_kept_of_a_key_opens_nothing() -> None:
    alice = people.reader("alice")
    made, told = keys.make(alice, "a script", ["read"], 90)
    assert re.fullmatch(r"brds_[0-9A-Za-z]{46}", told)
    assert keys.looks_right(told)
    assert not keys.looks_right(told[:-1] + ("a" if told[-1] != "a" else "b"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM broadsheet_apikey")
        assert told[5:-6] not in str(cursor.fetchall())
    assert keys.holder(made.digest) is None
    assert keys.holder(told) == made
    made.refresh_from_db()
    assert made.used_at is not None
    ApiKey.objects.update(expires_at=timezone.now())
    assert keys.holder(told) is None
    ApiKey.objects.update(expires_at=None)
    Reader.objects.update(is_active=False)
    assert keys.holder(told) is None


def test_a_key_is_made_shown_once_listed_and_revoked_on_its_page() -> None:
    browser = people.signed_in(people.reader("alice"))
    refused = browser.post("/account/keys", {"name": "script", "days": "90"})
    assert refused.status_code == 400
    assert "Choose at least one" in refused.content.decode()
    assert 'value="script"' in refused.content.decode()
    made = browser.post("/account/keys", {"name": "script", "scope": ["read", "vote"], "days": "90"})
    (told,) = set(re.findall(r"brds_[0-9A-Za-z]{46}", made.content.decode()))
    assert made.headers["Cache-Control"] == "private, no-store"
    me = Client().get("/api/v1/me", headers={"authorization": f"Bearer {told}"}).json()
    assert (me["username"], me["role"], me["newcomer"]) == ("alice", "reader", False)
    assert (me["key"]["name"], me["key"]["scopes"]) == ("script", ["read", "vote"])
    listed = browser.get("/account/keys").content.decode()
    assert told not in listed
    assert f"brds_…{told[-4:]}" in listed
    assert "last used" in listed
    again = browser.post("/account/keys", {"name": "script", "scope": "read", "days": "0"})
    assert "You have a key called “script” already." in again.content.decode()
    assert people.signed_in(people.reader("charlie")).post("/account/keys/1/revoke").status_code == 404
    browser.post(f"/account/keys/{ApiKey.objects.get().pk}/revoke")
    assert Client().get("/api/v1/me", headers={"authorization": f"Bearer {told}"}).status_code == 401


def test_its_reader_hears_of_every_new_key(settings: Settings) -> None:
    settings.MAIL_FROM, settings.SMTP_URL = "papers@example.org", "smtp://127.0.0.1:1"
    alice = people.reader("alice")
    keys.make(alice, "unheard", ["read"], 0)
    EmailAddress.objects.update(verified=True)
    _, told = keys.make(alice, "a script", ["read", "vote"], 0)
    (letter,) = Message.objects.all()
    assert "“a script”" in letter.text
    assert told not in letter.text


def test_a_key_has_a_rate_of_its_own(settings: Settings) -> None:
    settings.API_LIMIT = 3
    one, other = Program(people.reader("alice")), Program(people.reader("bob"))
    assert [one("GET", "/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert other("GET", "/me").headers["RateLimit"].startswith('"api";r=2')


# --- what a program does -----------------------------------------------------------------------------------


def test_votes_are_put_and_taken_back_and_twice_is_once() -> None:
    ask, paper = Program(people.reader("alice")), factories.paper(1)
    factories.paper(2)
    for _ in range(2):
        assert ask("PUT", "/votes/2503.00001v3").json() == {
            "paper": "2503.00001",
            "upvoted": True,
            "upvotes": 1,
        }
    assert ask("PUT", "/votes/2503.00002").status_code == 200
    first = ask("GET", "/votes?limit=1").json()
    rest = ask("GET", f"/votes?limit=1&cursor={first['next']}").json()
    assert [each["identifier"] for each in first["papers"] + rest["papers"]] == ["2503.00002", "2503.00001"]
    assert rest["next"] == ""
    assert ask("GET", "/votes/2503.00001").json()["upvoted"] is True
    for _ in range(2):
        assert ask("DELETE", "/votes/2503.00001").json()["upvotes"] == 0
    Paper.objects.filter(pk=paper.pk).update(withdrawn=True)
    assert is_problem(ask("PUT", "/votes/2503.00001"), 409)
    assert is_problem(ask("PUT", "/votes/2503.99999"), 404)


def test_talk_is_had_by_the_rules_of_the_pages() -> None:
    alice, bob = people.reader("alice"), people.reader("bob")
    ask, other, paper = Program(alice), Program(bob), factories.paper(1)
    said = ask("POST", "/talk/2503.00001", {"text": "Look at *figure 3*."})
    assert said.status_code == 201
    key = said.json()["id"]
    answer = other("POST", "/talk/2503.00001", {"text": "I did.", "parent": key}).json()
    assert (answer["parent"], answer["depth"], answer["reader"]) == (key, 1, "bob")
    assert other("PUT", f"/comments/{key}/reactions/thanks").json()["reactions"][0]["count"] == 1
    assert other("PUT", f"/comments/{key}/reactions/thanks").json()["reactions"][0]["count"] == 1
    assert other("DELETE", f"/comments/{key}/reactions/thanks").json()["reactions"][0]["count"] == 0
    assert is_problem(other("PUT", f"/comments/{key}/reactions/love"), 400)
    assert is_problem(ask("PUT", f"/comments/{key}/reactions/thanks"), 409)
    assert is_problem(other("PATCH", f"/comments/{key}", {"text": "Mine now."}), 404)
    assert ask("PATCH", f"/comments/{key}", {"text": "Look at figure 4."}).json()["edited_at"]
    assert is_problem(ask("POST", "/talk/2503.00001", {"text": " "}), 400)
    mistyped = ask("POST", "/talk/2503.00001", {"txet": "x"})
    assert is_problem(mistyped, 400)
    assert {each["where"] for each in mistyped.json()["errors"]} == {"body.text", "body.txet"}
    for _ in range(2):
        assert ask("DELETE", f"/comments/{key}").json()["gone"]
    whole = Client().get("/api/v1/talk/2503.00001").json()
    assert [one["text"] for one in whole["comments"]] == ["", "I did."]
    assert whole["comments"][0]["reader"] is None
    assert ask("POST", f"/comments/{key}/restore").json()["text"] == "Look at figure 4."
    assert [one["id"] for one in ask("GET", "/comments").json()["comments"]] == [key]
    Paper.objects.filter(pk=paper.pk).update(locked_at=timezone.now())
    assert is_problem(ask("POST", "/talk/2503.00001", {"text": "One more."}), 409)
    moderating.ban(people.reader("dora", role="curator"), bob.pk, "Spam under every paper.")
    assert is_problem(other("PUT", "/votes/2503.00001"), 403)


def test_papers_are_brought_by_newcomers_into_the_queue(settings: Settings) -> None:
    CommunityRules.objects.create(newcomer_submissions_a_day=1, submission_age_days=0)
    ask = Program(people.young("nina", days=0))
    factories.paper(1)
    assert ask("POST", "/submissions", {"paper": "arXiv:2503.00001"}).json()["paper"] == "2503.00001"
    brought = ask("POST", "/submissions", {"paper": "2511.00002", "comment": "New."})
    assert brought.status_code == 202
    assert brought.json()["submission"]["state"] == "waiting"
    again = ask("POST", "/submissions", {"paper": "2511.00002"}).json()
    assert again["submission"]["id"] == brought.json()["submission"]["id"]
    assert is_problem(ask("POST", "/submissions", {"paper": "2511.00003"}), 429)
    key = brought.json()["submission"]["id"]
    assert ask("GET", f"/submissions/{key}").json()["state"] == "waiting"
    assert is_problem(Program(people.reader("charlie"))("GET", f"/submissions/{key}"), 404)
    assert len(ask("GET", "/submissions").json()["submissions"]) == 1


def test_a_library_and_collections_are_kept() -> None:
    ask, other = Program(people.reader("alice")), Program(people.reader("charlie"))
    factories.papers(2)
    assert ask("PUT", "/library/saved/2503.00001").json()["marks"] == ["saved"]
    assert ask("PUT", "/library/not-interested/2503.00001").json()["marks"] == ["not-interested"]
    assert ask("DELETE", "/library/not-interested/2503.00001").json()["marks"] == []
    assert ask("PUT", "/library/read/2503.00002").json()["marks"] == ["read"]
    assert [each["identifier"] for each in ask("GET", "/library/read").json()["papers"]] == ["2503.00002"]
    made = ask("POST", "/collections", {"name": "For the seminar"}).json()
    where = f"/collections/{made['id']}"
    assert is_problem(ask("POST", "/collections", {"name": "For the seminar"}), 409)
    for place, name in ((None, "2503.00001"), (1, "2503.00002"), (1, "2503.00002")):
        assert ask("PUT", f"{where}/papers/{name}", {"place": place, "note": "n"}).status_code == 204
    assert ask("PUT", f"{where}/papers/2503.00001").status_code == 204
    page = ask("GET", f"{where}/papers?limit=1").json()
    assert page["papers"][0]["identifier"] == "2503.00002"
    rest = ask("GET", f"{where}/papers?limit=1&cursor={page['next']}").json()
    assert (rest["papers"][0]["place"], rest["next"]) == (2, "")
    assert is_problem(other("GET", where), 404)
    assert is_problem(Program(people.reader("bob"), "vote")("GET", where), 404)
    assert is_problem(other("DELETE", where), 404)
    assert ask("PATCH", where, {"visibility": "public"}).json()["name"] == "For the seminar"
    assert Client().get(f"/api/v1{where}").json()["papers"] == 2
    assert ask("DELETE", f"{where}/papers/2503.00001").status_code == 204
    assert ask("DELETE", where).status_code == 204
    kept = ask("POST", "/searches", {"query": "newspapers cat:cs.CL"}).json()
    assert ask("PATCH", f"/searches/{kept['id']}", {"name": "News"}).json()["name"] == "News"
    assert ask("DELETE", f"/searches/{kept['id']}").status_code == 204
    assert ask("GET", "/searches").json()["searches"] == []


def test_interests_are_made_taught_asked_and_read() -> None:
    papers = factories.papers(4)
    while search.index_due():
        pass
    ask = Program(people.reader("alice"))
    first, second, third, _ = [paper.identifier for paper in papers]
    made = ask("POST", "/interests", {"name": "News", "papers": [first, "2501.99999"], "unlike": [third]})
    told = made.json()
    assert (made.status_code, told["fits"], told["does_not_fit"]) == (201, 2, 1)
    one = f"/interests/{told['id']}"
    assert ask("POST", "/interests", {}).status_code == 400
    assert ask("POST", "/interests", {"name": "news!", "papers": ["x"] * 201}).status_code == 400
    found = ask("GET", f"{one}/papers?days=0").json()
    assert {each["identifier"] for each in found["papers"]} == {second, papers[3].identifier}
    assert all(each["why"].startswith("like ") for each in found["papers"])
    assert ask("PUT", f"{one}/papers/{second}", {"fits": False}).json()["does_not_fit"] == 2
    assert ask("PUT", f"{one}/papers/{second}").json()["fits"] == 3
    assert ask("DELETE", f"{one}/papers/{second}").json()["fits"] == 2
    teaching = ask("GET", f"{one}/teaching").json()
    assert teaching["papers"] and "Too few answers" in teaching["quality"]["note"]
    changed = ask("PATCH", one, {"sentence": "On newspapers", "visibility": "public"}).json()
    assert (changed["name"], changed["sentence"]) == ("News", "On newspapers")
    stranger = Program(people.reader("bob"))
    assert stranger("GET", f"{one}/papers?days=0").status_code == stranger("GET", one).status_code == 200
    assert stranger("GET", f"{one}/teaching").status_code == 404
    assert stranger("PUT", f"{one}/papers/{second}").status_code == 404
    assert [each["name"] for each in ask("GET", "/interests").json()["interests"]] == ["News"]
    assert "Save a few papers" in ask("GET", "/for-you").json()["notes"][0]
    ask("PUT", f"/library/saved/{first}")
    assert len(ask("GET", "/for-you?days=0").json()["papers"]) == 3
    assert ask("DELETE", one).status_code == 204
    assert ask("GET", one).status_code == 404


def test_a_request_that_comes_twice_is_done_once_and_answered_alike() -> None:
    ask, other = Program(people.reader("alice")), Program(people.reader("bob"))
    factories.paper(1)
    named = {"idempotency-key": "a-1"}
    first = ask("POST", "/collections", {"name": "One"}, **named)
    again = ask("POST", "/collections", {"name": "One"}, **named)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert is_problem(ask("POST", "/collections", {"name": "Two"}, **named), 422)
    assert other("POST", "/collections", {"name": "One"}, **named).status_code == 201
    # A refusal did nothing, so the same name may be used for the mended request.
    assert is_problem(ask("POST", "/talk/2503.00001", {"text": ""}, **{"idempotency-key": "b"}), 400)
    for _ in range(2):
        done = ask("POST", "/talk/2503.00001", {"text": "Once."}, **{"idempotency-key": "b"})
        assert done.status_code == 201
    assert Comment.objects.count() == 1
    Repeatable.objects.update(made_at=timezone.now() - keys.REPEATABLE * 2)
    assert keys.forget_due() == Repeatable.objects.count() + 3


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("PATCH", "/papers", "", "application/json", 405),
        ("POST", "/collections", "name=x", "application/x-www-form-urlencoded", 415),
        ("POST", "/collections", "{", "application/json", 400),
        ("POST", "/collections", '{"name": "\\u0000"}', "application/json", 400),
        ("POST", "/collections", '{"name": "\\ud800"}', "application/json", 400),
        ("POST", "/collections", "[" * 3_000, "application/json", 400),
        ("POST", "/collections", '"' + "x" * 200_000 + '"', "application/json", 413),
        ("GET", "/nothing", "", "application/json", 404),
        ("GET", "/comments/99999999999999999999", "", "application/json", 400),
        ("GET", "/votes?cursor=9999999999999999999.1", "", "application/json", 400),
        ("POST", "/docs", "", "application/json", 405),
    ],
)
def test_refusals_have_one_shape(method: str, path: str, body: str, kind: str, status: int) -> None:
    _, told = keys.make(people.reader("alice"), "all", SCOPES, 0)
    refused = Client().generic(
        method, f"/api/v1{path}", body, content_type=kind, headers={"authorization": f"Bearer {told}"}
    )
    assert is_problem(refused, status)
    if status == 405:
        assert "GET" in refused.headers["Allow"]


def test_programs_of_other_sites_may_ask_with_a_key() -> None:
    asked = Client().options("/api/v1/votes/2503.00001")
    assert asked.status_code == 204
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]


def test_what_is_unchanged_is_not_sent_again_to_a_key_either() -> None:
    ask = Program(people.reader("alice"))
    first = ask("GET", "/me")
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first.headers["Vary"]
    assert ask("GET", "/me", **{"if-none-match": first.headers["ETag"]}).status_code == 304


def test_the_guide_names_every_operation_and_scope() -> None:
    page = Client().get("/api/v1/docs").content.decode()
    for _, path, _ in [(method, path, needs) for method, path, needs in operations()]:
        assert path.split("/")[1] in page
    assert all(f"<code>{scope}</code>" in page for scope in SCOPES)
    document = Client().get("/api/v1/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"key", "session"}
    assert document["paths"]["/api/v1/votes/{identifier}"]["put"]["x-scope"] == "vote"
