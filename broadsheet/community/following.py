"""Follows authors, fields, organisations, readers and collections, and tells what is new of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare

from broadsheet import identifiers, text
from broadsheet.community import collecting, marks
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import may_act
from broadsheet.models import (
    FOLLOWED,
    Author,
    Authorship,
    Category,
    CollectionItem,
    FeedKey,
    Follow,
    Paper,
    PaperCategory,
    Reader,
    Submission,
    Upvote,
)

MOST_FOLLOWED: Final = 1_000
# What is read of each followed thing: nobody reads more of a feed, and no query grows without end.
NEWEST: Final = 300
BEGINNING: Final = datetime(1900, 1, 1, tzinfo=UTC)


def follow(reader: Reader, kind: str, key: str) -> Follow:
    """Follows something that is here; twice is once. Raises Refused for what is not."""
    may_act(reader)
    name = canonical(kind, key, reader)
    with transaction.atomic():
        mine = Follow.objects.filter(reader=reader)
        if mine.count() >= MOST_FOLLOWED:
            raise Refused(f"You follow {MOST_FOLLOWED:,} already. Let go of some first.")
        found, _ = Follow.objects.get_or_create(reader=reader, kind=kind, key=name)
    return found


def unfollow(reader: Reader, kind: str, key: str) -> None:
    """Lets go; what one does not follow is no harm, and so is what is not here any more."""
    Follow.objects.filter(reader=reader, kind=kind, key=key[:255]).delete()


def follows(reader: Reader | None, kind: str, key: str) -> bool:
    return reader is not None and Follow.objects.filter(reader=reader, kind=kind, key=key[:255]).exists()


def canonical(kind: str, key: str, viewer: Reader | None) -> str:
    """The key as it is stored, if there is such a thing and the viewer may know of it."""
    said = text.plain_line(key[:1_000])
    if kind == "author":
        slug = identifiers.author_slug(said)
        if Author.objects.filter(pk=identifiers.author_key(slug)).exists():
            return slug
        raise Refused("Nobody of that name has written a paper that is here.", 404)
    if kind == "category":
        if Category.objects.filter(code=said).exists():
            return said
        raise Refused("No paper here is in that category.", 404)
    if kind == "organization":
        if said and Paper.objects.filter(organization=said).exists():
            return said
        raise Refused("No paper here is of that organisation.", 404)
    if kind == "reader":
        found = Reader.objects.filter(username__iexact=said, is_active=True).first()
        if found is None:
            raise Refused("There is no reader of that name here.", 404)
        if viewer and found.pk == viewer.pk:
            raise Refused("You need not follow yourself: everything of yours is in your library.")
        return found.username
    if kind == "collection":
        number = said if said.isascii() and said.isdecimal() and len(said) < 19 else "0"
        return str(collecting.seen(int(number), viewer).pk)
    raise Refused(f"One can follow {', '.join(FOLLOWED)}.", 400)


def followed(reader: Reader) -> list[Follow]:
    """What a reader follows, by kind, the newest first."""
    return list(Follow.objects.filter(reader=reader).order_by("kind", "-created_at", "-pk")[:MOST_FOLLOWED])


def followers(kind: str, key: str) -> int:
    return Follow.objects.filter(kind=kind, key=key).count()


@dataclass(slots=True)
class News:
    """A paper that is new of what a reader follows: since when, and why, in words."""

    paper: Paper
    at: datetime
    why: list[str]


def papers_followed(reader: Reader, since: datetime | None = None, most: int = NEWEST) -> list[News]:
    """What is new of everything that a reader follows, the newest first, each paper once with its reasons.

    Papers that the reader is not interested in are left out. `since`: what came on the list, was voted for or
    was put into a collection then or later.
    """
    return of_follows(reader, followed(reader), since, most)


def of_follows(
    reader: Reader, chosen: Iterable[Follow], since: datetime | None = None, most: int = NEWEST
) -> list[News]:
    """As `papers_followed`, of some follows. At most eight queries, however many they are."""
    by_kind: dict[str, list[str]] = {}
    for one in chosen:
        by_kind.setdefault(one.kind, []).append(one.key)
    refused = frozenset(marks.refused_papers(reader)) if by_kind else frozenset()
    return _gathered(by_kind, reader, since or BEGINNING, most, refused)


def of_one(
    kind: str, key: str, viewer: Reader | None = None, since: datetime | None = None, most: int = NEWEST
) -> list[News]:
    """What is new of one thing, for a reader or for somebody without an account."""
    refused = frozenset(marks.refused_papers(viewer)) if viewer else frozenset[int]()
    return _gathered({kind: [key]}, viewer, since or BEGINNING, most, refused)


def _gathered(
    by_kind: dict[str, list[str]], reader: Reader | None, since: datetime, most: int, refused: frozenset[int]
) -> list[News]:
    found: dict[int, tuple[datetime, list[str]]] = {}
    for kind, keys in by_kind.items():
        for paper, at, reason in _FINDERS[kind](keys, since, reader):
            moment, reasons = found.get(paper, (BEGINNING, []))
            if reason not in reasons:
                reasons.append(reason)
            found[paper] = (max(moment, at or BEGINNING), reasons)
    newest = sorted(
        (key for key in found if key not in refused), key=lambda key: (found[key][0], key), reverse=True
    )[:most]
    papers = Paper.objects.listed().cards().in_bulk(newest)
    return [News(papers[key], *found[key]) for key in newest if key in papers]


# Each finder yields (paper, moment, reason) for at most `NEWEST` papers.
Found = Iterator[tuple[int, datetime | None, str]]


def _by_authors(slugs: list[str], since: datetime, reader: Reader | None) -> Found:
    keys = [identifiers.author_key(slug) for slug in slugs]
    rows = Authorship.objects.filter(author__in=keys, paper__submitted_at__gte=since)
    for paper, at, name in rows.order_by("-paper").values_list(
        "paper_id", "paper__submitted_at", "author__name"
    )[:NEWEST]:
        yield paper, at, f"by {text.plain_line(name[:80])}"


def _in_categories(codes: list[str], since: datetime, reader: Reader | None) -> Found:
    rows = PaperCategory.objects.filter(
        category__code__in=codes, listed_on__gte=since.date(), paper__submitted_at__gte=since
    )
    for paper, at, code in rows.order_by("-listed_on", "-score").values_list(
        "paper_id", "paper__submitted_at", "category__code"
    )[:NEWEST]:
        yield paper, at, f"in {code}"


def _of_organizations(names: list[str], since: datetime, reader: Reader | None) -> Found:
    rows = Paper.objects.filter(organization__in=names, submitted_at__gte=since)
    for paper, at, name in rows.order_by("-pk").values_list("pk", "submitted_at", "organization")[:NEWEST]:
        yield paper, at, f"from {text.plain_line(name[:80])}"


def _of_readers(names: list[str], since: datetime, reader: Reader | None) -> Found:
    """What they voted for and brought; talk and marks are not news of this kind."""
    people = {one.pk: one.username for one in public_readers(names)}
    votes = Upvote.objects.filter(reader__in=people, created_at__gte=since).order_by("-created_at")
    for paper, at, who in votes.values_list("paper_id", "created_at", "reader_id")[:NEWEST]:
        yield paper, at, f"voted for by {people[who]}"
    brought = Submission.objects.filter(reader__in=people, state="listed", settled_at__gte=since)
    for key, settled, who in brought.order_by("-settled_at").values_list(
        "paper_id", "settled_at", "reader_id"
    )[:NEWEST]:
        if key is not None and who is not None:
            yield key, settled, f"brought by {people[who]}"


def of_reader(whom: Reader, most: int) -> list[News]:
    """What one reader voted for and brought, for the reader's public feed."""
    return _gathered({"reader": [whom.username]}, whom, BEGINNING, most, frozenset())


def public_readers(names: list[str]) -> QuerySet[Reader]:
    """Those of the named readers whose votes everybody may see."""
    return Reader.objects.filter(username__in=names, is_active=True, show_votes=True)


def _in_collections(numbers: list[str], since: datetime, reader: Reader | None) -> Found:
    open_ones = Q(collection__visibility="public", collection__reader__is_active=True)
    rows = CollectionItem.objects.filter(
        open_ones | Q(collection__reader=reader) if reader else open_ones,
        collection__in=[int(number) for number in numbers if number.isdecimal()],
        added_at__gte=since,
    )
    for paper, at, name in rows.order_by("-added_at").values_list("paper_id", "added_at", "collection__name")[
        :NEWEST
    ]:
        yield paper, at, f"in the collection {name}"


_FINDERS: Final[dict[str, Callable[[list[str], datetime, Reader | None], Found]]] = {
    "author": _by_authors,
    "category": _in_categories,
    "organization": _of_organizations,
    "reader": _of_readers,
    "collection": _in_collections,
}


# Private feeds: an address that is itself the permission.


def feed_key(reader: Reader) -> FeedKey:
    """What a reader's private feed addresses end with, made on first use."""
    return FeedKey.objects.get_or_create(reader=reader)[0]


def known_feed_key(reader: Reader) -> FeedKey | None:
    """The same, None where it was never made: a page that is only looked at writes nothing."""
    return FeedKey.objects.filter(reader=reader).first()


def renew_feed_key(reader: Reader) -> FeedKey:
    """Makes every private feed address of a reader lead nowhere, and new ones."""
    with transaction.atomic():
        found = feed_key(reader)
        found.renew()
        found.save(update_fields=["serial"])
    return found


def reader_of_feed(secret: str) -> Reader:
    """Whose private feed this is. Raises Refused (404) for an address that leads nowhere (any more)."""
    number, _, _ = secret.partition("-")
    if number.isascii() and number.isdecimal() and len(number) < 19 and secret.isascii():
        found = FeedKey.objects.select_related("reader").filter(pk=int(number)).first()
        if found and constant_time_compare(secret, found.secret) and found.reader.is_active:
            return found.reader
    raise Refused("This feed address leads nowhere. Its reader may have made a new one.", 404)


def papers_of_organization(name: str, page: int = 1, per_page: int | None = None) -> tuple[list[Paper], int]:
    """One page of an organisation's papers, the newest first, and how many there are."""
    size = per_page or settings.PAGE_SIZE
    rows = Paper.objects.filter(organization=name, hotness__isnull=False)
    keys = list(rows.order_by("-pk").values_list("pk", flat=True)[(page - 1) * size : page * size])
    papers = Paper.objects.cards().in_bulk(keys)
    return [papers[key] for key in keys], rows.count()
