"""Interests: taught for and against, by a sentence, by a search; shared, copied, nothing shown twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from broadsheet import catalog, community, doors, recommendations, search
from broadsheet.community import Refused, collecting, interests
from broadsheet.community.interests import Wishes
from broadsheet.models import Interest, Lesson, Mark, Paper, Reader
from broadsheet.recommendations import teaching
from tests import factories, people

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

SUBJECTS = {"looms": "weaving looms", "wires": "telegraph wires"}
ASPECTS = ("prices", "patents", "apprentices", "repair", "woodcuts", "insurance")


@pytest.fixture
def house(settings: Settings) -> Iterator[None]:
    """Numbers 1 to 6 are about looms, 7 to 12 about telegraphs."""
    settings.RERANKER = ""
    records = [
        factories.record(
            number,
            title=f"Part {number}: {SUBJECTS['looms' if number <= 6 else 'wires']} and {ASPECTS[number % 6]}",
            abstract=f"A study of {SUBJECTS['looms' if number <= 6 else 'wires']}.",
            authors=("Ada Lovelace",) if number % 2 else ("Charles Babbage",),
        )
        for number in range(1, 13)
    ]
    catalog.take_in(records, now=factories.NOW)
    while search.index_due():
        pass
    yield
    doors.close()


def paper(number: int) -> Paper:
    return Paper.objects.get(title__startswith=f"Part {number}:")


def numbers(found: recommendations.Picks) -> list[int]:
    return [int(pick.paper.title.split(":")[0].split()[1]) for pick in found.picks]


@pytest.mark.usefixtures("house")
def test_an_interest_learns_from_each_kind_of_teacher() -> None:
    alice = people.reader("alice")
    taught = interests.make(alice, Wishes("Weaving"), [paper(1).pk])
    interests.teach(alice, taught.pk, paper(7).pk, False)
    found = numbers(recommendations.for_interest(taught))
    assert found[0] <= 6
    assert not {1, 7} & set(found)
    said = interests.make(alice, Wishes(sentence="telegraph wires under the sea"))
    assert said.name == "telegraph wires under the sea"
    assert numbers(recommendations.for_interest(said))[0] > 6
    searched = interests.make(alice, Wishes(query="telegraph"))
    assert numbers(recommendations.for_interest(searched))[0] > 6
    # What is not here counts by its words.
    worded = interests.make(alice, Wishes("Elsewhere"))
    Lesson.objects.create(interest=worded, wanted=True, title="On weaving looms", digest="1")
    assert numbers(recommendations.for_interest(worded))[0] <= 6


@pytest.mark.usefixtures("house")
def test_what_cannot_be_ranked_is_a_sentence() -> None:
    alice = people.reader("alice")
    bare = interests.make(alice, Wishes("Bare"))
    assert "Nothing teaches" in recommendations.for_interest(bare).notes[0]
    interests.teach(alice, bare.pk, paper(1).pk, False)
    assert "only what does not belong" in recommendations.for_interest(bare).notes[0]
    # The last answer stands, and what contradicts itself is ranked all the same.
    interests.teach(alice, bare.pk, paper(1).pk, True)
    interests.teach(alice, bare.pk, paper(2).pk, False)
    assert interests.answers(bare, [paper(1).pk, paper(2).pk]) == {paper(1).pk: True, paper(2).pk: False}
    assert recommendations.for_interest(bare).picks
    strange = interests.make(alice, Wishes(sentence="ткацкий станок 織機"))
    assert recommendations.for_interest(strange).notes


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        (Wishes(), "a name"),
        (Wishes("x" * 121), "at most 120"),
        (Wishes("for YOU"), "page of your library"),
        (Wishes("a", sentence="b" * 501), "at most 500"),
        (Wishes("a", query="year:x..y"), "year"),
        (Wishes("a", visibility="everywhere"), "one of"),
        (Wishes("a", votes=7), "per cent"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_made(wishes: Wishes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        interests.make(people.reader("alice"), wishes)
    assert not Interest.objects.exists()


@pytest.mark.usefixtures("house")
def test_who_may_see_an_interest_and_who_may_not() -> None:
    alice, charlie = people.reader("alice"), people.reader("charlie")
    mine = interests.make(alice, Wishes("Weaving", "looms"), [paper(1).pk])
    assert interests.seen(mine.pk, alice) == mine
    for viewer in (charlie, None):
        with pytest.raises(Refused):
            interests.seen(mine.pk, viewer)
    with pytest.raises(Refused):
        interests.seen(mine.pk, charlie, mine.secret)
    with pytest.raises(Refused):
        interests.teach(charlie, mine.pk, paper(2).pk, True)
    with pytest.raises(Refused):
        interests.remove(charlie, mine.pk)
    mine = interests.change(alice, mine.pk, Wishes("Weaving", "looms", visibility="link"))
    shared = interests.seen(mine.pk, charlie, mine.secret)
    copied = interests.copy(charlie, shared)
    assert (copied.reader, copied.visibility, copied.sentence) == (charlie, "private", "looms")
    assert interests.answers(copied, [paper(1).pk]) == {paper(1).pk: True}
    assert interests.copy(charlie, shared).name == "Weaving (2)"
    told = community.everything_of(alice)["interests"][0]
    assert (told["name"], told["answers"][0]["paper"]) == ("Weaving", paper(1).identifier)
    interests.renew_link(alice, mine.pk)
    with pytest.raises(Refused):
        interests.seen(mine.pk, charlie, mine.secret)
    with pytest.raises(Refused, match="already"):
        interests.make(alice, Wishes("Weaving"))


@pytest.mark.usefixtures("house")
def test_for_you_knows_what_was_opened_followed_voted_and_forgotten() -> None:
    alice = people.reader("alice")
    community.follow(alice, "author", "charles-babbage")
    found = recommendations.for_reader(alice)
    assert numbers(found)
    assert "whom you follow" in found.picks[0].why
    community.mark(alice, paper(1).pk, "saved")
    interests.opened(alice, paper(3).pk)
    interests.opened(alice, paper(3).pk)
    found = recommendations.for_reader(alice)
    assert not {1, 3} & set(numbers(found))
    assert "whom you follow" in next(pick.why for pick in found.picks if pick.paper == paper(2))
    interests.set_own(alice, 100, True)
    assert 3 in numbers(recommendations.for_reader(alice))
    community.follow(alice, "reader", people.reader("olga").username)
    community.upvote(Reader.objects.get(username="olga"), paper(9))
    shelf = collecting.make(people.reader("emma"), "Cables", visibility="public")
    collecting.put(shelf.reader, shelf.pk, paper(5).pk)
    community.follow(alice, "collection", str(shelf.pk))
    whys = {pick.paper: pick.why for pick in recommendations.for_reader(alice).picks}
    assert "voted for by olga, whom you follow" in whys[paper(9)]
    assert "in the collection “Cables”" in whys[paper(5)]
    # A vote of others brings a paper up when votes count.
    for name in ("bob", "dora"):
        community.upvote(people.reader(name), paper(11))
    assert numbers(recommendations.for_reader(alice)).index(11) < 6
    interests.reset(alice)
    community.unfollow(alice, "author", "charles-babbage")
    community.unfollow(alice, "reader", "olga")
    community.unfollow(alice, "collection", str(shelf.pk))
    assert not recommendations.for_reader(alice).picks
    interests.reset(alice, back=True)
    assert recommendations.for_reader(alice).picks
    assert interests.forget_opened(alice) == 1


@pytest.mark.usefixtures("house")
def test_pages_leafed_through_fit_each_other_and_hold_explorations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broadsheet.recommendations.choosing.MOST_PICKS", 8)
    monkeypatch.setattr("broadsheet.recommendations.choosing.EXPLORING_EVERY", 4)
    alice = people.reader("alice")
    community.mark(alice, paper(1).pk, "saved")
    moment = timezone.now()
    first = recommendations.for_reader(alice, limit=4, until=moment)
    # What is opened on the way moves nothing on the pages after it.
    interests.opened(alice, first.picks[0].paper.pk)
    second = recommendations.for_reader(alice, limit=4, start=4, until=moment)
    assert first.total == 8
    assert len({*numbers(first), *numbers(second)}) == 8
    assert [pick.exploring for pick in first.picks] == [False, False, False, True]
    assert "by chance" in first.picks[3].why


def test_papers_that_were_not_here_are_recognised_when_they_come_in() -> None:
    alice = people.reader("alice")
    mine, own = interests.make(alice, Wishes("Weaving")), interests.kept_own_page(alice)
    for interest in (mine, own):
        digest = interests.digest_of("", "2503.00077")
        Lesson.objects.create(interest=interest, wanted=True, identifier="2503.00077", digest=digest)
    assert interests.settle_due() == 0
    new = factories.paper(77)
    assert interests.settle_due() == 2
    assert interests.settle_due() == 0
    assert interests.answers(mine, [new.pk]) == {new.pk: True}
    assert Mark.objects.filter(reader=alice, paper=new, kind="saved").exists()


def test_a_merged_paper_keeps_its_answers() -> None:
    one, two = factories.papers(2)
    from broadsheet.catalog.people import move_people

    alice = people.reader("alice")
    mine = interests.make(alice, Wishes("Weaving"), [one.pk, two.pk])
    other = interests.make(alice, Wishes("Looms"), [one.pk])
    move_people(one.pk, two.pk)
    assert interests.answers(other, [two.pk]) == {two.pk: True}
    assert Lesson.objects.filter(interest=mine).count() == 2


def test_an_old_answer_is_dated_anew_when_it_changes() -> None:
    alice, one = people.reader("alice"), factories.paper(1)
    mine = interests.make(alice, Wishes("Weaving"), [one.pk])
    Lesson.objects.update(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    interests.teach(alice, mine.pk, one.pk, False)
    assert Lesson.objects.get().created_at > timezone.now() - timedelta(minutes=1)
    interests.teach(alice, mine.pk, one.pk, None)
    assert not Lesson.objects.exists()


@pytest.mark.usefixtures("house")
def test_the_command_line_lists_what_an_interest_and_a_reader_are_shown() -> None:
    alice = people.reader("alice")
    mine = interests.make(alice, Wishes("Weaving"), [paper(1).pk])
    community.mark(alice, paper(7).pk, "saved")

    def titles(*words: str) -> list[str]:
        out = StringIO()
        call_command("recommend", *words, "--window", "all", "--json", stdout=out)
        return [each["title"] for each in json.loads(out.getvalue())["papers"]]

    assert "weaving looms" in titles("--interest", str(mine.pk))[0]
    assert "telegraph wires" in titles("--reader", "Alice")[0]
    for words, sentence in (
        (["--interest", "0"], "no interest 0"),
        (["--interest", "Weaving"], "no interest Weaving"),
        (["--reader", "nobody"], "no reader nobody"),
        (["--interest", "1", "--like", "2503.00001"], "by itself"),
    ):
        with pytest.raises(CommandError, match=sentence):
            call_command("recommend", *words)


def test_hundreds_of_pasted_ids_all_teach_and_what_is_too_long_is_refused_with_a_way_out() -> None:
    alice = people.reader("alice")
    mine = interests.make(alice, Wishes("Much"))
    many = "\n".join(f"2501.{number:05d}" for number in range(1, 301))
    assert interests.teach_named(alice, mine.pk, many) == (0, 300)
    with pytest.raises(Refused, match="as a file"):
        interests.teach_named(alice, mine.pk, "2501.00001 " * 10_000)


@pytest.mark.usefixtures("house")
def test_teaching_asks_says_how_good_it_is_and_knows_when_it_cannot() -> None:
    alice = people.reader("alice")
    mine = interests.make(alice, Wishes("Weaving"))
    assert "Too few answers" in recommendations.quality(mine).note
    assert len(recommendations.questions(mine, alice)) == 6
    for number in (1, 2, 3, 4):
        interests.teach(alice, mine.pk, paper(number).pk, True)
    interests.teach(alice, mine.pk, paper(7).pk, False)
    interests.teach(alice, mine.pk, paper(8).pk, False)
    asked = recommendations.questions(mine, alice)
    assert not {paper(n).pk for n in (1, 2, 3, 4, 7, 8)} & {each.paper.pk for each in asked}
    assert [each.paper.pk for each in asked] == [
        each.paper.pk for each in recommendations.questions(mine, alice)
    ]
    assert all(0 <= each.unsure <= 1 for each in asked)
    found = recommendations.quality(mine)
    assert found == recommendations.quality(mine)
    assert (found.note, found.asked) == ("", 4)
    assert found.low <= found.share <= found.high
    assert found.apart == 1.0
    page = people.signed_in(alice).get(f"/interests/{mine.pk}/teaching").content.decode()
    assert f"Of 4 papers that fit, {found.found} would have been found" in page
    assert people.signed_in(people.reader("charlie")).get(f"/interests/{mine.pk}/teaching").status_code == 404
    doors.index().drop()
    assert "No model" in recommendations.quality(mine).note
    assert recommendations.questions(mine, alice) == []


def test_a_learning_curve_says_what_more_answers_bring() -> None:
    rising = [(size, 0.9 - 0.8 * size**-0.7) for size in (1, 2, 3, 5, 8)]
    gain = teaching.expected_gain(rising, 8)
    assert gain == pytest.approx((0.9 - 0.8 * 13**-0.7) - (0.9 - 0.8 * 8**-0.7), abs=0.005)
    assert teaching.expected_gain([(1, 0.5), (2, 0.5), (3, 0.5)], 3) == pytest.approx(0)
    assert teaching.expected_gain([(1, 0.9), (2, 0.5), (3, 0.2)], 3) == pytest.approx(0, abs=1e-9)
    assert teaching.expected_gain([(1, 0.5), (2, 0.6)], 2) is None
    assert teaching.wilson(7, 10) == pytest.approx((0.397, 0.892), abs=0.001)
    assert teaching.wilson(0, 0) == (0.0, 1.0)
