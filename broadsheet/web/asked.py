"""What a request asks for, read from its query; what cannot be meant is refused with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from broadsheet.trending import Filters

# No listing has this many pages; more digits than this are nobody's page number.
MOST_PAGES = 999_999

# Nothing here has a log that is older.
FIRST_MOMENT = datetime(1990, 1, 2, tzinfo=UTC)


def page_number(request: HttpRequest) -> int:
    """The page asked for with `p`, from 1."""
    asked = request.GET.get("p", "1")
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 6 and int(asked) >= 1):
        raise BadRequest(f"“p” is the number of a page, a whole number from 1 to {MOST_PAGES:,}.")
    return int(asked)


def filters_of(request: HttpRequest) -> Filters:
    return Filters.parse(request.GET.get("category", ""), request.GET.getlist("has"))


def moment_of(request: HttpRequest) -> datetime | None:
    """The past moment asked for with `as_of`, to the minute; a moment without an offset is in UTC."""
    asked = request.GET.get("as_of", "")
    if not asked:
        return None
    try:
        # A plus sign in a query is a space.
        told = datetime.fromisoformat(asked[:40].replace(" ", "+"))
        moment = (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not FIRST_MOMENT <= moment <= datetime.now(UTC):
        raise BadRequest("“as_of” is a moment of the past, such as 2025-03-14T12:00Z.")
    return moment.replace(second=0, microsecond=0)


def share_of(request: HttpRequest) -> float:
    """How much points count in an order, asked for with `social` in per cent: 0 to 1; 1 if nobody asks."""
    asked = request.GET.get("social", "100")
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 3 and int(asked) <= 100):
        raise BadRequest("“social” says how much votes count, in per cent: a whole number from 0 to 100.")
    return int(asked) / 100


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, to put a part of a page in place."""
    return request.headers.get("HX-Request") == "true"
