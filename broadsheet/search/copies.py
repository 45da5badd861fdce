"""Takes out of a list what stands in it twice: the same paper under two identifiers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from broadsheet.index import Index
from broadsheet.models import Paper
from broadsheet.search import ranking

# Only the head of a list is looked at, and only papers whose vectors are this near have their words compared.
HEAD = 60
LEAST = 0.97
# Two abstracts with this share of three-word runs in common are one text.
SAME_TEXT = 0.8


def dropped(index: Index, name: str, keys: list[int]) -> list[int]:
    """`keys` without the later of two copies. `name` is the embedder whose vectors are compared, "" for none.
    Asks the database only if there are suspects."""
    suspects = ranking.twins(index, name, keys[:HEAD], LEAST) if name else []
    if not suspects:
        return keys
    known = {key for pair in suspects for key in pair}
    rows = Paper.objects.filter(pk__in=known).values_list("pk", "title_key", "abstract")
    texts = {key: (title, _runs(abstract)) for key, title, abstract in rows}
    gone = {
        later
        for first, later in suspects
        if first in texts and later in texts and _same(texts[first], texts[later])
    }
    return [key for key in keys if key not in gone]


def _same(one: tuple[int, frozenset[str]], other: tuple[int, frozenset[str]]) -> bool:
    if one[0] != other[0] and not (one[1] and other[1]):
        return False
    both = len(one[1] & other[1])
    return one[0] == other[0] or both >= SAME_TEXT * len(one[1] | other[1])


def _runs(text: str) -> frozenset[str]:
    words: Sequence[str] = re.findall(r"\w+", text.lower())
    return frozenset(" ".join(words[place : place + 3]) for place in range(len(words) - 2))
