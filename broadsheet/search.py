"""Answers what a reader typed: an identifier in any spelling, a title, an author, or words of titles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Q

from broadsheet import identifiers
from broadsheet.models import Alias, Author, Authorship, Paper

LONGEST_QUERY = 500
# Words are looked for in the titles of this many papers, the hottest, so that no query reads the whole table.
WIDEST = 20_000
MOST = 300


@dataclass
class Found:
    """What a query found. `exact` is the one paper that was meant, when an identifier or a title names it."""

    query: str
    papers: list[Paper] = field(default_factory=list)
    total: int = 0
    page: int = 1
    pages: int = 1
    exact: Paper | None = None
    author: Author | None = None
    note: str = ""


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


def author_named(text: str) -> Author | None:
    return Author.objects.filter(pk=identifiers.author_key(identifiers.author_slug(text))).first()


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


def search(text: str, page: int = 1, per_page: int | None = None) -> Found:
    """Answers a query of at most 500 characters (the rest is not read). `page` counts from 1."""
    query = " ".join(text[:LONGEST_QUERY].split())
    if not query:
        return Found(query)
    exact = by_identifier(query) or by_title(query)
    found = Found(query, exact=exact, author=author_named(query))
    if exact and identifiers.parse(query):
        found.papers, found.total = [exact], 1
        return found
    size = per_page or settings.PAGE_SIZE
    keys = _by_words(query)
    if found.author:
        wrote = Authorship.objects.filter(author=found.author).order_by("-paper_id")
        keys = list(dict.fromkeys([*wrote.values_list("paper_id", flat=True)[:MOST], *keys]))
    if exact:
        keys = [exact.pk, *(key for key in keys if key != exact.pk)]
    found.total, found.page = len(keys), page
    found.pages = max(1, -(-len(keys) // size))
    papers = Paper.objects.listed().cards().in_bulk(keys[(page - 1) * size : page * size])
    found.papers = [papers[key] for key in keys[(page - 1) * size : page * size] if key in papers]
    if found.total >= MOST:
        found.note = f"The first {MOST} are shown. Add a word to narrow the search."
    return found


def _by_words(query: str) -> list[int]:
    words = re.findall(r"\w+", query.casefold())[:8]
    if not words:
        return []
    holds = Q()
    for word in words:
        holds &= Q(title__icontains=word)
    hottest = Paper.objects.listed().order_by("-hotness", "pk").values("pk")[:WIDEST]
    chosen = Paper.objects.filter(pk__in=hottest).filter(holds)
    return list(chosen.order_by("-hotness", "pk").values_list("pk", flat=True)[:MOST])
