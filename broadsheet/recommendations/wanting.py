"""What readers have said, read into a taste: marks, votes and follows, or the answers of one interest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from broadsheet import identifiers, search, text
from broadsheet.models import (
    Author,
    Authorship,
    CollectionItem,
    Follow,
    Interest,
    Lesson,
    Mark,
    Paper,
    PaperCategory,
    Reader,
    Upvote,
)
from broadsheet.recommendations.choosing import MOST_EXAMPLES, Picks, Taste, chosen, rows_of
from broadsheet.search import documents

# Papers after which an example of a reader's history counts half.
HALF_LIFE = 40
MOST_SEEN = 50_000
# What a saved search finds first teaches as well, each paper by this much of an example.
FOUND: Final = 20
FOUND_WEIGHT: Final = 0.3
MOST_FAVOURED: Final = 200

SAY_SOMETHING: Final = "Save a few papers, or vote for them, and this page becomes yours."
NOTHING_TAUGHT: Final = (
    "Nothing teaches this interest yet. Say of at least one paper that it belongs, or give the interest a "
    "sentence or a search."
)
ONLY_AGAINST: Final = (
    "So far this interest knows only what does not belong. Say of at least one paper that it does, or give "
    "it a sentence."
)


def for_reader(
    reader: Reader,
    *,
    first: date | None = None,
    limit: int = 30,
    start: int = 0,
    exclude: Collection[int] = (),
    until: datetime | None = None,
) -> Picks:
    """New papers for a reader, from what they saved, voted for, follow and refused; the newest counts most.

    `first`: only papers of this day or later. `exclude`: keys that must not return, such as those mailed.
    `until`: only what was said up to then counts, so that pages leafed through fit each other. Whatever the
    reader marked or voted for does not return. Empty, with a note, for a reader who has said nothing yet.
    """
    taste = taste_of_reader(reader, first, exclude, until)
    if not taste.teaches and not taste.favoured:
        return Picks(notes=[SAY_SOMETHING], silent=True)
    return chosen(taste, limit, start)


def taste_of_reader(
    reader: Reader, first: date | None = None, exclude: Collection[int] = (), until: datetime | None = None
) -> Taste:
    """What a reader's marks, votes, follows and imported words say. About eight queries."""
    until = until or timezone.now()
    own = Interest.objects.filter(reader=reader, own=True).first() or Interest(reader=reader, own=True)
    since = own.forgot_at
    marks = list(
        _newest(Mark.objects.filter(reader=reader), until).values_list("paper_id", "kind", "created_at")
    )
    votes = list(_newest(Upvote.objects.filter(reader=reader), until).values_list("paper_id", "created_at"))
    refused = [key for key, kind, _ in marks if kind == "refused"]
    against = set(refused)

    def told(rows: Sequence[tuple[int, datetime]]) -> list[int]:
        return [key for key, at in rows if since is None or at > since]

    saved = told([(key, at) for key, kind, at in marks if kind == "saved"])
    liked = [key for key in dict.fromkeys(_in_turn(saved, told(votes))) if key not in against]
    weights = {key: 0.5 ** (place / HALF_LIFE) for place, key in enumerate(liked[:MOST_EXAMPLES])}
    weights |= dict.fromkeys(
        told([(key, at) for key, kind, at in marks if kind == "refused"])[:MOST_EXAMPLES], -1.0
    )
    rows = rows_of(weights)
    away = {key for key, kind, _ in marks if kind != "opened" or not own.returning} | {
        key for key, _ in votes
    }
    taste = Taste(
        papers=[(rows[key], weight) for key, weight in weights.items() if key in rows],
        texts=_texts_of(own, until, since) if own.pk else [],
        first=first,
        seen=frozenset([*away, *(() if own.returning else exclude)]),
        votes=own.votes / 100,
        chance=f"{reader.pk} {until:%Y-%m-%d}",
    )
    taste.favoured = _followed(reader, taste)
    return taste


def for_interest(
    interest: Interest,
    viewer: Reader | None = None,
    *,
    first: date | None = None,
    limit: int = 30,
    start: int = 0,
    exclude: Collection[int] = (),
    until: datetime | None = None,
) -> Picks:
    """New papers for one interest, as `for_reader`. What the viewer marked or refused does not return."""
    if interest.own:
        return for_reader(
            interest.reader, first=first, limit=limit, start=start, exclude=exclude, until=until
        )
    taste = taste_of_interest(interest, viewer, first, exclude, until)
    if not taste.teaches:
        note = ONLY_AGAINST if taste.papers or taste.texts else NOTHING_TAUGHT
        return Picks(notes=[note], silent=True)
    return chosen(taste, limit, start)


def taste_of_interest(
    interest: Interest,
    viewer: Reader | None = None,
    first: date | None = None,
    exclude: Collection[int] = (),
    until: datetime | None = None,
) -> Taste:
    """What an interest's answers, sentence and search say. Four queries, and what a search costs."""
    until = until or timezone.now()
    lessons = Lesson.objects.filter(interest=interest, paper__isnull=False)
    known = list(_newest(lessons, until).values_list("paper_id", "wanted"))
    weights: dict[int, float] = {}
    for side, weight in ((True, 1.0), (False, -1.0)):
        mine = [key for key, wanted in known if wanted is side and key is not None]
        weights |= dict.fromkeys(mine[:MOST_EXAMPLES], weight)
    rows = rows_of(weights)
    papers = [(rows[key], weight) for key, weight in weights.items() if key in rows]
    if interest.query:
        taught = {key for key, _ in known}
        papers += [each for each in _found(interest.query) if each[0].pk not in taught]
    return Taste(
        papers=papers,
        texts=_texts_of(interest, until),
        sentence=interest.sentence,
        first=first,
        seen=frozenset([*(key for key, _ in known if key), *_seen_by(viewer, interest, until), *exclude]),
        votes=interest.votes / 100,
        chance=f"interest {interest.pk} {until:%Y-%m-%d}",
    )


def _newest(rows: QuerySet[Any], until: datetime) -> QuerySet[Any]:
    return rows.filter(created_at__lte=until).order_by("-created_at", "-pk")[:MOST_SEEN]


def _seen_by(viewer: Reader | None, interest: Interest, until: datetime) -> list[int]:
    if viewer is None:
        return []
    marks = Mark.objects.filter(reader=viewer)
    if interest.returning:
        marks = marks.exclude(kind="opened")
    return list(_newest(marks, until).values_list("paper_id", flat=True))


def _texts_of(interest: Interest, until: datetime, since: datetime | None = None) -> list[tuple[str, float]]:
    """Papers that are not here, by their words; those of which only an identifier is known say nothing."""
    rows = Lesson.objects.filter(interest=interest, paper__isnull=True).exclude(title="")
    if since is not None:
        rows = rows.filter(created_at__gt=since)
    told = _newest(rows, until).values_list("title", "abstract", "wanted")[:MOST_EXAMPLES]
    return [
        (documents.readable(title, abstract), (1.0 if wanted else -1.0) * 0.5 ** (place / MOST_EXAMPLES))
        for place, (title, abstract, wanted) in enumerate(told)
    ]


def _found(query: str) -> list[tuple[Paper, float]]:
    """The first papers that a search finds by its words, else by meaning; the first of them weigh most."""
    try:
        found = search.search(query, per_page=FOUND)
    except search.BadQuery:
        return []
    by_words = [paper for paper in found.papers if (why := found.reasons.get(paper.pk)) and why.by_words]
    papers = by_words or found.papers
    return [(paper, FOUND_WEIGHT * 0.5 ** (place / FOUND)) for place, paper in enumerate(papers)]


def _followed(reader: Reader, taste: Taste) -> dict[int, str]:
    """New papers by followed authors, each with a reason; for a reader who has said nothing else, also what
    stands highest in followed fields."""
    by_kind: dict[str, list[str]] = {}
    for kind, key in Follow.objects.filter(reader=reader).values_list("kind", "key")[:1_000]:
        by_kind.setdefault(kind, []).append(key)
    found: dict[int, str] = {}
    if slugs := by_kind.get("author"):
        people = Author.objects.filter(pk__in=[identifiers.author_key(slug) for slug in slugs])
        rows = Authorship.objects.filter(author__in=people, paper__hotness__isnull=False)
        if taste.first:
            rows = rows.filter(paper__listed_on__gte=taste.first)
        newest = rows.order_by("-paper__listed_on", "-paper_id").values_list("paper_id", "author__name")
        for paper, name in newest[:MOST_FAVOURED]:
            found.setdefault(paper, f"by {text.plain_line(name[:80])}, whom you follow")
    for paper, why in _followed_elsewhere(reader, by_kind, taste.first):
        found.setdefault(paper, why)
    if not taste.teaches and (codes := by_kind.get("category")):
        found = _in_fields(codes, taste.first) | found
    return {key: why for key, why in found.items() if key not in taste.seen}


def _followed_elsewhere(
    reader: Reader, by_kind: dict[str, list[str]], first: date | None
) -> Iterator[tuple[int, str]]:
    """New papers of followed organisations, with votes of followed readers, in followed collections: one
    query for each of these that is followed at all."""
    if names := by_kind.get("organization"):
        papers = Paper.objects.listed().filter(organization__in=names)
        if first:
            papers = papers.filter(listed_on__gte=first)
        for key, name in papers.order_by("-pk").values_list("pk", "organization")[:MOST_FAVOURED]:
            yield key, f"from {text.plain_line(name[:80])}, which you follow"
    since = {"paper__listed_on__gte": first} if first else {}
    if names := by_kind.get("reader"):
        votes = Upvote.objects.filter(
            reader__username__in=names, reader__is_active=True, reader__show_votes=True, counted=True, **since
        )
        rows = votes.order_by("-created_at").values_list("paper_id", "reader__username")
        for key, name in rows[:MOST_FAVOURED]:
            yield key, f"voted for by {name}, whom you follow"
    if numbers := [int(each) for each in by_kind.get("collection", ()) if each.isdecimal()]:
        open_ones = Q(collection__visibility="public", collection__reader__is_active=True)
        items = CollectionItem.objects.filter(
            open_ones | Q(collection__reader=reader), collection__in=numbers, **since
        )
        named = items.order_by("-added_at").values_list("paper_id", "collection__name")
        for key, name in named[:MOST_FAVOURED]:
            yield key, f"in the collection “{text.plain_line(name[:80])}”, which you follow"


def in_fields(codes: Sequence[str], first: date | None = None, limit: int = 30, start: int = 0) -> Picks:
    """What stands highest in some categories: where nothing else is known of a reader."""
    return chosen(Taste(first=first, favoured=_in_fields(codes, first)), limit, start)


def _in_fields(codes: Sequence[str], first: date | None) -> dict[int, str]:
    rows = PaperCategory.objects.filter(category__code__in=codes, hotness__isnull=False)
    if first:
        rows = rows.filter(listed_on__gte=first)
    named = rows.order_by("-hotness", "paper_id").values_list("paper_id", "category__code")[:MOST_FAVOURED]
    found: dict[int, str] = {}
    for key, code in named:
        found.setdefault(key, f"stands high in {code}")
    return found


def _in_turn(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Both lists, newest first, one of each in turn."""
    both = [key for pair in zip(one, other, strict=False) for key in pair]
    short = min(len(one), len(other))
    return [*both, *one[short:], *other[short:]]
