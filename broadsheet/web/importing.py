"""Bringing a library along: the form, how an import went, and the button that undoes it."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community
from broadsheet.community import importing, interests
from broadsheet.models import Interest, LibraryImport, Reader
from broadsheet.web import access
from broadsheet.web.asked import wants_fragment
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.words import counted

PATH: Final = "/library/import"


@access.acts("import", Limit(30, HOUR), Limit(120, HOUR, "address"), reads=True)
def bring(request: HttpRequest) -> HttpResponse:
    """The form and what was imported before; with POST, one import more."""
    reader = access.demand_reader(request)
    said = request.POST if request.method == "POST" else request.GET
    target = _target(reader, said.get("interest", ""))
    refusal, status = "", 200
    if request.method == "POST":
        try:
            made = _begun(request, reader, target.pk if target else None)
            return access.see(f"/library/imports/{made.pk}")
        except community.Refused as error:
            if error.status == 403:
                raise
            refusal, status = str(error), error.status
    known = {
        "refusal": refusal,
        "target": target,
        "interests": interests.named_by(reader),
        "imports": [_told(each) for each in importing.of_reader(reader, 20)],
        "largest": importing.LARGEST // 2**20,
        "papers": request.POST.get("papers", "")[:20_000],
    }
    return render(request, "interests/import.html", known, status=status)


def _target(reader: Reader, number: str) -> Interest | None:
    """The interest that an import is to teach, None for the library."""
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    found = interests.seen(int(number), reader)
    if found.reader_id != reader.pk:
        raise community.Refused(interests.NO_INTEREST, 404)
    return found


def _begun(request: HttpRequest, reader: Reader, target: int | None) -> LibraryImport:
    if request.POST.get("key", "").strip():
        return importing.take_zotero(reader, request.POST["key"], target)
    if sent := request.FILES.get("file"):
        return importing.take_file(reader, sent, target)
    return importing.take_text(reader, request.POST.get("papers", ""), target)


def _told(made: LibraryImport) -> dict[str, Any]:
    """How an import went, as its page says it."""
    parts = [
        (made.known, f"{counted(made.known, 'paper')} found here"),
        (made.kept, f"{made.kept:,} not here, kept by their words"),
        (made.doubled, f"{made.doubled:,} there before"),
        (made.broken, f"{made.broken:,} could not be read"),
    ]
    return {
        "row": made,
        "said": [words for many, words in parts if many],
        "per_cent": round(100 * made.fraction),
        "under_way": made.state in ("waiting", "reading"),
        "undoable": made.state in ("done", "failed") and made.known + made.kept > 0,
        "unnamed": max(0, made.broken - len(made.rejects)),
    }


@require_safe
def one(request: HttpRequest, key: int) -> HttpResponse:
    """How one import goes or went; asked again by itself while it is under way."""
    known = _told(importing.own(access.demand_reader(request), key))
    if wants_fragment(request):
        return render(request, "interests/_import.html", known)
    return render(request, "interests/imported.html", known)


@access.acts("import.undo", Limit(60, HOUR), back=PATH)
def undo(request: HttpRequest, key: int) -> HttpResponse:
    """Takes back all that an import did."""
    many = importing.undo(access.demand_reader(request), key)
    messages.success(request, f"Undone: {many:,} taken out again.")
    return access.see(PATH)
