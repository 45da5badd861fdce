"""Known items: somebody knows the paper and types what they remember of it. Is it first, is it among ten?

What answers is a `Searcher`, so that the same questions can be put to the bare index and to a whole search
with its query parser and spelling correction: `python -m evals known_items --searcher module:function`.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from broadsheet import identifiers
from evals.measures import Floats
from evals.ranking import fused
from evals.report import Table, percent
from evals.topics import FUSED
from evals.workplace import Workplace

Searcher = Callable[[str, int], Sequence[int]]
"""From a query and a limit to keys (rows of the corpus), best first."""

SAMPLE = 1_000
SEED = 7
LISTED = 10
NEIGHBOURS = {"a": "qsz", "e": "wrd", "i": "uok", "o": "ipl", "u": "yij", "s": "adw", "t": "ryg", "n": "bmh"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a kind, and the rows that answer it."""

    kind: str
    query: str
    answers: frozenset[int]


def run(place: Workplace, searcher: str = "") -> list[Table]:
    search = load(searcher, place) if searcher else bare(place)
    table = Table(
        f"Known items: {searcher or 'words and static vectors, no parser, no correction'}",
        ("what is typed", "queries", "success@1", "success@10", "median ms", "99% within ms"),
    )
    asked = items(place)
    for kind in dict.fromkeys(item.kind for item in asked):
        of_kind = [item for item in asked if item.kind == kind]
        firsts, tens, times = _asked(search, of_kind)
        half, most = np.percentile(times, [50, 99])
        table.rows.append((kind, len(of_kind), percent(firsts), percent(tens), f"{half:.1f}", f"{most:.1f}"))
    return [table]


def load(name: str, place: Workplace) -> Searcher:
    """The searcher that `module:function` makes when it is given the workplace."""
    module, _, function = name.partition(":")
    made: Searcher = getattr(import_module(module), function)(place)
    return made


def bare(place: Workplace) -> Searcher:
    """Fusion of the index's two lists, nothing else."""

    def search(query: str, limit: int) -> list[int]:
        return list(fused(FUSED, place.lists(query, FUSED.depth)))[:limit]

    return search


def items(place: Workplace) -> list[Item]:
    """The questions, the same in every run: titles drawn once, of four words at least."""
    chance = random.Random(SEED)
    corpus = place.corpus
    worthy = [row for row, title in enumerate(corpus.titles) if len(title.split()) >= 4]
    asked = []
    for row in chance.sample(worthy, min(SAMPLE, len(worthy))):
        title = corpus.titles[row]
        twins = frozenset(place.titled(title))
        words = title.split()
        middle = (len(words) + 1) // 2
        spelt = chance.choice(spellings(corpus.ids[row]))
        asked += [
            Item("title", title, twins),
            Item("title, one typo", misspelt(title, 1, chance), twins),
            Item("title, two typos", misspelt(title, 2, chance), twins),
            Item("first half of the title", " ".join(words[:middle]), twins),
            Item("second half of the title", " ".join(words[middle:]), twins),
            Item("arXiv id, five spellings", spelt, frozenset({row})),
        ]
        asked += _author_and_year(place, row)
    return asked


def misspelt(title: str, count: int, chance: random.Random) -> str:
    """The title with `count` slips, in different words where it has enough of four or more letters."""
    words = title.split()
    long = [place for place, word in enumerate(words) if len(re.findall("[A-Za-z]", word)) >= 4]
    chosen = chance.sample(long, min(count, len(long)))
    for place in chosen:
        words[place] = _slip(words[place], chance)
    return " ".join(words)


def _slip(word: str, chance: random.Random) -> str:
    """One letter left out, doubled, put in, replaced by a neighbour key, or two swapped."""
    place = chance.randrange(1, len(word) - 1)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    kind = chance.choice(("leave out", "double", "put in", "replace", "swap"))
    if kind == "leave out":
        return before + after
    if kind == "double":
        return before + letter * 2 + after
    if kind == "put in":
        return before + chance.choice(LETTERS) + letter + after
    if kind == "swap" and after[0] != letter:
        return before + after[0] + letter + after[1:]
    return before + chance.choice(NEIGHBOURS.get(letter.lower(), LETTERS)) + after


def spellings(arxiv_id: str) -> list[str]:
    """Five ways in which people write an arXiv id."""
    return [
        arxiv_id,
        f"arXiv:{arxiv_id}v2",
        f"https://arxiv.org/abs/{arxiv_id}",
        f"https://arxiv.org/pdf/{arxiv_id}v1.pdf",
        f"10.48550/arXiv.{arxiv_id}",
    ]


def _author_and_year(place: Workplace, row: int) -> list[Item]:
    """ "Lovelace 2024": right is any paper of that year by somebody of that name."""
    names, year = place.corpus.authors[row], place.corpus.months[row][:4]
    if not names or not year:
        return []
    surname = identifiers.surname(names[0])
    answers = place.by_surname_and_year.get((surname.casefold(), year), frozenset({row}))
    return [Item("first author and year", f"{surname} {year}", frozenset(answers))]


def _asked(search: Searcher, asked: Sequence[Item]) -> tuple[list[float], list[float], Floats]:
    """Success at 1 and at 10 of each question, and the milliseconds each took."""
    firsts, tens, times = list[float](), list[float](), list[float]()
    for item in asked:
        started = time.perf_counter()
        found = list(search(item.query, LISTED))
        times.append(1000 * (time.perf_counter() - started))
        firsts.append(float(bool(item.answers.intersection(found[:1]))))
        tens.append(float(bool(item.answers.intersection(found))))
    return firsts, tens, np.array(times)
