"""A reader's library: what is saved, read and not wanted, with the buttons that say so on every paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community, exports
from broadsheet.community import collecting, marks
from broadsheet.models import MARKS, Paper
from broadsheet.web import access, cards, papers
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

# What the address of each list ends with, and what it is called.
LISTS: Final = {"saved": ("", "Library"), "read": ("/read", "Read"), "refused": ("/not-interested", "Not interested")}
WORDS: Final = {
    "saved": ("Save", "Saved", "Take out"),
    "read": ("Mark as read", "Read", "Not read"),
    "refused": ("Not interested", "Not interested", "Show again"),
}


@dataclass(frozen=True, slots=True)
class Button:
    """One mark as a form: what it says, whether it is on, what pressing it does."""

    kind: str
    word: str
    on: bool


def buttons(kinds: set[str]) -> list[Button]:
    return [Button(kind, WORDS[kind][1 if kind in kinds else 0], kind in kinds) for kind in MARKS]


def named(identifier: str) -> Paper:
    """The paper that a form means. Raises Refused (404)."""
    found = Paper.objects.filter(identifier=identifier[:255]).first()
    if found is None:
        raise community.Refused("There is no such paper here.", 404)
    return found


def path_of(kind: str) -> str:
    return "/library" + LISTS[kind][0]


@access.acts("mark", Limit(2_000, HOUR), Limit(10_000, HOUR, "address"))
def mark(request: HttpRequest) -> HttpResponse:
    """Puts the mark `kind` on a paper, or with `on=0` takes it off."""
    reader = access.demand_reader(request)
    paper, kind, on = named(request.POST.get("paper", "")), request.POST.get("kind", ""), request.POST.get("on")
    if on == "0":
        community.unmark(reader, paper.pk, kind)
    else:
        community.mark(reader, paper.pk, kind)
    if not wants_fragment(request):
        return access.see(access.next_of(request, access.came_from(request, paper.get_absolute_url())))
    if request.POST.get("brief"):
        known = {"identifier": paper.identifier, "said": WORDS[kind][1], "kind": kind, "undone": on == "0"}
        return render(request, "community/_marked.html", known)
    kinds = marks.marks_on(reader, [paper.pk]).get(paper.pk, set())
    return render(request, "community/_marks.html", {"paper": paper, "marks": buttons(kinds)})


@require_safe
def library(request: HttpRequest, kind: str = "saved") -> HttpResponse:
    """One list, the newest mark first; `q` narrows it to words of titles and authors."""
    reader = access.demand_reader(request)
    page, words = page_number(request), request.GET.get("q", "")[:200]
    found, total = marks.marked(reader, kind, page, words=words)
    pager = Pager.of(path_of(kind), urlencode({"q": words}) if words else "", page, total)
    known: dict[str, Any] = {
        "kind": kind,
        "heading": LISTS[kind][1],
        "take_out": WORDS[kind][2],
        "lists": [(path_of(each), LISTS[each][1], each == kind) for each in MARKS],
        "cards": cards.of_papers(found, look(request).lines),
        "words": words,
        "pager": pager,
        "path": "/papers/all",
        "total": total,
        "shown": pager.shown,
        "start": pager.start,
        "exports": [(f"{path_of(kind)}.{made.extension}", made.label) for made in exports.FORMATS.values()],
    }
    if wants_fragment(request):
        return render(request, "_more.html", known)
    known["collections"] = list(collecting.of_reader(reader, reader)[:8]) if kind == "saved" else []
    return render(request, "community/library.html", known)


@require_safe
def file(request: HttpRequest, form: str, kind: str = "saved") -> HttpResponse:
    """A whole list in one of the formats of `exports`."""
    found = marks.all_marked(access.demand_reader(request), kind)
    if not found:
        raise Http404("This list is empty.")
    return papers.file(request, found, form, exports.filename(LISTS[kind][1], form))


