"""Papers that readers bring, and readers who say that a paper is theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone
from pytest_django import Settings

from broadsheet import community, trending
from broadsheet.community import claiming, moderating, submitting, talking
from broadsheet.models import (
    Claim,
    Comment,
    CommunityRules,
    Link,
    Moderation,
    Paper,
    Reader,
    Submission,
    Upvote,
)
from tests import factories
from tests.answering import Reply, answering
from tests.test_community_talk import person

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
# An id of this month: what readers may bring.
FRESH = f"{NOW:%y%m}.01234"


@pytest.fixture
def alice() -> Reader:
    return person("Alice")


@pytest.fixture
def nina() -> Reader:
    return person("Nina", joined_at=timezone.now())


@pytest.fixture
def dora() -> Reader:
    return person("Dora", role="curator")


def entry(identifier: str, published: datetime, title: str = "On printing presses") -> bytes:
    """What arXiv's Atom interface says of one paper."""
    when = f"{published:%Y-%m-%dT%H:%M:%SZ}"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"><entry>
<id>http://arxiv.org/abs/{identifier}v1</id><updated>{when}</updated><published>{when}</published>
<title>{escape(title)}</title><summary>We press.</summary><author><name>Ada Lovelace</name></author>
<arxiv:primary_category term="cs.LG"/><category term="cs.LG"/></entry></feed>""".encode()


EMPTY = b'<feed xmlns="http://www.w3.org/2005/Atom"><title>none</title></feed>'


@contextmanager
def arxiv(settings: Settings, body: bytes, status: int = 200) -> Iterator[Any]:
    """A server that answers as arXiv does, asked over a real socket."""
    with answering(lambda request: Reply(body, status=status)) as server:
        settings.SOURCES, settings.ARXIV_API_URL, settings.LOOPBACK_PAUSE = ["arxiv"], server.url, 0.0
        yield server


@pytest.mark.parametrize(
    "spelling",
    [
        "2503.00001",
        "arXiv:2503.00001v2",
        "https://arxiv.org/pdf/2503.00001",
        "doi:10.48550/arXiv.2503.00001",
        "  A Study of NEWSPAPERS, part 1 ",
    ],
)
def test_what_is_here_is_pointed_to_in_any_spelling(alice: Reader, spelling: str) -> None:
    paper = factories.paper(1)
    brought = community.submit(alice, spelling, "Worth a look.")
    assert brought.paper == paper and brought.submission is None
    assert Comment.objects.get().text == "Worth a look."
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("spelling", "status"),
    [
        ("", 400),
        (" \u200b", 400),
        ("x" * 501, 400),
        ("No paper of this title", 404),
        ("local:abcdefghijklmnop", 404),
        ("https://example.org/paper.pdf", 404),
        ("javascript:alert(1)", 404),
    ],
)
def test_what_cannot_be_brought_is_refused(alice: Reader, spelling: str, status: int) -> None:
    with pytest.raises(community.Refused) as refused:
        community.submit(alice, spelling)
    assert refused.value.status == status
    assert not Submission.objects.exists()


def test_a_new_paper_is_fetched_and_stands_on_today(alice: Reader, settings: Settings) -> None:
    brought = community.submit(alice, FRESH, "Read *this*.", ["https://example.org/talk"])
    assert brought.submission and brought.submission.state == "fetching"
    with arxiv(settings, entry(FRESH, NOW - timedelta(days=3))) as server:
        assert community.fetch_due() == 1
        assert community.fetch_due() == 0
        assert len(server.asked) == 1
    paper = Paper.objects.get()
    assert (paper.identifier, paper.listed_on, paper.comments) == (FRESH, trending.today(), 1)
    assert Comment.objects.get().text == "Read *this*.\n\n- <https://example.org/talk>"
    brought.submission.refresh_from_db()
    assert (brought.submission.state, brought.submission.paper) == ("listed", paper)
    assert submitting.brought_by(paper) == brought.submission


def test_what_is_under_way_is_not_brought_twice(alice: Reader, dora: Reader) -> None:
    one = community.submit(alice, FRESH).submission
    assert community.submit(dora, f"https://arxiv.org/abs/{FRESH}v1").submission == one
    assert Submission.objects.count() == 1


def test_a_newcomers_submission_waits_for_a_curator(nina: Reader, dora: Reader, settings: Settings) -> None:
    one = community.submit(nina, FRESH).submission
    assert one and one.state == "waiting"
    with arxiv(settings, entry(FRESH, NOW)):
        assert community.fetch_due() == 0
        moderating.approve(dora, one.pk)
        assert community.fetch_due() == 1
    assert Paper.objects.get().identifier == FRESH
    with pytest.raises(community.Refused, match="settled already"):
        moderating.decline(dora, one.pk, "Too late.")


def test_a_declined_submission_says_why_and_can_be_taken_up_again(nina: Reader, dora: Reader) -> None:
    one = community.submit(nina, FRESH).submission
    assert one
    act = moderating.decline(dora, one.pk, "An advertisement.")
    seen = submitting.submission_seen(one.pk, nina)
    assert (seen.state, seen.reason) == ("declined", "An advertisement.")
    moderating.undo(dora, act.pk, "It was not.")
    assert submitting.submission_seen(one.pk, nina).state == "waiting"


@pytest.mark.security_check(24)
def test_nobody_sees_the_submission_of_another(alice: Reader, nina: Reader, dora: Reader) -> None:
    one = community.submit(nina, FRESH).submission
    assert one
    for key in (one.pk, one.pk + 1_000):
        with pytest.raises(community.Refused) as refused:
            submitting.submission_seen(key, alice)
        assert refused.value.status == 404
    assert submitting.submission_seen(one.pk, dora) == one


@pytest.mark.security_check(13)
def test_readers_bring_so_many_papers_a_day(alice: Reader, nina: Reader) -> None:
    CommunityRules.objects.create(submissions_a_day=2, newcomer_submissions_a_day=1)
    for number in range(2):
        community.submit(alice, f"{NOW:%y%m}.0000{number + 1}")
    community.submit(nina, f"{NOW:%y%m}.00008")
    for who in (alice, nina):
        with pytest.raises(community.Refused, match="the limit") as refused:
            community.submit(who, f"{NOW:%y%m}.00009")
        assert refused.value.status == 429


@pytest.mark.security_check(13)
def test_old_papers_are_refused_by_their_id_or_once_their_day_is_known(
    alice: Reader, settings: Settings
) -> None:
    with pytest.raises(community.Refused, match="at most 14 days old"):
        community.submit(alice, "2503.01234")
    one = community.submit(alice, FRESH).submission
    assert one
    with arxiv(settings, entry(FRESH, NOW - timedelta(days=40))):
        community.fetch_due()
    one.refresh_from_db()
    assert one.state == "declined" and "14 days" in one.reason
    assert not Paper.objects.exists()


@pytest.mark.parametrize(("months_ago", "state"), [(0, "listed"), (7, "declined")])
def test_a_paper_is_brought_by_its_doi(
    alice: Reader, settings: Settings, months_ago: int, state: str
) -> None:
    """Any registry of DOIs answers; often it knows the month alone, whose last day must be young enough."""
    issued = (NOW - timedelta(days=31 * months_ago)).date()
    told = {
        "type": "article-journal",
        "DOI": "10.1000/news.7",
        "title": "On the Weight of Newspapers",
        "author": [{"given": "Ada", "family": "Lovelace"}],
        "issued": {"date-parts": [[issued.year, issued.month]]},
    }
    brought = community.submit(alice, "https://doi.org/10.1000/News.7", "Worth a look.").submission
    assert brought and brought.identifier == "doi:10.1000/news.7"
    with answering(lambda request: Reply(json.dumps(told).encode())) as server:
        settings.SOURCES, settings.DOI_URL, settings.LOOPBACK_PAUSE = ["arxiv"], server.url, 0.0
        assert submitting.fetch_due() == 1
    brought.refresh_from_db()
    assert brought.state == state
    if state == "listed":
        paper = Paper.objects.get()
        assert paper == brought.paper and paper.listed_on == trending.today() and paper.comments == 1
    else:
        assert "14 days" in brought.reason and not Paper.objects.exists()


def test_a_curator_sets_the_window(alice: Reader, dora: Reader) -> None:
    act = moderating.change_rules(dora, {"submission_age_days": 0}, "Old papers are welcome.")
    community.submit(alice, "2503.01234")
    moderating.undo(dora, act.pk, "They were too many.")
    with pytest.raises(community.Refused, match="14 days"):
        community.submit(alice, "2503.05678")
    with pytest.raises(community.Refused, match="Nothing was changed"):
        moderating.change_rules(dora, {"submission_age_days": 14}, "Why not.")


def test_a_paper_that_its_source_does_not_know_fails(alice: Reader, settings: Settings) -> None:
    one = community.submit(alice, FRESH).submission
    assert one
    with arxiv(settings, EMPTY):
        community.fetch_due()
    one.refresh_from_db()
    assert (one.state, one.reason) == ("failed", "Its source knows no such paper.")


def test_a_source_that_is_down_is_asked_again_later_and_given_up_at_last(
    alice: Reader, settings: Settings
) -> None:
    one = community.submit(alice, FRESH).submission
    assert one
    settings.SOURCES = []
    for attempt in range(submitting.MOST_ATTEMPTS):
        Submission.objects.update(next_at=timezone.now())
        assert community.fetch_due() == 1, attempt
        assert community.fetch_due() == 0
    one.refresh_from_db()
    assert one.state == "failed" and "could not be asked" in one.reason
    assert community.submit(alice, FRESH).submission != one


def test_a_fetch_that_was_killed_is_begun_again(alice: Reader, settings: Settings) -> None:
    one = community.submit(alice, FRESH).submission
    assert one
    # As a worker leaves it that claimed the row and was killed before an answer.
    Submission.objects.update(next_at=timezone.now() + submitting.CLAIMED, attempts=1)
    with arxiv(settings, entry(FRESH, NOW)):
        assert community.fetch_due() == 0
        Submission.objects.update(next_at=timezone.now())
        assert community.fetch_due() == 1
    assert Paper.objects.count() == 1


def test_what_was_taken_out_is_not_brought_again(alice: Reader, dora: Reader) -> None:
    moderating.hide_paper(dora, factories.paper(1).pk, "Not a paper.")
    with pytest.raises(community.Refused, match="cannot be brought again") as refused:
        community.submit(alice, "2503.00001")
    assert refused.value.status == 410


@pytest.mark.parametrize("media", [["ftp://a.org"], ["https://a"], ["https://a.org/ b"], ["https://u@a.org"]])
def test_what_is_no_web_address_is_refused(alice: Reader, media: list[str]) -> None:
    with pytest.raises(community.Refused, match="not a web address"):
        community.submit(alice, FRESH, "", media)


# Claims


def test_a_claim_is_asked_of_curators_and_lets_an_author_add(alice: Reader, dora: Reader) -> None:
    paper = factories.paper(1)
    asked = claiming.claim(alice, paper.pk, "Ada Lovelace", "I am Ada.")
    assert asked.state == "asked"
    for act in (
        lambda: claiming.add_link(alice, paper.pk, "code", "https://github.com/ada/press"),
        lambda: claiming.say_to_readers(alice, paper.pk, "Hello"),
    ):
        with pytest.raises(community.Refused, match="Only those known"):
            act()
    granted = moderating.settle_claim(dora, asked.pk, True, "She wrote to us from her university.")
    link = claiming.add_link(alice, paper.pk, "code", "https://github.com/ada/press")
    claiming.say_to_readers(alice, paper.pk, "The code is **new**.")
    paper.refresh_from_db()
    assert paper.has_code and [claim.note for claim in claiming.claims_on(paper)] == ["The code is **new**."]
    claiming.remove_link(alice, paper.pk, link.pk)
    assert not Paper.objects.get().has_code
    moderating.undo(dora, granted.pk, "It was somebody else.")
    assert claiming.claims_on(paper) == []


def orcid(given: Any = "Ada", family: Any = "Lovelace", works: Any = ("10.48550/arXiv.2503.00001",)) -> Any:
    """A record as ORCID's interface (v3.0) lays it out; allauth keeps it when somebody signs in with it."""
    groups = [
        {"external-ids": {"external-id": [{"external-id-type": "doi", "external-id-value": work}]}}
        for work in works
    ]
    return {
        "orcid-identifier": {"path": "0000-0002-1825-0097", "host": "orcid.org"},
        "person": {"name": {"given-names": {"value": given}, "family-name": {"value": family}}},
        "activities-summary": {"works": {"group": groups}},
    }


@pytest.mark.parametrize(
    ("record", "granted"),
    [
        (orcid(), True),
        (orcid(works=["10.1000/other", "arXiv:2503.00001v2"]), True),
        (orcid(given="A.", family="Lovelace"), True),
        (orcid(given="Augusta Ada"), True),
        (orcid(given="Beatrice"), False),
        (orcid(family="Babbage"), False),
        (orcid(works=["10.48550/arXiv.2503.00002"]), False),
        (orcid(works=[]), False),
        (orcid(given=None, works=[None, 7, {}]), False),
        ({"person": None, "activities-summary": {"works": {"group": "all of them"}}}, False),
        ({}, False),
    ],
)
def test_an_orcid_record_with_the_name_and_the_paper_is_proof(
    alice: Reader, record: Any, granted: bool
) -> None:
    paper = factories.paper(1)
    SocialAccount.objects.create(user=alice, provider="orcid", uid="0000-0002-1825-0097", extra_data=record)
    made = claiming.claim(alice, paper.pk, "Ada Lovelace")
    assert (made.state, made.ground) == (("granted", "orcid") if granted else ("asked", ""))
    assert (claiming.claims_on(paper) == [made]) == granted


def test_the_orcid_record_of_another_proves_nothing(alice: Reader) -> None:
    bob = person("Bob")
    SocialAccount.objects.create(user=bob, provider="orcid", uid="0000-0002-1825-0097", extra_data=orcid())
    SocialAccount.objects.create(user=alice, provider="github", uid="1", extra_data=orcid())
    assert claiming.claim(alice, factories.paper(1).pk, "Ada Lovelace").state == "asked"


@pytest.mark.parametrize(
    ("printed", "verified", "granted"),
    [
        ("Write to alice@example.org.", True, True),
        ("Write to ALICE@Example.org, please", True, True),
        ("Write to alice@example.org.", False, False),
        ("Write to malice@example.org.", True, False),
        ("Write to alice@example.org.evil.test", True, False),
        ("Write to somebody.", True, False),
    ],
)
def test_a_verified_address_that_is_printed_is_proof(
    alice: Reader, printed: str, verified: bool, granted: bool
) -> None:
    EmailAddress.objects.create(user=alice, email="alice@example.org", verified=verified, primary=True)
    paper = factories.paper(1, comment=printed)
    made = claiming.claim(alice, paper.pk, "Ada Lovelace")
    assert (made.state, made.ground) == (("granted", "address") if granted else ("asked", ""))


def test_links_of_other_sources_are_not_the_authors_to_remove(alice: Reader) -> None:
    paper = factories.paper(1)
    link = Link.objects.create(paper=paper, kind="code", url="https://github.com/x/y", source="huggingface")
    Claim.objects.create(paper=paper, reader=alice, name="Ada Lovelace", state="granted", ground="curator")
    claiming.remove_link(alice, paper.pk, link.pk)
    assert Link.objects.filter(pk=link.pk).exists()
    with pytest.raises(community.Refused, match="not a web address"):
        claiming.add_link(alice, paper.pk, "code", "javascript:alert(1)")
    with pytest.raises(community.Refused, match="A link is to one of"):
        claiming.add_link(alice, paper.pk, "pdf", "https://example.org")


def test_a_name_that_is_not_printed_cannot_be_claimed(alice: Reader) -> None:
    with pytest.raises(community.Refused, match="printed on the paper"):
        claiming.claim(alice, factories.paper(1).pk, "Somebody Else")
    assert not Claim.objects.exists()


def test_one_name_has_one_reader_and_a_declined_claim_stays_declined(alice: Reader, dora: Reader) -> None:
    paper = factories.paper(1)
    asked = claiming.claim(alice, paper.pk, "Ada Lovelace")
    moderating.settle_claim(dora, asked.pk, False, "No sign of it.")
    with pytest.raises(community.Refused, match="declined"):
        claiming.claim(alice, paper.pk, "Ada Lovelace")
    bob = person("Bob")
    Claim.objects.create(paper=paper, reader=bob, name="Ada Lovelace", state="granted", ground="curator")
    with pytest.raises(community.Refused, match="Another reader is known"):
        claiming.claim(person("Charlie"), paper.pk, "Ada Lovelace")


# The whole log


def test_readers_do_nothing_that_curators_do(alice: Reader) -> None:
    paper = factories.paper(1)
    acts: tuple[Callable[[], object], ...] = (
        lambda: moderating.hide_paper(alice, paper.pk, "Because."),
        lambda: moderating.lock_talk(alice, paper.pk, "Because."),
        lambda: moderating.move_day(alice, paper.pk, factories.FRIDAY, "Because."),
        lambda: moderating.merge(alice, paper.pk, paper.pk, "Because."),
        lambda: moderating.ban(alice, alice.pk, "Because."),
        lambda: moderating.change_rules(alice, {"newcomer_days": 0}, "Because."),
        lambda: moderating.undo(alice, 1, "Because."),
        lambda: moderating.give_role(alice, alice.pk, "operator", "Because."),
    )
    for act in acts:
        with pytest.raises(community.Refused) as refused:
            act()
        assert refused.value.status == 403
    assert not Moderation.objects.exists()


def test_an_act_without_a_reason_is_not_done(dora: Reader) -> None:
    paper = factories.paper(1)
    with pytest.raises(community.Refused, match="published in the moderation log"):
        moderating.hide_paper(dora, paper.pk, " \n ")
    paper.refresh_from_db()
    assert not paper.hidden


def test_a_hidden_paper_stands_nowhere_and_stands_again(dora: Reader) -> None:
    paper = factories.paper(1)
    act = moderating.hide_paper(dora, paper.pk, "Not a paper.")
    assert trending.listing(trending.ALL_TIME).total == 0
    moderating.undo(dora, act.pk, "It is one.")
    assert trending.listing(trending.day_window(factories.FRIDAY)).papers == [paper]
    with pytest.raises(community.Refused, match="taken back already"):
        moderating.undo(dora, act.pk, "Again.")


def test_a_paper_moves_to_a_day_and_back(dora: Reader) -> None:
    paper = factories.paper(1)
    there = factories.FRIDAY + timedelta(days=3)
    act = moderating.move_day(dora, paper.pk, there, "It was announced on Monday.")
    assert trending.listing(trending.day_window(there)).papers == [paper]
    moderating.undo(dora, act.pk, "It was not.")
    paper.refresh_from_db()
    assert (paper.listed_on, paper.moved_to) == (factories.FRIDAY, None)


def test_a_merge_moves_what_readers_said_and_comes_apart_again(alice: Reader, dora: Reader) -> None:
    one, two = factories.papers(2)
    Upvote.objects.create(reader=alice, paper=one)
    Upvote.objects.create(reader=alice, paper=two)
    Upvote.objects.create(reader=dora, paper=one)
    talking.say(alice, one.pk, "On the first")
    act = moderating.merge(dora, one.pk, two.pk, "The same paper twice.")
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.hidden, one.merged_into, two.upvotes, two.comments) == (True, two, 2, 1)
    moderating.undo(dora, act.pk, "They differ.")
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.hidden, one.merged_into, one.upvotes, one.comments) == (False, None, 2, 1)
    assert (two.upvotes, two.comments) == (1, 0)


def test_operators_give_roles_and_curators_cannot_ban_each_other(dora: Reader) -> None:
    olga, bob = person("Olga", role="operator"), person("Bob")
    moderating.give_role(olga, bob.pk, "curator", "He reads everything.")
    bob.refresh_from_db()
    assert bob.is_curator
    with pytest.raises(community.Refused, match="Only operators can ban"):
        moderating.ban(dora, bob.pk, "A quarrel.")
    with pytest.raises(community.Refused, match="Another operator"):
        moderating.give_role(olga, olga.pk, "reader", "Tired.")
