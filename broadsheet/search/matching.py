"""Which stored queries does a new paper answer? Each paper is looked at once against all of them.

Running every query over every day's papers costs queries times papers. Here a query waits at the rarest word
that it cannot do without, and a paper asks only the queries that wait at its own words. A query matches as
the search box's strict reading has it: every word, in any inflection, and every filter.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from broadsheet.index.words import PLAIN, STEMMED, name_spellings
from broadsheet.search import documents
from broadsheet.search.documents import Row
from broadsheet.search.filters import FUNCTION_WORDS, canonical_code
from broadsheet.search.query import (
    BadQuery,
    Has,
    InCategory,
    InField,
    Part,
    Positive,
    Quoted,
    Term,
    Without,
    Years,
    parse,
)

LONGEST_READ = 20_000


@dataclass(slots=True)
class _Text:
    """A paper's words as matching reads them: stems by field, names, and everything as one set of marks."""

    marks: frozenset[str]
    title: str
    abstract: str
    both: str
    names: frozenset[str]
    year: int
    row: Row


@dataclass(slots=True)
class _Compiled:
    """One query: marks that a paper must have, further conditions, and what it must not have."""

    marks: frozenset[str] = frozenset()
    further: list[Positive] = field(default_factory=list)
    without: list[Positive] = field(default_factory=list)
    categories: frozenset[str] = frozenset()
    nothing: bool = False


class Matcher:
    """Many stored queries, by any number; `matches` says which of them each paper answers."""

    def __init__(self, queries: Mapping[int, str]) -> None:
        self._queries = {key: compiled(text) for key, text in queries.items()}

    def matches(self, rows: Sequence[Row]) -> Iterable[tuple[int, list[int]]]:
        """(the paper's key, keys of the queries it answers) for each paper that answers any."""
        texts = [_text(row) for row in rows if row.hotness is not None]
        common: Counter[str] = Counter()
        for text in texts:
            common.update(text.marks)
        waiting: dict[str, list[int]] = defaultdict(list)
        for key, query in self._queries.items():
            if query.nothing:
                continue
            marks = query.marks or {"any"}
            rarest = min(marks, key=lambda mark: common[mark])
            if common[rarest]:
                waiting[rarest].append(key)
        for text in texts:
            found = [
                key
                for mark in text.marks
                for key in waiting.get(mark, ())
                if _answers(text, self._queries[key])
            ]
            if found:
                yield text.row.pk, sorted(found)


def rows_of(keys: Sequence[int]) -> list[Row]:
    """The papers with these keys, as `matches` reads them."""
    return documents.with_keys(keys)


@lru_cache(maxsize=50_000)
def compiled(text: str) -> _Compiled:
    """A query that cannot be meant, or says nothing, matches nothing."""
    try:
        query = parse(text)
    except BadQuery:
        return _Compiled(nothing=True)
    if query.whole is not None or not query.parts:
        return _Compiled(nothing=True)
    found = _Compiled()
    marks: set[str] = set()
    words = [part for part in query.parts if isinstance(part, Term) and not part.beginning]
    subject = [word for word in words if word.text.lower() not in FUNCTION_WORDS]
    for word in subject or words:
        marks.update(f"w:{stem}" for stem in STEMMED.analyze(word.text))
    categories = set()
    for part in query.parts:
        if isinstance(part, Without):
            found.without.append(part.part)
        elif isinstance(part, InCategory):
            categories.add(canonical_code(part.code))
        elif not isinstance(part, Term) or part.beginning:
            found.further.append(part)
            marks.update(_marks(part))
    if len(categories) == 1:
        marks.update(f"c:{code}" for code in categories)
    found.marks, found.categories = frozenset(marks), frozenset(categories)
    return found


def _marks(part: Part) -> set[str]:
    """What a paper that satisfies this part certainly has."""
    if isinstance(part, Quoted) or (isinstance(part, InField) and part.field != "author"):
        return {f"w:{stem}" for stem in STEMMED.analyze(part.text)}
    if isinstance(part, Has):
        return {f"h:{part.what}"}
    return set()


@lru_cache(maxsize=4096)
def _name(text: str) -> str:
    family, comma, given = text.partition(",")
    return " ".join(PLAIN.analyze(f"{given} {family}" if comma else text))


def _text(row: Row) -> _Text:
    title = STEMMED.analyze(row.title[:LONGEST_READ])
    abstract = STEMMED.analyze(row.abstract[:LONGEST_READ])
    names = set[str]()
    for author in row.authors:
        spellings = name_spellings(author)
        names.update(" ".join(PLAIN.analyze(each)) for each in spellings)
        if spellings:
            names.add(PLAIN.analyze(spellings[0])[-1] if PLAIN.analyze(spellings[0]) else "")
    codes = {code for each in row.categories for code in (each, each.partition(".")[0])}
    marks = {f"w:{stem}" for stem in (*title, *abstract)} | {f"c:{code}" for code in codes} | {"any"}
    # As in the search box, a plain word may also be the name of an author.
    marks.update(f"w:{word}" for name in names for word in name.split())
    if row.has_code:
        marks.add("h:code")
    if row.has_models:
        marks.add("h:models")
    day = row.published_at.date() if row.published_at else row.listed_on
    year = day.year if day else (row.month or 0) // 100
    ends = (" " + " ".join(title) + " ", " " + " ".join(abstract) + " ")
    return _Text(frozenset(marks), ends[0], ends[1], ends[0] + "|" + ends[1], frozenset(names), year, row)


def _answers(text: _Text, query: _Compiled) -> bool:
    if not query.marks <= text.marks:
        return False
    if query.categories and not any(f"c:{code}" in text.marks for code in query.categories):
        return False
    return all(_holds(text, part) for part in query.further) and not any(
        _holds(text, part) for part in query.without
    )


def _holds(text: _Text, part: Positive) -> bool:
    if isinstance(part, Term):
        stems = STEMMED.analyze(part.text)
        if part.beginning:
            plain = part.text.lower()
            return any(
                word.startswith(plain)
                for word in re.findall(r"\w+", f"{text.row.title} {text.row.abstract}".lower())
            )
        return all(f"w:{stem}" in text.marks for stem in stems)
    if isinstance(part, Quoted):
        return _stands_in(part.text, text.both)
    if isinstance(part, InField):
        return _in_field(text, part)
    if isinstance(part, InCategory):
        return f"c:{canonical_code(part.code)}" in text.marks
    if isinstance(part, Years):
        return bool(text.year) and (part.first or 0) <= text.year <= (part.last or 9999)
    return f"h:{part.what}" in text.marks


def _in_field(text: _Text, part: InField) -> bool:
    if part.field == "author":
        return _name(part.text) in text.names
    where = text.title if part.field == "title" else text.abstract
    if part.quoted:
        return _stands_in(part.text, where)
    return all(f" {stem} " in where for stem in STEMMED.analyze(part.text))


def _stands_in(words: str, where: str) -> bool:
    stems = STEMMED.analyze(words)
    return bool(stems) and " " + " ".join(stems) + " " in where
