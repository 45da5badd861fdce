"""When the next edition is due: local days and hours turned into moments, through every change of the clock.

Pure arithmetic on dates. An edition belongs to a local day, and a local day has one moment: its hour by the
clock on the wall, or the first one after it where the wall clock skips that hour. So no day is served twice
when an hour comes twice, and none is left out when it never comes.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

ALERT_GAP = timedelta(hours=1)


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """The names of all time zones, those of regions first and in order."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


@lru_cache(maxsize=600)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def is_zone(name: str) -> bool:
    return len(name) <= 64 and name in zones()


def local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(_zone(zone)).date()


def moment_on(day: date, hour: int, zone: str) -> datetime:
    """The moment, in UTC, when the hour strikes on that day; the earlier one where it strikes twice."""
    wall = datetime(day.year, day.month, day.day, hour, tzinfo=_zone(zone))
    moment = wall.astimezone(UTC)
    # An hour that is skipped comes out as the hour after the gap, still on that day.
    return moment


def next_day(after: date, rhythm: str, weekday: int, monthday: int) -> date:
    """The first day after `after` on which an edition is due. `weekday` counts from Monday = 0; a `monthday`
    that a month lacks is its last day."""
    if rhythm == "weekly":
        return after + timedelta(days=(weekday - after.weekday() - 1) % 7 + 1)
    if rhythm == "monthly":
        here = _in_month(after.year, after.month, monthday)
        if here > after:
            return here
        year, month = (after.year, after.month + 1) if after.month < 12 else (after.year + 1, 1)
        return _in_month(year, month, monthday)
    day = after + timedelta(days=1)
    while rhythm == "weekdays" and day.weekday() > 4:
        day += timedelta(days=1)
    return day


def _in_month(year: int, month: int, monthday: int) -> date:
    return date(year, month, min(monthday, calendar.monthrange(year, month)[1]))


def next_at(
    after: datetime, rhythm: str, hour: int, zone: str, weekday: int = 0, monthday: int = 1
) -> datetime:
    """When the next edition is due after one made at `after`: on a later local day, never the same."""
    if rhythm == "alert":
        return after + ALERT_GAP
    return moment_on(next_day(local_day(after, zone), rhythm, weekday, monthday), hour, zone)


def first_at(
    now: datetime, rhythm: str, hour: int, zone: str, weekday: int = 0, monthday: int = 1
) -> datetime:
    """When the first edition of a new subscription is due: today, if the hour is still to come."""
    if rhythm == "alert":
        return now
    today = local_day(now, zone)
    day = next_day(today - timedelta(days=1), rhythm, weekday, monthday)
    moment = moment_on(day, hour, zone)
    return moment if moment > now else moment_on(next_day(day, rhythm, weekday, monthday), hour, zone)
