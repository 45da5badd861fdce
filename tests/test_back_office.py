"""The back office: for operators alone, every list opens, and what the house writes cannot be changed."""

from __future__ import annotations

import pytest
from django.test import Client

from broadsheet import admin, community
from broadsheet.community import keys
from broadsheet.models import ApiKey, Ballot, Reader
from tests import factories, people
from tests.pages.reading import get

pytestmark = pytest.mark.django_db


@pytest.mark.security_check(24)
@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/broadsheet/reader/", "/admin/login/", "/admin/nonsense/"]
)
def test_nobody_but_operators_comes_in(client: Client, path: str) -> None:
    assert client.get(path).status_code in (303, 404)
    for role in ("reader", "curator"):
        assert people.signed_in(people.reader(role, role=role)).get(path).status_code == 404


def test_an_operator_opens_every_list_and_form() -> None:
    olga, paper = people.reader("olga", role="operator"), factories.paper()
    community.upvote(people.reader("alice"), paper)
    browser = people.signed_in(olga)
    get(browser, "/admin/")
    for model in admin.site._registry:
        where = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        get(browser, where)
        if (first := model._default_manager.first()) is not None:
            get(browser, f"{where}{first.pk}/change/")


def test_the_vote_log_can_be_read_and_not_changed() -> None:
    olga = people.reader("olga", role="operator")
    community.upvote(people.reader("alice"), factories.paper())
    line = Ballot.objects.get()
    browser = people.signed_in(olga)
    assert browser.post(f"/admin/broadsheet/ballot/{line.pk}/change/", {"step": "5"}).status_code == 403
    assert browser.post(f"/admin/broadsheet/ballot/{line.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Ballot.objects.get().step == 1


def test_no_password_and_no_superuser_is_made_here() -> None:
    alice = people.reader("alice")
    browser = people.signed_in(people.reader("olga", role="operator"))
    where = f"/admin/broadsheet/reader/{alice.pk}/change/"
    form = {"username": "alice", "email": alice.email, "role": "curator", "is_active": "on"}
    assert browser.post(where, form | {"is_superuser": "on", "password": "x"}).status_code == 302
    told = Reader.objects.get(pk=alice.pk)
    assert (told.role, told.is_superuser, told.password) == ("curator", False, alice.password)


def test_nothing_in_it_breaks_the_policy() -> None:
    """What the policy forbids: scripts and styles in the page itself."""
    browser = people.signed_in(people.reader("olga", role="operator"))
    for path in ("/admin/", "/admin/broadsheet/reader/"):
        html = browser.get(path).content.decode()
        assert "<style" not in html
        assert " onclick=" not in html and "<script>" not in html


def test_operators_revoke_a_key_and_see_nothing_that_opens() -> None:
    made, _ = keys.make(people.reader("alice"), "a script", ["read"], 0)
    olga = people.signed_in(people.reader("olga", role="operator"))
    page = olga.get(f"/admin/broadsheet/apikey/{made.pk}/change/").content.decode()
    assert "a script" in page
    assert made.digest not in page
    olga.post(f"/admin/broadsheet/apikey/{made.pk}/delete/", {"post": "yes"})
    assert not ApiKey.objects.exists()
