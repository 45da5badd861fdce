"""Papers like other papers: similar ones on a paper's page, and a search from several with plus and minus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from django.conf import settings

from broadsheet import doors, scoring
from broadsheet.embedders import EmbedderUnavailable
from broadsheet.index import Filter, Floats, Index, IndexTrouble, Words
from broadsheet.models import Paper
from broadsheet.models.cards import listed_by_key
from broadsheet.search import answering, documents
from broadsheet.search.filters import FUNCTION_WORDS, UNNARROWED, Narrowing
from broadsheet.search.found import SORTS, Found, Reason, Sort, cursor, window
from broadsheet.search.query import BadQuery
from broadsheet.search.ranking import RECIPE, Recipe

MOST_PAPERS = 20
KEPT = 200
# A paper says more of itself than a question does, so here nearness counts as much as words.
ALIKE = replace(RECIPE, meaning=1.0)
# How far an unwanted paper pushes away, beside how much a wanted one attracts (Rocchio's formula).
PUSH = 0.5
# Words of a paper that are looked for elsewhere: enough for a list, few enough for a quick one.
TELLING_WORDS = 24


def related(
    paper: Paper,
    page: int = 1,
    per_page: int | None = None,
    *,
    sort: Sort = "relevance",
    minus: Sequence[Paper] = (),
    after: str = "",
) -> Found:
    """Papers like this one, nearest first, or by date or votes. Never raises for a missing index or model."""
    return like([paper], minus, page, per_page, sort=sort, after=after)


def like(
    plus: Sequence[Paper],
    minus: Sequence[Paper] = (),
    page: int = 1,
    per_page: int | None = None,
    *,
    narrowing: Narrowing = UNNARROWED,
    sort: Sort = "relevance",
    after: str = "",
    recipe: Recipe = ALIKE,
) -> Found:
    """Papers like those of `plus` and unlike those of `minus`, at most 20 each, without any of these.

    Near by every model that has read them, and by their telling words, fused. BadQuery without any `plus`.
    """
    if not plus:
        raise BadQuery("Name at least one paper to search from.")
    if sort not in SORTS:
        raise BadQuery(f"Papers can be sorted by {', '.join(SORTS)}.")
    found = Found("", sort=sort)
    wanted, unwanted = list(plus[:MOST_PAPERS]), list(minus[:MOST_PAPERS])
    try:
        keys, by_words = _alike(doors.index(), wanted, unwanted, narrowing, recipe)
    except IndexTrouble as trouble:
        answering.log.warning("%s", trouble)
        found.notes.append("Similar papers are found when the search index has been built.")
        return found
    if sort != "relevance":
        keys = answering.in_order(keys, sort)
    shown = window(keys, page, per_page or settings.PAGE_SIZE, after)
    rows = listed_by_key(keys[shown.start : shown.end])
    found.papers = [rows[key] for key in keys[shown.start : shown.end] if key in rows]
    found.total, found.page, found.pages = len(keys), shown.page, shown.pages
    found.start, found.next = shown.start, cursor(keys, shown)
    found.reasons = {each.pk: Reason(each.pk in by_words, each.pk not in by_words) for each in found.papers}
    return found


def _alike(
    index: Index, plus: list[Paper], minus: list[Paper], narrowing: Narrowing, recipe: Recipe
) -> tuple[list[int], frozenset[int]]:
    """Keys, most alike first, and which of them share words."""
    if index.bookmark() is None:
        raise IndexTrouble("There is no index yet.")
    given = frozenset(paper.pk for paper in [*plus, *minus])
    filter = _excluding(narrowing, given)
    lists = []
    for name in index.vector_counts():
        direction = _direction(index, name, plus, minus)
        if direction is not None:
            lists.append([hit.key for hit in index.nearest(name, direction, filter, KEPT)])
    text = _telling_words(plus)
    words = [hit.key for hit in index.lexical(Words(text), filter, KEPT)] if text else []
    points = scoring.fuse([*lists, words], [recipe.meaning] * len(lists) + [recipe.words], recipe.k)
    return list(points)[:KEPT], frozenset(words)


def _excluding(narrowing: Narrowing, keys: frozenset[int]) -> Filter:
    return replace(narrowing.filter(), exclude=keys)


def _direction(index: Index, name: str, plus: list[Paper], minus: list[Paper]) -> Floats | None:
    """Toward the wanted and away from the unwanted papers, float32 [d]; None if nothing is known of them."""
    wanted = _known(index, name, plus)
    if not len(wanted):
        return None
    direction: Floats = wanted.mean(axis=0)
    unwanted = _known(index, name, minus)
    if len(unwanted):
        direction = direction - PUSH * unwanted.mean(axis=0)
    return direction if np.any(direction) else None


def _known(index: Index, name: str, papers: list[Paper]) -> Floats:
    """The vectors of those papers that have one, [n, d]; a quick model reads the others now."""
    vectors = index.vectors(name, [paper.pk for paper in papers])
    has = [bool(row.any()) for row in vectors]
    lacking = [paper for paper, known in zip(papers, has, strict=True) if not known]
    rows = [vectors[has]] if any(has) else []
    if lacking and (embedder := doors.embedder_named(name)) and name == _quick_name():
        texts = [documents.readable(paper.title, paper.abstract) for paper in lacking]
        rows.append(embedder.embed(texts))
    return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)


def _quick_name() -> str:
    try:
        return doors.embedder().name if settings.EMBEDDER == "static" else ""
    except EmbedderUnavailable:
        return ""


def _telling_words(papers: list[Paper]) -> str:
    """The titles' words and the rarest known words of the abstracts."""
    speller = answering.speller_now()
    titles = [word for paper in papers for word in _words(paper.title)]
    counts: dict[str, int] = {}
    for paper in papers:
        for word in _words(paper.abstract):
            counts.setdefault(word, speller.papers_with(word) if speller else 0)
    rarest = sorted((word for word, count in counts.items() if count > 2), key=lambda word: counts[word])
    chosen = list(dict.fromkeys([*titles, *rarest]))
    return " ".join(chosen[:TELLING_WORDS])


def _words(text: str) -> list[str]:
    found = re.findall(r"[a-z]{3,}", text.lower())
    return [word for word in found if word not in FUNCTION_WORDS]
