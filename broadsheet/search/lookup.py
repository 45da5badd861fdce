"""Finds what has a name: a paper by an identifier or its exact title, a person and what they wrote."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import connection
from django.db.models import Q

from broadsheet import identifiers
from broadsheet.models import Alias, Author, Authorship, Paper
from broadsheet.models.kept import Kept

MOST_PINNED = 20

# Every search asks these two.
_TITLED = Kept(lambda: Paper.objects.listed().filter(title_key=0).values("pk", "hotness"))
_BY_KEY = Kept(lambda: Author.objects.filter(pk=0))


def by_identifier(text: str) -> Paper | None:
    """The paper that any spelling of an identifier names: canonical, alias, with version, as an address."""
    said = identifiers.parse(text)
    if said is None:
        return None
    paper = Paper.objects.filter(identifier=said.identifier).first()
    if paper is None:
        alias = Alias.objects.filter(identifier=said.identifier).select_related("paper").first()
        paper = alias.paper if alias else None
    return paper


def by_title(text: str) -> Paper | None:
    """The paper with exactly this title, whatever its capitals, accents and punctuation."""
    return (
        Paper.objects.listed()
        .filter(title_key=identifiers.title_key(text))
        .order_by("-hotness", "pk")
        .first()
    )


def pinned(text: str, named: Sequence[str]) -> list[int]:
    """Keys of the listed papers that have exactly this title or are named in it by canonical identifiers,
    those with the title first. One query."""
    title = identifiers.title_key(text)
    if not named:
        _, titled = _TITLED.rows(title, most=MOST_PINNED)
        return [key for key, _ in sorted(titled, key=lambda row: (-row[1], row[0]))]
    meant = (
        Q(title_key=title)
        | Q(identifier__in=named)
        | Q(pk__in=Alias.objects.filter(identifier__in=named).values("paper"))
    )
    found = Paper.objects.listed().filter(meant).order_by("-hotness", "pk").values_list("pk", "title_key")
    return [key for key, its in sorted(found[:MOST_PINNED], key=lambda each: each[1] != title)]


def author_named(text: str) -> Author | None:
    row = _BY_KEY.row(identifiers.author_key(identifiers.author_slug(text)))
    return Author.from_db(connection.alias, *row) if row else None


def papers_by(author: Author, page: int = 1, per_page: int | None = None) -> tuple[list[Paper], int]:
    """One page of an author's papers, newest first, and how many there are (at most 5,000 are counted)."""
    size = per_page or settings.PAGE_SIZE
    wrote = Authorship.objects.filter(author=author, paper__hotness__isnull=False)
    total = wrote[:5000].count()
    newest = wrote.order_by("-paper__month", "-paper__listed_on", "-paper_id").values_list(
        "paper_id", flat=True
    )
    keys = list(newest[(page - 1) * size : page * size])
    papers = Paper.objects.cards().in_bulk(keys)
    return [papers[key] for key in keys], total
