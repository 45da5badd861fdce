"""The search that needs no index: words of titles, asked of the database. What is left when all fails."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db.models import Q, QuerySet

from broadsheet.index import Filter
from broadsheet.models import Author, Authorship, Paper, PaperCategory
from broadsheet.search.filters import FUNCTION_WORDS

# Words are looked for in the titles of this many papers, the hottest, so that no query reads the whole table.
WIDEST = 20_000
MOST = 300
MOST_WORDS = 8


def by_words(words: Sequence[str], filter: Filter, author: Author | None = None) -> list[int]:
    """Keys of papers whose titles hold all the words, hottest first, an author's own papers before them."""
    pieces = [piece for word in words for piece in re.findall(r"\w+", word.casefold())]
    asked = [piece for piece in pieces if piece not in FUNCTION_WORDS] or pieces
    found: list[int] = []
    if author:
        wrote = Authorship.objects.filter(author=author).order_by("-paper_id")
        found += wrote.values_list("paper_id", flat=True)[:MOST]
    if asked or not words:
        found += _holding(asked[:MOST_WORDS], filter)
    return list(dict.fromkeys(found))


def _holding(words: Sequence[str], filter: Filter) -> list[int]:
    holds = Q()
    for word in words:
        holds &= Q(title__icontains=word)
    hottest = Paper.objects.listed().order_by("-hotness", "pk").values("pk")[:WIDEST]
    chosen = narrowed(Paper.objects.filter(pk__in=hottest), filter).filter(holds)
    return list(chosen.order_by("-hotness", "pk").values_list("pk", flat=True)[:MOST])


def narrowed(papers: QuerySet[Paper], filter: Filter) -> QuerySet[Paper]:
    """The part of a filter that columns can tell: categories, years, code and models."""
    if filter.categories:
        inside = PaperCategory.objects.filter(category__code__in=filter.categories)
        papers = papers.filter(pk__in=inside.values("paper_id"))
    if filter.first_year is not None:
        papers = papers.filter(month__gte=filter.first_year * 100)
    if filter.last_year is not None:
        papers = papers.filter(month__lte=filter.last_year * 100 + 12)
    if filter.has_code is not None:
        papers = papers.filter(has_code=filter.has_code)
    if filter.has_models is not None:
        papers = papers.filter(has_models=filter.has_models)
    return papers
