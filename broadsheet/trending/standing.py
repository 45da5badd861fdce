"""Keeps where each paper stands: works its sort keys out of its own columns and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Protocol

from django.conf import settings
from django.db import transaction

from broadsheet import outlook, scoring
from broadsheet.models import Paper, PaperCategory, bulk
from broadsheet.trending.days import listing_day


class Standable(Protocol):
    """What `stand` reads and writes: a Paper, or anything with its columns."""

    submitted_at: datetime | None
    hidden: bool
    categories: Any
    upvotes: int
    upvote_weight: float
    outside_upvotes: int
    comments: int
    outside_comments: int
    stars: int | None
    withdrawn: bool
    place: int | None
    has_code: bool
    outlook: float | None
    growth: float | None
    grew_on: date | None
    listed_on: date | None
    month: int | None
    score: float | None
    hotness: float | None
    voted: bool


def weights() -> scoring.Weights:
    """The published weights, as far as BROADSHEET_RANK does not change them."""
    found: scoring.Weights = settings.RANK
    return found


def stand(paper: Standable) -> None:
    """Works out a paper's standing from its other columns. Writes nothing to the database."""
    if paper.submitted_at:
        paper.listed_on = listing_day(paper.submitted_at)
        paper.month = paper.listed_on.year * 100 + paper.listed_on.month
    rank = weights()
    found = scoring.score(facts(paper), rank)
    day = paper.listed_on or _middle(paper.month)
    paper.score, paper.hotness = found, scoring.hotness(found, day, growth_of(paper), rank)
    paper.voted = bool(paper.upvotes or paper.outside_upvotes)
    if paper.hidden:
        paper.listed_on = paper.month = paper.score = paper.hotness = None


def _middle(month: int | None) -> date | None:
    return date(month // 100, month % 100, 15) if month else None


def facts(paper: Standable) -> scoring.Facts:
    return scoring.Facts(
        paper.upvote_weight,
        paper.outside_upvotes,
        paper.comments,
        paper.outside_comments,
        paper.stars or 0,
        paper.has_code,
        paper.withdrawn,
        paper.place,
        paper.outlook or 0.0,
        custom(paper),
    )


def custom(paper: Standable) -> float:
    """How many votes are usual in the paper's own field."""
    return outlook.custom(paper.categories[0] if paper.categories else "")


def growth_of(paper: Standable) -> scoring.Growth | None:
    """What the paper's stars and citations grew by; a withdrawn paper has no second wind."""
    if paper.growth is None or paper.grew_on is None or paper.withdrawn:
        return None
    return scoring.Growth(paper.growth, paper.grew_on)


_STANDING = ("listed_on", "month", "score", "hotness", "voted", "has_code", "has_models")
_WRITTEN = (*_STANDING, "growth", "grew_on")
READ = (
    *_WRITTEN,
    "submitted_at",
    "published_at",
    "hidden",
    "categories",
    "upvotes",
    "upvote_weight",
    "outside_upvotes",
    "comments",
    "outside_comments",
    "stars",
    "withdrawn",
    "place",
    "outlook",
)


def restand(paper: Paper | int, counts: Sequence[str] = ()) -> Paper | None:
    """Works out one paper's standing again and writes it, on its category rows too: after a vote, a comment
    or a signal. Returns the paper as it stands now; None when there is no such paper.

    A key is read anew, so the caller needs nothing but the number. A Paper is taken as it is in memory: its
    counts must be the ones that were just counted, under a lock on its row or in the same transaction. Two
    statements and, where anything changed, two more; the caller's transaction holds them together. `counts`:
    columns of a Paper that were counted anew and are to be written by the same statement.
    """
    if isinstance(paper, int):
        found = Paper.objects.filter(pk=paper).only("pk", *READ).first()
        if found is None:
            return None
        paper = found
    before = [getattr(paper, name) for name in _STANDING]
    stand(paper)
    standing = {name: getattr(paper, name) for name in _STANDING}
    moved = before != list(standing.values())
    written = (standing if moved else {}) | {name: getattr(paper, name) for name in counts}
    if written:
        with transaction.atomic(savepoint=False):
            Paper.objects.filter(pk=paper.pk).update(**written)
            if moved:
                PaperCategory.objects.filter(paper_id=paper.pk).update(**standing)
    return paper


def rescore(keys: Sequence[int] | None = None, batch: int = 2000) -> int:
    """Works out every paper's standing again (or that of `keys`), writes what differs, returns how many.

    What stars and citations grew by is worked out anew from the log of signals. A batch is read and written
    under one lock, so a vote that comes meanwhile waits and is not lost.
    """
    changed = 0
    last = 0
    chosen = Paper.objects.order_by("pk").only("pk", *READ)
    if keys is not None:
        chosen = chosen.filter(pk__in=keys)
    while True:
        with transaction.atomic():
            papers = list(chosen.filter(pk__gt=last).select_for_update()[:batch])
            if not papers:
                return changed
            changed += _restood(papers)
            last = papers[-1].pk


def _restood(papers: list[Paper]) -> int:
    grown = growing(papers)
    differing = []
    for paper in papers:
        before = [getattr(paper, name) for name in _WRITTEN]
        found = grown.get(paper.pk)
        paper.growth, paper.grew_on = found or (None, None)
        stand(paper)
        if before != [getattr(paper, name) for name in _WRITTEN]:
            differing.append((paper, before))
    rows = [(*(getattr(paper, name) for name in _WRITTEN), paper.pk) for paper, _ in differing]
    bulk.update(Paper, _WRITTEN, rows)
    moved = [
        (*(getattr(paper, name) for name in _STANDING), paper.pk)
        for paper, before in differing
        if before[: len(_STANDING)] != [getattr(paper, name) for name in _STANDING]
    ]
    bulk.update(PaperCategory, _STANDING, moved, key="paper_id")
    return len(differing)


def growing(papers: Sequence[Paper]) -> dict[int, scoring.Growth]:
    """What the stars and citations of papers grew by, from the log; by key, for those that did."""
    from broadsheet.trending.signals import levels

    by_key = {paper.pk: paper for paper in papers}
    rank, found = weights(), {}
    for key, series in levels(by_key, tuple(scoring.USUAL)):
        paper = by_key[key]
        if grown := scoring.growth(series, paper.published_at, custom(paper), rank):
            found[key] = grown
    return found
