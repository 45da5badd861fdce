"""arXiv's query grammar (https://info.arxiv.org/help/api/user-manual.html#query_details), as a tree.

    ti:"state space" AND (au:gu_a OR au:dao) ANDNOT cat:cs.CV
    all:electron AND submittedDate:[202301010600 TO 202401010600]

AND and ANDNOT bind closer than OR; words side by side are alternatives, as they are there. A field before a
bracket or quotes belongs to all of it; `*` at the end of a word stands for any ending. Any text is read in
linear time into a tree or refused with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Field = Literal["any", "title", "author", "abstract", "comment", "journal", "category", "id"]
Moment = Literal["published", "revised"]

LONGEST: Final = 2_000
MOST_LEAVES: Final = 40
MOST_LEVELS: Final = 10

_FIELDS: Final[dict[str, Field]] = {
    "all": "any",
    "ti": "title",
    "au": "author",
    "abs": "abstract",
    "co": "comment",
    "jr": "journal",
    "cat": "category",
    # Reports are not kept by number; where one is known, it stands in the comment.
    "rn": "comment",
    "id": "id",
}
_MOMENTS: Final[dict[str, Moment]] = {"submittedDate": "published", "lastUpdatedDate": "revised"}
_TOKEN: Final = re.compile(
    r"""\s+ | (?P<range>(?P<moment>submittedDate|lastUpdatedDate):\s*\[\s*(?P<from>[^\s\]]{0,20})\s+TO\s+
        (?P<to>[^\s\]]{0,20})\s*\]) | (?P<open>\() | (?P<close>\)) | (?P<field>[A-Za-z]{1,20}):(?=\S)
        | "(?P<quoted>[^"]*)"? | (?P<word>[^\s()"]+)""",
    re.VERBOSE,
)
_DAY: Final = re.compile(r"(\d{4})(\d\d)?(\d\d)?(?:\d\d){0,3}", re.ASCII)


class BadArxivQuery(ValueError):
    """The query cannot be read; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Words to be found in a field. `phrase`: they stand side by side; `beginning`: the word may go on."""

    field: Field
    text: str
    phrase: bool = False
    beginning: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """A paper's moment lies within these days, both included; None without an end."""

    moment: Moment
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


Node = Leaf | Between | All | Any | Not


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str = ""
    node: Between | None = None


def parse(text: str) -> Node:
    """Raises BadArxivQuery."""
    if len(text) > LONGEST:
        raise BadArxivQuery(f"search_query is too long: {LONGEST:,} characters fit.")
    tokens = _tokens(text)
    if not tokens:
        raise BadArxivQuery("search_query is empty.")
    reader = _Reader(tokens)
    found = reader.any("any", 0)
    if reader.here is not None:
        raise BadArxivQuery("search_query closes a bracket that it has not opened.")
    return found


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if match["range"]:
            node = Between(_MOMENTS[match["moment"]], _day(match["from"], False), _day(match["to"], True))
            found.append(_Token("range", node=node))
        elif kind == "field":
            if match["field"].lower() not in _FIELDS:
                raise BadArxivQuery(f"{match['field'][:20]} is no field. Known: {', '.join(_FIELDS)}.")
            found.append(_Token("field", match["field"].lower()))
        elif kind == "word" and match["word"] in ("AND", "OR", "ANDNOT", "NOT"):
            found.append(_Token(match["word"]))
        elif kind is not None:
            found.append(_Token(kind, match[kind] or ""))
    return found


def _day(text: str, last: bool) -> date | None:
    """`20230101` and `202301010600` name a day; `2023` and `202301` its first or last one."""
    if text in ("*", ""):
        return None
    match = _DAY.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        year, month, day = (int(part) if part else 0 for part in match.groups())
        if day:
            return date(year, month, day)
        if month:
            return date(year + month // 12, month % 12 + 1, 1) - _ONE if last else date(year, month, 1)
        return date(year, 12, 31) if last else date(year, 1, 1)
    except (ValueError, OverflowError) as error:
        raise BadArxivQuery(f"{text} is no date. Dates look like 202301010600 or 20230101.") from error


_ONE: Final = date(2000, 1, 2) - date(2000, 1, 1)


class _Reader:
    """Reads tokens from left to right: alternatives of conjunctions of items."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._leaves = 0

    @property
    def here(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, *kinds: str) -> _Token | None:
        token = self.here
        if token is None or token.kind not in kinds:
            return None
        self._at += 1
        return token

    def any(self, field: Field, level: int) -> Node:
        if level > MOST_LEVELS:
            raise BadArxivQuery(f"search_query is nested too deep: {MOST_LEVELS} brackets fit in each other.")
        parts = [self._all(field, level)]
        while (token := self.here) is not None and token.kind != "close":
            self._take("OR")
            parts.append(self._all(field, level))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _all(self, field: Field, level: int) -> Node:
        parts = [self._item(field, level)]
        while token := self._take("AND", "ANDNOT", "NOT"):
            negated = token.kind != "AND" or self._take("NOT") is not None
            item = self._item(field, level)
            parts.append(Not(item) if negated else item)
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _item(self, field: Field, level: int) -> Node:
        if named := self._take("field"):
            field = _FIELDS[named.text]
        if token := self._take("range"):
            assert token.node is not None
            return token.node
        if self._take("open"):
            inner = self.any(field, level + 1)
            if not self._take("close"):
                raise BadArxivQuery("search_query opens a bracket that it does not close.")
            return inner
        token = self._take("word", "quoted")
        if token is None:
            wanted = self.here.kind if self.here else "the end"
            raise BadArxivQuery(f"search_query has nothing to look for before {wanted}.")
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            raise BadArxivQuery(f"search_query is too long: {MOST_LEAVES} terms fit.")
        return _leaf(field, token)


def _leaf(field: Field, token: _Token) -> Leaf:
    text = token.text.strip()
    if token.kind == "quoted":
        return Leaf(field, text, phrase=True)
    beginning = text.endswith("*")
    text = text.rstrip("*")
    if field == "author" and "_" in text:
        # `lovelace_a` is A. Lovelace, `del_maestro` a name of two words.
        *family, last = [part for part in text.split("_") if part] or [""]
        words = [last, *family] if len(last) == 1 else [*family, last]
        return Leaf(field, " ".join(words), phrase=True)
    return Leaf(field, text.replace("_", " "), phrase="_" in text, beginning=beginning)
