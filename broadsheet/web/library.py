"""A reader's library: what is saved, read and not wanted, with the buttons that say so on every paper."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community, exports
from broadsheet.community import collecting, interests, marks
from broadsheet.models import MARKS, Paper
from broadsheet.web import access, cards, negotiation, papers
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.marks import WORDS, named, own_buttons
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

# What the address of each list ends with, and what it is called.
LISTS: Final = {
    "saved": ("", "Library"),
    "read": ("/read", "Read"),
    "refused": ("/not-interested", "Not interested"),
}


def path_of(kind: str) -> str:
    return "/library" + LISTS[kind][0]


@access.acts("mark", Limit(2_000, HOUR), Limit(10_000, HOUR, "address"))
def mark(request: HttpRequest) -> HttpResponse:
    """Puts the mark `kind` on a paper, or takes the mark `off` away."""
    reader = access.demand_reader(request)
    paper, off = _meant(request), request.POST.get("off", "")
    kind = off or request.POST.get("kind", "")
    if off:
        community.unmark(reader, paper.pk, kind)
    else:
        community.mark(reader, paper.pk, kind)
    if not wants_fragment(request):
        return access.see(access.next_of(request, access.came_from(request, paper.get_absolute_url())))
    if request.POST.get("brief"):
        known = {"key": paper.pk, "said": WORDS[kind][1], "kind": kind, "undone": bool(off)}
        return render(request, "community/_marked.html", known)
    return render(request, "community/_marks.html", {"paper": paper, "marks": own_buttons(request, paper)})


@access.acts("opened", Limit(5_000, HOUR), Limit(20_000, HOUR, "address"))
def opened(request: HttpRequest) -> HttpResponse:
    """The page of a paper says that it was opened, where scripts run; so it is not suggested again."""
    interests.opened(access.demand_reader(request), _meant(request).pk)
    return HttpResponse(status=204)


def _meant(request: HttpRequest) -> Paper:
    """The paper of a form: by its number, as lists give it, or by its identifier."""
    number = request.POST.get("key", "")
    if not number:
        return named(request.POST.get("paper", ""))
    fine = number.isascii() and number.isdecimal() and len(number) < 19
    found = Paper.objects.filter(pk=int(number)).first() if fine else None
    if found is None:
        raise community.Refused("There is no such paper here.", 404)
    return found


@require_safe
def file(request: HttpRequest, form: str, kind: str = "saved") -> HttpResponse:
    """A whole list in one of the formats of `exports`."""
    found = marks.all_marked(access.demand_reader(request), kind)
    if not found:
        raise Http404("This list is empty.")
    return papers.file(request, found, form, exports.filename(LISTS[kind][1], form))


@require_safe
@negotiation.also_as(file)
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
