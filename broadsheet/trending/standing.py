"""Keeps where each paper stands: works its sort keys out of its own columns and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from django.db import transaction

from broadsheet import scoring
from broadsheet.models import Paper, PaperCategory, bulk
from broadsheet.trending.days import listing_day


class Standable(Protocol):
    """What `stand` reads and writes: a Paper, or anything with its columns."""

    submitted_at: datetime | None
    hidden: bool
    upvotes: int
    upvote_weight: float
    outside_upvotes: int
    comments: int
    outside_comments: int
    stars: int | None
    withdrawn: bool
    place: int | None
    has_code: bool
    listed_on: date | None
    month: int | None
    score: float | None
    hotness: float | None
    voted: bool


def stand(paper: Standable) -> None:
    """Works out a paper's standing from its other columns. Writes nothing to the database."""
    if paper.submitted_at:
        paper.listed_on = listing_day(paper.submitted_at)
        paper.month = paper.listed_on.year * 100 + paper.listed_on.month
    found = scoring.score(facts(paper))
    paper.score, paper.hotness = found, scoring.hotness(found, paper.listed_on or _middle(paper.month))
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
    )


_STANDING = ("listed_on", "month", "score", "hotness", "voted", "has_code", "has_models")
_READ = (
    *_STANDING,
    "submitted_at",
    "hidden",
    "upvotes",
    "upvote_weight",
    "outside_upvotes",
    "comments",
    "outside_comments",
    "stars",
    "withdrawn",
    "place",
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
        found = Paper.objects.filter(pk=paper).only("pk", *_READ).first()
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
    """Works out every paper's standing again (or that of `keys`), writes what differs, returns how many."""
    changed = 0
    last = 0
    chosen = Paper.objects.all() if keys is None else Paper.objects.filter(pk__in=keys)
    while papers := list(chosen.filter(pk__gt=last).order_by("pk").only("pk", *_READ)[:batch]):
        last = papers[-1].pk
        differing = []
        for paper in papers:
            before = [getattr(paper, name) for name in _STANDING]
            stand(paper)
            if before != [getattr(paper, name) for name in _STANDING]:
                differing.append(paper)
        if differing:
            rows = [(*(getattr(paper, name) for name in _STANDING), paper.pk) for paper in differing]
            with transaction.atomic():
                bulk.update(Paper, _STANDING, rows)
                bulk.update(PaperCategory, _STANDING, rows, key="paper_id")
            changed += len(differing)
    return changed
