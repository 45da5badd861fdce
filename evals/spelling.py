"""Spelling: real misspellings, each as a word of its own, corrected from the corpus's vocabulary.

Correct: one of the words that people meant. Wrong: another word. Abstained: left as it was typed. As in the
search, a word that stands in a title or is an author's name is left alone, and so are slips of authors.
Right words are those that the misspellings are corrected to; changing one is always a fault.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence

from broadsheet.index import EVERYTHING, Words
from broadsheet.search import vocabulary
from broadsheet.search.spelling import Speller
from broadsheet.search.vocabulary import Vocabulary
from evals.data import lines
from evals.report import Table, percent
from evals.workplace import Workplace

SEED = 5
RIGHT = 4_000


def run(place: Workplace) -> list[Table]:
    speller = Speller(_vocabulary(place))
    slips = [(row["misspelling"], frozenset(row["corrections"])) for row in lines("spelling.jsonl.gz")]
    meant = sorted(frozenset().union(*(words for _, words in slips)))
    right = random.Random(SEED).sample(meant, min(RIGHT, len(meant)))
    heads = ("what is typed", "words", "correct", "wrong", "abstained", "mean ms")
    table = Table("Spelling: real misspellings", heads)
    table.rows.append(("misspelt words", *_shares(place, speller, slips)))
    table.rows.append(
        ("right words", *_shares(place, speller, [(word, frozenset({word})) for word in right]))
    )
    return [table]


def _vocabulary(place: Workplace) -> Vocabulary:
    path = place.folder / f"vocabulary-{place.limit or 'all'}.npy"
    vocabulary.write(path, place.index.terms(), place.index.count())
    return Vocabulary(path)


def _shares(
    place: Workplace, speller: Speller, asked: Sequence[tuple[str, frozenset[str]]]
) -> tuple[int, str, str, str, str]:
    def is_meaningful(word: str) -> bool:
        return bool(place.index.lexical(Words(word, "author"), EVERYTHING, 1)) or _in_a_title(place, word)

    correct, wrong, abstained = list[float](), list[float](), list[float]()
    begun = time.perf_counter()
    for typed, meant in asked:
        said = speller.corrections([typed], is_meaningful).get(typed)
        correct.append(float(said in meant))
        wrong.append(float(said is not None and said not in meant))
        abstained.append(float(said is None))
    took = 1000 * (time.perf_counter() - begun) / max(1, len(asked))
    return len(asked), percent(correct), percent(wrong), percent(abstained), f"{took:.1f}"


def _in_a_title(place: Workplace, word: str) -> bool:
    """Whether a title has this very word, among the ten that the search looks at."""
    hits = place.index.lexical(Words(word, "title"), EVERYTHING, 10)
    titles = (place.text(hit.key).partition("\n")[0] for hit in hits)
    return any(word in re.findall(r"\w+", title.lower()) for title in titles)
