"""Dates of foreign files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.sources import PaperRecord, SignalRecord, VersionRecord, moments

DAY = datetime(2024, 5, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-23", DAY),
        ("2024/05/23", DAY),
        ("2024-05-23T00:00:00.000Z", DAY),
        ("2024-05-23T08:00:00+08:00", DAY),
        ("2024-05-22T19:00:00-05:00", DAY),
        ("2024-05-23 00:00:00", DAY),
        (" 2024-05-23T00:00:00 ", DAY),
        (date(2024, 5, 23), DAY),
        (datetime(2024, 5, 23, 2, tzinfo=timezone(timedelta(hours=2))), DAY),
        ("1899-12-31", None),
        ("2101-01-01", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2024-02-30", None),
        ("yesterday..", None),
        ("", None),
        (None, None),
        (1716422400, None),
        ("2" * 100_000, None),
    ],
)
def test_moments_are_read_in_utc_or_not_at_all(value: object, expected: datetime | None) -> None:
    assert moments.moment(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Mon, 2 Apr 2007 19:18:42 GMT", datetime(2007, 4, 2, 19, 18, 42, tzinfo=UTC)),
        ("Mon, 32 Apr 2007 19:18:42 GMT", None),
        ("Mon, 2 Foo 2007 19:18:42 GMT", None),
        ("Mon, 2 Apr 99999999999999999999 19:18:42 GMT", None),
        ("2007-04-02", None),
        (None, None),
    ],
)
def test_mailed_dates_are_read(value: object, expected: datetime | None) -> None:
    assert moments.mailed(value) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["2021", "3", "5"], (datetime(2021, 3, 5, tzinfo=UTC), None)),
        (["2021", "mar", ""], (None, date(2021, 3, 1))),
        (["2021", "March"], (None, date(2021, 3, 1))),
        (["2021", "2", "30"], (None, date(2021, 2, 1))),
        (["2021"], (None, None)),
        (["2021", "13"], (None, None)),
        (["99999", "3"], (None, None)),
        ([], (None, None)),
    ],
)
def test_a_date_in_parts_is_as_exact_as_its_parts(
    parts: list[str], expected: tuple[datetime | None, date | None]
) -> None:
    assert moments.pieces_of_date(parts) == expected


def test_months_are_first_days() -> None:
    assert moments.month("2023-01") == date(2023, 1, 1)
    assert moments.month("2023-01-17") == date(2023, 1, 1)
    assert moments.month("2023") is None


def test_days_after_a_month_are_counted_from_its_end() -> None:
    assert moments.days_after(date(2023, 12, 1), 0) == date(2023, 12, 31)
    assert moments.days_after(date(2024, 2, 1), 45) == date(2024, 4, 14)


def test_news_is_what_has_any_date_since_or_none_at_all() -> None:
    since = datetime(2025, 3, 14, 12, tzinfo=UTC)
    paper = PaperRecord(source="arxiv", title="A title")
    assert moments.is_news(paper, since)
    assert moments.is_news(PaperRecord(source="arxiv", title="t", announced_on=date(2025, 3, 14)), since)
    assert not moments.is_news(PaperRecord(source="arxiv", title="t", announced_on=date(2025, 3, 13)), since)
    assert not moments.is_news(PaperRecord(source="arxiv", title="t", published_at=DAY), since)
    assert moments.is_news(PaperRecord(source="arxiv", title="t", published_at=DAY, revised_at=since), since)
    assert moments.is_news(PaperRecord(source="arxiv", title="t", month=date(2025, 3, 1)), since)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_dates(text: str) -> None:
    moments.moment(text)
    moments.mailed(text)
    moments.month(text)
    moments.pieces_of_date(text.split("-"))
    moments.month_in(text, text)


# What a source that lies may say

TODAY = date(2025, 3, 20)
SIGNAL = SignalRecord("upvotes", 3.0, datetime(2025, 3, 15, tzinfo=UTC))
HONEST = PaperRecord(
    source="arxiv",
    title="A title",
    identifiers=("2503.01234",),
    published_at=datetime(2025, 3, 12, 9, tzinfo=UTC),
    announced_on=date(2025, 3, 14),
    place=3,
    revised_at=datetime(2025, 3, 19, tzinfo=UTC),
    versions=(VersionRecord(1, datetime(2025, 3, 12, 9, tzinfo=UTC)),),
    signals=(SIGNAL,),
)


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def test_a_record_whose_dates_can_be_is_left_as_it_is() -> None:
    assert moments.believable(HONEST, TODAY) is HONEST
    # Kept waiting by moderators; announced long after; in New Zealand it is tomorrow already.
    for changes in (
        {"published_at": at(2024, 8)},
        {"announced_on": date(2025, 3, 22)},
        {"announced_on": date(2025, 2, 28)},
        {"published_at": at(2025, 3, 21)},
    ):
        told = replace(HONEST, **changes)
        assert moments.believable(told, TODAY) is told


@pytest.mark.parametrize(
    ("lie", "left"),
    [
        ({"published_at": at(2035)}, {"published_at": None, "month": date(2025, 3, 1)}),
        ({"published_at": at(1999)}, {"published_at": None, "month": date(2025, 3, 1)}),
        ({"revised_at": at(2099)}, {"revised_at": None}),
        ({"announced_on": date(2026, 1, 1)}, {"announced_on": None, "place": None}),
        ({"announced_on": date(1970, 1, 1)}, {"announced_on": None, "place": None}),
        ({"versions": (VersionRecord(1, at(2077)),)}, {"versions": (VersionRecord(1, None),)}),
        ({"signals": (SIGNAL, replace(SIGNAL, seen_at=at(2030)))}, {"signals": (SIGNAL,)}),
        (
            {"identifiers": ("doi:10.1/x",), "published_at": None, "month": date(2090, 1, 1)},
            {"identifiers": ("doi:10.1/x",), "published_at": None, "month": None},
        ),
    ],
)
def test_a_date_that_cannot_be_is_left_out_and_nothing_else(
    lie: dict[str, object], left: dict[str, object]
) -> None:
    told = replace(HONEST, **lie)  # type: ignore[arg-type]
    assert moments.believable(told, TODAY) == replace(HONEST, **left)  # type: ignore[arg-type]


days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
hours = st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))


@settings(max_examples=60)
@given(st.none() | hours, st.none() | hours, st.none() | days, st.lists(st.none() | hours, max_size=3), days)
def test_whatever_a_source_says_no_date_of_the_future_is_left(
    published: datetime | None,
    revised: datetime | None,
    announced: date | None,
    versions: list[datetime | None],
    today: date,
) -> None:
    told = replace(
        HONEST,
        published_at=published,
        revised_at=revised,
        announced_on=announced,
        versions=tuple(VersionRecord(number, moment) for number, moment in enumerate(versions, start=1)),
        signals=tuple(replace(SIGNAL, seen_at=moment) for moment in versions if moment),
    )
    found = moments.believable(told, today)
    left = [found.published_at, found.revised_at, *(one.submitted_at for one in found.versions)]
    left += [one.seen_at for one in found.signals]
    assert all(one.date() <= today + timedelta(days=2) for one in left if one)
    assert found.announced_on is None or found.announced_on <= today + timedelta(days=4)
    assert found.month is None or found.month <= today + timedelta(days=2)
    assert moments.believable(found, today) is found
