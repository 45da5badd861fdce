"""Papers by their keys, as a page of cards shows them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from django.db import connection

from broadsheet.models.kept import Kept
from broadsheet.models.paper import Paper

# Pages of more papers are rare, and each length of page is a query of its own to be kept.
MOST_KEPT = 60


def listed_by_key(keys: Sequence[int]) -> dict[int, Paper]:
    """The listed papers among these, by key; as `Paper.objects.listed().in_bulk(keys)`, in half its time."""
    if not 0 < len(keys) <= MOST_KEPT:
        return Paper.objects.listed().in_bulk(keys)
    names, rows = _listed(len(keys)).rows(*keys)
    papers = [Paper.from_db(connection.alias, names, row) for row in rows]
    return {paper.pk: paper for paper in papers}


@cache
def _listed(count: int) -> Kept:
    return Kept(lambda: Paper.objects.listed().filter(pk__in=range(count)))
