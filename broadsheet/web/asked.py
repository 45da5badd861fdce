"""What a request asks for, read from its query; what cannot be meant is refused with a sentence."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from broadsheet.trending import Filters

# No listing has this many pages; more digits than this are nobody's page number.
MOST_PAGES = 999_999


def page_number(request: HttpRequest) -> int:
    """The page asked for with `p`, from 1."""
    asked = request.GET.get("p", "1")
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 6 and int(asked) >= 1):
        raise BadRequest(f"“p” is the number of a page, a whole number from 1 to {MOST_PAGES:,}.")
    return int(asked)


def filters_of(request: HttpRequest) -> Filters:
    return Filters.parse(request.GET.get("category", ""), request.GET.getlist("has"))


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, to put a part of a page in place."""
    return request.headers.get("HX-Request") == "true"
