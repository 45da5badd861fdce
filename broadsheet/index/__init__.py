"""Finding papers by words and by nearness: the door behind which every search engine stands.

An index knows keys, words and vectors; it knows no tables, no users and no ranking policy. It is derived
data: whatever is lost here grows back from the papers themselves, so an engine that finds itself damaged
says so and is dropped, never patched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

Field = Literal["any", "title", "abstract", "author"]
Order = Literal["relevance", "newest", "oldest", "votes", "hotness"]
Facet = Literal["category", "year", "has_code", "has_models"]

# Keys are small whole numbers such as database ids: engines keep tables as long as the largest key.
LARGEST_KEY = 2**31 - 2

# What one question may ask. A longer one is refused, so that no stranger's text can hold a processor for
# long.
MOST_WORDS = 64
MOST_CHARACTERS = 2_000
MOST_LEVELS = 12
MOST_HITS = 10_000


@dataclass(frozen=True, slots=True)
class Document:
    """What an index is told of one paper.

    `key`: 0 ≤ key ≤ LARGEST_KEY. `authors` are names as printed, first name first. `categories` are codes
    ("cs.LG"); an archive ("cs") need not be named beside its classes. `day` is days since 1970-01-01, 0 if
    unknown; `year` 0 if unknown. `votes` and `hotness` are sort keys, as old as the last `put`.
    """

    key: int
    title: str
    abstract: str = ""
    identifier: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    day: int = 0
    year: int = 0
    has_code: bool = False
    has_models: bool = False
    votes: float = 0.0
    hotness: float = 0.0


@dataclass(frozen=True, slots=True)
class Filter:
    """Which papers may answer; every part that is given must hold. The empty filter lets all pass.

    `categories`: any of these codes; an archive ("cs") stands for all of its classes ("cs.LG").
    `authors`: any of these names ("Ada Lovelace", "Lovelace, Ada", "A. Lovelace", "Lovelace"), whatever their
    case and accents. Days and years are inclusive; a paper whose day or year is unknown (0) lies in no range.
    `exclude` and `only` are keys.
    """

    categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    first_day: int | None = None
    last_day: int | None = None
    first_year: int | None = None
    last_year: int | None = None
    has_code: bool | None = None
    has_models: bool | None = None
    exclude: frozenset[int] = frozenset()
    only: frozenset[int] | None = None


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Words:
    """Plain words, in any inflection. At least `at_least` of them must occur in the field (at most all of
    them).

    "any" is title, abstract and authors together, each with the engine's own weight. A word with inner
    punctuation ("multi-stage") matches where all its parts occur, and scores higher where they stand
    together. `prefix`: the last word may be the beginning of a longer one, for answers while somebody types.
    """

    text: str
    field: Field = "any"
    at_least: int = 1
    prefix: bool = False
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must stand side by side, in this order; with `slop`, at most so many places out of order."""

    text: str
    field: Field = "any"
    slop: int = 0
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class Group:
    """All of `must`, none of `must_not`; `should` adds to the score, and one of it must match where `must`
    is empty. A group with neither `must` nor `should` means every paper, at score 0."""

    must: tuple[LexicalQuery, ...] = ()
    should: tuple[LexicalQuery, ...] = ()
    must_not: tuple[LexicalQuery, ...] = ()


LexicalQuery = Words | Phrase | Group

ALL_PAPERS = Group()


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. `score` is BM25 for words (≥ 0, no upper bound), the sort key where `lexical` was asked for
    another order, and the cosine (−1 to 1) for nearness."""

    key: int
    score: float


class IndexTrouble(Exception):
    """The index cannot do what was asked. The message is a sentence that says what to do."""


class IndexDamaged(IndexTrouble):
    """Files are missing or not what was written. `drop()` and fill again, or fill an `aside()`."""


class IndexBusy(IndexTrouble):
    """Somebody else is writing. There is one writer at a time; readers are never refused."""


class IndexNotWritten(IndexTrouble):
    """A write failed (disk full, file too large). Nothing that `commit` acknowledged is lost; what was put
    since then is, and is put again from the bookmark."""


class Index(Protocol):
    """The contract of every engine.

    **Truth and bookmark.** `put`, `put_vectors` and `remove` are staged and seen by nobody until
    `commit(bookmark)`, which makes them durable together with the bookmark: an opaque text in which the
    caller says how far it has read. When `commit` has returned, a kill -9 or a power cut loses nothing of it.
    When it has not, the former bookmark stands, and it may be that some of the staged papers are already
    found by words; so after a restart the caller repeats everything since `bookmark()`, which is harmless
    because `put` replaces. `bookmark()` is None for an empty or missing index.

    **Replacing.** The last `put` of a key counts. A vector belongs to the words it was made from: where a
    put brings another title or abstract, the key's older vectors are forgotten unless new ones come with it;
    where they are the same (votes and flags change daily), older vectors stay. `remove` forgets the paper and
    its vectors; unknown keys are passed over, as they are by `put_vectors`.

    **Vectors** are float32 of shape [n, d], stored under the name of the embedder that made them; one name
    has one d, from 8 to 4096. Lengths do not matter (nearness is the cosine), numbers must be finite, and a
    row of zeros means "no vector". Different names live side by side, so that a new model can grow while the
    old one answers. Stored vectors are codes: `vectors()` gives them back within about 1% of a unit vector.

    **Readers and writers.** Any number of processes and threads read; one writes, and a second raises
    `IndexBusy`. Readers see each commit at their next question. Reading never waits for writing.

    **Filters lose nothing:** the answer to a filtered question is the beginning of the unfiltered ranking
    with the failing papers taken out, as exact as the unfiltered one.

    **Errors.** ValueError for what the caller got wrong (shapes, too long a query, a negative limit);
    `IndexDamaged`, `IndexBusy` and `IndexNotWritten` for the rest; nothing else. A limit above MOST_HITS
    counts as MOST_HITS. Any text is a legal query; text without a single word finds nothing.

    **Growing anew.** `aside()` is an index beside this one that nobody sees: fill it, `commit`, then
    `publish()` puts it in place of this one in a single step, while readers go on with the old one until
    then. An aside that was interrupted is taken up again where its own bookmark stands. `drop()` takes
    everything away, damaged or not.
    """

    def put(self, documents: Sequence[Document], vectors: Mapping[str, Floats] | None = None) -> None:
        """Stage papers; each array in `vectors` has one row per document, in their order."""

    def put_vectors(self, name: str, keys: Sequence[int], vectors: Floats) -> None:
        """Stage vectors, [len(keys), d], of papers that are in the index or staged."""

    def remove(self, keys: Sequence[int]) -> None:
        """Stage the forgetting of papers."""

    def commit(self, bookmark: str) -> None:
        """Make everything staged durable and visible, all or nothing, with its bookmark."""

    def bookmark(self) -> str | None:
        """The bookmark of the last commit; None where there is nothing."""

    def count(self) -> int:
        """How many papers."""

    def vector_counts(self) -> dict[str, int]:
        """How many papers have a vector, by embedder name."""

    def lexical(
        self, query: LexicalQuery, filter: Filter = EVERYTHING, limit: int = 100, order: Order = "relevance"
    ) -> list[Hit]:
        """The best `limit` papers by their words, best first."""

    def nearest(self, name: str, vector: Floats, filter: Filter = EVERYTHING, limit: int = 100) -> list[Hit]:
        """The papers whose vectors by `name` are nearest to `vector` ([d]), nearest first; [] for an unknown
        name."""

    def vectors(self, name: str, keys: Sequence[int]) -> Floats:
        """Unit vectors, [len(keys), d], zeros where a paper has none; [len(keys), 0] for an unknown name."""

    def has_vectors(self, name: str, keys: Sequence[int]) -> Mask:
        """Which of `keys` have a vector by `name`, [len(keys)]."""

    def facets(
        self,
        query: LexicalQuery,
        filter: Filter = EVERYTHING,
        fields: Sequence[Facet] = ("category", "year", "has_code"),
    ) -> dict[str, dict[str, int]]:
        """How many matching papers have each value, most first. Years are "2024", flags "true" and "false";
        categories count archives too. Unknown years are left out."""

    def terms(self) -> Iterator[tuple[str, int]]:
        """Every word of titles and abstracts as written, lower case without accents, and in about how many
        papers it occurs (papers replaced lately may count twice): the corpus's own vocabulary."""

    def matched(self, query: LexicalQuery, text: str) -> list[tuple[int, int]]:
        """Where the words that `query` asks for stand in `text`: [start, end) in characters, in order."""

    def verify(self) -> list[str]:
        """Read everything and say in sentences what is wrong; [] when nothing is."""

    def drop(self) -> None:
        """Forget everything, staged or committed, damaged or not."""

    def aside(self) -> Index:
        """An index that grows beside this one, until it is published or dropped."""

    def publish(self) -> None:
        """Put this `aside()` in place of the index it was made beside. ValueError on any other index."""

    def close(self) -> None:
        """Let go of files and of the writer's place. What was staged is forgotten."""
