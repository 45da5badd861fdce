"""What a reader keeps about a paper for themselves: saved in the library, read, not interested."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from broadsheet import text
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import open_paper
from broadsheet.models import MARKS, Mark, Paper, Reader

MOST_MARKS: Final = 50_000


def mark(reader: Reader, paper: int, kind: str) -> None:
    """Puts a mark on a paper; twice is once. "Not interested" and "saved" exclude each other."""
    _known(kind)
    with transaction.atomic():
        about = open_paper(paper)
        if Mark.objects.filter(reader=reader, kind=kind)[: MOST_MARKS + 1].count() > MOST_MARKS:
            raise Refused(f"A list holds at most {MOST_MARKS:,} papers. Take some out first.")
        Mark.objects.get_or_create(reader=reader, paper=about, kind=kind)
        against = {"saved": "refused", "refused": "saved"}.get(kind)
        if against:
            Mark.objects.filter(reader=reader, paper=about, kind=against).delete()


def unmark(reader: Reader, paper: int, kind: str) -> None:
    """Takes a mark off; one that is not there is no harm."""
    _known(kind)
    Mark.objects.filter(reader=reader, paper_id=paper, kind=kind).delete()


def _known(kind: str) -> None:
    if kind not in MARKS:
        raise Refused(f"A mark is one of {', '.join(MARKS)}.", 400)


def marks_on(reader: Reader, papers: list[int]) -> dict[int, set[str]]:
    """A reader's own marks on some papers, in one query."""
    found: dict[int, set[str]] = {}
    for paper, kind in Mark.objects.filter(reader=reader, paper__in=papers).values_list("paper_id", "kind"):
        found.setdefault(paper, set()).add(kind)
    return found


def refused_papers(reader: Reader) -> QuerySet[Mark, int]:
    """Keys of the papers that are never shown to this reader again, for `exclude(pk__in=...)`."""
    return Mark.objects.filter(reader=reader, kind="refused").values_list("paper_id", flat=True)


def marked(
    reader: Reader, kind: str, page: int = 1, per_page: int | None = None, words: str = ""
) -> tuple[list[Paper], int]:
    """One page of the papers that a reader marked, the newest mark first, and how many there are.

    `words` narrows to papers whose title or authors hold every one of them.
    """
    _known(kind)
    size = per_page or settings.PAGE_SIZE
    rows = Mark.objects.filter(holding(words, "paper__"), reader=reader, kind=kind, paper__hidden=False)
    total = rows.count()
    keys = list(
        rows.order_by("-created_at", "pk").values_list("paper_id", flat=True)[(page - 1) * size : page * size]
    )
    papers = Paper.objects.cards().in_bulk(keys)
    return [papers[key] for key in keys if key in papers], total


def holding(words: str, prefix: str = "") -> Q:
    """That a paper's title, authors or identifier hold every word, whatever its case."""
    found = Q()
    for word in text.plain_line(words[:200]).split()[:8]:
        found &= (
            Q(**{f"{prefix}title__icontains": word})
            | Q(**{f"{prefix}authors__icontains": word})
            | Q(**{f"{prefix}identifier__icontains": word})
        )
    return found


def all_marked(reader: Reader, kind: str, most: int = 5_000) -> list[Paper]:
    """The papers that a reader marked, whole, for an export."""
    _known(kind)
    rows = Mark.objects.filter(reader=reader, kind=kind, paper__hidden=False).order_by("-created_at", "pk")
    keys = list(rows.values_list("paper_id", flat=True)[:most])
    return whole(keys)


def whole(keys: list[int]) -> list[Paper]:
    """Papers with all that citations need, in the order of their keys."""
    found: dict[int, Any] = {}
    for start in range(0, len(keys), 500):
        found |= Paper.objects.prefetch_related("aliases").in_bulk(keys[start : start + 500])
    return [found[key] for key in keys if key in found]
