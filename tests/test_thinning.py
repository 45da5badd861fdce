"""Old signals are kept once a day, and nothing that is told of a paper changes for it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.cache import cache
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from broadsheet import catalog, scoring, trending
from broadsheet.models import Paper, Signal
from broadsheet.sources import SignalRecord, moments
from broadsheet.trending import thinning
from tests import factories

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = datetime.combine(NOW.date(), time(), UTC)
BEFORE = TODAY - timedelta(days=thinning.WHOLE_DAYS)
START = BEFORE - timedelta(days=12)

Line = list[tuple[datetime, float]]


@st.composite
def lines(draw: st.DrawFn) -> Line:
    hours = draw(st.lists(st.integers(0, 24 * 20), min_size=1, max_size=60, unique=True))
    return [(START + timedelta(hours=hour), float(draw(st.integers(0, 9)))) for hour in sorted(hours)]


def upto(line: Line, moment: datetime) -> float | None:
    return next((value for at, value in reversed(line) if at < moment), None)


@settings(max_examples=60, deadline=None)
@given(lines())
def test_counts_at_the_end_of_each_day_and_growth_are_what_they_were(line: Line) -> None:
    out = set(thinning.surplus(line, BEFORE))
    kept = [row for at, row in enumerate(line) if at not in out]
    assert [row for row in line if row[0] >= BEFORE] == [row for row in kept if row[0] >= BEFORE]
    for days in range(22):
        end = START.replace(hour=0) + timedelta(days=days + 1)
        assert upto(kept, end) == upto(line, end)
    assert next((at for at, value in kept if value), None) == next((at for at, value in line if value), None)
    for kind in scoring.USUAL:
        assert scoring.growth({kind: [kept]}, START) == scoring.growth({kind: [line]}, START)
    per_day = [at.date() for at, _ in kept if at < BEFORE]
    assert len(per_day) <= len(set(per_day)) + 3
    assert thinning.surplus(kept, BEFORE) == [], "a second time there is nothing left to do"


@pytest.mark.django_db
def test_the_worker_thins_each_paper_once_a_day_and_pages_of_then_stay(
    django_assert_max_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinning, "_sweep", thinning._Sweep())
    day = START.date() + timedelta(days=(7 - START.weekday()) % 7)
    noon = datetime.combine(day, time(12), UTC)
    for number in range(1, 6):
        signals = tuple(
            SignalRecord(kind, float(number * half), noon + timedelta(minutes=30 * half))
            for half in range(100)
            for kind in ("upvotes", "stars")
        )
        catalog.take_in([factories.record(number, announced_on=day, signals=signals)], NOW)
    window, evening = trending.day_window(day), datetime.combine(day, time(23, 59), UTC)

    def told() -> list[tuple[int, float | None, int]]:
        cache.clear()
        found = trending.as_of(window, evening, per_page=100)
        return [(one.paper.pk, one.paper.score, one.paper.outside_upvotes) for one in found.entries]

    then = told()
    now = list(Paper.objects.order_by("pk").values_list("score", "hotness", "growth", "outside_upvotes"))
    assert Signal.objects.count() == 1_000
    with django_assert_max_num_queries(8):
        assert thinning.thin_due(batch=3) > 0
    assert thinning.thin_due(batch=3) > 0
    assert thinning.thin_due(batch=3) == 0
    assert Signal.objects.count() <= 5 * 2 * (3 + 3)
    assert told() == then
    trending.rescore()
    assert now == list(
        Paper.objects.order_by("pk").values_list("score", "hotness", "growth", "outside_upvotes")
    )
    # Another day, and the next sweep begins.
    monkeypatch.setattr(thinning, "_sweep", thinning._Sweep(NOW.date() - timedelta(days=1), None))
    assert thinning.thin_due() == 0 and thinning._sweep.day == moments.today()


@pytest.mark.django_db
def test_what_is_younger_than_ninety_days_is_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "_sweep", thinning._Sweep())
    signals = tuple(
        SignalRecord("upvotes", float(number), NOW - timedelta(minutes=number)) for number in range(1, 50)
    )
    catalog.take_in([factories.record(1, signals=signals)], NOW)
    assert thinning.thin_due() == 0 and Signal.objects.count() == 49
