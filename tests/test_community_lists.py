"""Marks, collections and following: what is kept, in which order, and who may see it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from broadsheet import community
from broadsheet.community import collecting, following, marks
from broadsheet.models import Collection, CollectionItem, Follow, Mark, Paper, Reader, Upvote
from tests import factories
from tests.test_community_talk import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Reader:
    return person("Alice")


@pytest.fixture
def bob() -> Reader:
    return person("Bob")


# Marks


def test_a_mark_is_put_once_and_taken_off_without_harm(alice: Reader, bob: Reader) -> None:
    paper = factories.paper(1)
    for _ in range(2):
        community.mark(alice, paper.pk, "saved")
    assert marks.marks_on(alice, [paper.pk]) == {paper.pk: {"saved"}}
    assert marks.marks_on(bob, [paper.pk]) == {}
    for _ in range(2):
        community.unmark(alice, paper.pk, "saved")
    assert not Mark.objects.exists()


def test_what_one_is_not_interested_in_is_not_kept_in_the_library(alice: Reader) -> None:
    paper = factories.paper(1)
    community.mark(alice, paper.pk, "saved")
    community.mark(alice, paper.pk, "read")
    community.mark(alice, paper.pk, "refused")
    assert marks.marks_on(alice, [paper.pk]) == {paper.pk: {"read", "refused"}}
    assert list(community.refused_papers(alice)) == [paper.pk]


def test_an_unknown_mark_and_an_unknown_paper_are_refused(alice: Reader) -> None:
    with pytest.raises(community.Refused, match="A mark is one of"):
        community.mark(alice, factories.paper(1).pk, "loved")
    with pytest.raises(community.Refused, match="no such paper") as refused:
        community.mark(alice, 10**12, "saved")
    assert refused.value.status == 404


def test_the_library_is_paged_newest_first_and_searched(alice: Reader) -> None:
    papers = factories.papers(12)
    for paper in papers:
        community.mark(alice, paper.pk, "saved")
    found, total = marks.marked(alice, "saved", 2, per_page=5)
    assert total == 12
    assert [paper.pk for paper in found] == [paper.pk for paper in papers[::-1][5:10]]
    found, total = marks.marked(alice, "saved", words="PART 7 number7")
    assert [paper.identifier for paper in found] == ["2503.00007"] and total == 1


# Collections


def test_a_collection_keeps_order_notes_and_its_papers_once(alice: Reader) -> None:
    one, two, three = factories.papers(3)
    mine = collecting.make(alice, "  To  read ", "For winter.")
    for paper in (one, two, three, one):
        collecting.put(alice, mine.pk, paper.pk)
    collecting.put(alice, mine.pk, two.pk, "The best")
    collecting.move(alice, mine.pk, three.pk, 1)
    found, total = collecting.items(mine)
    assert [(item.paper, item.place, item.note) for item in found] == [
        (three, 1, ""),
        (one, 2, ""),
        (two, 3, "The best"),
    ]
    collecting.take_out(alice, mine.pk, one.pk)
    assert [item.place for item in collecting.items(mine)[0]] == [1, 2]
    assert (mine.name, total) == ("To read", 3)


def test_two_collections_of_one_reader_have_two_names(alice: Reader, bob: Reader) -> None:
    collecting.make(alice, "Reading")
    collecting.make(bob, "Reading")
    with pytest.raises(community.Refused, match="already"):
        collecting.make(alice, "Reading")
    other = collecting.make(alice, "Other")
    with pytest.raises(community.Refused, match="already"):
        collecting.change(alice, other.pk, "Reading", "", "private")
    assert Collection.objects.get(pk=other.pk).name == "Other"


@pytest.mark.parametrize(
    ("name", "visibility"), [(" ", "private"), ("x" * 121, "private"), ("Fine", "everyone")]
)
def test_a_collection_that_cannot_be_is_refused(alice: Reader, name: str, visibility: str) -> None:
    with pytest.raises(community.Refused) as refused:
        collecting.make(alice, name, "", visibility)
    assert refused.value.status == 400


@pytest.mark.security_check(24)
def test_private_and_unknown_collections_answer_alike(alice: Reader, bob: Reader) -> None:
    mine = collecting.make(alice, "Secret")
    said = set()
    for viewer in (bob, None):
        for key in (mine.pk, mine.pk + 1_000):
            with pytest.raises(community.Refused) as refused:
                collecting.seen(key, viewer)
            said.add((refused.value.status, str(refused.value)))
    assert said == {(404, collecting.NO_COLLECTION)}
    assert collecting.seen(mine.pk, alice) == mine


@pytest.mark.security_check(24)
def test_nobody_changes_the_collection_of_another(alice: Reader, bob: Reader) -> None:
    paper = factories.paper(1)
    mine = collecting.make(alice, "Shown", visibility="public")
    collecting.put(alice, mine.pk, paper.pk)
    for act in (
        lambda: collecting.put(bob, mine.pk, paper.pk, "Bob was here"),
        lambda: collecting.take_out(bob, mine.pk, paper.pk),
        lambda: collecting.move(bob, mine.pk, paper.pk, 1),
        lambda: collecting.change(bob, mine.pk, "Bob's", "", "public"),
        lambda: collecting.renew_link(bob, mine.pk),
        lambda: collecting.remove(bob, mine.pk),
    ):
        with pytest.raises(community.Refused) as refused:
            act()
        assert refused.value.status == 404
    assert CollectionItem.objects.get().note == ""


@pytest.mark.security_check(25)
def test_a_secret_link_opens_until_it_is_renewed(alice: Reader, bob: Reader) -> None:
    mine = collecting.make(alice, "Shared", visibility="link")
    secret = mine.secret
    assert len(secret) == 40
    assert collecting.seen(mine.pk, None, secret) == mine
    collecting.renew_link(alice, mine.pk)
    for wrong in (secret, "", "ü" * 40, secret[:-1]):
        with pytest.raises(community.Refused):
            collecting.seen(mine.pk, bob, wrong)
    mine.refresh_from_db()
    collecting.change(alice, mine.pk, "Shared", "", "private")
    with pytest.raises(community.Refused):
        collecting.seen(mine.pk, bob, mine.secret)


def test_hidden_papers_stand_in_no_collection(alice: Reader) -> None:
    paper = factories.paper(1)
    mine = collecting.make(alice, "Shown", visibility="public")
    collecting.put(alice, mine.pk, paper.pk)
    Paper.objects.update(hidden=True, hotness=None)
    assert collecting.items(mine) == ([], 0)
    assert [one.papers for one in collecting.of_reader(alice)] == [0]


# Following


def test_one_follows_what_is_here_once(alice: Reader, bob: Reader) -> None:
    factories.paper(1, organization="Analytical Society")
    shown = collecting.make(bob, "Shown", visibility="public")
    for kind, key, kept in (
        ("author", "Ada Lovelace", "ada-lovelace"),
        ("category", "cs.CL", "cs.CL"),
        ("organization", "Analytical Society", "Analytical Society"),
        ("reader", "bob", "Bob"),
        ("collection", str(shown.pk), str(shown.pk)),
    ):
        community.follow(alice, kind, key)
        community.follow(alice, kind, kept)
        assert following.follows(alice, kind, kept)
    assert Follow.objects.count() == 5
    community.unfollow(alice, "author", "ada-lovelace")
    community.unfollow(alice, "author", "ada-lovelace")
    assert Follow.objects.count() == 4


@pytest.mark.parametrize(
    ("kind", "key", "status"),
    [
        ("author", "Nobody Atall", 404),
        ("category", "cs.XX", 404),
        ("organization", "", 404),
        ("reader", "nobody", 404),
        ("reader", "Alice", 409),
        ("collection", "1; DROP TABLE", 404),
        ("weather", "rain", 400),
    ],
)
def test_what_cannot_be_followed_is_refused(alice: Reader, kind: str, key: str, status: int) -> None:
    with pytest.raises(community.Refused) as refused:
        community.follow(alice, kind, key)
    assert refused.value.status == status


@pytest.mark.security_check(24)
def test_a_collection_that_became_private_is_no_news_any_more(alice: Reader, bob: Reader) -> None:
    paper = factories.paper(1)
    shown = collecting.make(bob, "Shown", visibility="public")
    collecting.put(bob, shown.pk, paper.pk)
    community.follow(alice, "collection", str(shown.pk))
    assert [news.paper for news in community.papers_followed(alice)] == [paper]
    collecting.change(bob, shown.pk, "Shown", "", "private")
    assert community.papers_followed(alice) == []
    hidden = collecting.make(bob, "Hidden")
    with pytest.raises(community.Refused):
        community.follow(alice, "collection", str(hidden.pk))


def test_news_say_why_come_once_and_leave_out_what_was_refused(alice: Reader, bob: Reader) -> None:
    one, two, three = factories.papers(3)
    Upvote.objects.create(reader=bob, paper=one)
    Upvote.objects.create(reader=bob, paper=three)
    community.follow(alice, "author", "Reader Number1")
    community.follow(alice, "author", "Reader Number2")
    community.follow(alice, "reader", "Bob")
    community.mark(alice, three.pk, "refused")
    news = community.papers_followed(alice)
    assert [(each.paper, each.why) for each in news] == [
        (one, ["by Reader Number1", "voted for by Bob"]),
        (two, ["by Reader Number2"]),
    ]
    since = timezone.now() - timedelta(hours=1)
    assert [each.paper for each in community.papers_followed(alice, since)] == [one]


@pytest.mark.security_check(25)
def test_a_private_feed_opens_until_its_key_is_renewed(alice: Reader) -> None:
    secret = following.feed_key(alice).secret
    assert following.reader_of_feed(secret) == alice
    following.renew_feed_key(alice)
    for wrong in (secret, "", "-", f"{alice.pk}-", f"{10**30}-x", "ü-ü"):
        with pytest.raises(community.Refused):
            following.reader_of_feed(wrong)


def test_an_organisation_has_its_papers(alice: Reader) -> None:
    factories.papers(3, organization="Analytical Society")
    papers, total = following.papers_of_organization("Analytical Society", 1, 2)
    assert ([paper.identifier for paper in papers], total) == (["2503.00003", "2503.00002"], 3)
