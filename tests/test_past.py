"""A past page is a pure function of what was logged by then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from broadsheet import catalog, trending
from broadsheet.models import Ballot, Comment, Paper
from broadsheet.sources import SIGNAL_KINDS, SignalRecord
from broadsheet.trending import Filters, Window
from tests.factories import FRIDAY, NOW, record, votes

pytestmark = pytest.mark.django_db

DAY = trending.day_window(FRIDAY)
THEN = datetime(2025, 3, 15, 12, tzinfo=UTC)
WINDOWS = [DAY, trending.week_window(FRIDAY), trending.month_window(FRIDAY), trending.TRENDING]
Told = list[tuple[int, int, bool, float | None]]


def crowd(papers: int = 60) -> None:
    """Two of three have votes, some talk and stars; half of them are of the day before."""
    catalog.take_in(
        [
            record(
                number,
                announced_on=FRIDAY - timedelta(days=number % 2),
                signals=(
                    votes(number * 7 % 23),
                    votes(number % 5, kind="comments"),
                    votes(10, 6, kind="stars"),
                    votes(10 + number**2, 14, kind="stars"),
                )
                if number % 3
                else (),
            )
            for number in range(1, papers + 1)
        ],
        NOW,
    )
    trending.foresee_due()


def told(window: Window, filters: Filters = Filters()) -> Told:  # noqa: B008
    found = trending.as_of(window, THEN, filters, per_page=100)
    return [(one.paper.pk, one.place, one.reserved, one.paper.score) for one in found.entries]


def later() -> None:
    """Everything that can happen afterwards."""
    paper = Paper.objects.order_by("score").first()
    assert paper is not None
    after = THEN + timedelta(minutes=1)
    Ballot.objects.create(at=after, reader=1, paper=paper.pk, step=1, weight=1.0)
    Comment.objects.create(paper=paper, text="Late", created_at=after)
    Paper.objects.filter(pk=paper.pk).update(upvotes=1, upvote_weight=1.0, comments=1)
    late = tuple(SignalRecord(kind=kind, value=90_000, seen_at=after) for kind in SIGNAL_KINDS)
    catalog.take_in([record(6, signals=late)], after)
    catalog.take_in([record(99, announced_on=date(2025, 3, 18), signals=late)], after)
    trending.rescore()


@pytest.mark.parametrize("filters", [Filters(), Filters("cs.CL"), Filters("cs")])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_page_of_this_moment_is_the_live_page(
    window: Window, filters: Filters, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd()
    monkeypatch.setattr("broadsheet.trending.listings.today", lambda: THEN.date())
    live = trending.listing(window, filters, per_page=100).entries
    assert told(window, filters) == [(one.paper.pk, one.place, one.reserved, one.paper.score) for one in live]
    assert any(one.reserved for one in live)


@pytest.mark.parametrize("window", WINDOWS)
def test_what_happens_later_changes_no_past_page(window: Window) -> None:
    crowd()
    before = told(window)
    live = [one.paper.pk for one in trending.listing(window, per_page=100).entries]
    later()
    cache.clear()
    assert told(window) == before
    assert [one.paper.pk for one in trending.listing(window, per_page=100).entries] != live


def test_votes_taken_back_later_still_counted_then() -> None:
    crowd(3)
    paper = Paper.objects.get(title__endswith="part 3")
    Ballot.objects.create(at=THEN - timedelta(hours=2), reader=1, paper=paper.pk, step=1, weight=0.5)
    Ballot.objects.create(at=THEN + timedelta(hours=2), reader=1, paper=paper.pk, step=-1, weight=0.5)
    found = {one.paper.pk: one.paper for one in trending.as_of(DAY, THEN).entries}
    other = trending.as_of(trending.week_window(FRIDAY), THEN, per_page=100).papers
    then = {**found, **{one.pk: one for one in other}}[paper.pk]
    assert (then.upvotes, then.upvote_weight, then.voted) == (1, 0.5, True)
    assert Paper.objects.get(pk=paper.pk).upvotes == 0


def test_a_house_that_got_no_papers_for_long_has_a_past_all_the_same() -> None:
    crowd(12)
    assert trending.as_of(trending.TRENDING, THEN + timedelta(days=200)).total == 12


def test_nothing_is_written_and_the_cost_does_not_grow(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    crowd(100)
    before = list(Paper.objects.order_by("pk").values())
    with django_assert_max_num_queries(10):
        trending.as_of(trending.month_window(FRIDAY), THEN, per_page=100)
    assert list(Paper.objects.order_by("pk").values()) == before


def test_a_past_page_says_what_it_is(client: Client) -> None:
    crowd(40)
    page = client.get("/papers/week/2025-W11?as_of=2025-03-15T12:00Z")
    said = page.content.decode()
    assert page.status_code == 200
    assert "As it stood on 15 March 2025, 12:00 UTC" in said
    assert '<meta name="robots" content="noindex">' in said
    assert "as_of=2025-03-15T12%3A00Z&amp;p=2" in said
    assert client.get("/papers/week/2025-W11?as_of=2025-03-15T12%3A00Z&p=2").status_code == 200
    assert client.get("/papers/trending?as_of=2025-03-15T13:00%2B01:00").status_code == 200
    assert "the evening before" in said
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%MZ}"
    assert b"the evening before" not in client.get("/papers/trending", {"as_of": yesterday}).content


def test_past_pages_are_rationed_and_live_ones_are_not(client: Client) -> None:
    crowd(3)
    cache.clear()
    told = [client.get("/papers/trending?as_of=2025-03-15") for _ in range(45)]
    refused = [page for page in told if page.status_code == 429]
    # Where the minute ends in between, twenty more are due.
    assert 5 <= len(refused) <= 25 and all(page["Retry-After"] for page in refused)
    assert all(page.status_code == 200 for page in told[:20])
    assert client.get("/papers/trending").status_code == 200


@pytest.mark.parametrize("said", ["yesterday", "2999-01-01", "0001-01-01", "2025-13-01", "9" * 999, "\u0662"])
def test_a_moment_that_is_none_is_answered_with_an_example(client: Client, said: str) -> None:
    page = client.get("/papers/trending", {"as_of": said})
    assert page.status_code in (400, 414)
    if page.status_code == 400 and len(said) < 100:
        assert "2025-03-14T12:00Z" in page.content.decode()


def test_all_time_has_no_past_page_and_says_where_there_is_one(client: Client) -> None:
    page = client.get("/papers/all?as_of=2025-03-14")
    assert page.status_code in (400, 404)
    assert "ask for a month" in page.content.decode()
