"""One paper being worked on, and how a record is laid over what is already known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from functools import lru_cache
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from broadsheet import identifiers, scoring, trending
from broadsheet.sources import PaperRecord, SignalRecord

# Who is believed when two sources differ. Larger wins; a source that is not named counts as a bibliography.
AUTHORITY = {
    "github": -2,
    "openalex": -2,
    "semanticscholar": -2,
    "builtin": 0,
    "bibtex": 1,
    "ris": 1,
    "csl": 1,
    "zotero": 1,
    "huggingface": 2,
    "openreview": 3,
    "biorxiv": 3,
    "medrxiv": 3,
    "arxiv": 4,
}

# A person's own file is corrected by hand and imported again: its newest word stands.
OWN_FILES = frozenset({"bibtex", "ris", "csl", "zotero"})

# The same title is hashed up to three times while a batch finds its papers.
title_key = lru_cache(maxsize=8192)(identifiers.title_key)


@dataclass(slots=True)
class Draft:
    """A paper being worked on: the columns of its row, what it had before, and what belongs to it."""

    identifier: str = ""
    title: str = ""
    title_key: int = 0
    abstract: str = ""
    abstract_is_ours: bool = False
    authors: Sequence[str] = ()
    categories: Sequence[str] = ()
    published_at: datetime | None = None
    submitted_at: datetime | None = None
    changed_at: datetime | None = None
    revised_at: datetime | None = None
    announced: bool = False
    place: int | None = None
    comment: str = ""
    journal_ref: str = ""
    licence: str = ""
    organization: str = ""
    source: str = ""
    withdrawn: bool = False
    hidden: bool = False
    upvotes: int = 0
    upvote_weight: float = 0.0
    comments: int = 0
    outside_upvotes: int = 0
    outside_comments: int = 0
    stars: int | None = None
    outlook: float | None = None
    outlook_terms: str = ""
    growth: float | None = None
    grew_on: date | None = None
    moved_to: date | None = None
    listed_on: date | None = None
    month: int | None = None
    score: float | None = None
    hotness: float | None = None
    voted: bool = False
    has_code: bool = False
    has_models: bool = False

    @classmethod
    def loaded(cls, columns: Sequence[Any]) -> Draft:
        """A draft of a row as it was read."""
        draft = cls(*columns)
        draft.authors, draft.categories = tuple(draft.authors), tuple(draft.categories)
        return draft


COLUMNS = tuple(field.name for field in fields(Draft))
# What the search index holds of a paper. Votes are not in it, so they never wake it.
WORDS = (
    "title",
    "abstract",
    "authors",
    "categories",
    "organization",
    "withdrawn",
    "listed_on",
    "month",
    "has_code",
    "has_models",
)
STANDING = ("listed_on", "month", "score", "hotness", "voted", "has_code", "has_models")


class Work:
    """One draft with its identity and its rows in other tables."""

    __slots__ = (
        "aliases",
        "before",
        "draft",
        "fate",
        "links",
        "new_links",
        "new_signals",
        "new_versions",
        "pk",
        "signals",
        "versions",
    )

    def __init__(self, draft: Draft, pk: int | None = None) -> None:
        self.draft = draft
        self.pk = pk
        self.before: tuple[Any, ...] | None = row(draft) if pk else None
        self.links: set[tuple[str, str]] = set()
        self.versions: dict[int, datetime | None] = {}
        self.signals: dict[tuple[str, str, datetime], float] = {}
        self.new_links: list[tuple[str, str, str]] = []
        self.new_versions: dict[int, datetime | None] = {}
        self.new_signals: dict[tuple[str, str, datetime], float] = {}
        self.aliases: set[str] = set()
        self.fate = "unchanged"


# The columns of a draft as a tuple, to compare and to write. Lists would never equal a record's tuples, so
# a draft holds none (see `Draft.loaded`).
row: Callable[[Draft], tuple[Any, ...]] = attrgetter(*COLUMNS)


def differs(work: Work, column: str) -> bool:
    if not work.before:
        return True
    return bool(work.before[COLUMNS.index(column)] != getattr(work.draft, column))


def words_differ(work: Work) -> bool:
    return any(differs(work, column) for column in WORDS)


def _authority(source: str) -> int:
    return AUTHORITY.get(source, 1)


def lay_words(record: PaperRecord, draft: Draft) -> None:
    """Lets the record speak where it is believed more, or where nothing is known yet."""
    theirs, ours = _authority(record.source), _authority(draft.source) if draft.source else -1
    newer = record.revised_at is not None and (
        draft.revised_at is None or record.revised_at > draft.revised_at
    )
    older = (
        record.revised_at is not None
        and draft.revised_at is not None
        and (record.revised_at < draft.revised_at)
    )
    corrects = record.current and not older
    believed = theirs > ours or (theirs == ours and (newer or corrects or record.source in OWN_FILES))
    fuller = (
        theirs == ours
        and len(record.abstract) > len(draft.abstract)
        and record.abstract.startswith(draft.abstract.rstrip(".…"))
    )
    if record.title != draft.title and (believed or not draft.title):
        draft.title, draft.title_key = record.title, title_key(record.title)
    if record.abstract and (believed or fuller or not draft.abstract):
        draft.abstract, draft.abstract_is_ours = record.abstract, record.source == "builtin"
    for name in ("authors", "categories", "comment", "journal_ref", "licence", "organization"):
        said = getattr(record, name)
        if said and (believed or not getattr(draft, name)):
            setattr(draft, name, said)
    if record.published_at and (believed or not draft.published_at):
        draft.published_at = record.published_at
    if newer:
        draft.revised_at = record.revised_at
    if believed or theirs == ours:
        draft.withdrawn = record.withdrawn or (draft.withdrawn and not newer and not corrects)
    if theirs > ours:
        if draft.source == "builtin":
            draft.submitted_at, draft.announced, draft.place = None, False, None
        draft.source = record.source


def lay_dates(record: PaperRecord, draft: Draft, now: datetime) -> None:
    """When the paper stands on our daily list: the earliest day a source named, else arXiv's own calendar."""
    if record.announced_on:
        noon = noon_of(record.announced_on)
        # A better-believed source has spoken already: the built-in page no longer counts.
        outdated = record.source == "builtin" and draft.source != "builtin"
        if not outdated and (not draft.announced or draft.submitted_at is None or noon < draft.submitted_at):
            draft.submitted_at, draft.announced, draft.place = noon, True, record.place
        elif noon == draft.submitted_at and draft.place is None and not outdated:
            draft.place = record.place
    if not draft.announced and draft.published_at:
        draft.submitted_at = _announced_after(draft.published_at)
    if draft.moved_to:
        # A curator has said on which day it stands.
        draft.submitted_at, draft.announced = noon_of(draft.moved_to), True
    if draft.submitted_at is None and draft.month is None:
        month = record.month or identifiers.month_of(draft.identifier)
        draft.month = month.year * 100 + month.month if month else None


def lay_signals(
    source: str, signals: Sequence[SignalRecord], work: Work, changes_alone: bool = False
) -> None:
    """Adds to the log what is new; `changes_alone` leaves out a level that is what it was when last seen."""
    known = len(work.new_signals)
    for signal in signals:
        key = (source, signal.kind, signal.seen_at)
        if changes_alone and _newest_level(source, signal.kind, work) == signal.value:
            continue
        if key not in work.signals:
            work.signals[key] = work.new_signals[key] = signal.value
    if len(work.new_signals) > known:
        level_signals(work)


def _newest_level(source: str, kind: str, work: Work) -> float | None:
    seen = [key for key in work.signals if key[:2] == (source, kind)]
    return work.signals[max(seen, key=lambda key: key[2])] if seen else None


def level_signals(work: Work) -> None:
    """Sums the newest level of each source, kind by kind, into the draft's columns, and sees what grew."""
    lines: dict[tuple[str, str], list[tuple[datetime, float]]] = {}
    for (who, kind, seen_at), value in work.signals.items():
        lines.setdefault((who, kind), []).append((seen_at, value))
    totals: dict[str, float] = {}
    series: dict[str, list[list[tuple[datetime, float]]]] = {}
    for (_, kind), line in lines.items():
        line.sort()
        series.setdefault(kind, []).append(line)
        # Votes of two places add up; the stars of a repository are the same whoever counts them.
        before, value = totals.get(kind, 0), line[-1][1]
        totals[kind] = max(before, value) if kind in ("stars", "citations") else before + value
    draft = work.draft
    draft.outside_upvotes = _count_of(totals.get("upvotes", 0))
    draft.outside_comments = _count_of(totals.get("comments", 0))
    if "stars" in totals:
        draft.stars = _count_of(totals["stars"])
    grown = scoring.growth(series, draft.published_at, trending.custom(draft), trending.weights())
    draft.growth, draft.grew_on = grown or (None, None)


def _count_of(value: float) -> int:
    return int(min(max(value, 0), 2_000_000_000))


def noon_of(day: date) -> datetime:
    """Noon of a day in the listing time zone: still the same day when the zone is changed by some hours."""
    return _noon_in(day, trending.listing_zone())


@lru_cache(maxsize=16_384)
def _noon_in(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(12), zone).astimezone(UTC)


def _announced_after(published_at: datetime) -> datetime:
    return noon_of(trending.announcement_day(published_at))


def fill(draft: Draft, other: Draft) -> None:
    """What the other draft knows and this one does not."""
    for name in COLUMNS:
        if name not in STANDING and not getattr(draft, name) and getattr(other, name):
            setattr(draft, name, getattr(other, name))
    draft.has_code |= other.has_code
    draft.has_models |= other.has_models
    if _authority(other.source) > _authority(draft.source):
        draft.source = other.source
