"""The published arithmetic of ranking."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet import scoring
from broadsheet.scoring import Facts, hotness, parts, score

counts = st.integers(0, 10**9)
any_facts = st.builds(
    Facts,
    counts,
    counts,
    counts,
    counts,
    counts,
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(1, 10**6),
    st.floats(0, 1),
    st.floats(0.001, 100),
)


@given(any_facts)
def test_the_terms_of_a_score_add_up_to_it(facts: Facts) -> None:
    assert score(facts) == pytest.approx(sum(part.points for part in parts(facts)))


@given(any_facts, st.integers(1, 1000))
def test_a_vote_never_lowers_a_paper(facts: Facts, more: int) -> None:
    assert score(facts._replace(upvotes=facts.upvotes + more)) >= score(facts) - 1e-9


@given(any_facts.filter(lambda facts: not facts.withdrawn))
def test_talk_never_counts_more_than_the_votes_do(facts: Facts) -> None:
    silent = facts._replace(comments=0, outside_comments=0)
    assert score(facts) - score(silent) <= 1 + 1e-9


def test_each_doubling_of_votes_is_worth_one_point() -> None:
    assert score(Facts(upvotes=7)) - score(Facts(upvotes=3)) == pytest.approx(1)


def test_a_withdrawn_paper_has_no_points() -> None:
    assert score(Facts(upvotes=500, stars=9, withdrawn=True)) == 0


def test_place_settles_ties_and_nothing_else() -> None:
    first, last = Facts(place=1), Facts(place=10_000_000)
    assert score(first) > score(last)
    assert score(Facts(outside_upvotes=1, place=10_000_000)) > score(first)


def test_trending_halves_a_papers_votes_every_two_announcement_days() -> None:
    monday, wednesday = date(2025, 3, 10), date(2025, 3, 12)
    fresh, older = Facts(upvotes=15), Facts(upvotes=31)
    assert hotness(score(fresh), wednesday) == pytest.approx(hotness(score(older), monday))


def test_a_weekend_ages_nothing() -> None:
    friday = date(2025, 3, 14)
    days = [scoring.announcement_days(friday + timedelta(days=days)) for days in range(4)]
    assert days == [days[0], days[0], days[0], days[0] + 1]


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_announcement_days_never_run_backwards(day: date) -> None:
    step = scoring.announcement_days(day + timedelta(days=1)) - scoring.announcement_days(day)
    assert step in (0, 1)


@pytest.mark.parametrize(
    ("submitted", "announced"),
    [
        ("2025-03-11T17:59:59+00:00", "2025-03-12"),  # Tuesday 13:59 in New York: announced that evening
        ("2025-03-11T18:00:00+00:00", "2025-03-13"),  # Tuesday 14:00: one day later
        ("2025-03-13T20:00:00+00:00", "2025-03-17"),  # Thursday afternoon: announced on Sunday, dated Monday
        ("2025-03-14T12:00:00+00:00", "2025-03-17"),  # Friday morning: dated Monday too
        ("2025-03-14T19:00:00+00:00", "2025-03-18"),  # Friday afternoon: dated Tuesday
        ("2025-03-16T12:00:00+00:00", "2025-03-18"),  # Sunday: dated Tuesday
        ("2025-03-13T00:00:00+00:00", "2025-03-14"),  # a date without a time
    ],
)
def test_a_submission_is_announced_on_arxivs_calendar(submitted: str, announced: str) -> None:
    moment = datetime.fromisoformat(submitted).astimezone(UTC)
    assert scoring.announcement_day(moment) == date.fromisoformat(announced)
