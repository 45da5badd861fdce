"""What a key lets a program keep for its reader: marks, collections, searches. The verbs are the pages'."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest
from ninja import Router
from ninja.responses import Status

from broadsheet import community, search
from broadsheet.api.v1_acts import ACTS, READS
from broadsheet.api.v1_asking import by, reader_of, repeatable, viewer_of
from broadsheet.api.v1_shapes import (
    MARK_OF,
    CollectionChange,
    CollectionIn,
    CollectionOut,
    CollectionsOut,
    Cursor,
    ItemIn,
    ItemsOut,
    Kept,
    KeptOut,
    Limit,
    MarksOut,
    Number,
    SearchChange,
    SearchesOut,
    SearchIn,
    SearchOut,
    all_told,
    bad,
    named,
    told,
)
from broadsheet.community import collecting, marks, walking
from broadsheet.models import Collection, Reader
from broadsheet.web import collecting as collecting_page
from broadsheet.web import library as library_page
from broadsheet.web import saved as saved_page
from broadsheet.web.context import base

router = Router()


# --- the library -------------------------------------------------------------------------------------------


@router.get(
    "/library/{kind}",
    auth=by("read"),
    response={200: KeptOut, **READS},
    summary="A list of your library",
    tags=["Library"],
)
def library(request: HttpRequest, kind: Kept, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """`saved`, `read` or `not-interested`, the newest mark first."""
    found, after = walking.marked(reader_of(request), MARK_OF[kind], cursor, limit)
    return {"papers": [{**told(request, each), "at": when} for each, when in found], "next": after}


@router.put(
    "/library/{kind}/{path:identifier}",
    auth=by("library", library_page.mark),
    response={200: MarksOut, **ACTS},
    summary="Put a mark on a paper",
    tags=["Library"],
)
def put_mark(request: HttpRequest, kind: Kept, identifier: str) -> dict[str, Any]:
    """Twice is once. `saved` and `not-interested` take each other off."""
    reader, paper = reader_of(request), named(identifier)
    community.mark(reader, paper.pk, MARK_OF[kind])
    return _marks(reader, paper.pk, paper.identifier)


@router.delete(
    "/library/{kind}/{path:identifier}",
    auth=by("library", library_page.mark),
    response={200: MarksOut, **ACTS},
    summary="Take a mark off",
    tags=["Library"],
)
def delete_mark(request: HttpRequest, kind: Kept, identifier: str) -> dict[str, Any]:
    reader, paper = reader_of(request), named(identifier)
    community.unmark(reader, paper.pk, MARK_OF[kind])
    return _marks(reader, paper.pk, paper.identifier)


def _marks(reader: Reader, paper: int, identifier: str) -> dict[str, Any]:
    mine = marks.marks_on(reader, [paper]).get(paper, set())
    return {"paper": identifier, "marks": [kind for kind, mark in MARK_OF.items() if mark in mine]}


# --- collections -------------------------------------------------------------------------------------------


@router.get(
    "/collections",
    auth=by("read"),
    response={200: CollectionsOut, **READS},
    summary="Your collections",
    tags=["Collections"],
)
def collections(request: HttpRequest) -> dict[str, Any]:
    """All of them, at most 500, the one changed last first."""
    reader = reader_of(request)
    rows = collecting.of_reader(reader, reader)[: collecting.MOST_COLLECTIONS]
    return {"collections": [_collection(request, one, one.papers) for one in rows], "next": ""}


@router.post(
    "/collections",
    auth=by("library", collecting_page.collections),
    response={201: CollectionOut, **ACTS},
    summary="Make a collection",
    tags=["Collections"],
)
@repeatable
def make(request: HttpRequest, body: CollectionIn) -> Status[Any]:
    """A second one of the same name is refused (409)."""
    made = collecting.make(reader_of(request), body.name, body.note, body.visibility)
    return Status(201, _collection(request, made, 0))


@router.get(
    "/collections/{key}",
    response={200: CollectionOut, **READS},
    summary="One collection",
    tags=["Collections"],
)
def collection(request: HttpRequest, key: Number) -> dict[str, Any]:
    """One that everybody may see, or one’s own."""
    found = collecting.seen(key, viewer_of(request))
    return _collection(request, found, collecting.items(found, 1, 1)[1])


@router.patch(
    "/collections/{key}",
    auth=by("library", collecting_page.change),
    response={200: CollectionOut, **ACTS},
    summary="Change a collection",
    tags=["Collections"],
)
def change(request: HttpRequest, key: Number, body: CollectionChange) -> dict[str, Any]:
    """What is not named stays as it is."""
    reader = reader_of(request)
    found = _own(reader, key)
    done = collecting.change(
        reader,
        key,
        found.name if body.name is None else body.name,
        found.note if body.note is None else body.note,
        body.visibility or found.visibility,
    )
    return _collection(request, done, collecting.items(done, 1, 1)[1])


@router.delete(
    "/collections/{key}",
    auth=by("library", collecting_page.delete),
    response={204: None, **ACTS},
    summary="Delete a collection",
    tags=["Collections"],
)
def delete(request: HttpRequest, key: Number) -> Status[Any]:
    """For good, its notes too. The papers stay where they are."""
    collecting.remove(reader_of(request), key)
    return Status(204, None)


@router.get(
    "/collections/{key}/papers",
    response={200: ItemsOut, **READS},
    summary="The papers of a collection",
    tags=["Collections"],
)
def items(request: HttpRequest, key: Number, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """In their order, which its owner may change meanwhile."""
    found, page = collecting.seen(key, viewer_of(request)), walking.number_of(cursor) or 1
    if not 1 <= page <= collecting.MOST_PAPERS:
        raise BadRequest(walking.BAD_CURSOR)
    shown, total = collecting.items(found, page, limit)
    return {
        "papers": [
            {**paper, "place": item.place, "note": item.note}
            for item, paper in zip(shown, all_told(request, [item.paper for item in shown]), strict=True)
        ],
        "next": str(page + 1) if page * limit < total else "",
    }


@router.put(
    "/collections/{key}/papers/{path:identifier}",
    auth=by("library", collecting_page.put),
    response={204: None, **ACTS},
    summary="Put a paper into a collection",
    tags=["Collections"],
)
def put_item(request: HttpRequest, key: Number, identifier: str, body: ItemIn | None = None) -> Status[Any]:
    """Twice is once; the second time changes the note and the place, where they are named."""
    reader, paper = reader_of(request), named(identifier)
    body = body or ItemIn(note=None, place=None)
    collecting.put(reader, key, paper.pk, body.note)
    if body.place is not None:
        collecting.move(reader, key, paper.pk, body.place)
    return Status(204, None)


@router.delete(
    "/collections/{key}/papers/{path:identifier}",
    auth=by("library", collecting_page.take_out),
    response={204: None, **ACTS},
    summary="Take a paper out of a collection",
    tags=["Collections"],
)
def delete_item(request: HttpRequest, key: Number, identifier: str) -> Status[Any]:
    collecting.take_out(reader_of(request), key, named(identifier).pk)
    return Status(204, None)


def _own(reader: Reader, key: int) -> Collection:
    found = collecting.seen(key, reader)
    if found.reader_id != reader.pk:
        raise community.Refused(collecting.NO_COLLECTION, 404)
    return found


def _collection(request: HttpRequest, found: Collection, papers: int) -> dict[str, Any]:
    return {
        "id": found.pk,
        "url": base(request) + found.get_absolute_url(),
        "name": found.name,
        "note": found.note,
        "visibility": found.visibility,
        "papers": papers,
        "created_at": found.created_at,
        "changed_at": found.changed_at,
    }


# --- saved searches ----------------------------------------------------------------------------------------


@router.get(
    "/searches",
    auth=by("read"),
    response={200: SearchesOut, **READS},
    summary="Your saved searches",
    tags=["Searches"],
)
def searches(request: HttpRequest) -> dict[str, Any]:
    """All of them, at most 100, the newest first."""
    return {"searches": search.saved_by(reader_of(request)), "next": ""}


@router.post(
    "/searches",
    auth=by("library", saved_page.searches),
    response={201: SearchOut, **ACTS},
    summary="Save a search",
    tags=["Searches"],
)
@repeatable
def save(request: HttpRequest, body: SearchIn) -> Status[Any]:
    """One that is saved already is the same one, with the new name if there is one."""
    try:
        made = search.save(reader_of(request), body.query, body.name)
    except search.BadQuery as refusal:
        raise bad(refusal) from refusal
    told_of = {"id": made.pk, "name": made.name, "query": made.query, "created_at": made.created_at}
    return Status(201, told_of)


@router.patch(
    "/searches/{key}",
    auth=by("library", saved_page.rename),
    response={200: SearchOut, **ACTS},
    summary="Rename a saved search",
    tags=["Searches"],
)
def rename(request: HttpRequest, key: Number, body: SearchChange) -> Any:
    found = search.rename(reader_of(request), key, body.name)
    if found is None:
        raise Http404(saved_page.NOT_YOURS)
    return found


@router.delete(
    "/searches/{key}",
    auth=by("library", saved_page.delete),
    response={204: None, **ACTS},
    summary="Delete a saved search",
    tags=["Searches"],
)
def forget(request: HttpRequest, key: Number) -> Status[Any]:
    """One that is not there is no harm."""
    search.forget(reader_of(request), key)
    return Status(204, None)
