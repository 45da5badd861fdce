"""One transaction: find the papers that a batch of records speaks of, lay the records over them, write."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broadsheet import identifiers, trending
from broadsheet.catalog.drafts import (
    COLUMNS,
    STANDING,
    Draft,
    Work,
    differs,
    fill,
    lay_dates,
    lay_signals,
    lay_words,
    level_signals,
    row,
    title_key,
    words_differ,
)
from broadsheet.catalog.people import move_people, shown_comments
from broadsheet.models import (
    Alias,
    Author,
    Authorship,
    Category,
    Link,
    Paper,
    PaperCategory,
    Signal,
    Upvote,
    Version,
    bulk,
)
from broadsheet.models.category import category_names
from broadsheet.sources import PaperRecord

log = logging.getLogger(__name__)

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


class Batch:
    """The records of one transaction and the papers they speak of."""

    def __init__(self, records: Sequence[PaperRecord], now: datetime) -> None:
        self.records = records
        self.now = now
        self.by_identifier: dict[str, Work] = {}
        self.by_title: dict[int, list[Work]] = {}
        self.by_pk: dict[int, Work] = {}
        self.works: list[Work] = []

    def run(self) -> Taken:
        self._find_known()
        self._find_by_title()
        self._load_belongings()
        touched: list[tuple[Work, bool]] = []
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
        bare = {title_key(record.title) for record in unknown if not record.identifiers}
        found = Paper.objects.filter(title_key__in=bare)
        if bare:
            self._load(found.exclude(pk__in=self.by_pk.keys()))
        if Paper.objects.filter(identifier__startswith="local:").exists():
            keys = {title_key(record.title) for record in unknown} - bare
            local = Paper.objects.filter(title_key__in=keys, identifier__startswith="local:")
            self._load(local.exclude(pk__in=self.by_pk.keys()))

    def _load(self, papers: Any) -> None:
        for pk, *columns in papers.values_list("pk", *COLUMNS):
            work = Work(Draft.loaded(columns), pk)
            self.by_pk[pk] = work
            self._register(work)

    def _register(self, work: Work) -> None:
        self.works.append(work)
        self.by_identifier[work.draft.identifier] = work
        self.by_title.setdefault(work.draft.title_key, []).append(work)

    def _load_belongings(self) -> None:
        """Links, versions and signals of known papers, for those kinds that the records bring."""
        known = list(self.by_pk)
        if not known:
            return
        if any(record.links for record in self.records):
            for pk, kind, url in Link.objects.filter(paper_id__in=known).values_list(
                "paper_id", "kind", "url"
            ):
                self.by_pk[pk].links.add((kind, url))
        if any(record.versions for record in self.records):
            rows = Version.objects.filter(paper_id__in=known).values_list(
                "paper_id", "number", "submitted_at"
            )
            for pk, number, submitted_at in rows:
                self.by_pk[pk].versions[number] = submitted_at
        if any(record.signals for record in self.records):
            self._load_signals(known)

    def _load_signals(self, keys: Sequence[int]) -> None:
        rows = Signal.objects.filter(paper_id__in=keys)
        for pk, source, kind, seen_at, value in rows.values_list(
            "paper_id", "source", "kind", "seen_at", "value"
        ):
            self.by_pk[pk].signals[source, kind, seen_at] = value

    def _work_for(self, record: PaperRecord) -> Work:
        hits: list[Work] = []
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

    def _same_title(self, record: PaperRecord) -> Work | None:
        if not self.by_title:
            return None
        candidates = self.by_title.get(title_key(record.title), ())
        for work in candidates:
            local = work.draft.identifier.startswith("local:")
            if (local or not record.identifiers) and _could_be_same(record.authors, work.draft.authors):
                return work
        return None

    def _new(self, record: PaperRecord) -> Work:
        first_author = record.authors[0] if record.authors else ""
        identifier = (
            record.identifiers[0] if record.identifiers else identifiers.local_id(record.title, first_author)
        )
        work = Work(Draft(identifier=identifier, title=record.title, title_key=title_key(record.title)))
        work.fate = "new"
        self._register(work)
        return work

    def _learn_identifiers(self, record: PaperRecord, work: Work) -> None:
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

    def _merge(self, hits: list[Work]) -> Work:
        """Two papers turn out to be one. The one with the stronger identifier stays."""
        keep, *others = sorted(
            hits, key=lambda work: (work.pk is None, _rank(work.draft.identifier), work.pk or 0)
        )
        self._unhide_merged(hits, keep)
        for other in others:
            if other.pk is not None and keep.pk is not None:
                _move_rows(other.pk, keep.pk)
                weights = list(
                    Upvote.objects.filter(paper_id=keep.pk, counted=True).values_list("weight", flat=True)
                )
                keep.draft.upvotes, keep.draft.upvote_weight = len(weights), sum(weights)
                keep.draft.comments = shown_comments(keep.pk)
            keep.aliases.add(other.draft.identifier)
            keep.aliases |= other.aliases
            for key in ("links", "versions", "signals", "new_versions", "new_signals"):
                getattr(keep, key).update(getattr(other, key))
            keep.new_links += other.new_links
            fill(keep.draft, other.draft)
            self.works.remove(other)
            for identifier, work in list(self.by_identifier.items()):
                if work is other:
                    self.by_identifier[identifier] = keep
            log.info("merged %s into %s", other.draft.identifier, keep.draft.identifier)
        keep.before = None if keep.pk is None else ()
        if keep.pk is not None:
            self._load_signals([keep.pk])
        level_signals(keep)
        return keep

    def _unhide_merged(self, hits: list[Work], keep: Work) -> None:
        """A paper that a curator had merged into another was hidden for that reason alone, which is gone."""
        merged = Paper.objects.filter(pk__in=[work.pk for work in hits if work.pk], merged_into__isnull=False)
        for pk in set(merged.values_list("pk", flat=True)):
            self.by_pk[pk].draft.hidden = False
        Paper.objects.filter(pk__in=[keep.pk] if keep.pk else []).update(merged_into=None)

    # Laying a record over a draft

    def _apply(self, record: PaperRecord, work: Work) -> bool:
        """Says whether the record taught us anything."""
        draft = work.draft
        before = None if work.fate == "new" else row(draft)
        had = (len(work.aliases), len(work.new_links), len(work.new_versions), len(work.new_signals))
        lay_words(record, draft)
        lay_dates(record, draft, self.now)
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
            lay_signals(record.source, record.signals, work, record.current)
        if before is None:
            return True
        now_has = (len(work.aliases), len(work.new_links), len(work.new_versions), len(work.new_signals))
        return had != now_has or before != row(draft)

    # Writing

    def _write(self) -> None:
        new = [work for work in self.works if work.pk is None]
        for work, pk in zip(new, bulk.reserve(Paper, len(new)) if new else (), strict=True):
            work.pk = pk
        for work in self.works:
            trending.stand(work.draft)
        changed = [work for work in self.works if work.before is not None and work.before != row(work.draft)]
        for work in new:
            work.draft.changed_at = self.now
        for work in changed:
            if words_differ(work):
                work.draft.changed_at = self.now
        bulk.insert(Paper, ("id", *COLUMNS), [(work.pk, *row(work.draft)) for work in new])
        bulk.update(Paper, COLUMNS, [(*row(work.draft), work.pk) for work in changed])
        self._write_people(new, [work for work in changed if differs(work, "authors")])
        self._write_categories(new, changed)
        self._write_belongings()

    def _write_people(self, new: list[Work], changed: list[Work]) -> None:
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

    def _write_categories(self, new: list[Work], changed: list[Work]) -> None:
        moved = [
            work for work in changed if any(differs(work, column) for column in ("categories", *STANDING))
        ]
        PaperCategory.objects.filter(paper_id__in=[work.pk for work in moved]).delete()
        works = [*new, *moved]
        numbers = _category_numbers(
            {code for work in works for code in _with_archives(work.draft.categories)}
        )
        rows = [
            (work.pk, numbers[code], *map(work.draft.__getattribute__, STANDING))
            for work in works
            for code in _with_archives(work.draft.categories)
        ]
        bulk.insert(PaperCategory, ("paper_id", "category_id", *STANDING), rows)

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

    def _count(self, touched: list[tuple[Work, bool]]) -> Taken:
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


def _move_rows(old: int, new: int) -> None:
    """Everything that hangs on one paper is hung on another; doubles go, then the empty paper goes."""
    links = Link.objects.filter(paper_id=old).order_by("pk")
    bulk.insert(
        Link,
        ("paper_id", "kind", "url", "source"),
        [(new, *link) for link in links.values_list("kind", "url", "source")],
        ignore=True,
    )
    signals = Signal.objects.filter(paper_id=old).order_by("pk")
    bulk.insert(
        Signal,
        ("paper_id", "source", "kind", "seen_at", "value"),
        [(new, *signal) for signal in signals.values_list("source", "kind", "seen_at", "value")],
        ignore=True,
    )
    versions = Version.objects.filter(paper_id=old)
    bulk.insert(
        Version,
        ("paper_id", "number", "submitted_at"),
        [(new, *version) for version in versions.values_list("number", "submitted_at")],
        ignore=True,
    )
    Alias.objects.filter(paper_id=old).update(paper_id=new)
    Paper.objects.filter(merged_into=old).update(merged_into=new)
    move_people(old, new)
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
