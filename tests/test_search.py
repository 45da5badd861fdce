"""Searches, from what is typed to a page of papers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from pytest_django import Settings as SettingsWrapper

from broadsheet import catalog, doors, search
from broadsheet.models import Paper
from broadsheet.search import Found, Narrowing
from broadsheet.search.ranking import Recipe
from broadsheet.sources import LinkRecord
from tests.factories import NOW, record

pytestmark = pytest.mark.django_db

PAPERS: list[dict[str, Any]] = [
    {"title": "Multi-stage training of large language models", "authors": ("Ada Lovelace", "Luigi Menabrea")},
    {"title": "Diffusion models beat all others", "authors": ("Grace Hopper",), "categories": ("cs.CV",)},
    {
        "title": "A survey of state space models",
        "authors": ("Rudolf Kalman",),
        "categories": ("cs.LG", "math.OC"),
    },
    {
        "title": "Space travel by state agencies",
        "authors": ("Katherine Johnson",),
        "categories": ("physics.pop-ph",),
    },
    {
        "title": "Retrieval for question answering",
        "authors": ("Karen Jones",),
        "categories": ("cs.IR", "cs.CL"),
    },
    {"title": "Graph neural networks for molecules", "authors": ("Ada Lovelace",), "categories": ("cs.LG",)},
]
YEARS = (2021, 2022, 2023, 2024, 2025, 2025)


@pytest.fixture(autouse=True)
def house(settings: SettingsWrapper) -> Iterator[None]:
    """Six papers of six years, the second with code, all in the index."""
    settings.RERANKER = ""
    told = []
    for number, (paper, year) in enumerate(zip(PAPERS, YEARS, strict=True), start=1):
        when = datetime(year, 3, number, 9, tzinfo=UTC)
        about = {
            "identifiers": (f"{year % 100}03.{number:05d}",),
            "abstract": f"About {paper['title'].lower()}, at length and in detail.",
            "published_at": when,
            "announced_on": when.date(),
            "links": (LinkRecord("code", "https://github.com/x/y"),) if number == 2 else (),
        }
        told.append(record(number, **about, **paper))
    catalog.take_in(told, now=NOW)
    index_all()
    yield
    doors.close()


def index_all() -> None:
    while search.index_due():
        pass


def numbers(found: Found) -> list[int]:
    """Which of the six, in order."""
    titles = [paper["title"] for paper in PAPERS]
    return [titles.index(paper.title) + 1 for paper in found.papers]


def first(query: str, **more: Any) -> int:
    return numbers(search.search(query, **more))[0]


# What is found


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("diffusion", 2),
        ("language models training", 1),
        ("multistage training", 1),
        ("multi-stage", 1),
        ("neural network molecule", 6),  # by stems
        ("Kalman", 3),
        ("Menabrea 2021", 1),
        ("Lovelace et al. 2025", 6),
        ("Lovelace and Menabrea, 2021", 1),
        ("answers to questions", 5),
        ('"state space"', 3),
        ("title:diffusion", 2),
        ("author:hopper", 2),
        ('author:"Lovelace, Ada" molecules', 6),
        ("models -diffusion -language", 3),
        ("retriev*", 5),
    ],
)
def test_the_paper_that_was_meant_is_first(query: str, number: int) -> None:
    assert first(query) == number


def test_papers_without_any_of_the_words_are_found_by_meaning_and_marked_so() -> None:
    found = search.search("chemistry")
    assert found.papers
    assert all(reason.by_meaning and not reason.by_words for reason in found.reasons.values())
    assert found.note == "No paper holds these words; these are near in meaning."


def test_reasons_and_marks() -> None:
    found = search.search("diffusion models")
    best = found.papers[0]
    assert found.reasons[best.pk].by_words
    assert [best.title[start:end] for start, end in found.marks(best.title)] == ["Diffusion", "models"]


@pytest.mark.parametrize("spelling", ["2203.00002", "arXiv:2203.00002v3", "https://arxiv.org/abs/2203.00002"])
def test_an_identifier_finds_its_paper_alone(spelling: str) -> None:
    found = search.search(spelling)
    assert (
        numbers(found) == [2] and found.exact == found.papers[0] and found.reasons[found.papers[0].pk].pinned
    )


def test_an_identifier_that_is_not_here_finds_nothing() -> None:
    found = search.search("2203.09999")
    assert (found.papers, found.exact, found.total) == ([], None, 0)


def test_a_paper_whose_title_holds_the_question_stands_first_unless_many_do() -> None:
    meant = "Notes on engines that weave patterns of algebra, after the looms of Lyon and their cards"
    other = {"title": "Patterns: engines weave", "abstract": "Engines weave patterns. " * 5}
    catalog.take_in([record(7, title=meant), record(8, **other)], now=NOW)
    index_all()
    assert search.search("engines weave patterns").papers[0].title == other["title"]
    asked = "engines that weave patterns"
    without = search.search(asked, recipe=Recipe(titled=0))
    assert without.papers[0].title == other["title"]
    found = search.search(asked)
    assert found.papers[0].title == meant
    assert found.reasons[found.papers[0].pk].by_words
    more = [record(number, title=f"Engines that weave patterns, part {number}") for number in (9, 10, 11)]
    catalog.take_in(more, now=NOW)
    index_all()
    assert [paper.pk for paper in search.search(asked).papers] == [
        paper.pk for paper in search.search(asked, recipe=Recipe(titled=0)).papers
    ]


def test_an_exact_title_and_identifiers_among_words_stand_first() -> None:
    found = search.search("DIFFUSION models beat ALL others!")
    assert numbers(found)[0] == 2 and found.exact == found.papers[0]
    assert first("graph networks as in 2303.00003") == 3


def test_an_author_is_named() -> None:
    found = search.search("Ada Lovelace")
    assert found.author and found.author.name == "Ada Lovelace"
    assert set(numbers(found)[:2]) == {1, 6}


@pytest.mark.parametrize("query", ["", "   ", "🙂", "---", '""', "author:"])
def test_nothing_asked_is_nothing_found(query: str) -> None:
    assert search.search(query).papers == []


# Narrowing, sorting, paging


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("models cat:cs.CV", {2}),
        ("cat:cs.LG", {1, 3, 6}),
        ("cat:CS", {1, 2, 3, 5, 6}),
        ("cat:math", {3}),
        ("-cat:cs", {4}),
        ("models year:2021..2022", {1, 2}),
        ("year:2025", {5, 6}),
        ("has:code", {2}),
        ("-has:code cat:cs.LG", {1, 3, 6}),
        ('author:"ada lovelace"', {1, 6}),
        ("-author:lovelace cat:cs", {2, 3, 5}),
        ("year:2021.. -year:2022..2025", {1}),
    ],
)
def test_filters(query: str, expected: set[int]) -> None:
    assert set(numbers(search.search(query))) == expected


def test_the_pages_own_controls_narrow_too() -> None:
    assert set(numbers(search.search("models", narrowing=Narrowing(categories=("cs.CV",))))) == {2}
    assert set(numbers(search.search("cat:cs.LG", narrowing=Narrowing(categories=("math",))))) == {3}
    since = Narrowing(first_day=datetime(2024, 1, 1, tzinfo=UTC).date())
    assert set(numbers(search.search("", narrowing=since))) == {4, 5, 6}


def test_sorting() -> None:
    assert numbers(search.search("cat:cs", sort="date")) == [6, 5, 3, 2, 1]
    assert numbers(search.search("models", sort="date"))[:3] == [3, 2, 1]
    Paper.objects.filter(title=PAPERS[1]["title"]).update(upvotes=9)
    assert numbers(search.search("models", sort="votes"))[0] == 2
    Paper.objects.filter(title=PAPERS[0]["title"]).update(hotness=99_999)
    assert numbers(search.search("models", sort="trending"))[0] == 1
    assert not search.search("models", sort="date").notes
    loose = search.search("models zyxwvut", sort="date", correct=False)
    assert loose.papers and loose.note.startswith("No paper holds every word;")
    with pytest.raises(search.BadQuery, match="sorted by"):
        search.search("models", sort="luck")  # type: ignore[arg-type]


def test_pages_and_cursors_show_every_paper_once() -> None:
    whole = numbers(search.search("models"))
    by_page = [number for page in (1, 2, 3) for number in numbers(search.search("models", page, 2))]
    assert by_page == whole
    found, seen = search.search("models", 1, 2), list[int]()
    while True:
        seen += numbers(found)
        if not found.next:
            break
        found = search.search("models", 1, 2, after=found.next)
    assert seen == whole
    assert search.search("models", 1, 2).pages == 3


def test_a_cursor_finds_its_place_when_papers_came_in_before_it() -> None:
    before = search.search("cat:cs", 1, 2, sort="date")
    Paper.objects.filter(title=PAPERS[0]["title"]).update(month=202512, listed_on="2025-12-01")
    after = search.search("cat:cs", 1, 2, sort="date", after=before.next)
    assert numbers(before) == [6, 5] and numbers(after) == [3, 2]


@pytest.mark.parametrize("cursor", ["x", "9.9.9", "-1.2", "1." + "9" * 50, "\0.1", "٣.٣", "99999.1"])
def test_a_cursor_that_nobody_gave_out_does_no_harm(cursor: str) -> None:
    search.search("models", after=cursor)


def test_facets_count_the_papers_with_all_the_words() -> None:
    found = search.search("models", facets=True)
    assert found.matching == 3
    assert found.facets["category"] == {"cs": 3, "cs.LG": 2, "cs.CL": 1, "cs.CV": 1, "math": 1, "math.OC": 1}
    assert found.facets["year"] == {"2021": 1, "2022": 1, "2023": 1}
    assert found.facets["has_code"] == {"false": 2, "true": 1}
    less = search.search("models -cat:cs.CV", facets=True)
    assert less.matching == 2 and "cs.CV" not in less.facets["category"]


def test_while_somebody_types_the_last_word_may_be_unfinished() -> None:
    assert first("graph neur", typing=True) == 6
    assert first("diffu", typing=True) == 2


def test_an_empty_result_says_what_else_to_try() -> None:
    found = search.search('"state of the art" -graph cat:q-bio')
    assert found.papers == []
    assert found.suggestions[0].query == "state of the art"


# Mistyped words


def test_mistyped_words_are_corrected_and_that_is_said() -> None:
    found = search.search("diffusion modles")
    assert found.corrected == "diffusion models" and {1, 2, 3} <= set(numbers(found))
    assert not search.search("diffusion modles", correct=False).corrected


@pytest.mark.parametrize(
    "query", ['"modles"', "title:modles", "Menabrea", "-modles state", "ModLes", "mo-dles"]
)
def test_quotes_fields_and_names_are_not_corrected(query: str) -> None:
    assert not search.search(query).corrected


# Copies and what left


def test_the_same_paper_twice_is_shown_once() -> None:
    again = {
        "title": "Diffusion models beat all others.",
        "abstract": "About diffusion models beat all others, at length and in detail.",
        "identifiers": ("doi:10.1000/60",),
        "authors": ("Somebody Else",),
    }
    catalog.take_in([record(60, **again)], now=NOW)
    index_all()
    assert Paper.objects.count() == 7
    found = search.search("diffusion beat others")
    assert sum("beat all others" in paper.title for paper in found.papers) == 1


def test_a_hidden_or_deleted_paper_is_not_shown_even_before_the_index_knows() -> None:
    Paper.objects.filter(title=PAPERS[1]["title"]).update(hidden=True, hotness=None)
    Paper.objects.filter(title=PAPERS[2]["title"]).delete()
    assert not {2, 3} & set(numbers(search.search("diffusion state space models")))
    assert search.search("2203.00002").papers == []


# Like other papers


def test_related_papers_are_near_and_never_the_paper_itself() -> None:
    paper = Paper.objects.get(title=PAPERS[2]["title"])
    found = search.related(paper)
    assert paper not in found.papers and len(found.papers) == 5
    by_date = search.related(paper, sort="date")
    assert numbers(by_date) == [6, 5, 4, 2, 1]


def test_several_papers_attract_and_push_away() -> None:
    plus = list(Paper.objects.filter(title__in=[PAPERS[0]["title"], PAPERS[1]["title"]]))
    minus = list(Paper.objects.filter(title=PAPERS[5]["title"]))
    found = search.like(plus, minus)
    assert not {1, 2, 6} & set(numbers(found))
    assert set(numbers(found)) == {3, 4, 5}
    with pytest.raises(search.BadQuery):
        search.like([])


# Cost


def test_three_questions_to_the_database(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    search.search("warm up")
    for query, more in (
        ("diffusion models", {}),
        ("Ada Lovelace", {"facets": True}),
        ("models cat:cs year:2020..", {"sort": "date"}),
        ("modles", {}),
        ("2203.00002", {}),
        ("https://arxiv.org/abs/2203.09999", {}),
        ("models", {"page": 2, "per_page": 2}),
    ):
        with django_assert_max_num_queries(3):
            search.search(query, **more)
    with django_assert_max_num_queries(3):
        search.related(Paper.objects.order_by("pk")[0])
