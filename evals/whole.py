"""The whole search of an installation as a searcher: its parser, pinning, correction, fusion and re-ranking.

    BROADSHEET_HOME=FOLDER python -m evals known_items --searcher evals.whole:search

FOLDER is a data folder that holds the corpus and its index (`broadsheet import`, `broadsheet index rebuild`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from evals.workplace import Workplace

Searcher = Callable[[str, int], Sequence[int]]


def search(place: Workplace, correct: bool = True, titled: bool = True) -> Searcher:
    """Rows of the corpus, best first. A paper that is not in the corpus is left out."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    import django

    django.setup()
    from broadsheet import search as searching
    from broadsheet.search.ranking import RECIPE

    recipe = RECIPE if titled else replace(RECIPE, titled=0)
    rows = place.corpus.rows

    def asked(query: str, limit: int) -> list[int]:
        found = searching.search(query, per_page=limit, correct=correct, recipe=recipe)
        return [rows[paper.identifier] for paper in found.papers if paper.identifier in rows]

    return asked


def uncorrected(place: Workplace) -> Searcher:
    return search(place, correct=False)


def untitled(place: Workplace) -> Searcher:
    """Without putting papers first whose title holds the question as a piece."""
    return search(place, titled=False)
