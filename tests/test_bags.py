"""Bags of words: what a text weighs, what a crash leaves, and that the learner reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as conf
from pytest_django import Settings

from broadsheet import doors, recommendations, search
from broadsheet.models import Paper
from broadsheet.recommendations import bags, keeping, learning
from tests import factories

MORE = pytest.mark.filterwarnings("ignore:No directory at")


def dense(bag: bags.Bag) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    found = np.zeros(bags.BUCKETS, np.float32)
    np.add.at(found, bag.places, bag.weights)
    return found


def test_a_bag_has_length_one_leaves_out_what_everybody_writes_and_weighs_the_title_more() -> None:
    one = bags.bag("Punched cards", "The looms of the weavers read cards.")
    assert np.linalg.norm(one.weights) == pytest.approx(1, abs=1e-5)
    weight = dict(zip(one.places.tolist(), one.weights.tolist(), strict=True))
    assert bags.place_of("the") not in weight and bags.place_of("of") not in weight
    plain = dense(bags.bag("", "punched cards looms weavers read cards"))
    assert weight[bags.place_of("punched")] > plain[bags.place_of("punched")]


def test_who_wrote_papers_is_found_however_the_name_is_spelt_and_big_teams_count_less() -> None:
    written = [["Ada Lovelace"], [], ["Charles Babbage", "ADA LOVELACE"], ["A. Ada", ""]]
    made = [bags.bag("Looms", "", names) for names in written]
    rows = bags.packed([1, 2, 3, 4], made, [0] * 4)
    ada = bags.people_of(["Ada Lovelace"])
    one = np.ones(1, np.float32)
    exact = [1.0, 0.0, 2**-0.5, 0.0]
    assert rows.written_by(ada, one) == pytest.approx(exact)
    assert rows.take(np.array([2, 1])).written_by(ada, one) == pytest.approx([exact[2], 0])
    both = bags.joined(rows.take(np.array([1, 2])), rows.take(np.array([0])))
    assert both.written_by(ada, one) == pytest.approx([0, exact[2], 1])
    assert rows.written_by(ada[:0], one[:0]).tolist() == [0] * 4
    assert rows.take(np.array([1])).written_by(ada, one).tolist() == [0]


def test_who_wrote_several_of_the_wanted_counts_and_nobody_who_wrote_the_unwanted(tmp_path: Path) -> None:
    names = [["Ada", "Bob"], ["Ada", "Charlie"], ["Charlie"], ["Dora"], ["Ada"]]
    rows = bags.packed(range(5), [bags.bag("Looms", "", each) for each in names], [0] * 5)
    known = bags.Bags(tmp_path, bags.append(tmp_path, bags.State(), rows, "all"))
    given = [learning.Example("", weight, key) for key, weight in enumerate([1.0, 1.0, -1.0])]
    circle = learning.circle_of([*given, learning.Example("Words of a stranger")], known)
    counted = dict(zip(circle.people.tolist(), circle.weights.tolist(), strict=True))
    ada, bob, charlie = (int(bags.people_of([name])[0]) for name in ("Ada", "Bob", "Charlie"))
    assert counted[ada] > 2 * counted[bob] > 0 and charlie not in counted
    assert circle.people[circle.several].tolist() == [ada]
    assert not len(learning.circle_of([learning.Example("Words")], known).people)


def test_only_papers_nearer_to_what_was_refused_than_to_what_is_wanted_lose_by_it() -> None:
    axes = np.eye(3, dtype=np.float32)
    back = learning.background(np.concatenate([axes, -axes]), 6, lambda word: 1)
    between = axes[:1] + axes[1:2]
    papers = np.concatenate([axes, between / np.linalg.norm(between)])
    wanted, refused = learning.Example("", 1.0, 1, axes[0]), learning.Example("", -1.0, 2, axes[1])
    lost = learning._refused(papers, [wanted, refused], back, learning.RECIPE)
    assert lost[1] > 1 and lost[[0, 2, 3]].tolist() == [0, 0, 0]
    for some in ([wanted], [refused], [wanted, learning.Example("unread", -1.0)]):
        assert not learning._refused(papers, some, back, learning.RECIPE).any()


@pytest.mark.parametrize("text", ["", "the of and", "\x00\ud800", "$$ 12 %%"])
def test_a_text_without_words_has_an_empty_bag(text: str) -> None:
    assert not len(bags.bag(text).places)


def test_rows_multiply_add_and_are_taken_as_the_bags_they_were_made_of() -> None:
    texts = ["steam engines for railways", "", "weaving looms", "ткацкий станок 織機 of engines"]
    made = [bags.bag(text) for text in texts]
    rows = bags.packed([7, 8, 9, 10], made, [0, 0, 202401, 0])
    question = dense(bags.bag("steam looms engines станок"))
    exact = [float(dense(one) @ question) for one in made]
    assert rows.products(question) == pytest.approx(exact, abs=0.01)
    assert rows.common == pytest.approx([float(dense(one) @ bags.counted().mean) for one in made], abs=0.001)
    assert rows.take(np.array([2, 0])).products(question) == pytest.approx([exact[2], exact[0]], abs=0.01)
    both = bags.joined(rows.take(np.array([3])), rows.take(np.array([1, 0])))
    assert both.products(question) == pytest.approx([exact[3], exact[1], exact[0]], abs=0.01)
    shares = np.array([1, 0, -0.5, 0], np.float32)
    assert rows.total(shares) == pytest.approx(dense(made[0]) - 0.5 * dense(made[2]), abs=0.01)


def test_what_a_crash_left_behind_does_not_count_and_the_later_bag_of_a_key_does(tmp_path: Path) -> None:
    first = bags.packed([1, 2], [bags.bag("looms"), bags.bag("engines")], [0, 0])
    state = bags.append(tmp_path, bags.State(), first, "one")
    with (tmp_path / "rows").open("ab") as file:
        file.write(b"half a row")
    with (tmp_path / "weights").open("ab") as file:
        file.write(b"123")
    assert bags.read_state(tmp_path) == state
    again = bags.append(tmp_path, state, bags.packed([1], [bags.bag("telegraph wires")], [0]), "two")
    known = bags.Bags(tmp_path, again)
    assert len(known) == 2
    wires = known.all.products(dense(bags.bag("telegraph wires")))[known.rows_of(np.array([1, 2, 3]))[:2]]
    assert wires == pytest.approx([1, 0], abs=0.01)
    assert known.rows_of(np.array([3])).tolist() == [-1]


def test_there_is_one_writer(tmp_path: Path) -> None:
    with bags.writing(tmp_path), pytest.raises(bags.BagsBusy), bags.writing(tmp_path):
        pass


@pytest.fixture
def house(settings: Settings) -> Iterator[None]:
    settings.RERANKER = ""
    for number in range(1, 9):
        words = "weaving looms" if number % 2 else "steam engines"
        factories.paper(number, title=f"Part {number}: {words}", abstract=f"On {words}.")
    while search.index_due() or recommendations.bags_due():
        pass
    yield
    keeping.forget()
    doors.close()


def looms(found: recommendations.Picks) -> list[bool]:
    return ["looms" in pick.paper.title for pick in found.picks]


@MORE
@pytest.mark.django_db
def test_bags_follow_the_papers_and_grow_back_when_they_are_damaged(house: None) -> None:
    assert recommendations.bags_due() == 0
    paper = Paper.objects.get(title__startswith="Part 2")
    Paper.objects.filter(pk=paper.pk).update(title="Part 2: weaving looms again", changed_at=factories.NOW)
    while recommendations.bags_due():
        pass
    weights = Path(conf.HOME) / "bags" / "weights"
    weights.write_bytes(b"")
    while recommendations.bags_due():
        pass
    known = keeping.bags_now()
    assert known is not None and len(known) == 8


@MORE
@pytest.mark.django_db
def test_a_window_and_all_times_and_an_index_alone_agree_on_what_is_alike(house: None) -> None:
    wanted = [Paper.objects.get(title__startswith="Part 1")]
    everything = recommendations.for_examples(wanted, limit=2)
    window = recommendations.for_examples(wanted, first=date(1990, 1, 1), limit=2)
    assert looms(everything) == looms(window) == [True] * 2
    bags.drop(Path(conf.HOME) / "bags")
    assert looms(recommendations.for_examples(wanted, limit=2)) == [True] * 2


@MORE
@pytest.mark.django_db
def test_a_window_is_made_ready_once_and_again_when_its_papers_are_others(
    house: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, known = doors.index(), keeping.bags_now()
    assert known is not None
    back = learning.background(np.zeros((0, 0), np.float32), 8, lambda word: 1)

    def pool() -> learning.Pool:
        found = keeping.pool_of(index, "", known, back, date(2025, 3, 10))
        assert found is not None
        return found

    Paper.objects.filter(title__startswith="Part 1").update(listed_on=None, month=202504)
    Paper.objects.filter(title__startswith="Part 2").update(listed_on=None, month=202503)
    Paper.objects.filter(title__startswith="Part 3").update(listed_on=date(2025, 3, 9), month=202504)
    first = pool()
    assert len(first.rows) == 6
    Paper.objects.filter(title__startswith="Part 4").update(hotness=None)
    assert pool() is first
    monkeypatch.setattr(keeping, "FRESH", 0.0)
    assert len(pool().rows) == 5
    assert pool() is pool()


@MORE
@pytest.mark.django_db
def test_only_unwanted_examples_contradictory_ones_and_foreign_words_rank_without_an_error(
    house: None,
) -> None:
    index, known = doors.index(), keeping.bags_now()
    assert known is not None
    back = learning.background(np.zeros((0, 0), np.float32), 8, lambda word: 1)
    one = Paper.objects.get(title__startswith="Part 1")
    against = learning.rank(index, "", [learning.Example("", -1.0, one.pk)], back, known=known)
    assert "looms" in Paper.objects.get(pk=list(against)[-1]).title
    both = [learning.Example("", weight, one.pk) for weight in (1.0, -1.0)]
    assert len(learning.rank(index, "", both, back, known=known)) == 8
    assert learning.rank(index, "", [learning.Example("織機")], back, known=known)
    assert learning.rank(index, "", [learning.Example("")], back, known=known) == {}
    assert learning.rank(index, "", [], back, known=known) == {}
