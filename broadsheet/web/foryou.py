"""For you: new papers for a reader, or for whoever names a few papers, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from broadsheet import community, digest, identifiers, recommendations, trending
from broadsheet.community import following, interests
from broadsheet.models import Alias, Paper, Reader
from broadsheet.recommendations import Picks
from broadsheet.web import access, cards, links, picking
from broadsheet.web.access import reader_of
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.interests import VOTES
from broadsheet.web.limits import HOUR, Limit

PATH: Final = "/for-you"
# What an address can hold; a library of more is for an account.
MOST_NAMED: Final = 50
LONGEST_PASTED: Final = 200_000
LONGEST_SENTENCE: Final = 500
OFTEN: Final = Limit(300, HOUR)


@access.acts("foryou.paste", Limit(120, HOUR), Limit(600, HOUR, "address"), by="anyone", reads=True)
def page(request: HttpRequest) -> HttpResponse:
    """The page of whoever is signed in, or of the papers that the address names; with POST, or with `papers`
    in the address, the way to the page of all that a pasted text names."""
    if request.method == "POST" or "papers" in request.GET:
        return _pasted(request)
    number, moment = page_number(request), picking.moment_of(request)
    sides = {side: list(dict.fromkeys(request.GET.getlist(side)))[:MOST_NAMED] for side in ("like", "not")}
    text = _sentence(request.GET.get("text", ""))
    field = request.GET.get("category", "")[:64]
    rows = _named([*sides["like"], *sides["not"]])
    plus, minus = ([rows[name] for name in sides[side] if name in rows] for side in ("like", "not"))
    start, limit = picking.place_of(number)
    reader = reader_of(request)
    named = bool(plus or text or field)
    mailed = digest.mailed(reader) if reader and not named else ()

    def find(first: date | None) -> Picks:
        told: dict[str, Any] = {"first": first, "limit": limit, "start": start}
        if plus or text or (reader is None and minus):
            return recommendations.for_examples(plus, minus, text=text, **told)
        if field:
            return recommendations.in_fields([field], **told)
        if reader is None:
            return Picks(silent=True)
        return recommendations.for_reader(reader, exclude=mailed, until=moment, **told)

    found, days = picking.found_in(request, find, number)
    mine = reader is not None and not named
    query = _query(sides, text, field, days)
    paged = "&".join(filter(None, (query, picking.at(moment) if mine else "")))
    known = picking.told(request, found, PATH, paged, number)
    if wants_fragment(request):
        return render(request, "_more.html", known)
    known |= {
        "mine": mine,
        "named": named,
        "plus": [(cards.title(paper, 200), paper) for paper in plus],
        "minus": [(cards.title(paper, 200), paper) for paper in minus],
        "strangers": [name[:100] for side in sides.values() for name in side if name not in rows],
        "text": text,
        "field": field,
        "windows": [
            (_href(sides, text, field, key), word, key == days) for key, word in picking.WINDOWS.items()
        ],
        "similar": f"/similar?{_query(sides, '', '', '')}" if plus else "",
    }
    known |= _own_parts(reader) if mine and reader else _fields()
    if named and reader:
        known["pasted"] = "\n".join(sides["like"])
        known["unlike"] = "\n".join(sides["not"])
    response = render(request, "foryou.html", known)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _own_parts(reader: Reader) -> dict[str, Any]:
    key = following.known_feed_key(reader)
    return {
        "own": interests.own_page(reader),
        "interests": interests.named_by(reader),
        "dial": VOTES.items(),
        "feeds": links.feeds(f"{PATH}/{key.secret}") if key else [],
    }


def _fields() -> dict[str, Any]:
    """The largest fields, to begin from without naming any paper."""
    return {"fields": [(each.code, each.name or each.code) for each in trending.fields(trending.ALL_TIME)]}


def _pasted(request: HttpRequest) -> HttpResponse:
    """What was pasted or sent as a file becomes an address that can be kept and shared."""
    said = request.POST if request.method == "POST" else request.GET
    written = said.get("papers", "")[:LONGEST_PASTED]
    if sent := request.FILES.get("file"):
        written = f"{written}\n{sent.read(LONGEST_PASTED).decode('utf-8', 'replace')}"
    text, field = _sentence(said.get("text", "")), said.get("category", "")[:64]
    names, titles = _read(written)
    if titles and not text:
        # What is not here counts by its words.
        text = _sentence("; ".join(titles))
    if not names and not text and not field:
        raise BadRequest(
            "No arXiv id, DOI or BibTeX entry stands in what you sent. Paste a few ids, such as 2503.01234, "
            "one on each line, or say in a sentence what you look for."
        )
    if len(names) > MOST_NAMED:
        messages.info(
            request,
            f"The first {MOST_NAMED} of these papers count here. With an account you can bring a whole "
            "library along.",
        )
    days = said.get("days", "")
    return access.see(_href({"like": names[:MOST_NAMED], "not": []}, text, field, days))


def _read(written: str) -> tuple[list[str], list[str]]:
    """Identifiers of papers that a text names, and titles of those of its entries that are not here."""
    records = community.entries_in(written)
    if not records:
        return identifiers.find_all(written), []
    here = community.recognised(records)
    names = [paper.identifier for paper in here if paper]
    titles = [record.title for record, paper in zip(records, here, strict=True) if paper is None]
    return list(dict.fromkeys(names)), titles


def _sentence(said: str) -> str:
    return " ".join(said.split())[:LONGEST_SENTENCE]


def _query(sides: dict[str, list[str]], text: str, field: str, days: str) -> str:
    pairs = [(side, name) for side, names in sides.items() for name in names]
    pairs += [("text", text)] if text else []
    pairs += [("category", field)] if field else []
    pairs += [("days", days)] if days else []
    return urlencode(pairs, safe=":/")


def _href(sides: dict[str, list[str]], text: str, field: str, days: str) -> str:
    query = _query(sides, text, field, days)
    return f"{PATH}?{query}" if query else PATH


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


# What a reader sets


@access.acts("foryou.set", OFTEN, back=PATH)
def settings(request: HttpRequest) -> HttpResponse:
    """How much votes count, and whether what was opened may come back."""
    reader, votes = access.demand_reader(request), request.POST.get("votes", "")
    if votes not in {str(share) for share in VOTES}:
        raise BadRequest(f"Votes count {', '.join(map(str, VOTES))} per cent.")
    interests.set_own(reader, int(votes), request.POST.get("returning") == "yes")
    messages.success(request, "Set.")
    return access.see(PATH)


@access.acts("foryou.reset", Limit(60, HOUR), back=PATH)
def reset(request: HttpRequest) -> HttpResponse:
    """Begins anew; with `back`, takes that back."""
    reader, back = access.demand_reader(request), request.POST.get("back") == "yes"
    interests.reset(reader, back)
    said = "As it was." if back else "This page begins anew. Your library stays as it is."
    messages.success(request, said)
    return access.see(PATH)


@access.acts("foryou.forget", Limit(60, HOUR), back=PATH)
def forget_opened(request: HttpRequest) -> HttpResponse:
    """Forgets which papers were opened."""
    many = interests.forget_opened(access.demand_reader(request))
    messages.success(request, f"Forgotten: {many:,} opened papers.")
    return access.see(PATH)
