"""Listings: what stands in a window, in which order, on which page, and what is next to it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from broadsheet import catalog, trending
from broadsheet.models import Paper, PaperCategory
from broadsheet.sources import LinkRecord
from broadsheet.trending import Filters, Window
from tests.factories import FRIDAY, NOW, paper, papers, record, votes

pytestmark = pytest.mark.django_db

DAY = trending.day_window(FRIDAY)


def titles(window: Window, filters: Filters = Filters(), **pages: int) -> list[str]:  # noqa: B008
    return [entry.paper.title for entry in trending.listing(window, filters, **pages).entries]


# Windows and their addresses


@pytest.mark.parametrize(
    ("period", "text", "first", "last"),
    [
        ("day", "2025-03-14", "2025-03-14", "2025-03-14"),
        ("week", "2025-W01", "2024-12-30", "2025-01-05"),
        ("week", "2020-W53", "2020-12-28", "2021-01-03"),
        ("month", "2024-02", "2024-02-01", "2024-02-29"),
    ],
)
def test_an_address_names_a_window_and_the_window_its_address(
    period: str, text: str, first: str, last: str
) -> None:
    window = trending.parse(period, text)
    assert (window.first, window.last) == (date.fromisoformat(first), date.fromisoformat(last))
    assert window.key == text
    assert window.path.endswith(text)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        ("day", "2025-13-77"),
        ("day", "2025-02-30"),
        ("day", "٢٠٢٥-٠٣-١٤"),
        ("day", "0001-01-01"),
        ("week", "2025-W54"),
        ("week", "2025-W00"),
        ("month", "2025-00"),
        ("month", "9999-12"),
        ("day", "x" * 10_000),
        ("fortnight", "2025-03-14"),
    ],
)
def test_an_address_that_names_nothing_is_answered_with_an_example(period: str, text: str) -> None:
    with pytest.raises(trending.BadWindow, match="Write it like 2025-"):
        trending.parse(period, text)


def test_a_filter_that_means_nothing_says_what_would() -> None:
    with pytest.raises(trending.BadFilter, match="code, models"):
        Filters.parse("", ["wings"])


# Order


def test_a_day_stands_in_the_order_of_its_votes() -> None:
    catalog.take_in([record(number, signals=(votes(number % 5),)) for number in range(1, 6)], NOW)
    entries = trending.listing(DAY).entries
    assert [entry.paper.outside_upvotes for entry in entries] == [4, 3, 2, 1, 0]
    assert [entry.place for entry in entries] == [1, 2, 3, 4, 5]


def test_the_built_in_page_stands_in_the_order_of_its_source() -> None:
    catalog.take_in_builtin()
    listing = trending.listing(DAY, per_page=100)
    both = [*listing.papers, *trending.listing(DAY, page=2, per_page=100).papers]
    assert [one.place for one in both] == list(range(1, 112))
    assert listing.total == 111
    assert not any(entry.reserved for entry in listing.entries)


def test_trending_weighs_votes_against_age() -> None:
    older = FRIDAY - timedelta(days=14)
    paper(1, signals=(votes(40),), announced_on=older)
    paper(2, signals=(votes(10),))
    paper(3, signals=(votes(3000),), announced_on=older)
    assert titles(trending.TRENDING) == [
        "A study of newspapers, part 3",
        "A study of newspapers, part 2",
        "A study of newspapers, part 1",
    ]


def test_all_time_forgets_no_paper_and_no_age() -> None:
    paper(1, signals=(votes(40),), announced_on=date(2009, 1, 1))
    paper(2, signals=(votes(39),))
    assert titles(trending.ALL_TIME)[0].endswith("part 1")


def test_hidden_papers_stand_nowhere() -> None:
    one = paper(signals=(votes(3),))
    Paper.objects.update(hidden=True)
    assert trending.rescore() == 1
    for window in (DAY, trending.week_window(FRIDAY), trending.month_window(FRIDAY), trending.TRENDING):
        for filters in (Filters(), Filters("cs.CL")):
            assert trending.listing(window, filters).total == 0
    assert trending.newest_day() is None
    Paper.objects.update(hidden=False)
    trending.rescore([one.pk])
    assert trending.listing(DAY).total == 1


def test_rescoring_a_settled_house_writes_nothing() -> None:
    papers(30, signals=(votes(3),))
    assert trending.rescore() == 0


def test_rescoring_mends_categories_too() -> None:
    paper(signals=(votes(3),))
    Paper.objects.update(outside_upvotes=9)
    assert trending.rescore() == 1
    assert set(PaperCategory.objects.values_list("score", flat=True)) == {Paper.objects.get().score}


def test_one_vote_moves_a_paper_everywhere_at_once() -> None:
    papers(3)
    last = Paper.objects.order_by("pk").last()
    assert last is not None
    Paper.objects.filter(pk=last.pk).update(upvotes=2, upvote_weight=2)
    moved = trending.restand(last.pk)
    assert moved is not None and moved.voted
    for filters in (Filters(), Filters("cs.CL"), Filters("cs")):
        assert trending.listing(DAY, filters).papers[0].pk == last.pk
        assert trending.listing(trending.TRENDING, filters).papers[0].pk == last.pk
    assert trending.rescore() == 0


def test_a_vote_costs_the_same_queries_whatever_the_house_holds(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    crowd(20, 20)
    one = Paper.objects.order_by("pk")[30]
    Paper.objects.filter(pk=one.pk).update(upvotes=1)
    with django_assert_max_num_queries(5):
        trending.restand(one.pk)
    with django_assert_max_num_queries(1):
        trending.restand(one.pk)
    assert trending.restand(10**9) is None


# Reserved places


def crowd(voted: int, unvoted: int) -> None:
    catalog.take_in(
        [
            record(number, signals=(votes(5 + number),) if number <= voted else ())
            for number in range(1, voted + unvoted + 1)
        ],
        NOW,
    )


def test_every_tenth_place_is_kept_for_a_paper_nobody_has_voted_on() -> None:
    crowd(40, 25)
    entries = trending.listing(DAY, per_page=100).entries
    assert [entry.place for entry in entries if entry.reserved] == [10, 20, 30, 40]
    assert all(not entry.paper.voted for entry in entries if entry.reserved)
    assert all(entry.paper.voted for entry in entries[:44] if not entry.reserved)


@pytest.mark.parametrize(("voted", "unvoted"), [(0, 30), (8, 30), (9, 1), (40, 25), (40, 2), (40, 0)])
@pytest.mark.parametrize("per_page", [7, 10, 100])
def test_pages_hold_every_paper_once(voted: int, unvoted: int, per_page: int) -> None:
    crowd(voted, unvoted)
    seen: list[int] = []
    listing = trending.listing(DAY, per_page=per_page)
    for page in range(1, listing.pages + 1):
        entries = trending.listing(DAY, page=page, per_page=per_page).entries
        seen += [entry.paper.pk for entry in entries]
        assert [entry.place for entry in entries] == list(range(len(seen) - len(entries) + 1, len(seen) + 1))
    assert sorted(seen) == sorted(Paper.objects.values_list("pk", flat=True))


def test_the_lot_turns_with_the_days(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(30, 300)

    def drawn(day: date) -> list[int]:
        monkeypatch.setattr("broadsheet.trending.listings.today", lambda: day)
        return [entry.paper.pk for entry in trending.listing(DAY, per_page=100).entries if entry.reserved]

    assert drawn(FRIDAY) == drawn(FRIDAY)
    assert drawn(FRIDAY) != drawn(FRIDAY + timedelta(days=3))


def test_where_nobody_has_voted_yet_trending_keeps_no_places_and_shows_every_paper() -> None:
    papers(30)
    entries = trending.listing(trending.TRENDING, per_page=50).entries
    assert len(entries) == 30
    assert not any(entry.reserved for entry in entries)


# The dial


@pytest.mark.parametrize("window", [DAY, trending.week_window(FRIDAY), trending.TRENDING])
@pytest.mark.parametrize("filters", [Filters(), Filters("cs.CL")])
def test_with_votes_turned_down_every_paper_is_there_in_another_order(
    window: Window, filters: Filters
) -> None:
    crowd(30, 60)
    full, half, none = (
        [one.paper.pk for one in trending.listing(window, filters, per_page=100, social=share).entries]
        for share in (1.0, 0.5, 0.0)
    )
    assert sorted(full) == sorted(half) == sorted(none)
    assert len({tuple(full), tuple(half), tuple(none)}) == 3


def test_with_votes_turned_off_votes_change_nothing() -> None:
    crowd(30, 60)
    before = titles(DAY, per_page=100, social=0)
    Paper.objects.filter(pk__in=[3, 7]).update(upvotes=9, upvote_weight=9.0)
    Paper.objects.update(outside_upvotes=0)
    trending.rescore()
    assert titles(DAY, per_page=100, social=0) == before


def test_all_time_is_a_record_that_no_dial_turns() -> None:
    crowd(30, 60)
    assert titles(trending.ALL_TIME, per_page=100, social=0) == titles(trending.ALL_TIME, per_page=100)


def test_a_turned_dial_costs_one_query(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    crowd(60, 60)
    with django_assert_max_num_queries(7):
        trending.listing(trending.TRENDING, Filters("cs.CL"), per_page=100, social=0.5)


def test_the_dial_is_in_settings_and_the_page_says_that_it_is_turned(client: Client) -> None:
    crowd(30, 60)
    path = "/papers/date/2025-03-14"
    assert "Votes count half" not in client.get(path).content.decode()
    client.post("/settings", {"layout": "cards", "theme": "system", "keys": "on", "social": "50"})
    assert "Votes count half here" in client.get(path).content.decode()
    assert 'value="50" checked' in client.get("/settings").content.decode()
    client.cookies["look"] = "cards.system.on.7000"
    assert "Votes count" not in client.get(path).content.decode()


# Filters, totals, neighbours


def test_a_category_and_its_archive_filter_a_listing() -> None:
    paper(1, categories=("cs.CL",))
    paper(2, categories=("math.CO", "cs.DM"))
    paper(3, categories=("hep-th",))
    assert titles(DAY, Filters("cs.CL")) == ["A study of newspapers, part 1"]
    assert trending.listing(DAY, Filters("cs")).total == 2
    assert trending.listing(DAY, Filters("hep-th")).total == 1
    with pytest.raises(trending.UnknownCategory):
        trending.listing(DAY, Filters("cs.XX"))


def test_papers_with_code_can_be_asked_for() -> None:
    paper(
        1,
        links=(
            LinkRecord("code", "https://github.com/a/b"),
            LinkRecord("model", "https://huggingface.co/a/b"),
        ),
    )
    paper(2, links=(LinkRecord("code", "https://github.com/a/c"),))
    paper(3)
    for window in (DAY, trending.TRENDING, trending.ALL_TIME):
        assert trending.listing(window, Filters("", ("code",))).total == 2
        assert trending.listing(window, Filters("cs.LG", ("code", "models"))).total == 1


def test_previous_and_next_skip_empty_days() -> None:
    for number, day in enumerate((date(2025, 3, 3), FRIDAY, date(2025, 5, 2)), start=1):
        paper(number, announced_on=day)
    listing = trending.listing(DAY)
    assert listing.previous == trending.day_window(date(2025, 3, 3))
    assert listing.next == trending.day_window(date(2025, 5, 2))
    week = trending.listing(trending.week_window(FRIDAY))
    assert (week.previous, week.next) == (
        trending.week_window(date(2025, 3, 3)),
        trending.week_window(date(2025, 5, 2)),
    )
    month = trending.listing(trending.month_window(FRIDAY))
    assert (month.previous, month.next) == (None, trending.month_window(date(2025, 5, 2)))


def test_neighbours_of_a_filtered_day_hold_papers_of_that_category() -> None:
    paper(1, announced_on=date(2025, 3, 12), categories=("math.CO",))
    paper(2, announced_on=date(2025, 3, 13), categories=("cs.CL",))
    paper(3, categories=("math.CO",))
    assert trending.listing(DAY, Filters("math.CO")).previous == trending.day_window(date(2025, 3, 12))


def test_a_page_that_does_not_exist_says_how_many_do() -> None:
    papers(31)
    for page in (0, -1, 3, 10**30):
        with pytest.raises(trending.PageOutOfRange, match="2 pages"):
            trending.listing(DAY, page=page, per_page=30)


def test_an_empty_day_is_an_empty_first_page() -> None:
    listing = trending.listing(DAY)
    assert (listing.entries, listing.total, listing.pages) == ([], 0, 1)


def test_the_calendar_counts_the_days_that_have_papers() -> None:
    papers(3)
    paper(9, announced_on=date(2025, 3, 3))
    assert trending.calendar(2025, 3) == {date(2025, 3, 3): 1, FRIDAY: 3}
    assert trending.calendar(2025, 4) == {}


def test_fields_are_counted_largest_first_without_whole_archives() -> None:
    papers(3, categories=("cs.CL", "hep-th"))
    paper(9, categories=("cs.CL",))
    found = [(field.code, field.papers) for field in trending.fields(DAY)]
    assert found == [("cs.CL", 4), ("hep-th", 3)]
    assert trending.fields(DAY)[0].name == "Computation and Language"


def test_a_day_ends_at_midnight_of_the_listing_time_zone(settings: Any) -> None:
    settings.LISTING_TIME_ZONE = "Asia/Tokyo"
    assert paper().listed_on == FRIDAY


# Why


def test_every_card_says_why_it_stands_where_it_does() -> None:
    paper(1, signals=(votes(7), votes(2, kind="comments"), votes(100, kind="stars")))
    reasons = trending.listing(DAY).entries[0].reasons
    assert [reason.label for reason in reasons] == ["Votes", "Field", "Comments", "Stars"]
    assert sum(reason.points for reason in reasons) == pytest.approx(Paper.objects.get().score, abs=0.01)


def test_trending_adds_age_to_the_reasons() -> None:
    paper(1, signals=(votes(7),))
    assert trending.listing(trending.TRENDING).entries[0].reasons[-1].label == "Age"


# Cost


@pytest.mark.parametrize("filters", [Filters(), Filters("cs.CL"), Filters("cs", ("code",))])
@pytest.mark.parametrize(
    "window", [DAY, trending.week_window(FRIDAY), trending.month_window(FRIDAY), trending.TRENDING]
)
def test_a_listing_costs_the_same_queries_whatever_it_holds(
    window: Window, filters: Filters, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    crowd(60, 60)
    Paper.objects.update(has_code=True)
    with django_assert_max_num_queries(6):
        trending.listing(window, filters, per_page=100)
