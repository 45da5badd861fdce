"""When two papers turn out to be one: what readers said of either is said of the one that stays."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import OuterRef, Q

from broadsheet.models import (
    MARKS,
    Ballot,
    Claim,
    CollectionItem,
    Comment,
    Lesson,
    Mark,
    Moderation,
    Paper,
    Report,
    Submission,
    Upvote,
)

# What a reader can say of a paper once: the columns that, with the paper, must stay unique.
ONCE: tuple[tuple[type[models.Model], tuple[str, ...]], ...] = (
    (Upvote, ("reader",)),
    (Mark, ("reader", "kind")),
    (CollectionItem, ("collection",)),
    (Lesson, ("interest",)),
    (Claim, ("reader",)),
)
MANY: tuple[type[models.Model], ...] = (Comment, Report, Submission, Moderation)

Moved = dict[str, list[int]]


def move_people(old: int, new: int) -> Moved:
    """Hangs what readers said of one paper on another, and says which rows went over (table: keys).

    What a reader said of both stays where it is, since one reader has one vote. The caller holds the
    transaction and recounts.
    """
    moved: Moved = {}
    for model, columns in ONCE:
        doubles = model._default_manager.filter(
            paper_id=new, **{column: OuterRef(column) for column in columns}
        )
        rows = model._default_manager.filter(paper_id=old).exclude(models.Exists(doubles))
        moved[model.__name__] = _move(model, list(rows.values_list("pk", flat=True)), new)
    for model in MANY:
        rows = model._default_manager.filter(paper_id=old)
        # A reader's open report of both papers is one report.
        if model is Report:
            same = Report.objects.filter(
                paper_id=new, comment=None, settled_at=None, reader=OuterRef("reader")
            )
            rows = rows.exclude(models.Exists(same), comment=None, settled_at=None)
        moved[model.__name__] = _move(model, list(rows.values_list("pk", flat=True)), new)
    return {name: keys for name, keys in moved.items() if keys}


def move_back(moved: Moved, paper: int) -> None:
    """Hangs the rows that `move_people` named on a paper again. Rows that are gone are passed over."""
    for model in (*(model for model, _ in ONCE), *MANY):
        _move(model, moved.get(model.__name__, []), paper)


def _move(model: type[models.Model], keys: list[int], paper: int) -> list[int]:
    if model is Upvote and keys:
        _note_votes(keys, paper)
    for start in range(0, len(keys), 500):
        model._default_manager.filter(pk__in=keys[start : start + 500]).update(paper_id=paper)
    return keys


def _note_votes(keys: list[int], paper: int) -> None:
    """Writes into the vote log that these votes are for another paper from now on."""
    for start in range(0, len(keys), 500):
        lines = []
        for vote in Upvote.objects.filter(pk__in=keys[start : start + 500], counted=True):
            told = {"reader": vote.reader_id, "weight": vote.weight, "cause": "merge"}
            lines += [Ballot(paper=vote.paper_id, step=-1, **told), Ballot(paper=paper, step=1, **told)]
        Ballot.objects.bulk_create(lines)


def recount(*papers: int) -> None:
    """Counts the votes and comments of papers anew, from the rows. The caller restands them."""
    for key in papers:
        found = Upvote.objects.filter(paper_id=key, counted=True).aggregate(
            votes=models.Count("pk"), weight=models.Sum("weight")
        )
        Paper.objects.filter(pk=key).update(
            upvotes=found["votes"], upvote_weight=found["weight"] or 0.0, comments=shown_comments(key)
        )


def shown_comments(paper: int) -> int:
    """How many comments of a paper everybody may read."""
    return Comment.objects.filter(paper_id=paper, hidden=False, withdrawn_at=None).count()


def said_of(papers: Any) -> Any:
    """Of these papers, those that readers have said something of, for themselves or for everybody."""
    return papers.filter(
        Q(upvoted_by__isnull=False)
        | Q(talk__isnull=False)
        | Q(marks__kind__in=MARKS)
        | Q(lessons__isnull=False)
        | Q(collected__isnull=False)
        | Q(claims__isnull=False)
        | Q(submissions__isnull=False)
        | Q(moderations__isnull=False)
    )
