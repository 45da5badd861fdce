"""The curators' page of votes that look arranged: signs, people, and one button that takes them back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community
from broadsheet.community import watching
from broadsheet.web import access
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.talk import plain_title
from broadsheet.web.words import counted

ROWS: Final = 60
MOST: Final = 1_000
PLACES: Final = {"none": "no page of ours", "elsewhere": "another site", "": "not known"}


@require_safe
def votes(request: HttpRequest) -> HttpResponse:
    """What the log holds that looks arranged, the largest first."""
    access.demand_curator(request)
    found = [_case(number, case) for number, case in enumerate(watching.cases(), start=1)]
    return render(request, "community/votes.html", {"cases": found, "days": watching.SPAN.days})


def _case(number: int, case: watching.Case) -> dict[str, Any]:
    people = {person.pk: person for person in case.people}
    networks: dict[str, str] = {}
    rows: list[tuple[Any, ...]] = []
    for cast in case.finding.casts:
        # A digest tells nothing to the eye: the networks of a case are called A, B, C …
        label = networks.setdefault(cast.network, _letters(len(networks))) if cast.network else "–"
        if cast.reader in people and len(rows) < ROWS:
            days = int((cast.at - cast.joined_at).total_seconds() // 86_400)
            place = PLACES.get(cast.referrer, cast.referrer)
            rows.append((people[cast.reader], counted(days, "day"), cast.at, label, place))
    return {
        "number": number,
        "word": "A burst" if case.finding.kind == "burst" else "A ring",
        "signs": case.finding.signs,
        "papers": [(paper.get_absolute_url(), plain_title(paper)) for paper in case.about],
        "rows": rows,
        "more": max(0, len(case.finding.casts) - len(rows)),
        "readers": case.finding.readers,
        "keys": case.finding.papers,
        "count": counted(len(case.finding.casts), "vote"),
        "accounts": counted(len(case.finding.readers), "account"),
    }


def _letters(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number)


@access.acts("moderate.votes", Limit(200, HOUR), by="curator", back="/moderation/votes")
def take_back(request: HttpRequest) -> HttpResponse:
    """Takes the votes of the named accounts back: all of them, or those for the named papers."""
    curator = access.demand_curator(request)
    readers = _numbers(request.POST.getlist("reader"))
    papers = _numbers(request.POST.getlist("paper")) if request.POST.get("which") == "these" else None
    act = community.take_votes_back(curator, readers, request.POST.get("reason", ""), papers)
    messages.success(request, f"Taken back: {act.subject}. It stands in the log, where it can be undone.")
    return access.see("/moderation/votes")


def _numbers(said: Iterable[str]) -> list[int]:
    found = [word for line in said for word in line.split()]
    if len(found) > MOST or any(not word.isdecimal() or len(word) > 18 for word in found):
        raise BadRequest("The form names accounts and papers by their numbers, at most a thousand.")
    return [int(word) for word in found]
