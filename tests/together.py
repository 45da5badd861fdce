"""Several readers at the same moment: nothing is lost, doubled or half done.

Run by `test_community_together` in a process of its own, on a real database file or server: the database of
the tests themselves, which lives in memory on SQLite, cannot wait for a lock.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

from django.db import connection
from django.test.utils import override_settings

from broadsheet import catalog, community
from broadsheet.community import collecting, moderating, talking
from broadsheet.models import (
    Collection,
    CollectionItem,
    Comment,
    Mark,
    Moderation,
    Paper,
    Reaction,
    Reader,
    SourceState,
    Submission,
)
from tests import factories, people
from tests.arxiv import Corpus, StandIn, invented, standing_in

MANY = 8


def together(*acts: Callable[[], object]) -> list[str]:
    """Does all at once, each on a connection of its own; what was refused, in words."""
    start = Barrier(len(acts))

    def do(act: Callable[[], object]) -> str:
        start.wait(30)
        try:
            act()
            return ""
        except community.Refused as refusal:
            return str(refusal)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(do, acts))


def comments_at_the_same_moment_are_all_counted() -> None:
    paper = factories.paper(1)
    readers = [people.reader(f"reader{n}") for n in range(MANY)]
    refused = together(*(lambda who=who: talking.say(who, paper.pk, f"By {who}") for who in readers))
    paper.refresh_from_db()
    assert refused == [""] * MANY and paper.comments == Comment.objects.count() == MANY


def one_button_pressed_many_times_is_one_comment() -> None:
    paper, alice = factories.paper(1), people.reader("alice")
    together(*[lambda: talking.say(alice, paper.pk, "Once")] * MANY)
    paper.refresh_from_db()
    assert paper.comments == Comment.objects.count() == 1


def marks_and_reactions_at_the_same_moment_are_one_each() -> None:
    paper, alice, bob = factories.paper(1), people.reader("alice"), people.reader("bob")
    comment = talking.say(bob, paper.pk, "Words")
    marks = [lambda: community.mark(alice, paper.pk, "saved")] * 4
    thanks = [lambda: talking.react(alice, comment.pk, "thanks")] * 4
    assert together(*marks, *thanks) == [""] * MANY
    assert (Mark.objects.count(), Reaction.objects.count()) == (1, 1)


def one_paper_brought_by_many_is_one_submission() -> None:
    name = f"{datetime.now(UTC):%y%m}.01234"
    readers = [people.reader(f"reader{n}") for n in range(MANY)]
    refused = together(*(lambda who=who: community.submit(who, name) for who in readers))
    assert refused == [""] * MANY and Submission.objects.count() == 1


def a_quota_holds_against_a_reader_in_a_hurry() -> None:
    alice = people.reader("alice")
    names = [f"{datetime.now(UTC):%y%m}.0{n:04d}" for n in range(1, MANY + 1)]
    refused = together(*(lambda name=name: community.submit(alice, name) for name in names))
    assert Submission.objects.count() == 5
    assert sum("the limit" in words for words in refused) == MANY - 5


def papers_put_into_a_collection_at_once_have_a_place_each() -> None:
    papers, alice = factories.papers(MANY), people.reader("alice")
    mine = collecting.make(alice, "Together")
    assert (
        together(*(lambda one=one: collecting.put(alice, mine.pk, one.pk) for one in papers)) == [""] * MANY
    )
    assert sorted(CollectionItem.objects.values_list("place", flat=True)) == list(range(1, MANY + 1))
    together(*[lambda: collecting.make(alice, "The same name")] * 4)
    assert Collection.objects.filter(name="The same name").count() == 1


def an_act_is_done_once_and_taken_back_once() -> None:
    paper, dora = factories.paper(1), people.reader("dora", role="curator")
    refused = together(*[lambda: moderating.hide_paper(dora, paper.pk, "Not a paper.")] * 4)
    assert sorted(map(bool, refused)) == [False, True, True, True]
    act = Moderation.objects.get()
    refused = together(*[lambda: moderating.undo(dora, act.pk, "It is one.")] * 4)
    assert sorted(map(bool, refused)) == [False, True, True, True]
    assert not Paper.objects.get().hidden


def two_papers_merged_into_each_other_at_once_leave_one() -> None:
    one, two = factories.papers(2)
    dora = people.reader("dora", role="curator")
    refused = together(
        lambda: moderating.merge(dora, one.pk, two.pk, "The same."),
        lambda: moderating.merge(dora, two.pk, one.pk, "The same."),
    )
    assert sorted(map(bool, refused)) == [False, True]
    assert Paper.objects.filter(hidden=False).count() == 1


def a_source_that_many_workers_want_is_fetched_by_one() -> None:
    monday = date(2026, 8, 3)
    SourceState.objects.create(source="arxiv", part="", read_upto=monday)
    corpus = Corpus.of(invented(40, monday))
    with standing_in(StandIn(corpus, date(2026, 8, 10), size=8, pause=0.002)) as stand_in:
        followed = {
            "SOURCES": ["arxiv"],
            "SOURCE_RHYTHM": ["arxiv=60"],
            "LOOPBACK_PAUSE": 0.002,
            "ARXIV_OAI_URL": f"{stand_in.url}/oai",
        }
        with override_settings(**followed):
            assert together(*[catalog.fetch_due] * MANY) == [""] * MANY
    row = SourceState.objects.get()
    assert not row.problem and not row.claim, row.problem
    # Had a second one read along, these would be more.
    assert row.in_all == row.read == Paper.objects.count() == 40
    assert stand_in.manners.impolite == []


def main() -> None:
    for scene in SCENES:
        for table in (Submission, Moderation, Reader, Paper, SourceState):
            table.objects.all().delete()
        scene()
        print(scene.__name__, "holds", flush=True)  # noqa: T201


SCENES: tuple[Callable[[], None], ...] = (
    comments_at_the_same_moment_are_all_counted,
    one_button_pressed_many_times_is_one_comment,
    marks_and_reactions_at_the_same_moment_are_one_each,
    one_paper_brought_by_many_is_one_submission,
    a_quota_holds_against_a_reader_in_a_hurry,
    papers_put_into_a_collection_at_once_have_a_place_each,
    an_act_is_done_once_and_taken_back_once,
    two_papers_merged_into_each_other_at_once_leave_one,
    a_source_that_many_workers_want_is_fetched_by_one,
)
