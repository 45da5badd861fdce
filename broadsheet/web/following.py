"""What a reader follows: the buttons, the page of news, and the private feed of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community
from broadsheet.community import following
from broadsheet.models import Collection, Follow, Paper, Reader
from broadsheet.web import access, cards, links
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.context import address
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

NEWS: Final = 60
HEADINGS: Final = {
    "author": "Authors",
    "category": "Fields",
    "organization": "Organisations",
    "reader": "Readers",
    "collection": "Collections",
}


@dataclass(slots=True)
class Button:
    """A button that follows something, or lets it go. `reader` is False for a stranger. `on` is None until
    it is known: on a listing it comes with the votes (`voting.tell`)."""

    kind: str
    key: str
    name: str
    on: bool | None
    reader: bool


def button(reader: Reader | None, kind: str, key: str, name: str) -> Button:
    return Button(kind, key, name, following.follows(reader, kind, key), reader is not None)


def place_of(kind: str, key: str) -> str:
    """Where what is followed has its page."""
    if kind == "author":
        return "/author/" + quote(key, safe="")
    if kind == "category":
        return "/papers/all?category=" + quote(key, safe="")
    if kind == "organization":
        return organization_path(key)
    return f"/readers/{key}" if kind == "reader" else f"/collections/{key}"


def organization_path(name: str) -> str:
    return "/organization/" + quote(name, safe="")


@access.acts("follow", Limit(600, HOUR), Limit(3_000, HOUR, "address"))
def follow(request: HttpRequest) -> HttpResponse:
    """Follows what `kind` and `key` name, or with `on=0` lets it go."""
    reader = access.demand_reader(request)
    kind, key, on = (request.POST.get(name, "") for name in ("kind", "key", "on"))
    if on == "0":
        community.unfollow(reader, kind, key)
    else:
        community.follow(reader, kind, key)
    if wants_fragment(request):
        known = {"follow": Button(kind, key, request.POST.get("name", "")[:200], on != "0", True)}
        return render(request, "community/_follow.html", known)
    return access.see(access.next_of(request, access.came_from(request, "/following")))


@dataclass(frozen=True, slots=True)
class Row:
    """One followed thing as the page shows it."""

    kind: str
    key: str
    name: str
    path: str
    feeds: list[tuple[str, str, str]]


@require_safe
def news(request: HttpRequest) -> HttpResponse:
    """What is new of everything that the reader follows, and the list of it."""
    reader = access.demand_reader(request)
    followed = following.followed(reader)
    found = following.of_follows(reader, followed, most=NEWS)
    shown = cards.of_papers([each.paper for each in found], look(request).lines)
    for card, each in zip(shown, found, strict=True):
        card.because = ", ".join(each.why[:3])
    key = following.known_feed_key(reader)
    known = {
        "cards": shown,
        "groups": _groups(followed),
        "feeds": links.feeds(f"/following/{key.secret}") if key else [],
        "feed_base": address(request, ""),
        "path": "/papers/all",
        "start": 1,
    }
    return render(request, "community/following.html", known)


def _groups(followed: list[Follow]) -> list[tuple[str, list[Row]]]:
    numbers = [int(each.key) for each in followed if each.kind == "collection" and each.key.isdecimal()]
    names = dict(
        Collection.objects.filter(pk__in=numbers).exclude(visibility="private").values_list("pk", "name")
    )
    rows: dict[str, list[Row]] = {}
    for each in followed:
        name = each.key
        if each.kind == "collection":
            name = names.get(int(each.key), "a collection that is private now")
        elif each.kind == "author":
            name = each.key.replace("-", " ").title()
        place = place_of(each.kind, each.key)
        path, _, query = place.partition("?")
        rows.setdefault(each.kind, []).append(Row(each.kind, each.key, name, place, links.feeds(path, query)))
    return [(HEADINGS[kind], rows[kind]) for kind in HEADINGS if kind in rows]


@access.acts("feeds.renew", Limit(60, HOUR), back="/following")
def renew(request: HttpRequest) -> HttpResponse:
    """Makes private feed addresses, or new ones in the place of those there were."""
    following.renew_feed_key(access.demand_reader(request))
    messages.success(request, "Your private feed has a new address. The old one, if there was one, is dead.")
    return access.see(access.next_of(request, "/following"))


@require_safe
def organization(request: HttpRequest, name: str) -> HttpResponse:
    """An organisation's papers, the newest first."""
    page = page_number(request)
    found, total = following.papers_of_organization(name[:500], page)
    if not total:
        raise community.Refused("No paper here is of that organisation.", 404)
    pager = Pager.of(organization_path(name), "", page, total)
    return papers_of(
        request, "community/organization.html", found, pager, ("organization", name, name), name=name
    )


def papers_of(
    request: HttpRequest,
    template: str,
    papers: Sequence[Paper],
    pager: Pager,
    whose: tuple[str, str, str],
    **known: object,
) -> HttpResponse:
    """A page of what is by somebody whom one can follow, or, where that is asked, only the papers to add.
    `whose`: kind, key and name for the button that follows them."""
    shown = known | {
        "cards": cards.of_papers(papers, look(request).lines),
        "pager": pager,
        "path": "/papers/all",
        "total": pager.total,
        "shown": pager.shown,
        "start": pager.start,
    }
    if wants_fragment(request):
        return render(request, "_more.html", shown)
    shown |= {
        "canonical": address(request, pager.href(pager.page)),
        "feeds": links.feeds(pager.path),
        "follow": button(access.reader_of(request), *whose),
    }
    return render(request, template, shown)
