"""Collections: one's own list of them, one of them as its viewer may see it, and the forms that change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from broadsheet import community, exports
from broadsheet.community import collecting
from broadsheet.models import Collection
from broadsheet.web import access, cards, following, links, marks, negotiation, papers
from broadsheet.web.asked import page_number
from broadsheet.web.context import address
from broadsheet.web.guard import as_capability
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.pager import Pager
from broadsheet.web.talk import html_of

OFTEN: Final = Limit(1_000, HOUR)
SEEN_BY: Final = {
    "private": "Only you",
    "link": "Whoever has the secret link",
    "public": "Everybody; it stands on your page",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A paper of a collection as its page shows it."""

    card: cards.Card
    identifier: str
    place: int
    note: str
    note_html: SafeString | str


@access.acts("collection.make", Limit(60, HOUR), reads=True)
def collections(request: HttpRequest) -> HttpResponse:
    """One's own collections; with POST, a new one."""
    reader = access.demand_reader(request)
    known: dict[str, Any] = {"visibilities": SEEN_BY.items(), "chosen": "private"}
    status = 200
    if request.method == "POST":
        said = {name: request.POST.get(name, "") for name in ("name", "note", "visibility")}
        try:
            made = collecting.make(reader, said["name"], said["note"], said["visibility"] or "private")
            if paper := request.POST.get("paper"):
                collecting.put(reader, made.pk, marks.named(paper).pk)
                return access.see(access.next_of(request, made.get_absolute_url()))
            return access.see(made.get_absolute_url())
        except community.Refused as refusal:
            if refusal.status == 403:
                raise
            status = refusal.status
            known |= said | {"refusal": str(refusal), "chosen": said["visibility"]}
    known["rows"] = list(collecting.of_reader(reader, reader)[: collecting.MOST_COLLECTIONS])
    return render(request, "community/collections.html", known, status=status)


def path_of(collection: Collection, secret: str = "") -> str:
    return collection.get_absolute_url() + (f"/{secret}" if secret else "")


@require_safe
def file(request: HttpRequest, form: str, key: int, secret: str = "") -> HttpResponse:
    """A whole collection in one of the formats of `exports`, in its order."""
    found = collecting.seen(key, access.reader_of(request), secret)
    whole = collecting.all_items(found)
    if not whole:
        raise Http404("This collection is empty.")
    response = papers.file(request, whole, form, exports.filename(found.name, form))
    if secret or found.visibility != "public":
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def _json_of(request: HttpRequest, key: int, secret: str = "") -> str:
    """The same collection of our JSON API; one that a secret link opens is a feed."""
    return f"/collections/{key}/{secret}.json" if secret else f"/api/v1/collections/{key}/papers"


@require_safe
@negotiation.also_as(file, _json_of)
def collection(request: HttpRequest, key: int, secret: str = "") -> HttpResponse:
    """A collection's page, for its owner with the forms to change it."""
    reader = access.reader_of(request)
    found = collecting.seen(key, reader, secret)
    mine = reader is not None and found.reader_id == reader.pk
    page, words = page_number(request), request.GET.get("q", "")[:200]
    items, total = collecting.items(found, page, words=words)
    path = path_of(found, secret)
    pager = Pager.of(path, "", page, total)
    shown = cards.of_papers([item.paper for item in items], brief=True)
    known = {
        "collection": found,
        "mine": mine,
        "note": html_of(found.note, {}) if found.note else "",
        "rows": [
            Row(
                card,
                item.paper.identifier,
                item.place,
                item.note,
                html_of(item.note, {}) if item.note else "",
            )
            for card, item in zip(shown, items, strict=True)
        ],
        "path": path,
        "total": total,
        "words": words,
        "pager": pager,
        "start": pager.start,
        "visibilities": SEEN_BY.items(),
        "secret_link": address(request, path_of(found, found.secret)) if mine else "",
        "feeds": links.feeds(path),
        "exports": [(f"{path}.{made.extension}", made.label) for made in exports.FORMATS.values()],
        "follow": None
        if mine or secret
        else following.button(reader, "collection", str(found.pk), found.name),
        "canonical": address(request, path),
        "secret": bool(secret) or found.visibility != "public",
    }
    response = render(request, "community/collection.html", known)
    return as_capability(response) if secret else response


@access.acts("collection.change", OFTEN, reads=True)
def change(request: HttpRequest, key: int) -> HttpResponse:
    """Name, note and who may see it."""
    reader = access.demand_reader(request)
    found = collecting.seen(key, reader)
    if found.reader_id != reader.pk:
        raise community.Refused(collecting.NO_COLLECTION, 404)
    said = {"name": found.name, "note": found.note, "visibility": found.visibility}
    known: dict[str, Any] = {"collection": found, "visibilities": SEEN_BY.items()}
    status = 200
    if request.method == "POST":
        said = {name: request.POST.get(name, "") for name in said}
        try:
            collecting.change(reader, key, said["name"], said["note"], said["visibility"])
            return access.see(found.get_absolute_url())
        except community.Refused as refusal:
            status = refusal.status
            known["refusal"] = str(refusal)
    known |= said | {"chosen": said["visibility"]}
    return render(request, "community/collection_change.html", known, status=status)


@access.acts("collection.link", Limit(60, HOUR))
def renew(request: HttpRequest, key: int) -> HttpResponse:
    """A new secret link; the old one leads nowhere from now on."""
    found = collecting.renew_link(access.demand_reader(request), key)
    messages.success(request, "The old link leads nowhere now. This is the new one.")
    return access.see(found.get_absolute_url())


@access.acts("collection.delete", Limit(60, HOUR), reads=True)
def delete(request: HttpRequest, key: int) -> HttpResponse:
    reader = access.demand_reader(request)
    found = collecting.seen(key, reader)
    if found.reader_id != reader.pk:
        raise community.Refused(collecting.NO_COLLECTION, 404)
    if request.method == "POST":
        collecting.remove(reader, key)
        messages.success(request, f"The collection “{found.name}” is gone.")
        return access.see("/collections")
    return render(request, "community/collection_delete.html", {"collection": found})


@access.acts("collection.put", OFTEN)
def put(request: HttpRequest, key: int) -> HttpResponse:
    """Puts a paper in, or gives one that is in another note."""
    reader, paper = access.demand_reader(request), marks.named(request.POST.get("paper", ""))
    note = request.POST.get("note")
    collecting.put(reader, key, paper.pk, note)
    return access.see(access.next_of(request, access.came_from(request, f"/collections/{key}")))


@access.acts("collection.take_out", OFTEN)
def take_out(request: HttpRequest, key: int) -> HttpResponse:
    reader, paper = access.demand_reader(request), marks.named(request.POST.get("paper", ""))
    collecting.take_out(reader, key, paper.pk)
    return access.see(access.next_of(request, access.came_from(request, f"/collections/{key}")))


@access.acts("collection.move", OFTEN)
def move(request: HttpRequest, key: int) -> HttpResponse:
    """Moves a paper to a place of the collection."""
    reader, paper = access.demand_reader(request), marks.named(request.POST.get("paper", ""))
    said = request.POST.get("place", "")
    if not (said.isascii() and said.isdecimal() and len(said) <= 6):
        raise BadRequest("A place is a whole number from 1.")
    collecting.move(reader, key, paper.pk, int(said))
    return access.see(access.next_of(request, access.came_from(request, f"/collections/{key}")))
