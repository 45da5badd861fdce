"""From a tree of arXiv's grammar to questions for the index, and from its answers to a page of keys.

The index knows words and, apart from them, filters. A tree is therefore spread into alternatives, each a
question of words under one filter; branches of words alone stay whole, so that ordinary queries are one
alternative. What the index does not know (comments, journal references, revisions) is asked of the rows of at
most 10,000 papers that pass everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Literal

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from broadsheet import doors, search
from broadsheet.api.arxiv_query import All, Any, BadArxivQuery, Between, Leaf, Node, Not
from broadsheet.index import (
    ALL_PAPERS,
    EVERYTHING,
    MOST_HITS,
    Filter,
    Group,
    Index,
    IndexTrouble,
    LexicalQuery,
    Order,
    Phrase,
    Words,
)
from broadsheet.models import Paper
from broadsheet.search.filters import EPOCH, canonical_code

Sort = Literal["relevance", "submittedDate", "lastUpdatedDate"]

MOST_ALTERNATIVES: Final = 12
_TEXT: Final = frozenset({"any", "title", "author", "abstract"})


@dataclass(frozen=True, slots=True)
class Page:
    """Keys of one page in order, and how many papers answer in all."""

    keys: list[int]
    total: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """One alternative: all of `must` and none of `never` in words; every filter of `within`, none of
    `without`; all of `rows` for the rows."""

    must: tuple[LexicalQuery, ...] = ()
    never: tuple[LexicalQuery, ...] = ()
    within: tuple[Filter, ...] = ()
    without: tuple[Filter, ...] = ()
    rows: tuple[Q, ...] = ()

    def joined(self, other: _Asked) -> _Asked:
        return _Asked(
            self.must + other.must,
            self.never + other.never,
            self.within + other.within,
            self.without + other.without,
            self.rows + other.rows,
        )


def page(
    node: Node, sort: Sort, ascending: bool, start: int, size: int, only: Sequence[int] | None = None
) -> Page:
    """Places start to start+size (from 0). `only`: no other papers than these keys.

    Raises BadArxivQuery, and IndexTrouble where there is no index yet.
    """
    index = doors.index()
    if index.bookmark() is None:
        raise IndexTrouble("There is no index yet.")
    alternatives = _spread(node, True)
    if only is not None:
        alternatives = [each.joined(_Asked(within=(Filter(only=frozenset(only)),))) for each in alternatives]
    order = _order(sort, ascending)
    if len(alternatives) == 1 and order is not None and (simple := _simple(alternatives[0])) is not None:
        query, filter = simple
        total = sum(index.facets(query, filter, ("has_code",))["has_code"].values())
        hits = index.lexical(query, filter, min(start + size, MOST_HITS), order) if size else []
        return Page([hit.key for hit in hits][start:], total)
    if len(alternatives) == 1 and order is not None:
        few = _all_but(index, alternatives[0], order, start, size)
        if few is not None:
            return few
    keys = _merged(index, alternatives, order or ("relevance" if sort == "relevance" else "newest"))
    if sort == "relevance":
        keys = keys[::-1] if ascending else keys
    elif order is None or len(alternatives) > 1:
        keys = _by_date(keys, sort, ascending)
    return Page(keys[start : start + size], len(keys))


def _all_but(index: Index, asked: _Asked, order: Order, start: int, size: int) -> Page | None:
    """A page where the only thing besides one question is one filter that no paper may pass: all are counted,
    and only as many are read as the page needs. None where there is more to it."""
    first, others = _one_filter(asked.within)
    if others or asked.rows or len(asked.without) != 1:
        return None
    refused, more = _one_filter([first, asked.without[0]])
    if more:
        return None
    query, end = _question(asked), start + size

    def count(filter: Filter) -> int:
        return sum(index.facets(query, filter, ("has_code",))["has_code"].values())

    depth = 2 * end + 50
    while True:
        hits = index.lexical(query, first, min(depth, MOST_HITS), order) if size else []
        keys = {hit.key for hit in hits}
        keys -= _passing(index, asked.without[0], keys)
        if len(keys) >= end or len(hits) < depth or depth >= MOST_HITS:
            break
        depth *= 4
    found = [hit.key for hit in hits if hit.key in keys]
    return Page(found[start:end], count(first) - count(refused))


def _order(sort: Sort, ascending: bool) -> Order | None:
    """The index's own order; None where only rows know."""
    if sort == "submittedDate":
        return "oldest" if ascending else "newest"
    return "relevance" if sort == "relevance" and not ascending else None


def _by_date(keys: Sequence[int], sort: Sort, ascending: bool) -> list[int]:
    published = F("published_at")
    moment = published if sort == "submittedDate" else Coalesce("revised_at", published)
    order = moment.asc(nulls_last=True) if ascending else moment.desc(nulls_last=True)
    return list(Paper.objects.filter(pk__in=keys).order_by(order, "pk").values_list("pk", flat=True))


def _merged(index: Index, alternatives: Iterable[_Asked], order: Order) -> list[int]:
    """Keys of all alternatives; those with the highest score first where that is the order."""
    scores: dict[int, float] = {}
    for each in alternatives:
        for key, score in _answers(index, each, order):
            scores[key] = max(score, scores.get(key, score))
    found = list(scores)
    return sorted(found, key=lambda key: -scores[key]) if order == "relevance" else found


def _answers(index: Index, asked: _Asked, order: Order) -> list[tuple[int, float]]:
    first, others = _one_filter(asked.within)
    hits = index.lexical(_question(asked), first, MOST_HITS, order)
    allowed = {hit.key for hit in hits}
    for filter in others:
        allowed &= _passing(index, filter, allowed)
    for filter in asked.without:
        allowed -= _passing(index, filter, allowed)
    if asked.rows and allowed:
        rows = Paper.objects.filter(*asked.rows, pk__in=allowed)
        allowed = set(rows.values_list("pk", flat=True))
    return [(hit.key, hit.score) for hit in hits if hit.key in allowed]


def _passing(index: Index, filter: Filter, keys: set[int]) -> set[int]:
    if not keys:
        return set()
    only = frozenset(keys) if filter.only is None else filter.only & keys
    return {hit.key for hit in index.lexical(ALL_PAPERS, replace(filter, only=only), MOST_HITS)}


def _simple(asked: _Asked) -> tuple[LexicalQuery, Filter] | None:
    """The one question that says it all, if there is one."""
    first, others = _one_filter(asked.within)
    return None if others or asked.without or asked.rows else (_question(asked), first)


def _question(asked: _Asked) -> LexicalQuery:
    if not asked.never and len(asked.must) == 1:
        return asked.must[0]
    return Group(must=asked.must, must_not=asked.never) if asked.must or asked.never else ALL_PAPERS


def _one_filter(filters: Sequence[Filter]) -> tuple[Filter, list[Filter]]:
    """As many as can be said at once, and the rest: two lists of categories are two questions."""
    joined, others = EVERYTHING, list[Filter]()
    for each in filters:
        if (each.categories and joined.categories) or (each.only is not None and joined.only is not None):
            others.append(each)
            continue
        joined = replace(
            joined,
            categories=joined.categories or each.categories,
            only=joined.only if each.only is None else each.only,
            first_day=max(
                (day for day in (joined.first_day, each.first_day) if day is not None), default=None
            ),
            last_day=min((day for day in (joined.last_day, each.last_day) if day is not None), default=None),
        )
    return joined, others


# --- spreading the tree ------------------------------------------------------------------------------------


def _spread(node: Node, wanted: bool) -> list[_Asked]:
    """The tree as alternatives. Raises BadArxivQuery where there would be too many."""
    if isinstance(node, Not):
        return _spread(node.part, not wanted)
    if isinstance(node, All | Any):
        if _is_text(node):
            return [_Asked(must=(_lexical(node),)) if wanted else _Asked(never=(_lexical(node),))]
        if isinstance(node, Any) and wanted and all(_is_category(part) for part in node.parts):
            return [_Asked(within=(Filter(categories=tuple(_code(part) for part in node.parts)),))]
        if isinstance(node, All) == wanted:
            return _all_of([_spread(part, wanted) for part in node.parts])
        found = [each for part in node.parts for each in _spread(part, wanted)]
        return _few(found)
    return [_leaf(node, wanted)]


def _all_of(parts: Sequence[list[_Asked]]) -> list[_Asked]:
    count = 1
    for part in parts:
        count *= len(part)
        if count > MOST_ALTERNATIVES:
            raise _too_many()
    found = []
    for combination in product(*parts):
        joined = combination[0]
        for each in combination[1:]:
            joined = joined.joined(each)
        found.append(joined)
    return found


def _few(found: list[_Asked]) -> list[_Asked]:
    if len(found) > MOST_ALTERNATIVES:
        raise _too_many()
    return found


def _too_many() -> BadArxivQuery:
    return BadArxivQuery(
        "search_query has too many alternatives of different kinds. Ask for them one by one."
    )


def _is_text(node: Node) -> bool:
    if isinstance(node, Leaf):
        return node.field in _TEXT
    if isinstance(node, Between):
        return False
    return _is_text(node.part) if isinstance(node, Not) else all(_is_text(part) for part in node.parts)


def _is_category(node: Node) -> bool:
    return isinstance(node, Leaf) and node.field == "category"


def _code(node: Node) -> str:
    assert isinstance(node, Leaf)
    # `cs.*` and `cs*` are the archive, which stands for all of its classes.
    return canonical_code(node.text.rstrip("."))


def _lexical(node: Node) -> LexicalQuery:
    """A branch of words alone."""
    if isinstance(node, Leaf):
        if node.phrase:
            return Phrase(node.text, node.field)  # type: ignore[arg-type]
        words = len(node.text.split())
        return Words(node.text, node.field, at_least=max(1, words), prefix=node.beginning)  # type: ignore[arg-type]
    if isinstance(node, Not):
        return Group(must_not=(_lexical(node.part),))
    assert isinstance(node, All | Any)
    if isinstance(node, Any):
        return Group(should=tuple(map(_lexical, node.parts)))
    never = tuple(_lexical(part.part) for part in node.parts if isinstance(part, Not))
    return Group(tuple(_lexical(part) for part in node.parts if not isinstance(part, Not)), must_not=never)


def _leaf(node: Leaf | Between, wanted: bool) -> _Asked:
    if isinstance(node, Between):
        return _between(node, wanted)
    if node.field in _TEXT:
        return _Asked(must=(_lexical(node),)) if wanted else _Asked(never=(_lexical(node),))
    if node.field in ("comment", "journal"):
        column = "comment" if node.field == "comment" else "journal_ref"
        holds = Q(**{f"{column}__icontains": node.text})
        return _Asked(rows=(holds if wanted else ~holds,))
    if node.field == "category":
        filter = Filter(categories=(_code(node),))
    else:
        paper = search.by_identifier(node.text)
        filter = Filter(only=frozenset([paper.pk] if paper else []))
    return _Asked(within=(filter,)) if wanted else _Asked(without=(filter,))


def _between(node: Between, wanted: bool) -> _Asked:
    if node.moment == "published":
        first, last = ((day - EPOCH).days if day else None for day in (node.first, node.last))
        filter = Filter(first_day=first, last_day=last)
        return _Asked(within=(filter,)) if wanted else _Asked(without=(filter,))
    inside = Q()
    if node.first:
        inside &= Q(revised_at__date__gte=node.first) | Q(revised_at=None, published_at__date__gte=node.first)
    if node.last:
        inside &= Q(revised_at__date__lte=node.last) | Q(revised_at=None, published_at__date__lte=node.last)
    return _Asked(rows=(inside if wanted else ~inside,))
