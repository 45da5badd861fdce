"""Hostile queries: what the search page answers to text that no reader would type, and how long it takes.

`python -m bench fuzz --home FOLDER --questions 20000` asks them in process on one core (`python -m
bench.fuzzing` is that process; it reads a plan as JSON and prints facts). The same addresses come every time.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_from_bytes

from bench.inside import Application, ask
from bench.timings import Timings

SEED = 7
# Slower than this is a finding.
TOO_LONG = 1.0
# An address longer than this is refused before anything reads it; some are.
LONGEST = 120_000

_COMMON = (
    "the", "of", "we", "model*", "a*", "co*", "-the", "-model", "re*", '"of the"', "-cat:cs", "data",
)  # fmt: skip
_WORDS = (
    "model", "training", "the", "of", "state", "space", "neural", "a", "deep", "transformer", "graph",
    "stage", "galaxies", "multi-stage", "retriev*", "Vaswani", "2017", "et", "al", "2301.00001",
    "10.1000/x", "C++",
)  # fmt: skip
_SIGNS = (
    '"', "'", "“", "”", "(", ")", "[", "]", "{", "}", "*", "?", "~", "^", "+", "-", "−", "--", "!", "&&",
    "||", "\\", "/", ":", "::", ";", ",", ".", "..", "…", "<", ">", "=", "%", "$", "#", "@", "_", "|",
    "AND", "OR", "NOT", "NEAR", "TO", "IN [", "\t", "\n", "\r",
)  # fmt: skip
_FIELDS = (
    "author:", "title:", "abstract:", "cat:", "year:", "has:", "au:", "ti:", "-author:", "-cat:",
    "-year:", "has:code", "has:models", "-has:code", "year:2020..2024", "year:..", "year:9999",
    "year:2024..2020", "cat:cs.LG", "cat:cs", "cat:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "foo:",
    "http:", "-",
)  # fmt: skip
_STRANGE = (
    "\u202e", "\u200f", "\u200b", "\u2066", "\ufeff", "\u0301",
    "\u0300" * 40,
    "é", "ß", "İ", "\ufb01", "\U0001d518\U0001d52b\U0001d526", "\U0001f600",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1e9\U0001f1ea",
    "\u65e5\u672c\u8a9e", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "\u05e2\u05d1\u05e8\u05d9\u05ea", "\uffff",
    "\U0010ffff", "½", "\u0663", "①", "ǅ", "\u2028", "a\u0308\u0323",
)  # fmt: skip


def addresses(count: int, seed: int = SEED) -> Iterator[str]:
    """Addresses of the search page, some of its feeds and of its fragment as one types."""
    lot = random.Random(seed)
    for _ in range(count):
        suffix = lot.choice(("", "", "", "", ".rss", ".json", ".bib"))
        query = lot.choice(_KINDS)(lot)
        yield f"/search{suffix}?q={query}{_beside(lot)}"[:LONGEST]


def _beside(lot: random.Random) -> str:
    """Now and then other parameters."""
    if lot.random() < 0.8:
        return ""
    names = ("sort", "category", "year", "has", "p", "after", "exact", "q")
    values = (
        "date",
        "votes",
        "trending",
        "cs.LG",
        "2024",
        "2020..",
        "code",
        "1",
        "2",
        "7.3",
        "x",
        "%00",
        "%FF",
        "",
    )
    return "".join(f"&{lot.choice(names)}={lot.choice(values)}" for _ in range(lot.randint(1, 4)))


def _mixed(lot: random.Random) -> str:
    parts = [lot.choice(lot.choice((_WORDS, _SIGNS, _FIELDS, _STRANGE))) for _ in range(lot.randint(1, 25))]
    return quote(lot.choice((" ", "")).join(parts), safe="")


def _bytes(lot: random.Random) -> str:
    return quote_from_bytes(lot.randbytes(lot.randint(1, 200)), safe=b"")


def _letters(lot: random.Random) -> str:
    """Any characters, control and unassigned ones too."""
    return quote("".join(chr(_legal(lot.randrange(0x110000))) for _ in range(lot.randint(1, 120))), safe="")


def _legal(number: int) -> int:
    return number if not 0xD800 <= number < 0xE000 else number - 0x800


def _repeated(lot: random.Random) -> str:
    piece = lot.choice(lot.choice((_WORDS, _SIGNS, _FIELDS, _STRANGE)))
    return quote(piece * lot.choice((2, 30, 300, 3_000, 30_000)), safe="")[: lot.choice((7_000, LONGEST))]


def _unbalanced(lot: random.Random) -> str:
    words = [lot.choice(_WORDS) for _ in range(lot.randint(1, 12))]
    for _ in range(lot.randint(1, 7)):
        words.insert(lot.randrange(len(words) + 1), lot.choice('"“”()'))
    return quote(lot.choice((" ", "")).join(words), safe="")


def _broad(lot: random.Random) -> str:
    """Legal, and as much work as can be asked for: common words, short beginnings, refusals of everything."""
    parts = [
        lot.choice(
            ("the", "of", "we", "model*", "a*", "co*", "-the", "-model", "re*", '"of the"', "-cat:cs", "data")
        )
        for _ in range(lot.randint(5, 30))
    ]
    return quote(" ".join(parts), safe="")


_KINDS: tuple[Callable[[random.Random], str], ...] = (
    _mixed,
    _mixed,
    _bytes,
    _letters,
    _repeated,
    _unbalanced,
    _broad,
)


def fuzz(
    asking: Callable[[str], tuple[int, int]], count: int, seed: int = SEED
) -> tuple[Timings, Counter[int], list[str]]:
    """Asks `asking`, which gives the status and the bytes of an answer, for all of them: times, how often
    each status came, and the addresses that were answered with 500 or took too long."""
    found, statuses, bad = Timings("hostile queries"), Counter[int](), list[str]()
    begun = time.perf_counter()
    for address in addresses(count, seed):
        before = time.perf_counter()
        status, size = asking(address)
        took = time.perf_counter() - before
        found.seconds.append(took)
        found.sizes.append(size)
        statuses[status] += 1
        if status >= 500 or took > TOO_LONG:
            bad.append(f"{status} in {took:.2f} s: {address[:300]}")
    found.elapsed = time.perf_counter() - begun
    return found, statuses, bad


def main() -> None:
    from django.core.wsgi import get_wsgi_application

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    plan = json.load(sys.stdin)
    application: Application = get_wsgi_application()
    # Opening the index and the models is no answer's time.
    ask(application, "/search?q=warm")
    found, statuses, bad = fuzz(lambda address: ask(application, address), plan["questions"])
    facts: dict[str, Any] = found.facts()
    facts["statuses"] = {str(status): number for status, number in sorted(statuses.items())}
    facts["bad"] = bad
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
