"""One vote for each reader and paper: counted exactly, undone the same way, kept in a log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from pytest_django import Settings

from broadsheet import community, scoring
from broadsheet.community import moderating
from broadsheet.models import Ballot, Claim, Moderation, Paper, PaperCategory, Reader, Unchangeable, Upvote
from tests import factories, people
from tests.pages.reading import get, queries

pytestmark = pytest.mark.django_db

DAY = "/papers/date/2025-03-14"
HX = {"HX-Request": "true"}


def agree() -> None:
    """The counts on papers are what the votes and the log add up to."""
    counted = {
        paper.pk: (paper.upvotes, round(paper.upvote_weight, 9))
        for paper in Paper.objects.all()
        if paper.upvotes
    }
    assert counted == community.from_log()
    for paper in Paper.objects.all():
        assert paper.upvotes == Upvote.objects.filter(paper=paper, counted=True).count()


@pytest.fixture
def votes_alone(settings: Settings) -> None:
    """An order in which nothing but votes makes the score, neither a field's custom nor an outlook."""
    settings.RANK = replace(settings.RANK, even=0.0, outlook=0.0)


@pytest.mark.usefixtures("votes_alone")
def test_a_vote_counts_ranks_and_is_undone_the_same_way() -> None:
    alice, paper = people.reader(), factories.paper()
    before = paper.score or 0
    voted = community.upvote(alice, paper)
    assert (voted.upvoted, voted.paper.upvotes, voted.paper.upvote_weight) == (True, 1, 1.0)
    paper.refresh_from_db()
    assert paper.score == pytest.approx(before + 1)
    assert set(PaperCategory.objects.values_list("score", flat=True)) == {paper.score}
    assert community.take_back(alice, paper).paper.upvotes == 0
    paper.refresh_from_db()
    assert paper.score == pytest.approx(before)
    assert list(Ballot.objects.values_list("step", "cause")) == [(1, "reader"), (-1, "reader")]


def test_a_second_vote_and_a_second_taking_back_change_nothing() -> None:
    alice, paper = people.reader(), factories.paper()
    for _ in range(2):
        community.upvote(alice, paper)
    assert (Paper.objects.get().upvotes, Ballot.objects.count()) == (1, 1)
    for _ in range(2):
        community.take_back(alice, paper)
    assert (Paper.objects.get().upvotes, Ballot.objects.count()) == (0, 2)


@pytest.mark.security_check(12)
def test_the_database_itself_refuses_a_second_vote() -> None:
    alice, paper = people.reader(), factories.paper()
    community.upvote(alice, paper)
    with pytest.raises(IntegrityError), transaction.atomic():
        Upvote.objects.create(reader=alice, paper=paper)


@pytest.mark.security_check(12)
def test_the_log_is_only_added_to() -> None:
    community.upvote(people.reader(), factories.paper())
    line = Ballot.objects.get()
    for change in (line.save, line.delete, Ballot.objects.all().delete):
        with pytest.raises(Unchangeable):
            change()
    with pytest.raises(Unchangeable):
        Ballot.objects.update(step=-1)


@pytest.mark.parametrize(
    ("changes", "words"), [({"withdrawn": True}, "withdrawn"), ({"hidden": True}, "taken out")]
)
def test_withdrawn_and_hidden_papers_take_no_votes(changes: dict[str, bool], words: str) -> None:
    alice, paper = people.reader(), factories.paper()
    Paper.objects.update(**changes)
    with pytest.raises(community.Refused, match=words):
        community.upvote(alice, paper)
    browser = people.signed_in(alice)
    response = browser.post(f"{paper.get_absolute_url()}/upvote")
    assert response.status_code in (409, 410)
    assert words in response.content.decode()
    assert not Ballot.objects.exists()


@pytest.mark.security_check(12)
def test_authors_do_not_vote_for_their_own_papers() -> None:
    alice, paper = people.reader(), factories.paper()
    Claim.objects.create(reader=alice, paper=paper, name="Ada Lovelace", state="granted")
    with pytest.raises(community.Refused, match="own papers"):
        community.upvote(alice, paper)


@pytest.mark.security_check(12)
@pytest.mark.parametrize(("days", "weight"), [(0, 0.25), (3.5, 0.625), (7, 1.0), (700, 1.0)])
@pytest.mark.usefixtures("votes_alone")
def test_a_young_account_counts_less(days: float, weight: float) -> None:
    paper = factories.paper()
    community.upvote(people.young("alice", days), paper)
    assert Upvote.objects.get().weight == pytest.approx(weight, abs=0.001)
    paper.refresh_from_db()
    assert paper.upvotes == 1, "readers see whole votes"
    facts = scoring.Facts(upvotes=Upvote.objects.get().weight)
    assert paper.score == pytest.approx(scoring.score(facts), abs=0.001)
    agree()


def test_a_vote_grows_up_with_its_account() -> None:
    alice, paper = people.young("alice"), factories.paper()
    community.upvote(alice, paper)
    assert community.ripen_due() == 0
    Reader.objects.update(joined_at=datetime.now(UTC) - timedelta(days=8))
    assert community.ripen_due() == 1
    assert Paper.objects.get().upvote_weight == 1.0
    assert community.ripen_due() == 0
    agree()


@pytest.mark.security_check(12)
def test_rankings_can_be_worked_out_without_some_accounts() -> None:
    first, second = factories.papers(2)
    honest = [people.reader(f"honest{number}") for number in range(3)]
    false = [people.reader(f"false{number}") for number in range(5)]
    for reader in honest:
        community.upvote(reader, first)
    for reader in (*false, honest[0]):
        community.upvote(reader, second)
    assert community.from_log() == {first.pk: (3, 3.0), second.pk: (6, 6.0)}
    without = {reader.pk for reader in false}
    assert community.from_log(without) == {first.pk: (3, 3.0), second.pk: (1, 1.0)}


@pytest.mark.security_check(12)
def test_false_votes_are_taken_back_by_one_act_and_given_back_by_another() -> None:
    paper, other = factories.papers(2)
    dora = people.reader("dora", role="curator")
    false = [people.reader(f"false{number}") for number in range(4)]
    for reader in false:
        community.upvote(reader, paper)
    community.upvote(people.reader("honest"), paper)
    act = community.take_votes_back(
        dora, [reader.pk for reader in false], "They joined to vote for one paper."
    )
    assert act.subject == "4 votes of 4 accounts for 1 paper"
    assert Paper.objects.get(pk=paper.pk).upvotes == 1
    agree()
    # They still see their own votes, and what they vote for from now on does not count either.
    false[0].refresh_from_db()
    assert "upvoted" in community.marks_of(false[0], [paper.pk])[paper.pk]
    community.upvote(false[0], other)
    assert Paper.objects.get(pk=other.pk).upvotes == 0
    agree()
    moderating.undo(dora, act.pk, "They were a class.")
    assert Paper.objects.get(pk=paper.pk).upvotes == 5
    assert Paper.objects.get(pk=other.pk).upvotes == 1
    agree()
    with pytest.raises(community.Refused, match="already"):
        moderating.undo(dora, act.pk, "Again.")


def test_only_curators_take_votes_back_and_never_without_a_reason() -> None:
    alice, bob = people.reader("alice"), people.reader("bob")
    with pytest.raises(community.Refused, match="curators"):
        community.take_votes_back(alice, [bob.pk], "I do not like him.")
    dora = people.reader("dora", role="curator")
    with pytest.raises(community.Refused, match="reason"):
        community.take_votes_back(dora, [bob.pk], " ")
    with pytest.raises(community.Refused, match="None of these"):
        community.take_votes_back(dora, [dora.pk], "Myself.")
    assert not Moderation.objects.exists()


def test_a_deleted_account_takes_its_votes_along_and_leaves_no_trace_of_where_it_was() -> None:
    alice, paper = people.reader(), factories.paper()
    people.signed_in(alice).post(f"{paper.get_absolute_url()}/upvote")
    assert Ballot.objects.get().address
    community.forget_votes(alice)
    assert Paper.objects.get().upvotes == 0
    assert set(Ballot.objects.values_list("address", "network", "agent", "referrer")) == {("", "", "", "")}
    agree()


# --- the button ------------------------------------------------------------------------------------------


def test_the_button_works_without_javascript_and_leads_back(client: Client) -> None:
    paper = factories.paper()
    browser = people.signed_in(people.reader())
    button = get(browser, DAY).one("button", class_="vote")
    assert (button.text, button.attributes["aria-pressed"]) == ("·", "false")
    response = browser.post(
        button.attributes["formaction"], headers={"Referer": f"http://testserver{DAY}?category=cs.CL"}
    )
    assert response.status_code == 303
    assert response.headers["Location"] == f"{DAY}?category=cs.CL#paper-{paper.pk}"
    button = get(browser, DAY).one("button", class_="vote")
    assert (button.text, button.attributes["aria-label"]) == ("1", "Take your vote back; 1 vote")
    browser.post(button.attributes["formaction"])
    assert Paper.objects.get().upvotes == 0


def test_the_button_works_in_place(client: Client) -> None:
    factories.paper()
    browser = people.signed_in(people.reader())
    button = get(browser, DAY).one("button", class_="vote")
    response = browser.post(button.attributes["hx-post"], headers=HX)
    assert response.status_code == 200
    assert response.content.decode().startswith('<button class="vote"')
    assert 'aria-pressed="true"' in response.content.decode()


def test_a_stranger_is_led_to_sign_in_and_back(client: Client) -> None:
    paper = factories.paper()
    link = get(client, DAY).one("a", class_="vote")
    assert link.attributes["href"] == "/account/sign-in?next=%2Fpapers%2F2503.00001"
    response = client.post(f"{paper.get_absolute_url()}/upvote", headers=HX)
    assert response.headers["HX-Redirect"].startswith("/account/sign-in?next=")
    assert not Upvote.objects.exists()


def test_what_does_not_exist_takes_no_votes() -> None:
    browser = people.signed_in(people.reader())
    assert browser.post("/papers/2503.99999/upvote").status_code == 404
    assert browser.post("/papers/nonsense/upvote").status_code == 404


@pytest.mark.security_check(7)
def test_no_link_votes() -> None:
    paper = factories.paper()
    browser = people.signed_in(people.reader())
    assert browser.get(f"{paper.get_absolute_url()}/upvote").status_code == 405
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = browser.cookies
    assert forged.post(f"{paper.get_absolute_url()}/upvote").status_code == 403
    assert not Upvote.objects.exists()


def test_voters_are_named_who_let_themselves_be(client: Client) -> None:
    paper = factories.paper()
    for name, shows in (("alice", True), ("bob", False), ("charlie", True)):
        community.upvote(people.reader(name, show_votes=shows), paper)
    words = " ".join(get(client, paper.get_absolute_url()).one("section", id="voters").text.split())
    assert words == "3 votes charlie, alice, and 1 other"


def test_a_listing_with_votes_costs_a_reader_two_queries_more(client: Client) -> None:
    papers = factories.papers(20)
    alice = people.reader()
    for paper in papers[:10]:
        community.upvote(alice, paper)
    mine = people.signed_in(alice)
    assert len(get(mine, DAY).all("button", aria_pressed="true")) == 10
    assert queries(mine, DAY) <= queries(client, DAY) + 2


@pytest.mark.security_check(12)
def test_evidence_is_kept_as_digests() -> None:
    paper = factories.paper()
    alice = people.signed_in(people.reader("alice"), REMOTE_ADDR="192.0.2.1")
    bob = people.signed_in(people.reader("bob"), REMOTE_ADDR="192.0.2.77")
    for browser in (alice, bob):
        browser.post(
            f"{paper.get_absolute_url()}/upvote",
            headers={"Referer": f"http://testserver{DAY}", "User-Agent": "Browser/1"},
        )
    one, other = Ballot.objects.order_by("pk")
    assert one.address != other.address
    assert (one.network, one.agent, one.referrer) == (other.network, other.agent, "listing")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {Ballot._meta.db_table}")
        assert "192.0.2" not in str(cursor.fetchall())
