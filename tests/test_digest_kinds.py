"""Whatever a page of papers shows can come by mail: what is followed, organisations, readers, collections."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from broadsheet import community, digest, mail, search
from broadsheet.community import collecting, following, interests
from broadsheet.digest import BadChoice, Choices
from broadsheet.models import Edition, Paper, Reader, Subscription
from tests import people
from tests.mail_places import fresh, subscribed
from tests.mail_rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)


def at_home(name: str = "alice") -> Reader:
    """A reader whose address is shown to be theirs."""
    reader = people.reader(name)
    EmailAddress.objects.update_or_create(
        user=reader, email=reader.email, defaults={"verified": True, "primary": True}
    )
    return reader


def picks(subscription: Subscription) -> list[tuple[str, str]]:
    """(title, reason) of its newest edition."""
    from broadsheet.models import Clipping

    edition = Edition.objects.filter(subscription=subscription).order_by("-pk").first()
    assert edition is not None
    titles = dict(Clipping.objects.values_list("pk", "content__title"))
    return [(titles[key], reason) for key, reason in edition.picks]


def due(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(next_at=timezone.now() - timedelta(minutes=1))


def mine(reader: Reader, **wanted: Any) -> Subscription:
    made = digest.ask(reader.email, Choices(**{"hour": 0, **wanted}), reader)
    due(made)
    return made


def test_everything_that_is_followed_comes_in_one_edition_with_reasons(post_office: Rig) -> None:
    alice, bob = at_home(), people.reader("bob")
    ada, lab, voted, other = (
        fresh(1, title="By Ada", authors=("Ada Lovelace",)),
        fresh(2, title="From the lab", authors=("Somebody Else",), organization="Analytical Lab"),
        fresh(3, title="Bob voted for it", authors=("Somebody Else",)),
        fresh(4, title="Nobody's", authors=("Somebody Else",), categories=("math.NT",)),
    )
    Reader.objects.filter(pk=bob.pk).update(show_votes=True)
    community.follow(alice, "author", "Ada Lovelace")
    community.follow(alice, "reader", "bob")
    if Paper.objects.filter(pk=lab.pk, organization="Analytical Lab").exists():
        community.follow(alice, "organization", "Analytical Lab")
    community.upvote(bob, voted.pk)
    found = mine(alice, what="following")
    report = digest.send()
    assert report.made == 1
    got = dict(picks(found))
    assert got["By Ada"] == "by Ada Lovelace"
    assert got["Bob voted for it"] == "voted for by bob"
    assert other.title not in got
    assert ada.title in got
    assert "papers of what you follow" in post_office.messages()[0].as_string()
    due(found)
    assert digest.send(now=timezone.now() + timedelta(days=1)).made == 0, "nothing twice"


def test_a_collection_and_a_reader_come_without_an_account(post_office: Rig) -> None:
    bob = people.reader("bob")
    Reader.objects.filter(pk=bob.pk).update(show_votes=True)
    papers = [fresh(number) for number in range(1, 4)]
    kept = collecting.make(bob, "Engines", visibility="public")
    collecting.put(bob, kept.pk, papers[0].pk)
    community.upvote(bob, papers[1].pk)
    of_list = subscribed("carol@example.org", what="collection", key=str(kept.pk))
    of_bob = subscribed("dave@example.org", what="reader", key="bob")
    digest.send()
    assert picks(of_list) == [(papers[0].title, "in the collection Engines")]
    assert picks(of_bob) == [(papers[1].title, "voted for by bob")]
    assert digest.in_words(of_list) == "papers in the collection “Engines”"
    # What is private again comes to nobody.
    type(kept).objects.update(visibility="private")
    collecting.put(bob, kept.pk, papers[2].pk)
    assert following.of_one("collection", str(kept.pk)) == []


def test_a_taught_interest_comes_to_its_owner_alone(post_office: Rig) -> None:
    alice, bob = at_home(), at_home("bob")
    fresh(1, title="Diffusion models for images", abstract="We generate images by denoising.")
    made = interests.make(alice, interests.Wishes(name="Images", sentence="generating images by diffusion"))
    while search.index_due():
        pass
    found = mine(alice, what="taught", key=str(made.pk))
    assert digest.in_words(found) == "papers for “Images”"
    with pytest.raises(BadChoice, match="no such interest of yours"):
        digest.ask(bob.email, Choices(what="taught", key=str(made.pk)), bob)
    digest.send()
    assert [title for title, _ in picks(found)] == ["Diffusion models for images"]


@pytest.mark.parametrize("what", ["following", "taught", "foryou"])
def test_what_belongs_to_an_account_needs_one(post_office: Rig, client: Client, what: str) -> None:
    answer = client.post("/subscribe", {"address": "eve@example.org", "what": what, "key": "1"})
    assert answer.status_code == 400
    assert "sign in" in answer.content.decode()
    assert "eve@example.org" in answer.content.decode(), "what was typed is still there"
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(("what", "key"), [("organization", "No such lab"), ("reader", "nobody"),
                                           ("collection", "99"), ("collection", "x" * 500)])  # fmt: skip
def test_what_is_not_here_cannot_be_asked_for(post_office: Rig, client: Client, what: str, key: str) -> None:
    answer = client.post("/subscribe", {"address": "eve@example.org", "what": what, "key": key})
    assert answer.status_code == 400
    assert 'id="wrong-key"' in answer.content.decode()


def test_pages_of_papers_lead_to_the_form_with_everything_filled_in(post_office: Rig, client: Client) -> None:
    bob = people.reader("bob")
    Reader.objects.filter(pk=bob.pk).update(show_votes=True)
    fresh(1, title="Newspapers & <engines>", authors=("Ada Lovelace",), categories=("cs.CL",))
    ways = {
        "/author/ada-lovelace": "papers by Ada Lovelace",
        "/papers/all?category=cs.CL": "trending papers in cs.CL",
        "/search?q=newspapers": "papers that match “newspapers”",
        "/readers/bob": "papers that bob voted for or brought",
    }
    for path, words in ways.items():
        page = client.get(path).content.decode()
        found = re.search(r'href="(/subscribe\?what=[^"#]+)#mail"', page)
        assert found, path
        form = client.get(found[1].replace("&amp;", "&")).content.decode()
        assert f"Get {words} in your inbox." in form.replace("&#x27;", "'"), path
    # A link that asks for nonsense is a form like any other.
    assert client.get("/subscribe?what=collection&key=zzz").status_code == 200


def test_an_account_says_what_comes_and_why_nothing_comes(post_office: Rig) -> None:
    alice = at_home()
    found = mine(alice, what="trending")
    client = people.signed_in(alice)
    page = client.get("/account").content.decode()
    assert "Trending papers" in page and digest.manage_path(found) in page
    mail.suppress(alice.email, "bounce")
    for path in ("/account", digest.manage_path(found)):
        said = client.get(path).content.decode()
        assert "Mail to this address came back" in said
        assert "subscribe anew" in said, "and what to do"


def test_a_notice_of_talk_offers_no_address_that_stops_a_subscription(
    post_office: Rig, settings: Any
) -> None:
    settings.MAIL_BOUNCES, settings.MAIL_MAILDIR = "bounces@papers.example.org", "/nowhere"
    subscribed()
    mail.post(
        "bob@example.org", "Talk", "Text", part_of=f"talk:{Subscription.objects.get().pk}", list_name="talk",
        stop_path="/notices/stop/x",
    )  # fmt: skip
    mail.deliver()
    assert "mailto:" not in str(post_office.messages()[0]["List-Unsubscribe"])
