"""What is recommended from a handful of papers, and for a reader: likeness, minus, nothing twice, why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from broadsheet import community, digest, doors, recommendations, search
from broadsheet.digest import choosing
from broadsheet.models import Paper
from broadsheet.recommendations import learning
from tests import factories, people

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

SUBJECTS = ("telegraph wires under the sea", "weaving looms and punched cards", "steam engines for railways")
ASPECTS = (
    "a history of the trade",
    "what insurers charge",
    "measured with a new instrument",
    "how apprentices are taught",
    "the law of patents",
    "a theory of failure and repair",
    "illustrated by woodcuts",
    "seen from abroad",
)


@pytest.fixture(autouse=True)
def house(settings: Settings) -> Iterator[None]:
    """Eight papers of each of three subjects: numbers 1 to 8, 9 to 16, 17 to 24."""
    settings.RERANKER = ""
    for subject, words in enumerate(SUBJECTS):
        for each in range(1, 9):
            number = 8 * subject + each
            factories.paper(
                number, title=f"Part {number}: {words}", abstract=f"A study of {words}, part {number}."
            )
    while search.index_due() or recommendations.bags_due():
        pass
    yield
    doors.close()


def paper(number: int) -> Paper:
    return Paper.objects.get(title__startswith=f"Part {number}:")


def subjects(found: recommendations.Picks) -> list[str]:
    return [pick.paper.title.partition(": ")[2] for pick in found.picks]


def test_new_papers_by_who_wrote_several_of_the_examples_come_first_and_say_so() -> None:
    later = datetime(2099, 1, 1, tzinfo=UTC)
    for number in range(1, 25):
        name = "Ada Lovelace" if number in (1, 2, 20) else f"Writer {number}"
        Paper.objects.filter(pk=paper(number).pk).update(authors=[name], changed_at=later)
    while recommendations.bags_due():
        pass
    first = recommendations.for_examples([paper(1), paper(2)]).picks[0]
    assert first.paper == paper(20)
    assert first.why.startswith("by Ada Lovelace, who wrote several of these; ")
    assert recommendations.for_examples([paper(1), paper(3)]).picks[0].why.startswith("like ")


def test_papers_of_the_same_subject_come_first_and_the_examples_do_not_return() -> None:
    known = [paper(1), paper(2)]
    found = recommendations.for_examples(known, limit=6)
    assert subjects(found)[0] == SUBJECTS[0]
    # These are near-copies of each other, so some places go to something else.
    assert subjects(found).count(SUBJECTS[0]) >= 4
    assert not {pick.paper.pk for pick in found.picks} & {each.pk for each in known}
    assert "like “Part" in found.picks[0].why


def test_a_sentence_alone_is_enough() -> None:
    found = recommendations.for_examples([], text="punched cards for weaving", limit=3)
    assert subjects(found) == [SUBJECTS[1]] * 3


def test_what_is_unwanted_comes_after_what_is_wanted() -> None:
    plain = subjects(recommendations.for_examples([paper(1), paper(9)], limit=10))
    minus = subjects(recommendations.for_examples([paper(1), paper(9)], [paper(10), paper(11)], limit=10))
    assert plain.count(SUBJECTS[1]) > minus.count(SUBJECTS[1])
    assert minus[0] == SUBJECTS[0]


def test_nothing_wanted_is_answered_by_a_sentence() -> None:
    found = recommendations.for_examples([], [paper(1)])
    assert not found.picks
    assert "at least one paper" in found.notes[0]


def test_a_paper_wanted_and_unwanted_is_wanted_and_a_text_in_no_known_language_harms_nothing() -> None:
    found = recommendations.for_examples([paper(1)], [paper(1)], text="ткацкий станок 織機 \x00", limit=3)
    assert len(found.picks) == 3


def test_a_window_without_papers_says_so() -> None:
    found = recommendations.for_examples([paper(1)], first=date(2200, 1, 1))
    assert not found.picks
    assert "longer window" in found.notes[0]


def test_without_an_index_there_is_a_sentence() -> None:
    one = paper(1)
    doors.index().drop()
    found = recommendations.for_examples([one])
    assert not found.picks
    assert "index" in found.notes[0]


def test_a_reader_gets_what_is_like_their_papers_and_never_what_they_marked() -> None:
    alice = people.reader("alice")
    community.mark(alice, paper(17).pk, "saved")
    community.mark(alice, paper(18).pk, "saved")
    community.mark(alice, paper(19).pk, "refused")
    community.mark(alice, paper(20).pk, "read")
    mailed = paper(21).pk
    found = recommendations.for_reader(alice, limit=24, exclude=[mailed])
    assert subjects(found)[0] == SUBJECTS[2]
    assert {paper(number).pk for number in (22, 23, 24)} < {pick.paper.pk for pick in found.picks}
    assert not {paper(number).pk for number in range(17, 22)} & {pick.paper.pk for pick in found.picks}


def test_a_reader_who_has_said_nothing_is_told_what_to_do() -> None:
    found = recommendations.for_reader(people.reader("bob"))
    assert not found.picks
    assert "Save a few papers" in found.notes[0]


def test_the_command_prints_papers_and_json() -> None:
    out = StringIO()
    identifier = paper(1).identifier
    call_command("recommend", "--like", identifier, "--window", "all", "--limit", "2", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert len(said["papers"]) == 2
    assert all(each["identifier"] != identifier for each in said["papers"])


def test_the_command_refuses_with_sentences() -> None:
    with pytest.raises(CommandError, match="at least one paper"):
        call_command("recommend")
    with pytest.raises(CommandError, match="no paper"):
        call_command("recommend", "--like", "2999.99999")
    with pytest.raises(CommandError, match="window"):
        call_command("recommend", "--text", "looms", "--window", "soon")


def test_the_linear_model_ignores_what_all_papers_share() -> None:
    """All papers lie along the first axis; the third sets the example apart."""
    rng = np.random.default_rng(0)
    sample = rng.normal([1.0, 0.0, 0.0], 0.1, (500, 3)).astype(np.float32)
    back = learning.background(sample, 500, lambda word: 1)
    example = learning.Example("", vector=np.array([0.9, 0.0, 0.4], np.float32))
    toward = learning.direction([example], back)
    assert toward is not None
    assert toward[2] > abs(toward[0])
    assert np.linalg.norm(toward) == pytest.approx(1)


def test_examples_without_vectors_or_known_words_teach_nothing_and_break_nothing() -> None:
    back = learning.background(np.zeros((0, 0), np.float32), 0, lambda word: 0)
    examples = [learning.Example("織機"), learning.Example("", -1.0)]
    assert learning.direction(examples, back) is None
    assert learning.telling(examples, back) == []


def test_an_edition_for_a_reader_is_what_their_library_recommends_with_the_reason() -> None:
    alice = people.reader("alice")
    for number in (1, 2, 3):
        community.mark(alice, paper(number).pk, "saved")
    mine = digest.ask("alice@example.org", digest.Choices(what="foryou", how_many=3), alice)
    moment = datetime(2025, 3, 17, 12, tzinfo=UTC)
    choice = choosing.Choosing(moment).choose([mine])[mine.pk]
    shown = Paper.objects.in_bulk([each.paper for each in choice.picks])
    # One place may go to something else, for variety.
    assert sum(SUBJECTS[0] in each.title for each in shown.values()) >= 2
    assert SUBJECTS[0] in shown[choice.picks[0].paper].title
    assert not {paper(number).pk for number in (1, 2, 3)} & set(shown)
    assert all(each.reason for each in choice.picks)
