"""From a query's tree to the questions that an index understands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from broadsheet.index import ALL_PAPERS, EVERYTHING, Filter, Group, LexicalQuery, Phrase, Words
from broadsheet.search.query import (
    InCategory,
    InField,
    Part,
    Positive,
    Query,
    Quoted,
    Term,
    Without,
    Years,
)

EPOCH = date(1970, 1, 1)

# Words without a subject. They are left out unless nothing else is asked: two in three papers hold each of
# them, so they cost time and order nothing.
FUNCTION_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "has", "have",
    "how", "in", "into", "is", "it", "its", "of", "on", "or", "that", "the", "their", "these", "this", "to",
    "via", "was", "we", "what", "when", "which", "with",
})  # fmt: skip
_PARTS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a page's own controls add to the query: each part that is given must hold as well.

    Days are those of publication, both inclusive. Categories are alternatives.
    """

    categories: tuple[str, ...] = ()
    first_year: int | None = None
    last_year: int | None = None
    has_code: bool = False
    has_models: bool = False
    first_day: date | None = None
    last_day: date | None = None

    def filter(self) -> Filter:
        return Filter(
            categories=self.categories,
            first_year=self.first_year,
            last_year=self.last_year,
            has_code=self.has_code or None,
            has_models=self.has_models or None,
            first_day=(self.first_day - EPOCH).days if self.first_day else None,
            last_day=(self.last_day - EPOCH).days if self.last_day else None,
        )


UNNARROWED = Narrowing()


@dataclass(frozen=True, slots=True)
class Asked:
    """One query in the index's terms.

    `broad`: any word may match; orders by relevance. `strict`: every word must; counts, and orders by date
    or votes. `bounds`: what every answer must match whatever brought it, None if nothing. `filter` narrows
    all of it; a paper that passes a filter of `refused`, or fails one of `needed`, is no answer. `plain` is
    the text to be understood, "" if there is none. `title`: the words as a piece of a title, None if they are
    too few to say which, or not plain.
    """

    broad: LexicalQuery
    strict: LexicalQuery
    bounds: LexicalQuery | None
    filter: Filter
    needed: tuple[Filter, ...]
    refused: tuple[Filter, ...]
    plain: str
    title: Phrase | None


@dataclass(slots=True)
class _Sorted:
    """The parts of a tree by what they become."""

    words: list[str] = field(default_factory=list)
    beginnings: list[str] = field(default_factory=list)
    must: list[LexicalQuery] = field(default_factory=list)
    must_not: list[LexicalQuery] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    years: list[Years] = field(default_factory=list)
    has: dict[str, bool] = field(default_factory=dict)
    refused_categories: list[str] = field(default_factory=list)
    refused_years: list[Years] = field(default_factory=list)


def asked(query: Query, narrowing: Narrowing = UNNARROWED, typing: bool = False) -> Asked:
    """`typing`: the last word may be unfinished."""
    parts = _Sorted()
    for part in query.parts:
        _sort(part, parts)
    typing = typing and bool(query.parts) and query.parts[-1] == Term(parts.words[-1] if parts.words else "")
    broad, strict = _words(parts, typing)
    must, must_not = tuple(parts.must), tuple(parts.must_not)
    own = _own_filter(parts)
    page = narrowing.filter()
    joined = _joined(own, page)
    return Asked(
        broad=_together(must, broad, must_not),
        strict=_together((*must, *strict), (), must_not),
        bounds=Group(must=must, must_not=must_not) if must or must_not else None,
        filter=joined or page,
        needed=(own,) if joined is None else (),
        refused=_refused(parts),
        plain=" ".join(parts.understood),
        title=Phrase(" ".join(parts.words), "title") if query.is_plain and len(parts.words) > 2 else None,
    )


def _together(
    must: Sequence[LexicalQuery], should: Sequence[LexicalQuery], must_not: Sequence[LexicalQuery]
) -> LexicalQuery:
    """The simplest question that says it: a lone part is not wrapped, so that engines can be quick."""
    if not must_not and len(must) + len(should) == 1:
        return (*must, *should)[0]
    if not must and not should and not must_not:
        return ALL_PAPERS
    return Group(tuple(must), tuple(should), tuple(must_not))


def _words(parts: _Sorted, typing: bool) -> tuple[list[LexicalQuery], list[LexicalQuery]]:
    """The plain words for a broad and for a strict question."""
    some = [word for word in parts.words if word.lower() not in FUNCTION_WORDS]
    unfinished = parts.words[-1] if typing else ""
    words = list(dict.fromkeys(some or parts.words))
    beginnings: list[LexicalQuery] = [Words(each, prefix=True) for each in parts.beginnings]
    text = " ".join(words)
    broad: list[LexicalQuery] = [Words(text)] if words else []
    strict: list[LexicalQuery] = [Words(text, at_least=len(words), prefix=typing)] if words else []
    if unfinished and words:
        finished = " ".join(word for word in words if word != unfinished)
        broad = [Words(finished)] if finished else []
        broad.append(Words(unfinished, prefix=True))
    return broad + beginnings, strict + beginnings


def _sort(part: Part, parts: _Sorted) -> None:
    if isinstance(part, Without):
        _sort_refused(part.part, parts)
    elif isinstance(part, Term):
        (parts.beginnings if part.beginning else parts.words).append(part.text)
        parts.understood.append(part.text)
    elif isinstance(part, Quoted):
        parts.must.append(Phrase(part.text))
        parts.understood.append(part.text)
    elif isinstance(part, InField):
        _sort_field(part, parts)
    elif isinstance(part, InCategory):
        parts.categories.append(part.code)
    elif isinstance(part, Years):
        parts.years.append(part)
    else:
        parts.has[part.what] = True


def _sort_field(part: InField, parts: _Sorted) -> None:
    if part.field == "author":
        parts.authors.append(part.text)
        return
    parts.must.append(_in_field(part))
    parts.understood.append(part.text)


def _in_field(part: InField) -> LexicalQuery:
    if part.quoted:
        return Phrase(part.text, part.field)
    return Words(part.text, part.field, at_least=len(part.text.split()))


def _sort_refused(part: Positive, parts: _Sorted) -> None:
    if isinstance(part, Term):
        parts.must_not.append(Words(part.text, prefix=part.beginning))
    elif isinstance(part, Quoted):
        parts.must_not.append(Phrase(part.text))
    elif isinstance(part, InField):
        # A name is refused as its words stand side by side, as a filter would find it.
        words = _surname_last(part.text) if part.field == "author" else part.text
        is_name = part.field == "author" and len(words.split()) > 1
        parts.must_not.append(Phrase(words, part.field) if is_name else _in_field(replace(part, text=words)))
    elif isinstance(part, InCategory):
        parts.refused_categories.append(part.code)
    elif isinstance(part, Years):
        parts.refused_years.append(part)
    else:
        parts.has[part.what] = False


def _surname_last(name: str) -> str:
    family, comma, given = name.partition(",")
    return f"{given.strip()} {family.strip()}" if comma else name


def _own_filter(parts: _Sorted) -> Filter:
    first = max((each.first for each in parts.years if each.first is not None), default=None)
    last = min((each.last for each in parts.years if each.last is not None), default=None)
    return Filter(
        categories=tuple(dict.fromkeys(map(canonical_code, parts.categories))),
        authors=tuple(dict.fromkeys(parts.authors)),
        first_year=first,
        last_year=last,
        has_code=parts.has.get("code"),
        has_models=parts.has.get("models"),
    )


def _joined(own: Filter, page: Filter) -> Filter | None:
    """Both filters in one; None where one filter cannot say both: categories are alternatives in it."""
    if own == EVERYTHING:
        return page
    if own.categories and page.categories and own.categories != page.categories:
        return None
    if (own.has_code is False and page.has_code) or (own.has_models is False and page.has_models):
        return None
    return replace(
        own,
        categories=own.categories or page.categories,
        first_year=_later(own.first_year, page.first_year),
        last_year=_earlier(own.last_year, page.last_year),
        has_code=own.has_code if page.has_code is None else page.has_code,
        has_models=own.has_models if page.has_models is None else page.has_models,
        first_day=page.first_day,
    )


def _later(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _refused(parts: _Sorted) -> tuple[Filter, ...]:
    found = [Filter(first_year=each.first, last_year=each.last) for each in parts.refused_years]
    if parts.refused_categories:
        found.append(Filter(categories=tuple(map(canonical_code, parts.refused_categories))))
    return tuple(found)


def canonical_code(code: str) -> str:
    """arXiv's spelling of a category: "CS.lg" is "cs.LG", "Cond-Mat.STR-EL" is "cond-mat.str-el"."""
    archive, dot, name = code.partition(".")
    return f"{archive.lower()}{dot}{name.upper() if len(name) == 2 else name.lower()}"


def names_only(words: Sequence[str]) -> tuple[list[str], int | None]:
    """Words as they would be if they cited somebody, "Vaswani et al. 2017": the names and the year."""
    names, year = list[str](), None
    for word in words:
        pieces = _PARTS.findall(word)
        plain = "".join(pieces)
        if plain.isascii() and plain.isdigit() and len(plain) == 4 and 1900 <= int(plain) <= 2100:
            year = int(plain)
        elif plain and plain.lower() not in ("et", "al", "and"):
            names.append(word)
    return names, year
