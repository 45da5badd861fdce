"""Answers what a reader typed.

    text -> query.parse -> (spelling) -> filters.asked -> ranking.rank over the index -> rows, a page of them

Every part may be missing: without a model words answer alone, without an index the database answers from
titles, and a sentence says so. Three questions to the database a page; the index is asked for bounded lists.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy

from broadsheet import doors
from broadsheet.index import EVERYTHING, Index, IndexTrouble, Words
from broadsheet.models import Author, Paper
from broadsheet.models.cards import listed_by_key
from broadsheet.search import copies, filters, lookup, meaning, ranking, simple
from broadsheet.search.filters import UNNARROWED, Asked, Narrowing, names_only
from broadsheet.search.found import SORTS, Found, Reason, Sort, Suggestion, cursor, window
from broadsheet.search.query import BadQuery, InCategory, Query, Term, Without, parse
from broadsheet.search.ranking import RECIPE, Names, Ranking, Recipe
from broadsheet.search.spelling import Speller
from broadsheet.search.vocabulary import Vocabulary

log = logging.getLogger("broadsheet.search")

# Seconds within which models are waited for.
BUDGET = 0.8
# A query of more words than this names no author.
MOST_NAMES = 4
# Nor does one with any of these.
NO_NAMES = frozenset({"the", "of", "for", "with", "from", "via", "using", "in", "to", "and"})
# Papers that are put in order by date, votes or hotness.
SORTED_MOST = 2_000

ORDERS: dict[str, tuple[str | OrderBy, ...]] = {
    "date": (F("month").desc(nulls_last=True), F("listed_on").desc(nulls_last=True), "-pk"),
    "votes": ("-upvotes", "-outside_upvotes", "-hotness", "pk"),
    "trending": ("-hotness", "pk"),
}

NO_INDEX = "The search index is being built; until it is ready only titles are searched."


@dataclass
class _Answer:
    """The keys of the whole list, before a page of it is read."""

    keys: list[int]
    ranking: Ranking
    note: str = ""


def search(
    text: str,
    page: int = 1,
    per_page: int | None = None,
    *,
    narrowing: Narrowing = UNNARROWED,
    sort: Sort = "relevance",
    after: str = "",
    typing: bool = False,
    facets: bool = False,
    correct: bool = True,
    budget: float = BUDGET,
    recipe: Recipe = RECIPE,
) -> Found:
    """One page of the papers that answer a query. Raises BadQuery (with a sentence) and nothing else.

    `page` counts from 1; `after`, a cursor of the page before, comes first. `narrowing` is added to what the
    query says. `typing`: the last word may be unfinished. `facets`: count categories, years and code.
    `correct`: mistyped words may be corrected. `budget`: seconds within which models are waited for.
    """
    if sort not in SORTS:
        raise BadQuery(f"Papers can be sorted by {', '.join(SORTS)}.")
    until = time.monotonic() + budget
    query = parse(text)
    found = Found(query.text, notes=list(query.notes), sort=sort)
    if query.whole is not None:
        return _one(found)
    if not query.parts and narrowing == UNNARROWED:
        return found
    named = lookup.pinned(query.text, query.named) if query.parts else []
    if sort == "relevance" and _could_be_a_name(query):
        found.author = lookup.author_named(query.text)
    index = doors.index()
    try:
        if index.bookmark() is None:
            raise IndexTrouble("There is no index yet.")
        if correct and not typing and not named and not found.author:
            query = _corrected(query, index, found)
        asked = filters.asked(query, narrowing, typing)
        answer = _answer(index, query, asked, sort, until, recipe)
        found.marks = lambda words: index.matched(asked.broad, words)
        if facets:
            _count(index, asked, found)
    except IndexTrouble as trouble:
        log.warning("%s", trouble)
        answer = _without_index(query, narrowing, found.author)
    if answer.note:
        found.notes.append(answer.note)
    _read_page(found, named, answer, page, per_page or settings.PAGE_SIZE, after)
    if not found.total:
        found.suggestions = _suggestions(query, narrowing)
    return found


def warm_up() -> None:
    """Asks once, so that index and models are open when the first reader comes. Says nothing of failures:
    whoever searches will be told."""
    try:
        search("newspapers", facets=True, budget=60)
    except Exception:
        log.debug("Warming up failed", exc_info=True)
    finally:
        connection.close()


def _one(found: Found) -> Found:
    """The query is an identifier: the paper it names, or nothing."""
    paper = lookup.by_identifier(found.query)
    if paper is not None and not paper.hidden:
        found.exact, found.papers, found.total = paper, [paper], 1
        found.reasons = {paper.pk: Reason(pinned=True)}
    return found


def _could_be_a_name(query: Query) -> bool:
    few = query.is_plain and 0 < len(query.parts) <= 2 * MOST_NAMES
    return few and NO_NAMES.isdisjoint(word.lower() for word in query.words)


def _answer(index: Index, query: Query, asked: Asked, sort: Sort, until: float, recipe: Recipe) -> _Answer:
    near, again, note = meaning.understood(index, asked.plain, until, recipe)
    if not asked.plain:
        # Nothing but filters: there is no relevance, so the newest stand for all.
        return _Answer(
            in_order(_strict(index, asked), "trending" if sort == "relevance" else sort), Ranking()
        )
    if sort != "relevance" and (strict := _strict(index, asked)):
        keys = in_order(strict, sort)
        return _Answer(keys, Ranking(keys, frozenset(keys)))
    ranked = ranking.rank(index, asked, near, again, _names(query, asked), recipe)
    ranked.keys = copies.dropped(index, near.name if near else "", ranked.keys)
    keys = ranked.keys if sort == "relevance" else in_order(ranked.keys, sort)
    if near is not None and keys and not ranked.by_words:
        note = "No paper holds these words; these are near in meaning."
    elif keys and sort != "relevance":
        note = "No paper holds every word; these hold some of them or are near in meaning."
    return _Answer(keys, ranked, note)


def _strict(index: Index, asked: Asked) -> list[int]:
    """Papers that hold every word: the newest and the most relevant of them."""
    newest = index.lexical(asked.strict, asked.filter, SORTED_MOST, "newest")
    found = [hit.key for hit in newest]
    if len(found) == SORTED_MOST:
        found += [hit.key for hit in index.lexical(asked.strict, asked.filter, SORTED_MOST // 2)]
    allowed = ranking.permitted(index, asked, found)
    return [key for key in dict.fromkeys(found) if key in allowed]


def in_order(keys: Sequence[int], sort: str) -> list[int]:
    """By what the rows say now; votes and hotness in the index are as old as a paper's words."""
    return list(_rows(keys).order_by(*ORDERS[sort]).values_list("pk", flat=True)[:SORTED_MOST])


def _rows(keys: Sequence[int]) -> QuerySet[Paper]:
    return Paper.objects.listed().filter(pk__in=keys)


def _names(query: Query, asked: Asked) -> Names | None:
    """What to ask if the words are one or more authors, perhaps with a year: "Vaswani et al. 2017"."""
    if not query.is_plain:
        return None
    names, year = names_only(query.words)
    if not 0 < len(names) <= MOST_NAMES:
        return None
    filter = asked.filter
    if year is not None and filter.first_year is None and filter.last_year is None:
        filter = replace(filter, first_year=year, last_year=year)
    return Names(Words(" ".join(names), "author", at_least=len(names)), filter, cited=year is not None)


def _read_page(found: Found, named: list[int], answer: _Answer, page: int, size: int, after: str) -> None:
    """Puts pinned papers first, reads one page of rows, and says why each paper is on it."""
    keys = list(dict.fromkeys([*named, *answer.keys]))
    shown = window(keys, page, size, after)
    rows = listed_by_key(keys[shown.start : shown.end])
    found.papers = [rows[key] for key in keys[shown.start : shown.end] if key in rows]
    found.total, found.page, found.pages = len(keys), shown.page, shown.pages
    found.start, found.next = shown.start, cursor(keys, shown)
    if named and not shown.start:
        found.exact = rows.get(named[0])
    for paper in found.papers:
        by_words, by_meaning = paper.pk in answer.ranking.by_words, paper.pk in answer.ranking.by_meaning
        found.reasons[paper.pk] = Reason(by_words, by_meaning, paper.pk in named)


def _count(index: Index, asked: Asked, found: Found) -> None:
    """Facets of the papers that hold every word, less those that are refused."""
    if asked.needed or len(asked.refused) > 1:
        return
    counted = index.facets(asked.strict, asked.filter)
    for refused in asked.refused:
        if (asked.filter.categories and refused.categories) or refused.first_year is not None:
            return
        less = index.facets(asked.strict, replace(asked.filter, categories=refused.categories))
        counted = {name: _minus(values, less.get(name, {})) for name, values in counted.items()}
    found.facets = counted
    found.matching = sum(counted.get("has_code", {}).values())


def _minus(counts: dict[str, int], less: dict[str, int]) -> dict[str, int]:
    left = {value: count - less.get(value, 0) for value, count in counts.items()}
    return {value: count for value, count in sorted(left.items(), key=lambda each: -each[1]) if count > 0}


# --- mistyped words ----------------------------------------------------------------------------------------


def _corrected(query: Query, index: Index, found: Found) -> Query:
    """The query as it was surely meant."""
    speller = speller_now()
    if speller is None:
        return query

    def is_meaningful(word: str) -> bool:
        return bool(index.lexical(Words(word, "author"), EVERYTHING, 1)) or _in_a_title(index, word)

    meant = speller.corrections(query.words, is_meaningful)
    if not meant:
        return query
    better = query.corrected(meant)
    found.corrected = better.text
    return better


def _in_a_title(index: Index, word: str) -> bool:
    """Whether a title has this very word; the index finds others with the same stem."""
    keys = [hit.key for hit in index.lexical(Words(word, "title"), EVERYTHING, 10)]
    titles = Paper.objects.filter(pk__in=keys).values_list("title", flat=True) if keys else []
    return any(word in re.findall(r"\w+", title.lower()) for title in titles)


def speller_now() -> Speller | None:
    """Of the vocabulary file as it is now; None while there is none."""
    path = doors.vocabulary_file()
    try:
        return _speller(str(path), path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=2)
def _speller(path: str, changed: int) -> Speller:
    return Speller(Vocabulary(doors.vocabulary_file()))


# --- when there is little to answer ------------------------------------------------------------------------


def _without_index(query: Query, narrowing: Narrowing, author: Author | None) -> _Answer:
    words = [part.text for part in query.parts if isinstance(part, Term)]
    words += [part.text for part in query.parts if not isinstance(part, Term) and hasattr(part, "text")]
    keys = simple.by_words(words, filters.asked(query, narrowing).filter, author)
    return _Answer(keys, Ranking(keys, frozenset(keys)), NO_INDEX)


def _suggestions(query: Query, narrowing: Narrowing) -> list[Suggestion]:
    """Easier questions: without refusals, without filters, without quotes."""
    plain = " ".join(
        part.text for part in query.parts if not isinstance(part, Without) and hasattr(part, "text")
    )
    tries = []
    if any(isinstance(part, Without) for part in query.parts):
        tries.append(Suggestion(plain, "with nothing left out"))
    if narrowing != UNNARROWED or any(isinstance(part, InCategory) for part in query.parts):
        tries.append(Suggestion(plain, "in all categories and years"))
    if plain and plain != query.text:
        tries.append(Suggestion(plain, "as plain words"))
    words = plain.split()
    if len(words) > 2:
        tries.append(Suggestion(" ".join(sorted(words, key=len)[-2:]), "with fewer words"))
    return list({each.query: each for each in reversed(tries) if each.query}.values())[::-1]
