"""Searches that a reader keeps: one text each, as the search box understands it, filters folded in."""

from __future__ import annotations

import re

from django.db import transaction

from broadsheet.models import Reader, SavedSearch
from broadsheet.search.filters import UNNARROWED, Narrowing
from broadsheet.search.query import LONGEST_QUERY, BadQuery, InCategory, parse

# More than anybody reads, and few enough for one page.
MOST_SAVED = 100
LONGEST_NAME = 120

_CATEGORY = re.compile(r"(?<!\S)cat(?:egory)?: ?(?:\"[^\"]*\"?|\S+)", re.IGNORECASE)


def as_text(text: str, narrowing: Narrowing = UNNARROWED) -> str:
    """A query that asks in words alone for what `text` asks under filters beside it.

    Raises BadQuery where nothing is asked, where `text` cannot be meant, and where it would become too long.
    """
    query = parse(text)
    words = query.text
    if narrowing.categories and any(isinstance(part, InCategory) for part in query.parts):
        # Two categories in one query are alternatives; the one chosen last is the narrower wish.
        words = " ".join(_CATEGORY.sub(" ", words).split())
    whole = " ".join(part for part in (words, *_filters(narrowing)) if part)
    if not whole:
        raise BadQuery("There is nothing to save yet: type some words, or choose a filter.")
    if len(whole) > LONGEST_QUERY:
        raise BadQuery(
            f"This search is too long to be saved. Use fewer words: {LONGEST_QUERY} characters fit."
        )
    return whole


def _filters(narrowing: Narrowing) -> list[str]:
    found = [f"cat:{code}" for code in narrowing.categories]
    first, last = narrowing.first_year, narrowing.last_year
    if first is not None or last is not None:
        found.append(f"year:{first}" if first == last else f"year:{first or ''}..{last or ''}")
    return found + [f"has:{what}" for what in ("code", "models") if getattr(narrowing, f"has_{what}")]


def save(reader: Reader, query: str, name: str = "") -> SavedSearch:
    """Keeps a query; one that is kept already gets the new name, if there is one.

    Raises BadQuery where the query cannot be meant or the reader keeps too many.
    """
    query, name = as_text(query), " ".join(name.split())[:LONGEST_NAME]
    with transaction.atomic():
        # Two clicks at once are one after the other.
        Reader.objects.select_for_update().get(pk=reader.pk)
        mine = SavedSearch.objects.filter(reader=reader)
        found = mine.filter(query=query).first()
        if found is None:
            if mine.count() >= MOST_SAVED:
                raise BadQuery(f"You keep {MOST_SAVED} searches. Delete one to save another.")
            return SavedSearch.objects.create(reader=reader, query=query, name=name)
        if name and name != found.name:
            found.name = name
            found.save(update_fields=["name"])
        return found


def saved_by(reader: Reader) -> list[SavedSearch]:
    """The newest first."""
    return list(SavedSearch.objects.filter(reader=reader).order_by("-created_at", "-pk")[:MOST_SAVED])


def is_saved(reader: Reader, query: str) -> bool:
    return SavedSearch.objects.filter(reader=reader, query=query).exists()


def rename(reader: Reader, key: int, name: str) -> SavedSearch | None:
    """The reader's own search under another name, "" for none; None if there is no such search."""
    found = SavedSearch.objects.filter(reader=reader, pk=key).first()
    if found is not None:
        found.name = " ".join(name.split())[:LONGEST_NAME]
        found.save(update_fields=["name"])
    return found


def forget(reader: Reader, key: int) -> SavedSearch | None:
    """What was forgotten; None if the reader kept no such search."""
    found = SavedSearch.objects.filter(reader=reader, pk=key).first()
    if found is not None:
        SavedSearch.objects.filter(pk=found.pk).delete()
    return found
