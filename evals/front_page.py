"""The built-in front page: its 111 papers among 300,000, found again by what they have in common.

They came from somebody's search for "multi-stage training". Here they have a title and a summary of ours, no
abstract, so they are found by less than the other papers are.
"""

from __future__ import annotations

from collections.abc import Sequence

from evals.data import front_page
from evals.ranking import ranked
from evals.report import Table
from evals.topics import DEFAULT, FUSED, STATIC_ONLY, WORDS_ONLY
from evals.workplace import Workplace

PHRASES = (
    "multi-stage training",
    "multi stage pretraining",
    "staged training of large models",
    "training in several stages",
    "pretraining followed by fine-tuning",
    "progressive training strategy",
)
RECIPES = {"words": WORDS_ONLY, "static": STATIC_ONLY, "fusion": FUSED, "re-ranked": DEFAULT}
LISTED = 200


def run(place: Workplace) -> list[Table]:
    return [_phrases(place), _own_titles(place)]


def _phrases(place: Workplace) -> Table:
    table = Table(f"Front page: how many of 111 stand in the first {LISTED}", ("phrase", *RECIPES))
    rows = set(place.front_page_rows)
    for phrase in PHRASES:
        lists = place.lists(phrase, LISTED)

        def cosines(keys: Sequence[int], phrase: str = phrase) -> dict[int, float]:
            return place.cosines(phrase, keys)

        counts = [
            len(rows.intersection(ranked(recipe, lists, cosines)[:LISTED])) for recipe in RECIPES.values()
        ]
        table.rows.append((phrase, *counts))
    return table


def _own_titles(place: Workplace) -> Table:
    """Each paper by its own title; the first hit may also be its twin in the corpus, with the same title."""
    table = Table("Front page: first for its own title, of 111", ("ranking", "first", "among ten"))
    for name in ("words", "fusion"):
        first = ten = 0
        for row, (title, _) in zip(place.front_page_rows, front_page(), strict=True):
            order = ranked(RECIPES[name], place.lists(title[:500], LISTED), lambda keys: {})
            twins = place.titled(title) | {row}
            first += bool(twins.intersection(order[:1]))
            ten += bool(twins.intersection(order[:10]))
        table.rows.append((name, first, ten))
    return table
