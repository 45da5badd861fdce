"""For you: new papers for a reader, or for whoever names a few papers, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from broadsheet import identifiers, recommendations
from broadsheet.models import Alias, Paper
from broadsheet.web import cards
from broadsheet.web.access import reader_of
from broadsheet.web.preferences import look

PATH: Final = "/for-you"
WINDOWS: Final = {"7": "Week", "30": "Month", "365": "Year", "all": "All time"}
SHOWN: Final = 30
# What an address can hold; a library of more is for an account.
MOST_NAMED: Final = 50
MOST_PASTED: Final = 20_000


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The page of whoever is signed in, or of the papers that the address names; with `papers`, a pasted
    text, the way to the page of all identifiers in it."""
    if "papers" in request.GET:
        return _pasted(request)
    days = request.GET.get("days") or "30"
    if days not in WINDOWS:
        raise BadRequest(f"“days” is one of {', '.join(WINDOWS)}.")
    sides = {side: list(dict.fromkeys(request.GET.getlist(side)))[:MOST_NAMED] for side in ("like", "not")}
    text = " ".join(request.GET.get("text", "").split())[:500]
    rows = _named([*sides["like"], *sides["not"]])
    plus, minus = ([rows[name] for name in sides[side] if name in rows] for side in ("like", "not"))
    first = _first(days)
    reader = reader_of(request)
    named = bool(plus or text)
    if named or (reader is None and minus):
        found = recommendations.for_examples(plus, minus, text=text, first=first, limit=SHOWN)
    elif reader is not None:
        found = recommendations.for_reader(reader, first=first, limit=SHOWN)
    else:
        found = recommendations.Picks()
    shown = cards.of_papers([pick.paper for pick in found.picks], look(request).lines)
    for card, pick in zip(shown, found.picks, strict=True):
        card.because = pick.why
    known: dict[str, Any] = {
        "cards": shown,
        "notes": found.notes,
        "plus": [(cards.title(paper, 200), paper.get_absolute_url()) for paper in plus],
        "minus": [(cards.title(paper, 200), paper.get_absolute_url()) for paper in minus],
        "strangers": [name[:100] for side in sides.values() for name in side if name not in rows],
        "text": text,
        "named": named,
        "windows": [(_href(sides, text, key), word, key == days) for key, word in WINDOWS.items()],
        "path": "/papers/all",
        "start": 1,
    }
    response = render(request, "foryou.html", known)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _pasted(request: HttpRequest) -> HttpResponse:
    """Pasted ids become an address that can be kept and shared."""
    names = identifiers.find_all(request.GET["papers"][:MOST_PASTED])
    text = " ".join(request.GET.get("text", "").split())[:500]
    if not names and not text:
        raise BadRequest(
            "No arXiv id or DOI stands in what you sent. Paste a few, such as 2503.01234, one on each line, "
            "or say in a sentence what you look for."
        )
    days = request.GET.get("days") or "30"
    return HttpResponseRedirect(_href({"like": names[:MOST_NAMED], "not": []}, text, days))


def _href(sides: dict[str, list[str]], text: str, days: str) -> str:
    pairs = [(side, name) for side, names in sides.items() for name in names]
    pairs += [("text", text)] if text else []
    pairs += [("days", days)] if days != "30" else []
    return f"{PATH}?{urlencode(pairs, safe=':/')}" if pairs else PATH


def _first(days: str) -> date | None:
    return None if days == "all" else timezone.now().date() - timedelta(days=int(days))


def _named(names: Iterable[str]) -> dict[str, Paper]:
    """The papers of these spellings that anybody may see, by spelling. Two queries at most."""
    meant = {name: said.identifier for name in names if (said := identifiers.parse(name[:500]))}
    if not meant:
        return {}
    known = set(meant.values())
    rows = {paper.identifier: paper for paper in Paper.objects.listed().filter(identifier__in=known)}
    if lacking := known - rows.keys():
        aliases = Alias.objects.filter(identifier__in=lacking, paper__hotness__isnull=False)
        rows |= {alias.identifier: alias.paper for alias in aliases.select_related("paper")}
    return {name: rows[identifier] for name, identifier in meant.items() if identifier in rows}
