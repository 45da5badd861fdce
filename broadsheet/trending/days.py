"""What day it is, and on which day of the daily list a moment falls, in the listing time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def listing_zone() -> ZoneInfo:
    return _zone(settings.LISTING_TIME_ZONE)


def today() -> date:
    """Today in the listing time zone."""
    return datetime.now(UTC).astimezone(listing_zone()).date()


def listing_day(moment: datetime) -> date:
    """The day of the daily list that holds this moment."""
    return _listing_day(moment, settings.LISTING_TIME_ZONE)


@lru_cache(maxsize=16_384)
def _listing_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(_zone(zone)).date()
