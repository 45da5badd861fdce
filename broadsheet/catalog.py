"""Takes papers in: new, revised, withdrawn, merged. Every paper in the house came through `take_in`.

A batch is one transaction: find the papers that the records speak of, lay each record over what is
known, write what differs. Taking the same record in twice writes nothing the second time, so a run that
was cut off is simply run again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db import transaction

from broadsheet import identifiers, trending
from broadsheet.models import Alias, Author, Authorship, Category, Link, Paper, PaperCategory, Signal, Version
from broadsheet.models import bulk
from broadsheet.models.category import category_names
from broadsheet.sources import PaperRecord, SignalRecord
from broadsheet.sources.builtin import BuiltinSource

log = logging.getLogger(__name__)

BATCH = 2000

# Who is believed when two sources differ. Larger wins; a source that is not named counts as a bibliography.
AUTHORITY = {"builtin": 0, "bibtex": 1, "ris": 1, "csl": 1, "huggingface": 2, "arxiv": 3}

# A person's own file is corrected by hand and imported again: its newest word stands.
OWN_FILES = frozenset({"bibtex", "ris", "csl"})

# The same title is hashed up to three times while a batch finds its papers.
_title_key = lru_cache(maxsize=8192)(identifiers.title_key)

_SCHEME_RANK = {"arxiv": 0, "acl": 1, "openreview": 2, "doi": 3, "local": 4}


@dataclass(slots=True)
class Taken:
    """How many records of each fate; `read` is their sum."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def read(self) -> int:
        return self.new + self.changed + self.unchanged

    def add(self, other: Taken) -> None:
        self.new += other.new
        self.changed += other.changed
        self.unchanged += other.unchanged


def take_in(records: Iterable[PaperRecord], now: datetime | None = None) -> Taken:
    """Takes records in, a batch and a transaction at a time, and returns what became of them.

    `now` is the moment given to papers that say nothing of their own date (default: the clock).
    """
    taken = Taken()
    for batch in _batches(records):
        taken.add(take_in_batch(batch, now or datetime.now(UTC)))
    return taken


def take_in_batch(records: Sequence[PaperRecord], now: datetime) -> Taken:
    """One transaction. When it returns, the records are kept; when it raises, none of them is."""
    with transaction.atomic():
        return _Batch(records, now).run()


def take_in_builtin() -> int:
    """Puts the built-in front page into an empty house; returns how many papers it brought."""
    if Paper.objects.exists():
        return 0
    return take_in([record for record in BuiltinSource().fetch() if isinstance(record, PaperRecord)]).new


def retire_builtin() -> int:
    """Takes the built-in papers that no other source confirmed out again, once real papers are here."""
    if not Paper.objects.exclude(source="builtin").exists():
        return 0
    left = list(Paper.objects.filter(source="builtin").values_list("pk", flat=True))
    for model in (Authorship, PaperCategory, Link, Version, Signal, Alias):
        model.objects.filter(paper_id__in=left).delete()
    Paper.objects.filter(pk__in=left).delete()
    return len(left)


def _batches(records: Iterable[PaperRecord]) -> Iterator[list[PaperRecord]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch


@dataclass(slots=True)
class _Draft:
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
    comments: int = 0
    outside_upvotes: int = 0
    outside_comments: int = 0
    stars: int | None = None
    listed_on: date | None = None
    month: int | None = None
    score: float | None = None
    hotness: float | None = None
    voted: bool = False
    has_code: bool = False
    has_models: bool = False


_COLUMNS = tuple(field.name for field in fields(_Draft))
_WORDS = ("title", "abstract", "authors", "categories", "organization", "withdrawn")
_STANDING = ("listed_on", "month", "score", "hotness", "voted", "has_code", "has_models")


class _Work:
    """One draft with its identity and its rows in other tables."""

    __slots__ = ("aliases", "before", "draft", "fate", "links", "new_links", "new_signals", "new_versions", "pk",
                 "signals", "versions")  # fmt: skip

    def __init__(self, draft: _Draft, pk: int | None = None) -> None:
        self.draft = draft
        self.pk = pk
        self.before: tuple[Any, ...] | None = _row(draft) if pk else None
        self.links: set[tuple[str, str]] = set()
        self.versions: dict[int, datetime | None] = {}
        self.signals: dict[tuple[str, str, datetime], float] = {}
        self.new_links: list[tuple[str, str, str]] = []
        self.new_versions: dict[int, datetime | None] = {}
        self.new_signals: dict[tuple[str, str, datetime], float] = {}
        self.aliases: set[str] = set()
        self.fate = "unchanged"


def _row(draft: _Draft) -> tuple[Any, ...]:
    return tuple(
        tuple(value) if isinstance(value, list) else value for value in map(draft.__getattribute__, _COLUMNS)
    )


class _Batch:
    """The records of one transaction and the papers they speak of."""

    def __init__(self, records: Sequence[PaperRecord], now: datetime) -> None:
        self.records = records
        self.now = now
        self.by_identifier: dict[str, _Work] = {}
        self.by_title: dict[int, list[_Work]] = {}
        self.by_pk: dict[int, _Work] = {}
        self.works: list[_Work] = []

    def run(self) -> Taken:
        self._find_known()
        self._find_by_title()
        self._load_belongings()
        touched: list[tuple[_Work, bool]] = []
        for record in self.records:
            work = self._work_for(record)
            touched.append((work, self._apply(record, work)))
        self._write()
        return self._count(touched)

    # Finding

    def _find_known(self) -> None:
        spoken = {identifier for record in self.records for identifier in record.identifiers}
        if not spoken:
            return
        self._load(Paper.objects.filter(identifier__in=spoken))
        missing = spoken - self.by_identifier.keys()
        owners = dict(Alias.objects.filter(identifier__in=missing).values_list("identifier", "paper_id"))
        self._load(Paper.objects.filter(pk__in=set(owners.values()) - self.by_pk.keys()))
        for identifier, pk in owners.items():
            self.by_identifier[identifier] = self.by_pk[pk]

    def _find_by_title(self) -> None:
        """Papers that only their title can find: records without an identifier, papers without one."""
        unknown = [
            record
            for record in self.records
            if not any(identifier in self.by_identifier for identifier in record.identifiers)
        ]
        bare = {_title_key(record.title) for record in unknown if not record.identifiers}
        found = Paper.objects.filter(title_key__in=bare)
        if bare:
            self._load(found.exclude(pk__in=self.by_pk.keys()))
        if Paper.objects.filter(identifier__startswith="local:").exists():
            keys = {_title_key(record.title) for record in unknown} - bare
            local = Paper.objects.filter(title_key__in=keys, identifier__startswith="local:")
            self._load(local.exclude(pk__in=self.by_pk.keys()))

    def _load(self, papers: Any) -> None:
        for pk, *values in papers.values_list("pk", *_COLUMNS):
            work = _Work(_Draft(*values), pk)
            self.by_pk[pk] = work
            self._register(work)

    def _register(self, work: _Work) -> None:
        self.works.append(work)
        self.by_identifier[work.draft.identifier] = work
        self.by_title.setdefault(work.draft.title_key, []).append(work)

    def _load_belongings(self) -> None:
        """Links, versions and signals of known papers, for those kinds that the records bring."""
        known = list(self.by_pk)
        if not known:
            return
        if any(record.links for record in self.records):
            for pk, kind, url in Link.objects.filter(paper_id__in=known).values_list("paper_id", "kind", "url"):
                self.by_pk[pk].links.add((kind, url))
        if any(record.versions for record in self.records):
            rows = Version.objects.filter(paper_id__in=known).values_list("paper_id", "number", "submitted_at")
            for pk, number, submitted_at in rows:
                self.by_pk[pk].versions[number] = submitted_at
        if any(record.signals for record in self.records):
            for pk, source, kind, seen_at, value in Signal.objects.filter(paper_id__in=known).values_list(
                "paper_id", "source", "kind", "seen_at", "value"
            ):
                self.by_pk[pk].signals[source, kind, seen_at] = value

    def _work_for(self, record: PaperRecord) -> _Work:
        hits: list[_Work] = []
        for identifier in record.identifiers:
            hit = self.by_identifier.get(identifier)
            if hit is not None and hit not in hits:
                hits.append(hit)
        if len(hits) > 1:
            work = self._merge(hits)
        else:
            work = hits[0] if hits else self._same_title(record) or self._new(record)
        self._learn_identifiers(record, work)
        return work

    def _same_title(self, record: PaperRecord) -> _Work | None:
        if not self.by_title:
            return None
        candidates = self.by_title.get(_title_key(record.title), ())
        for work in candidates:
            local = work.draft.identifier.startswith("local:")
            if (local or not record.identifiers) and _could_be_same(record.authors, work.draft.authors):
                return work
        return None

    def _new(self, record: PaperRecord) -> _Work:
        first_author = record.authors[0] if record.authors else ""
        identifier = record.identifiers[0] if record.identifiers else identifiers.local_id(record.title, first_author)
        work = _Work(_Draft(identifier=identifier, title=record.title, title_key=_title_key(record.title)))
        work.fate = "new"
        self._register(work)
        return work

    def _learn_identifiers(self, record: PaperRecord, work: _Work) -> None:
        for identifier in record.identifiers:
            mine = work.draft.identifier
            if identifier == mine or identifier in work.aliases:
                continue
            if _rank(identifier) < _rank(mine):
                work.draft.identifier, identifier = identifier, mine
                self.by_identifier[work.draft.identifier] = work
            if self.by_identifier.get(identifier) is not work or identifier == mine:
                work.aliases.add(identifier)
                self.by_identifier[identifier] = work

    # Merging

    def _merge(self, hits: list[_Work]) -> _Work:
        """Two papers turn out to be one. The one with the stronger identifier stays."""
        keep, *others = sorted(hits, key=lambda work: (work.pk is None, _rank(work.draft.identifier), work.pk or 0))
        for other in others:
            if other.pk is not None and keep.pk is not None:
                _move_rows(other.pk, keep.pk)
            keep.aliases.add(other.draft.identifier)
            keep.aliases |= other.aliases
            for key in ("links", "versions", "signals", "new_versions", "new_signals"):
                getattr(keep, key).update(getattr(other, key))
            keep.new_links += other.new_links
            _fill(keep.draft, other.draft)
            self.works.remove(other)
            for identifier, work in list(self.by_identifier.items()):
                if work is other:
                    self.by_identifier[identifier] = keep
            log.info("merged %s into %s", other.draft.identifier, keep.draft.identifier)
        keep.before = None if keep.pk is None else ()
        return keep

    # Laying a record over a draft

    def _apply(self, record: PaperRecord, work: _Work) -> bool:
        """Says whether the record taught us anything."""
        draft = work.draft
        before = None if work.fate == "new" else _row(draft)
        had = (len(work.aliases), len(work.new_links), len(work.new_versions), len(work.new_signals))
        _lay_words(record, draft)
        _lay_dates(record, draft, self.now)
        for link in record.links:
            if (link.kind, link.url) not in work.links:
                work.links.add((link.kind, link.url))
                work.new_links.append((link.kind, link.url, record.source))
                draft.has_code |= link.kind == "code"
                draft.has_models |= link.kind == "model"
        for version in record.versions:
            if work.versions.get(version.number, False) != version.submitted_at:
                work.versions[version.number] = work.new_versions[version.number] = version.submitted_at
        if record.signals:
            _lay_signals(record.source, record.signals, work)
        if before is None:
            return True
        now_has = (len(work.aliases), len(work.new_links), len(work.new_versions), len(work.new_signals))
        return had != now_has or before != _row(draft)

    # Writing

    def _write(self) -> None:
        new = [work for work in self.works if work.pk is None]
        for work, pk in zip(new, bulk.reserve(Paper, len(new)) if new else (), strict=True):
            work.pk = pk
        for work in self.works:
            trending.stand(work.draft)
        changed = [work for work in self.works if work.before is not None and work.before != _row(work.draft)]
        for work in new:
            work.draft.changed_at = self.now
        for work in changed:
            if _words_differ(work):
                work.draft.changed_at = self.now
        bulk.insert(Paper, ("id", *_COLUMNS), [(work.pk, *_values(work.draft)) for work in new])
        bulk.update(Paper, _COLUMNS, [(*_values(work.draft), work.pk) for work in changed])
        self._write_people(new, [work for work in changed if _differs(work, "authors")])
        self._write_categories(new, changed)
        self._write_belongings()

    def _write_people(self, new: list[_Work], changed: list[_Work]) -> None:
        Authorship.objects.filter(paper_id__in=[work.pk for work in changed]).delete()
        people: dict[int, tuple[str, str]] = {}
        rows = []
        for work in [*new, *changed]:
            for position, name in enumerate(work.draft.authors, start=1):
                slug = identifiers.author_slug(name)
                key = identifiers.author_key(slug)
                people[key] = (slug, name)
                rows.append((work.pk, position, key))
        bulk.insert(Author, ("id", "slug", "name"), [(key, *who) for key, who in people.items()], ignore=True)
        bulk.insert(Authorship, ("paper_id", "position", "author_id"), rows)

    def _write_categories(self, new: list[_Work], changed: list[_Work]) -> None:
        moved = [work for work in changed if any(_differs(work, column) for column in ("categories", *_STANDING))]
        PaperCategory.objects.filter(paper_id__in=[work.pk for work in moved]).delete()
        works = [*new, *moved]
        numbers = _category_numbers({code for work in works for code in _with_archives(work.draft.categories)})
        rows = [
            (work.pk, numbers[code], *map(work.draft.__getattribute__, _STANDING))
            for work in works
            for code in _with_archives(work.draft.categories)
        ]
        bulk.insert(PaperCategory, ("paper_id", "category_id", *_STANDING), rows)

    def _write_belongings(self) -> None:
        works = self.works
        aliases = [(alias, work.pk) for work in works for alias in work.aliases]
        own = {work.draft.identifier for work in works}
        if own and any(work.before is not None for work in works):
            Alias.objects.filter(identifier__in=own).delete()
        bulk.insert(Alias, ("identifier", "paper_id"), aliases, ignore=True)
        links = [(work.pk, *link) for work in works for link in work.new_links]
        bulk.insert(Link, ("paper_id", "kind", "url", "source"), links, ignore=True)
        versions = [(work.pk, number, at) for work in works for number, at in work.new_versions.items()]
        for pk, number, _ in versions:
            if pk in self.by_pk:
                Version.objects.filter(paper_id=pk, number=number).delete()
        bulk.insert(Version, ("paper_id", "number", "submitted_at"), versions, ignore=True)
        signals = [(work.pk, *key, value) for work in works for key, value in work.new_signals.items()]
        bulk.insert(Signal, ("paper_id", "source", "kind", "seen_at", "value"), signals, ignore=True)

    def _count(self, touched: list[tuple[_Work, bool]]) -> Taken:
        taken = Taken()
        seen: set[int] = set()
        for work, learned in touched:
            if work.fate == "new" and id(work) not in seen:
                taken.new += 1
            elif learned:
                taken.changed += 1
            else:
                taken.unchanged += 1
            seen.add(id(work))
        return taken


def _rank(identifier: str) -> int:
    return _SCHEME_RANK.get(identifiers.scheme(identifier), 9)


def _could_be_same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Equal titles are one paper unless both name a first author and the surnames differ."""
    if not one or not other:
        return True
    return identifiers.author_slug(identifiers.surname(one[0])) == identifiers.author_slug(
        identifiers.surname(other[0])
    )


def _authority(source: str) -> int:
    return AUTHORITY.get(source, 1)


def _lay_words(record: PaperRecord, draft: _Draft) -> None:
    """Lets the record speak where it is believed more, or where nothing is known yet."""
    theirs, ours = _authority(record.source), _authority(draft.source) if draft.source else -1
    newer = record.revised_at is not None and (draft.revised_at is None or record.revised_at > draft.revised_at)
    believed = theirs > ours or (theirs == ours and (newer or record.source in OWN_FILES))
    fuller = theirs == ours and len(record.abstract) > len(draft.abstract) and record.abstract.startswith(
        draft.abstract.rstrip(".…")
    )
    if record.title != draft.title and (believed or not draft.title):
        draft.title, draft.title_key = record.title, _title_key(record.title)
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
        draft.withdrawn = record.withdrawn or (draft.withdrawn and not newer)
    if theirs > ours:
        if draft.source == "builtin":
            draft.submitted_at, draft.announced, draft.place = None, False, None
        draft.source = record.source


def _lay_dates(record: PaperRecord, draft: _Draft, now: datetime) -> None:
    """When the paper stands on our daily list: the earliest day a source named, else arXiv's own calendar."""
    if record.announced_on:
        noon = _noon(record.announced_on)
        # A better-believed source has spoken already: the built-in page no longer counts.
        outdated = record.source == "builtin" and draft.source != "builtin"
        if not outdated and (not draft.announced or draft.submitted_at is None or noon < draft.submitted_at):
            draft.submitted_at, draft.announced, draft.place = noon, True, record.place
        elif noon == draft.submitted_at and draft.place is None and not outdated:
            draft.place = record.place
    if not draft.announced and draft.published_at:
        draft.submitted_at = _announced_after(draft.published_at)
    if draft.submitted_at is None and draft.month is None:
        month = record.month or identifiers.month_of(draft.identifier)
        draft.month = month.year * 100 + month.month if month else None


def _lay_signals(source: str, signals: Sequence[SignalRecord], work: _Work) -> None:
    known = len(work.new_signals)
    for signal in signals:
        key = (source, signal.kind, signal.seen_at)
        if key not in work.signals:
            work.signals[key] = work.new_signals[key] = signal.value
    if len(work.new_signals) == known:
        return
    levels: dict[tuple[str, str], tuple[datetime, float]] = {}
    for (who, kind, seen_at), value in work.signals.items():
        if (who, kind) not in levels or seen_at >= levels[who, kind][0]:
            levels[who, kind] = (seen_at, value)
    totals: dict[str, float] = {}
    for (_, kind), (_, value) in levels.items():
        totals[kind] = totals.get(kind, 0) + value
    work.draft.outside_upvotes = _count_of(totals.get("upvotes", 0))
    work.draft.outside_comments = _count_of(totals.get("comments", 0))
    if "stars" in totals:
        work.draft.stars = _count_of(totals["stars"])


def _count_of(value: float) -> int:
    return int(min(max(value, 0), 2_000_000_000))


_days: dict[date, datetime] = {}


def _noon(day: date) -> datetime:
    """Noon of a day in the listing time zone: still the same day when the zone is changed by some hours."""
    moment = _days.get(day)
    if moment is None:
        if len(_days) > 20_000:
            _days.clear()
        moment = _days[day] = datetime.combine(day, time(12), trending.listing_zone()).astimezone(UTC)
    return moment


def _announced_after(published_at: datetime) -> datetime:
    return _noon(trending.announcement_day(published_at))


def _values(draft: _Draft) -> tuple[Any, ...]:
    return tuple(map(draft.__getattribute__, _COLUMNS))


def _differs(work: _Work, column: str) -> bool:
    if not work.before:
        return True
    value = getattr(work.draft, column)
    return bool(work.before[_COLUMNS.index(column)] != (tuple(value) if isinstance(value, list) else value))


def _words_differ(work: _Work) -> bool:
    return any(_differs(work, column) for column in _WORDS)


def _fill(draft: _Draft, other: _Draft) -> None:
    """What the other draft knows and this one does not."""
    for name in _COLUMNS:
        if name not in _STANDING and not getattr(draft, name) and getattr(other, name):
            setattr(draft, name, getattr(other, name))
    draft.has_code |= other.has_code
    draft.has_models |= other.has_models
    if _authority(other.source) > _authority(draft.source):
        draft.source = other.source


def _move_rows(old: int, new: int) -> None:
    """Everything that hangs on one paper is hung on another; doubles go, then the empty paper goes."""
    for model in (Link, Signal):
        for row in model.objects.filter(paper_id=old):
            row.pk, row.paper_id = None, new
            model.objects.bulk_create([row], ignore_conflicts=True)
    for version in Version.objects.filter(paper_id=old):
        Version.objects.bulk_create(
            [Version(paper_id=new, number=version.number, submitted_at=version.submitted_at)], ignore_conflicts=True
        )
    Alias.objects.filter(paper_id=old).update(paper_id=new)
    Paper.objects.filter(pk=old).delete()


def _with_archives(categories: Sequence[str]) -> list[str]:
    """The codes, each once, and the archives they belong to: `cs.LG` is in `cs` too."""
    codes = dict.fromkeys(categories)
    for code in categories:
        archive, dot, _ = code.partition(".")
        if dot:
            codes.setdefault(archive)
    return list(codes)


def _category_numbers(codes: set[str]) -> dict[str, int]:
    found = dict(Category.objects.filter(code__in=codes).values_list("code", "pk"))
    missing = sorted(codes - found.keys())
    if missing:
        names = category_names()
        Category.objects.bulk_create(
            [Category(code=code[:64], name=names.get(code, "")) for code in missing], ignore_conflicts=True
        )
        found = dict(Category.objects.filter(code__in=codes).values_list("code", "pk"))
    return found

