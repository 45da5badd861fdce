"""What the citation formats have in common: where ids hide, and how a place of publication is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime

from broadsheet import identifiers
from broadsheet.sources import LinkKind, words


def identifiers_in(values: Iterable[object]) -> tuple[str, ...]:
    """Canonical ids that a record's fields name, strongest first. A field may hold an id, an address, or
    what Google Scholar makes of an arXiv id (`arXiv preprint arXiv:2503.01234`); ids inside other sentences
    are those of other papers."""
    found: dict[str, None] = {}
    for value in values:
        if not isinstance(value, str) or not value:
            continue
        if identified := identifiers.parse(value):
            found[identified.identifier] = None
        elif _IS_PREPRINT.match(value):
            found |= dict.fromkeys(identifiers.find_all(value)[:1])
    return tuple(sorted(found, key=identifiers.rank))


def page(address: object) -> list[tuple[LinkKind, object]]:
    """The address a record gives, as the link it most likely is."""
    is_pdf = isinstance(address, str) and address.lower().endswith(".pdf")
    return [("pdf" if is_pdf else "abstract", address)]


def month(published: datetime | None, given: date | None, known: tuple[str, ...]) -> date | None:
    """The month to fall back on when the day is not known: the record's, else that of an arXiv id."""
    if published:
        return None
    return given or (identifiers.month_of(known[0]) if known else None)


def journal_ref(container: object, volume: object, issue: object, year: object, pages: object) -> str:
    """`Nature 521 (2015) 436-444`, as far as it is known; empty without a journal or book."""
    name = words.line(container)
    if not name or _IS_PREPRINT.match(name):
        return ""
    number = _short(volume) + (f".{_short(issue)}" if _short(volume) and _short(issue) else "")
    parts = [name, number, f"({_short(year)})" if _short(year) else "", _short(pages)]
    return " ".join(part for part in parts if part)


# An arXiv id written as a journal.
_IS_PREPRINT = re.compile(r"arxiv|corr\b", re.IGNORECASE)


def _short(value: object) -> str:
    return words.line(str(value) if isinstance(value, int) else value, 40)
