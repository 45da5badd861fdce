"""A reader's own marks on one paper, as buttons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from broadsheet import community
from broadsheet.community import marks
from broadsheet.models import MARKS, Paper
from broadsheet.web import access

# What pressing says, what stands there then, what taking it off says.
WORDS: Final = {
    "saved": ("Save", "Saved", "Take out"),
    "read": ("Mark as read", "Read", "Not read"),
    "refused": ("Not interested", "Not interested", "Show again"),
}


@dataclass(frozen=True, slots=True)
class Button:
    """One mark as a form: what it says, whether it is on, what pressing it does."""

    kind: str
    word: str
    on: bool


def buttons(kinds: set[str]) -> list[Button]:
    return [Button(kind, WORDS[kind][1 if kind in kinds else 0], kind in kinds) for kind in MARKS]


def named(identifier: str) -> Paper:
    """The paper that a form means. Raises Refused (404)."""
    # PostgreSQL takes no NUL, and no identifier has one.
    known = "\0" not in identifier
    found = Paper.objects.filter(identifier=identifier[:255]).first() if known else None
    if found is None:
        raise community.Refused("There is no such paper here.", 404)
    return found


def own_buttons(request: HttpRequest, paper: Paper) -> list[Button]:
    """The buttons for one's own marks on a paper; none for a stranger."""
    reader = access.reader_of(request)
    return buttons(marks.marks_on(reader, [paper.pk]).get(paper.pk, set())) if reader else []
