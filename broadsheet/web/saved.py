"""The searches that a reader keeps: saving one from the search page, and the page that lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from broadsheet import search
from broadsheet.models import Reader, SavedSearch
from broadsheet.web import access, links
from broadsheet.web.access import reader_of
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.searching import Asked

NOT_YOURS: Final = "You keep no such search. It may have been deleted in another window."


@dataclass(frozen=True, slots=True)
class Row:
    """One saved search as its page shows it."""

    key: int
    words: str
    query: str
    href: str
    feeds: list[tuple[str, str, str]]
    webhook: str
    since: datetime

    @classmethod
    def of(cls, kept: SavedSearch) -> Row:
        asked = urlencode({"q": kept.query})
        return cls(
            kept.pk,
            kept.name or kept.query,
            kept.query if kept.name else "",
            links.search(kept.query),
            links.feeds("/search", asked),
            f"/account/webhooks?{asked}",
            kept.created_at,
        )


def to_sign_in(back: str) -> HttpResponse:
    return _see(access.SIGN_IN, {"next": back})


@access.acts("search.save", Limit(200, HOUR), Limit(1000, HOUR, "address"), by="anyone", reads=True)
def searches(request: HttpRequest) -> HttpResponse:
    """The list; with POST, one more in it."""
    reader = reader_of(request)
    if request.method == "POST":
        return _save(request, reader)
    if reader is None:
        return to_sign_in("/searches")
    known: dict[str, Any] = {
        "rows": [Row.of(kept) for kept in search.saved_by(reader)],
        "most": search.MOST_SAVED,
        "saved": "saved" in request.GET,
        "gone": request.GET.get("gone", "")[: search.LONGEST_QUERY],
        "gone_name": request.GET.get("name", "")[:120],
    }
    page = render(request, "searches.html", known)
    page.headers["Cache-Control"] = "private, no-store"
    return page


def _save(request: HttpRequest, reader: Reader | None) -> HttpResponse:
    asked = Asked.in_form(request)
    if reader is None:
        return to_sign_in(asked.href)
    try:
        search.save(reader, search.as_text(asked.words, asked.narrowing), request.POST.get("name", ""))
    except search.BadQuery as refusal:
        raise BadRequest(str(refusal)) from refusal
    return _see("/searches", {"saved": "yes"})


@access.acts("search.rename", Limit(200, HOUR), back="/searches")
def rename(request: HttpRequest, key: int) -> HttpResponse:
    reader = access.demand_reader(request)
    if search.rename(reader, key, request.POST.get("name", "")) is None:
        raise Http404(NOT_YOURS)
    return _see("/searches", {})


@access.acts("search.delete", Limit(200, HOUR), back="/searches")
def delete(request: HttpRequest, key: int) -> HttpResponse:
    """Deleted at once, and the next page offers to save it again."""
    reader = access.demand_reader(request)
    gone = search.forget(reader, key)
    if gone is None:
        raise Http404(NOT_YOURS)
    return _see("/searches", {"gone": gone.query, **({"name": gone.name} if gone.name else {})})


def _see(path: str, said: dict[str, str]) -> HttpResponse:
    response = HttpResponseRedirect(f"{path}?{urlencode(said)}" if said else path)
    response.status_code = 303
    return response
