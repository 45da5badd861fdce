"""Makes, fills, orders, shares and shows collections, and judges who may see which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from broadsheet import text
from broadsheet.community.marks import holding, whole
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import may_act, open_paper
from broadsheet.community.talking import note
from broadsheet.models import VISIBILITIES, Collection, CollectionItem, Paper, Reader

LONGEST_NAME: Final = 120
LONGEST_NOTE: Final = 4_000
MOST_COLLECTIONS: Final = 500
MOST_PAPERS: Final = 5_000

# The same words whether it is private or not there: the answer tells nobody which numbers are taken.
NO_COLLECTION: Final = "There is no such collection, or it is not shared with you."


@dataclass(frozen=True, slots=True)
class Item:
    """A paper in a collection with its place and its reader's note."""

    paper: Paper
    place: int
    note: str


def make(reader: Reader, name: str, note_: str = "", visibility: str = "private") -> Collection:
    """A new collection. Raises Refused when the name is taken or no name at all."""
    may_act(reader)
    told = _told(name, note_, visibility)
    if Collection.objects.filter(reader=reader).count() >= MOST_COLLECTIONS:
        raise Refused(f"You have {MOST_COLLECTIONS} collections. Take one out first.")
    try:
        with transaction.atomic():
            return Collection.objects.create(reader=reader, **told)
    except IntegrityError as error:
        raise Refused(f"You have a collection called “{told['name']}” already.") from error


def change(reader: Reader, key: int, name: str, note_: str, visibility: str) -> Collection:
    may_act(reader)
    told = _told(name, note_, visibility)
    try:
        with transaction.atomic():
            collection = own(reader, key)
            for column, value in told.items():
                setattr(collection, column, value)
            _touch(collection, "name", "note", "visibility")
            return collection
    except IntegrityError as error:
        raise Refused(f"You have a collection called “{told['name']}” already.") from error


def renew_link(reader: Reader, key: int) -> Collection:
    """Makes the secret link lead nowhere, and a new one."""
    with transaction.atomic():
        collection = own(reader, key)
        collection.renew_secret()
        collection.save(update_fields=["serial"])
    return collection


def remove(reader: Reader, key: int) -> None:
    """Takes a collection away for good, its notes too; the papers stay where they are."""
    with transaction.atomic():
        own(reader, key).delete()


def put(reader: Reader, key: int, paper: int, note_: str | None = None) -> None:
    """Puts a paper at the end of a collection; one that is in it keeps its place and gets the note."""
    may_act(reader)
    said = note(note_, LONGEST_NOTE, "The note") if note_ is not None else ""
    with transaction.atomic():
        collection = own(reader, key)
        about = open_paper(paper)
        items = CollectionItem.objects.filter(collection=collection)
        last = items.aggregate(last=Max("place"), many=Count("pk"))
        if (last["many"] or 0) >= MOST_PAPERS:
            raise Refused(f"A collection holds at most {MOST_PAPERS:,} papers. Begin another one.")
        item, new = items.get_or_create(
            paper=about,
            defaults={"collection": collection, "place": (last["last"] or 0) + 1, "note": said},
        )
        if not new and note_ is not None and item.note != said:
            item.note = said
            item.save(update_fields=["note"])
        _touch(collection)


def take_out(reader: Reader, key: int, paper: int) -> None:
    with transaction.atomic():
        collection = own(reader, key)
        item = CollectionItem.objects.filter(collection=collection, paper=paper).first()
        if item is None:
            return
        item.delete()
        after = CollectionItem.objects.filter(collection=collection, place__gt=item.place)
        after.update(place=F("place") - 1)
        _touch(collection)


def move(reader: Reader, key: int, paper: int, place: int) -> None:
    """Moves a paper to a place (from 1); the others make room."""
    with transaction.atomic():
        collection = own(reader, key)
        items = CollectionItem.objects.filter(collection=collection)
        item = items.filter(paper=paper).first()
        if item is None:
            raise Refused("That paper is not in this collection.", 404)
        keys = list(items.order_by("place", "pk").values_list("pk", flat=True))
        keys.remove(item.pk)
        keys.insert(max(0, min(place - 1, len(keys))), item.pk)
        moved = [CollectionItem(pk=pk, place=at) for at, pk in enumerate(keys, start=1)]
        CollectionItem.objects.bulk_update(moved, ["place"], batch_size=500)
        _touch(collection)


def own(reader: Reader, key: int) -> Collection:
    """One's own collection, locked for this transaction. Raises Refused (404) for any other."""
    collection = Collection.objects.select_for_update().filter(pk=key, reader=reader).first()
    if collection is None:
        raise Refused(NO_COLLECTION, 404)
    return collection


def seen(key: int, viewer: Reader | None = None, secret: str = "") -> Collection:
    """A collection that the viewer may see: one's own, a public one, one whose secret link was followed."""
    collection = Collection.objects.select_related("reader").filter(pk=key).first()
    if collection is not None:
        if viewer is not None and collection.reader_id == viewer.pk:
            return collection
        if collection.visibility == "public" and collection.reader.is_active:
            return collection
        linked = collection.visibility == "link" and secret.isascii()
        if linked and constant_time_compare(secret, collection.secret):
            return collection
    raise Refused(NO_COLLECTION, 404)


def items(
    collection: Collection, page: int = 1, per_page: int | None = None, words: str = ""
) -> tuple[list[Item], int]:
    """One page of a collection in its order, and how many papers there are."""
    size = per_page or settings.PAGE_SIZE
    rows = _shown(collection).filter(holding(words, "paper__"))
    total = rows.count()
    chosen = list(
        rows.order_by("place", "pk").values_list("paper_id", "place", "note")[(page - 1) * size : page * size]
    )
    papers = Paper.objects.cards().in_bulk([key for key, _, _ in chosen])
    return [Item(papers[key], place, said) for key, place, said in chosen if key in papers], total


def newest_items(collection: Collection, most: int) -> list[Paper]:
    """The papers put in last, for a feed."""
    keys = list(_shown(collection).order_by("-added_at", "-pk").values_list("paper_id", flat=True)[:most])
    papers = Paper.objects.cards().in_bulk(keys)
    return [papers[key] for key in keys if key in papers]


def all_items(collection: Collection) -> list[Paper]:
    """Every paper of a collection, whole, in its order, for an export."""
    rows = _shown(collection).order_by("place", "pk")
    return whole(list(rows.values_list("paper_id", flat=True)[:MOST_PAPERS]))


def _shown(collection: Collection) -> QuerySet[CollectionItem]:
    return CollectionItem.objects.filter(collection=collection, paper__hidden=False)


def of_reader(reader: Reader, viewer: Reader | None = None) -> QuerySet[Any]:
    """A reader's collections as the viewer may see them, the newest first, with `papers`, how many."""
    found = Collection.objects.filter(reader=reader)
    if viewer is None or viewer.pk != reader.pk:
        found = found.filter(visibility="public")
    shown = Count("items", filter=Q(items__paper__hidden=False))
    return found.annotate(papers=shown).order_by("-changed_at", "-pk")


def holding_paper(reader: Reader, paper: int) -> list[tuple[Collection, bool]]:
    """One's collections, and whether the paper is in each. Two queries."""
    inside = set(
        CollectionItem.objects.filter(collection__reader=reader, paper=paper).values_list(
            "collection_id", flat=True
        )
    )
    mine = Collection.objects.filter(reader=reader).order_by("-changed_at", "-pk")[:MOST_COLLECTIONS]
    return [(collection, collection.pk in inside) for collection in mine]


def _touch(collection: Collection, *columns: str) -> None:
    collection.changed_at = timezone.now()
    collection.save(update_fields=["changed_at", *columns])


def _told(name: str, note_: str, visibility: str) -> dict[str, str]:
    said = note(note_, LONGEST_NOTE, "The note")
    return {"name": _name(name), "note": said, "visibility": _seen_by(visibility)}


def _name(name: str) -> str:
    said = text.plain_line(name[: LONGEST_NAME * 4])
    if not said:
        raise Refused("Give the collection a name.", 400)
    if len(said) > LONGEST_NAME:
        raise Refused(f"A collection's name has at most {LONGEST_NAME} characters.", 400)
    return said


def _seen_by(visibility: str) -> str:
    if visibility not in VISIBILITIES:
        raise Refused(f"A collection is one of {', '.join(VISIBILITIES)}.", 400)
    return visibility
