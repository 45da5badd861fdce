"""What curators set right about a paper: whether it stands at all, on which day, and as what."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from broadsheet import identifiers, trending
from broadsheet.catalog.drafts import noon_of
from broadsheet.catalog.people import recount
from broadsheet.models import Link, Paper


def hide(paper: Paper) -> None:
    """Takes a paper out of every listing and of the index. The caller holds the lock on its row."""
    _write(paper, hidden=True)


def show(paper: Paper) -> None:
    """Lets a hidden paper stand again where it would stand."""
    month = paper.month
    if paper.submitted_at is None and (known := identifiers.month_of(paper.identifier)):
        month = known.year * 100 + known.month
    _write(paper, hidden=False, merged_into=None, month=month)


def put_on(paper: Paper, day: date) -> dict[str, Any]:
    """Puts a paper on a day of the daily list, whatever sources say. Returns what `put_back` needs."""
    before = {
        "moved_to": paper.moved_to.isoformat() if paper.moved_to else None,
        "submitted_at": paper.submitted_at.isoformat() if paper.submitted_at else None,
        "announced": paper.announced,
    }
    _write(paper, moved_to=day, submitted_at=noon_of(day), announced=True)
    return before


def put_back(paper: Paper, before: dict[str, Any]) -> None:
    """Undoes `put_on`."""
    moved, submitted = before.get("moved_to"), before.get("submitted_at")
    _write(
        paper,
        moved_to=date.fromisoformat(moved) if moved else None,
        submitted_at=datetime.fromisoformat(submitted) if submitted else None,
        announced=bool(before.get("announced")),
    )


def has_links(paper: Paper) -> None:
    """Notes anew whether a paper has code and models, after its links were changed."""
    kinds = set(Link.objects.filter(paper=paper).values_list("kind", flat=True))
    _write(paper, has_code="code" in kinds, has_models="model" in kinds)


def settle(*papers: int) -> None:
    """Counts votes and comments anew and restands the papers."""
    recount(*papers)
    trending.rescore(papers)


def _write(paper: Paper, **columns: Any) -> None:
    """Writes columns, restands, and tells the index that the paper has changed."""
    for name, value in columns.items():
        setattr(paper, name, value)
    paper.changed_at = datetime.now(UTC)
    paper.save(update_fields=[*columns, "changed_at"])
    # The flags stand on the rows of its categories too, whether or not its place changes.
    paper.in_categories.update(has_code=paper.has_code, has_models=paper.has_models)
    trending.restand(paper.pk)
    paper.refresh_from_db()
