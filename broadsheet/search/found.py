"""What a search gives back: a page of papers, why they are there, and what else could be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from broadsheet.models import Author, Paper

Sort = Literal["relevance", "date", "votes", "trending"]
SORTS: tuple[Sort, ...] = ("relevance", "date", "votes", "trending")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a paper was found: it holds words that were asked for, it is near in meaning, or both; `pinned`: an
    identifier or the exact title was typed."""

    by_words: bool = False
    by_meaning: bool = False
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another query to try, and why in a few words."""

    query: str
    because: str


@dataclass
class Found:
    """One page of what a query found. `page` and `pages` count from 1; `total` counts the papers listed, at
    most as many as a search keeps. `matching` counts the papers that hold every word, None if not counted.

    `exact` is the one paper that was meant, `author` the person that the query names. `corrected` is the
    query that was answered where a mistyped word was surely meant otherwise, "" where none was. `notes` are
    sentences for the reader. `facets`: for "category", "year" and "has_code", how many matching papers have
    each value, most first. `start` is the place (from 0) of the first paper shown, `next` the cursor of the
    next page, "" behind the last. `marks(text)` says
    where matched words stand in a title or abstract, as [start, end) in characters.
    """

    query: str
    papers: list[Paper] = field(default_factory=list)
    total: int = 0
    page: int = 1
    pages: int = 1
    exact: Paper | None = None
    author: Author | None = None
    notes: list[str] = field(default_factory=list)
    sort: Sort = "relevance"
    corrected: str = ""
    matching: int | None = None
    reasons: dict[int, Reason] = field(default_factory=dict)
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    suggestions: list[Suggestion] = field(default_factory=list)
    start: int = 0
    next: str = ""
    marks: Callable[[str], list[Span]] = field(default=lambda _: [], repr=False)

    @property
    def note(self) -> str:
        return " ".join(self.notes)


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list a page shows: places start to end (from 0) of `total`, `size` to a page."""

    start: int
    size: int
    total: int

    @property
    def page(self) -> int:
        return self.start // self.size + 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def end(self) -> int:
        return min(self.start + self.size, self.total)


def window(keys: Sequence[int], page: int, size: int, after: str) -> Window:
    """The page asked for by number, or by a cursor: "PLACE.KEY" means behind this paper, wherever it stands
    now, or behind that place if it has left the list; so papers that came in meanwhile shift nothing."""
    place, dot, key = after.partition(".")
    if dot and place.isascii() and place.isdigit() and key.isascii() and key.isdigit() and len(after) < 32:
        last = int(key)
        start = keys.index(last) + 1 if last in keys else int(place)
    else:
        start = (page - 1) * size
    return Window(max(0, min(start, 1_000_000)), size, len(keys))


def cursor(keys: Sequence[int], shown: Window) -> str:
    """Where the next page begins; "" behind the last."""
    return f"{shown.end}.{keys[shown.end - 1]}" if 0 < shown.end < shown.total else ""
