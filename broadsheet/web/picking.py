"""A ranked page of new papers: its window, its moment, its papers with their reasons, leafed through."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils import timezone

from broadsheet import recommendations
from broadsheet.recommendations import Picks
from broadsheet.web import cards
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

WINDOWS: Final = {"1": "Day", "7": "Week", "30": "Month", "365": "Year", "all": "All time"}
USUAL: Final = str(recommendations.USUAL_WINDOW)
WIDER: Final = {"365": "of the last year", "all": "of all times"}
FIRST_MOMENT: Final = datetime(2020, 1, 1, tzinfo=UTC)


def days_of(request: HttpRequest) -> str:
    days = request.GET.get("days") or USUAL
    if days not in WINDOWS:
        raise BadRequest(f"“days” is one of {', '.join(WINDOWS)}.")
    return days


def first_day(days: str) -> date | None:
    """The first day of a window; None for all time."""
    return None if days == "all" else recommendations.since(int(days))


def found_in(request: HttpRequest, find: Callable[[date | None], Picks], page: int) -> tuple[Picks, str]:
    """What `find` finds in the window asked for, and which that is. Where no window was chosen and the usual
    one holds nothing, a longer one is shown, and a note says so."""
    days = days_of(request)
    found = find(first_day(days))
    if found.picks or found.silent or page > 1 or "days" in request.GET:
        return found, days
    for longer in WIDER:
        wider = find(first_day(longer))
        if wider.picks:
            wider.notes.append(f"The last month holds nothing like this yet: these are {WIDER[longer]}.")
            return wider, longer
    return found, days


def moment_of(request: HttpRequest) -> datetime:
    """As of when the pages are worked out: a later page has the moment of the first one in its address."""
    said = request.GET.get("at", "")
    now = timezone.now()
    if not (said.isascii() and said.isdecimal() and len(said) <= 11):
        return now
    moment = datetime.fromtimestamp(int(said) + 1, UTC)
    return min(now, max(FIRST_MOMENT, moment))


def place_of(page: int) -> tuple[int, int]:
    """(from which place on, how many): a page of picks."""
    return (page - 1) * settings.PAGE_SIZE, settings.PAGE_SIZE


def told(request: HttpRequest, found: Picks, path: str, query: str, page: int) -> dict[str, Any]:
    """What the templates of lists want to know of a page of picks."""
    total = min(found.total, recommendations.MOST_PICKS)
    pager = Pager.of(path, query, page, total)
    shown = cards.of_papers([pick.paper for pick in found.picks], look(request).lines)
    for card, pick in zip(shown, found.picks, strict=True):
        card.because = pick.why
    return {
        "cards": shown,
        "notes": found.notes,
        "pager": pager,
        "path": "/papers/all",
        "total": total,
        "shown": pager.shown,
        "start": pager.start,
    }


def at(moment: datetime) -> str:
    return f"at={int(moment.timestamp())}"
