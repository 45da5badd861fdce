"""Several files of citations as one: what names an entry in two of them stays apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

# Where an entry begins with its name, which no other entry of a file may have.
_NAMED: Final = {
    "bib": re.compile(r"^(@\w+\{)([^,\s]+)(?=,)", re.MULTILINE),
    "ris": re.compile(r"^(ID  - )(\S+)", re.MULTILINE),
}


def joined(pages: Sequence[str], form: str, most: int | None = None) -> str:
    """Files of one format after each other; of CSL-JSON at most so many items."""
    if form == "csl.json":
        return _one_array(pages, most)
    seen: set[str] = set()
    if pattern := _NAMED.get(form):
        pages = [pattern.sub(lambda found: found[1] + _apart(found[2], seen), page) for page in pages]
    return ("\n---\n\n" if form == "md" else "\n").join(pages)


def entries(page: str, form: str) -> int:
    """How many citations a file has, as far as its format lets that be seen."""
    if form == "csl.json":
        return len(json.loads(page))
    pattern = _NAMED.get(form)
    return len(pattern.findall(page)) if pattern else 1


def _one_array(arrays: Iterable[str], most: int | None) -> str:
    seen: set[str] = set()
    items = [item for each in arrays for item in json.loads(each)][:most]
    lines = [orjson.dumps({**item, "id": _apart(item["id"], seen)}).decode() for item in items]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _apart(name: str, seen: set[str]) -> str:
    """The name, or the first of name-2, name-3, … that nobody has."""
    tried, number = name, 1
    while tried in seen:
        number += 1
        tried = f"{name}-{number}"
    seen.add(tried)
    return tried
