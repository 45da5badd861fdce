"""When: the dates of foreign files as aware moments in UTC, or None where they make no sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from broadsheet import identifiers
from broadsheet.sources import PaperRecord

EARLIEST, LATEST = 1900, 2100

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)}


def moment(value: object) -> datetime | None:
    """An ISO 8601 string, date or datetime in UTC. A day alone is its midnight; no offset means UTC."""
    if isinstance(value, str):
        return _day_or_moment(value) if len(value) == 10 else _moment(value)
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, date):
        return _in_utc(datetime.combine(value, time()))
    return None


# A day's papers share their date; keeping a few thousand saves most of the work.
@lru_cache(maxsize=4096)
def _day_or_moment(value: str) -> datetime | None:
    return _moment(value)


def _moment(value: str) -> datetime | None:
    value = value.strip()
    if not 8 <= len(value) <= 40:
        return None
    try:
        return _in_utc(datetime.fromisoformat(value.replace("/", "-")))
    except ValueError:
        return None


def _in_utc(value: datetime) -> datetime | None:
    if not EARLIEST <= value.year <= LATEST:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def mailed(value: object) -> datetime | None:
    """A date as mail writes it (RFC 5322) and arXiv dates versions: `Mon, 2 Apr 2007 19:18:42 GMT`."""
    if not isinstance(value, str):
        return None
    parts = value.split()[:5]
    try:
        _, day_, month_, year, clock = parts
        hours, minutes, seconds = clock.split(":")
        found = datetime(
            int(year), _NUMBERS[month_.lower()], int(day_), int(hours), int(minutes), int(seconds), tzinfo=UTC
        )
    except (ValueError, KeyError, OverflowError):
        return None
    return _in_utc(found)


def today() -> date:
    """The calendar day in UTC."""
    return datetime.now(UTC).date()


def day(value: object) -> date | None:
    """The calendar day in UTC."""
    found = moment(value)
    return found.date() if found else None


@lru_cache(maxsize=4096)
def month(value: str) -> date | None:
    """`2023-01` or a longer ISO date as the first day of its month."""
    year, _, rest = value.strip().partition("-")
    return month_in(year, rest[:2])


def month_in(year: str, name: str) -> date | None:
    """The first day of a month given by year and by number or English name (`3`, `mar`, `March`)."""
    number = _NUMBERS.get(name.strip().lower()[:3]) or _small(name)
    count = _small(year)
    if not number or not count or not EARLIEST <= count <= LATEST or number > 12:
        return None
    return date(count, number, 1)


def _small(digits: str) -> int:
    digits = digits.strip()
    return int(digits) if len(digits) <= 4 and digits.isascii() and digits.isdecimal() else 0


def pieces_of_date(parts: list[str]) -> tuple[datetime | None, date | None]:
    """From year, month and day as far as known: the moment if the day is, else the month, else nothing."""
    if len(parts) < 2:
        return None, None
    known = month_in(parts[0], parts[1])
    number = _small(parts[2]) if len(parts) > 2 else 0
    if known and 1 <= number <= 31:
        try:
            return datetime(known.year, known.month, number, tzinfo=UTC), None
        except ValueError:
            return None, known
    return None, known


@lru_cache(maxsize=1024)
def days_after(first: date, days: int) -> date:
    """The day that lies so many days after the end of the month that begins on `first`."""
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return following + timedelta(days=days - 1)


# A clock may be a little wrong, and a day begins in New Zealand half a day before it does in London.
_AHEAD = timedelta(days=2)
# A paper gets its arXiv id when it is sent in; its first version cannot be much younger. It can be older,
# where moderators kept it waiting, and nobody announces it before it has its id.
_AFTER_ID, _BEFORE_ID = 31, 366


def believable(record: PaperRecord, today: date) -> PaperRecord:
    """The record itself, or without those of its dates that cannot be: in the future, or at odds with the
    month that its arXiv id names."""
    latest = today + _AHEAD
    known = identifiers.month_of(record.identifiers[0]) if record.identifiers else None
    wrong: dict[str, Any] = {}
    for name in ("published_at", "revised_at"):
        if (said := getattr(record, name)) and said.date() > latest:
            wrong[name] = None
    if record.published_at and known and not _near(record.published_at.date(), known):
        wrong["published_at"] = None
    if record.announced_on and not _announceable(record.announced_on, known, latest):
        wrong |= {"announced_on": None, "place": None}
    if "published_at" in wrong or (record.month and record.month > latest):
        wrong["month"] = known if known and known <= latest else None
    if any(one.submitted_at and one.submitted_at.date() > latest for one in record.versions):
        wrong["versions"] = tuple(
            replace(one, submitted_at=None) if one.submitted_at and one.submitted_at.date() > latest else one
            for one in record.versions
        )
    kept = tuple(one for one in record.signals if one.seen_at.date() <= latest)
    if len(kept) < len(record.signals):
        wrong["signals"] = kept
    return replace(record, **wrong) if wrong else record


def _near(published: date, known: date) -> bool:
    return known - timedelta(days=_BEFORE_ID) <= published <= days_after(known, _AFTER_ID)


def _announceable(day: date, known: date | None, latest: date) -> bool:
    return day <= latest + _AHEAD and (known is None or day >= known - _AHEAD)


def is_news(record: PaperRecord, since: datetime) -> bool:
    """Whether anything the record dates is not before `since`; a record without dates may always be news."""
    known = [each for each in (record.revised_at, record.published_at) if each]
    known += [signal.seen_at for signal in record.signals]
    if record.announced_on:
        known.append(datetime.combine(record.announced_on, time.max, UTC))
    if record.month and not known:
        known.append(datetime.combine(days_after(record.month, 0), time.max, UTC))
    return not known or max(known) >= since
