"""Where papers and signals come from: what every source yields, and the door they stand behind.

A source knows the outside world and nothing of tables; it translates foreign names here, so that
no other room ever meets them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

LinkKind = Literal["abstract", "pdf", "html", "code", "project", "model", "dataset", "demo"]
LINK_KINDS: tuple[LinkKind, ...] = ("abstract", "pdf", "html", "code", "project", "model", "dataset", "demo")

SignalKind = Literal["upvotes", "comments", "stars", "citations"]
SIGNAL_KINDS: tuple[SignalKind, ...] = ("upvotes", "comments", "stars", "citations")


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """Something on the web that belongs to a paper. `url` is http or https, nothing else."""

    kind: LinkKind
    url: str


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version of a paper. `number` counts from 1; `submitted_at` is aware, in UTC, or None if unknown."""

    number: int
    submitted_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignalRecord:
    """What the outside world said of a paper at one moment: a level, not a difference. `value` ≥ 0."""

    kind: SignalKind
    value: float
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """What one source says of one paper, in our words. Only `source` and `title` are certain.

    `identifiers` are canonical spellings (see `identifiers.py`), strongest first; empty when the
    source gives none. `authors` are names as printed, in order, first name first ("Ada Lovelace").
    `categories` are codes, primary first. All datetimes are aware, in UTC.

    `published_at` is the moment of the first version. When only its month is known, it is None and
    `month` says the first day of that month. `announced_on` is the day on which the source put the
    paper on its list and `place` its rank (from 1) on that day's list. `revised_at` is the moment of the
    source's newest version, None if unknown. `current`: the source said all this just now, so that it
    corrects what the same source said before even where no new version came.
    """

    source: str
    title: str
    identifiers: tuple[str, ...] = ()
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published_at: datetime | None = None
    month: date | None = None
    announced_on: date | None = None
    place: int | None = None
    revised_at: datetime | None = None
    comment: str = ""
    journal_ref: str = ""
    licence: str = ""
    organization: str = ""
    withdrawn: bool = False
    links: tuple[LinkRecord, ...] = ()
    versions: tuple[VersionRecord, ...] = ()
    signals: tuple[SignalRecord, ...] = ()
    current: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """A paper that its source has taken away. `identifier` is canonical."""

    source: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A piece of input that is not a paper. `line` counts from 1 (lines, or entries where lines mean
    nothing); `reason` is a sentence for the person who will mend it; `excerpt` is at most 200 characters."""

    line: int
    reason: str
    excerpt: str = ""


class SourceError(Exception):
    """A source cannot be read at all. The message is a sentence that says what to do."""


class Unavailable(SourceError):
    """A source cannot be had now, and later it may. `wait`: seconds it asked for, 0 if it did not say."""

    def __init__(self, says: str, wait: float = 0.0) -> None:
        super().__init__(says)
        self.wait = wait


class Source(Protocol):
    """The door for everything that brings papers.

    `name` is short, lower case and stable: it is stored beside every paper and signal.
    `fetch(since)` yields what the source knows that is new or changed since that moment (None: all),
    oldest first where the source has an order. It may yield the same paper twice and papers already
    taken in; whoever takes them in compares. A piece that cannot be read is yielded as a `Reject`, so
    that one bad line never stops the rest. It raises `SourceError` when nothing can be read at all.
    """

    name: str

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a live source: a `part` of it (a set of arXiv's, a feed's address; empty: all), and
    what changed there from the day `since` to the day `until`, both included. None: as the source sees it."""

    part: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a live source. `cursor` asks for the next one and is empty after the last.

    `upto` is the source's own day up to which everything has been told, as far as it has said; `total` how
    many there will be in all, None where it does not say. `at` says for people where this page is.
    """

    items: Sequence[PaperRecord | Gone | Reject]
    cursor: str = ""
    upto: date | None = None
    total: int | None = None
    at: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """Something whose count is asked for again and again. `etag`: what the server gave the last time."""

    key: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found: `value` ≥ 0, None where nothing has changed or nothing is known; `gone`: not to be
    asked about again."""

    key: str
    value: float | None = None
    etag: str = ""
    gone: bool = False


class Watcher(Protocol):
    """The door for what counts: stars of repositories, citations of papers.

    `look` asks about at most `most` things and answers for those it could ask about, in any order. Raises
    `SourceError` when it could ask about none.
    """

    name: str
    kind: SignalKind
    most: int

    def look(self, watched: Sequence[Watched]) -> list[Seen]: ...


class LiveSource(Protocol):
    """The door for everything that is asked over the network, a page at a time.

    `name` as for a `Source`. `page(wish, cursor)` asks for the first page (`cursor` empty) or the one after
    that which gave the cursor. All that must be remembered is in the cursor, so that another process goes on
    where one was killed. A page may be asked for again, and a paper may come twice. It raises `SourceError`
    with a sentence, `Unavailable` where trying again later is of use.
    """

    name: str

    def page(self, wish: Wish, cursor: str = "") -> Page: ...
