"""What a reader typed, as a tree: identifiers, quoted phrases, fields, words, and what is to be left out.

    attention is all you need            words
    "state space" -mamba                 a phrase that must stand there, a word that must not
    author:"Ada Lovelace" title:engine   fields: author, title, abstract, cat, year, has
    cat:cs.LG year:2023..2025 has:code   the same fields may be refused: -cat:cs.CV
    retriev*                             the beginning of a word
    10.1145/3580305.3599790              an identifier in any spelling

Nothing here knows a table or an index; `filters.py` turns the tree into their questions. Any text is read in
linear time into a `Query`, or refused with a sentence (`BadQuery`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from broadsheet import identifiers
from broadsheet.identifiers import Identified

# What is read of a query. The index takes 64 words, and no word is asked for more than twice.
LONGEST_QUERY = 500
MOST_TERMS = 30
# Identifiers inside a longer text that are looked up.
MOST_NAMED = 5
FIRST_YEAR, LAST_YEAR = 1900, 2100

TextField = Literal["author", "title", "abstract"]
Flag = Literal["code", "models"]


class BadQuery(ValueError):
    """The query cannot be meant. The message is a sentence that says what to type instead."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, perhaps with punctuation inside ("multi-stage"). `beginning`: any longer word will do."""

    text: str
    beginning: bool = False


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words that must stand side by side."""

    text: str


@dataclass(frozen=True, slots=True)
class InField:
    """Words that must stand in one field; side by side if they were quoted."""

    field: TextField
    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class InCategory:
    code: str


@dataclass(frozen=True, slots=True)
class Years:
    """An inclusive range; None is an open end."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Has:
    what: Flag


Positive = Term | Quoted | InField | InCategory | Years | Has


@dataclass(frozen=True, slots=True)
class Without:
    """What must not hold of a paper."""

    part: Positive


Part = Positive | Without


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is what was read, spaces made single. `whole` is set when all of it is one identifier, and
    `named` are the canonical identifiers that stand in it. `notes` are sentences on what was not read."""

    text: str
    parts: tuple[Part, ...] = ()
    whole: Identified | None = None
    named: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The plain words, in order."""
        return tuple(part.text for part in self.parts if isinstance(part, Term))

    @property
    def is_plain(self) -> bool:
        """Nothing but words: no quotes, fields or refusals."""
        return all(isinstance(part, Term) and not part.beginning for part in self.parts)

    def corrected(self, words: Mapping[str, str]) -> Query:
        """The same question with some plain words written otherwise, in its text too."""
        parts = tuple(
            replace(part, text=words.get(part.text, part.text)) if isinstance(part, Term) else part
            for part in self.parts
        )
        text = " ".join(words.get(piece, piece) for piece in self.text.split(" "))
        return replace(self, text=text, parts=parts)


_NAMES: dict[str, str] = {
    "author": "author", "au": "author", "title": "title", "ti": "title", "abstract": "abstract",
    "abs": "abstract", "cat": "cat", "category": "cat", "year": "year", "has": "has",
}  # fmt: skip
# Minus signs that keyboards and word processors make, then a field, then a quoted text or a run of others.
# Every repetition is followed by something it cannot match, so no text is read twice.
_PIECE = re.compile(
    r"(?P<minus>[-−–]*)(?:(?P<field>[A-Za-z]{2,8}):(?:[ ](?![A-Za-z]{2,8}:))?)?"
    r"(?:\"(?P<quoted>[^\"]*)\"?|(?P<run>[^ \"]+))|[ ]"
)
_WORD = re.compile(r"[^\W_]+")
_YEARS = re.compile(r"(\d{4})?(?:(\.\.+|…|-|–)(\d{4})?)?", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9.\-]{2,32}", re.ASCII)
_UNSEEN = dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\xad")
)
_QUOTES = dict.fromkeys(map(ord, "“”„‟«»❝❞＂"), '"')


def parse(text: str) -> Query:
    """Reads any text. BadQuery if a field is given what it cannot hold."""
    read, cut = _tidy(text)
    notes = [f"Only the first {LONGEST_QUERY} characters of the query were read."] if cut else []
    whole = identifiers.parse(read)
    if whole is not None:
        return Query(read, (), whole, (whole.identifier,), tuple(notes))
    parts = _once(_parts(read, notes))
    kept = _first_terms(parts)
    if len(kept) < len(parts):
        notes.append(f"Only the first {MOST_TERMS} words of the query were read.")
    named = tuple(identifiers.find_all(read)[:MOST_NAMED])
    return Query(read, tuple(kept), None, named, tuple(notes))


def check(text: str) -> None:
    """Raises BadQuery when a query cannot be meant, or asks for nothing that a new paper could answer."""
    query = parse(text)
    if query.whole is not None:
        raise BadQuery("That names one paper. Type words, an author or a category to be told of new ones.")
    if not query.parts:
        raise BadQuery("Type what to search for.")


def _once(parts: Iterator[Part]) -> list[Part]:
    """Without what was asked already: a phrase said nine times costs nine times as much and means the same.
    Plain words stay, for their run is read as a sentence."""
    seen, kept = set[Part](), list[Part]()
    for part in parts:
        if (isinstance(part, Term) and not part.beginning) or part not in seen:
            kept.append(part)
        seen.add(part)
    return kept


def _tidy(text: str) -> tuple[str, bool]:
    """Legal Unicode on one line, at most LONGEST_QUERY characters, and whether more was there."""
    start = text[: LONGEST_QUERY * 4]
    if not start.isascii():
        start = unicodedata.normalize("NFKC", start.encode(errors="replace").decode())
        start = start.translate(_UNSEEN).translate(_QUOTES)
    start = " ".join("".join(one if one.isprintable() else " " for one in start).split())
    cut = len(start) > LONGEST_QUERY or bool(text[LONGEST_QUERY * 4 :].strip())
    return start[:LONGEST_QUERY].strip(), cut


def _parts(text: str, notes: list[str]) -> Iterator[Part]:
    for match in _PIECE.finditer(text):
        if match["quoted"] is None and match["run"] is None:
            continue
        name = _NAMES.get((match["field"] or "").lower())
        bare = match["run"] or ""
        if not match["field"] and bare.endswith(":") and bare[:-1].lower() in _NAMES:
            notes.append(f"Nothing stands behind “{bare}”, so it was not read.")
            continue
        for part in _field(name, match, notes) if name else _plain(match):
            yield Without(part) if match["minus"] else part


def _plain(match: re.Match[str]) -> Iterator[Positive]:
    """Words. A name before a colon that is no field of ours is a word too."""
    if match["field"]:
        yield Term(match["field"])
    if match["quoted"] is not None:
        if _WORD.search(match["quoted"]):
            yield Quoted(match["quoted"].strip())
    elif _WORD.search(match["run"]):
        beginning = match["run"].endswith("*")
        yield Term(match["run"].strip("*"), beginning)


def _field(name: str, match: re.Match[str], notes: list[str]) -> Iterator[Positive]:
    said = (match["run"] if match["quoted"] is None else match["quoted"]).strip(" ,;")
    if not _WORD.search(said):
        notes.append(f"Nothing stands behind “{match['field']}:”, so it was not read.")
    elif name == "cat":
        yield _category(said)
    elif name == "year":
        yield _years(said)
    elif name == "has":
        yield _has(said)
    else:
        yield _in_text(name, said, match["quoted"] is not None)


def _in_text(name: str, said: str, quoted: bool) -> InField:
    field: TextField = "author" if name == "author" else "title" if name == "title" else "abstract"
    return InField(field, said, quoted)


def _category(said: str) -> InCategory:
    if not _CODE.fullmatch(said):
        raise BadQuery("Behind “cat:” stands a category such as cs.LG, or a whole archive such as math.")
    return InCategory(said)


def _years(said: str) -> Years:
    match = _YEARS.fullmatch(said)
    if not match:
        raise BadQuery("Behind “year:” stands a year such as 2024, or a range such as 2023..2025.")
    first, range_mark, last = match.groups()
    low, high = (int(each) if each else None for each in (first, last if range_mark else first))
    for year in (low, high):
        if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
            raise BadQuery(f"Years go from {FIRST_YEAR} to {LAST_YEAR}; {year} is not among them.")
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Years(low, high)


def _has(said: str) -> Has:
    known: dict[str, Flag] = {"code": "code", "models": "models", "model": "models"}
    what = known.get(said.lower())
    if what is None:
        raise BadQuery("Behind “has:” stands code or models.")
    return Has(what)


def _first_terms(parts: list[Part]) -> list[Part]:
    """As many parts as hold MOST_TERMS words together; a part too long for what is left ends the list."""
    left, kept = MOST_TERMS, list[Part]()
    for part in parts:
        left -= words_in(part)
        if left < 0:
            break
        kept.append(part)
    return kept or [_shortened(part) for part in parts[:1]]


def words_in(part: Part) -> int:
    """How many words a part asks for."""
    inner = part.part if isinstance(part, Without) else part
    return len(_WORD.findall(inner.text)) if isinstance(inner, Term | Quoted | InField) else 0


def _shortened(part: Part) -> Part:
    """One part longer than all that is read: its first words."""
    if isinstance(part, Without):
        inner = _shortened(part.part)
        assert not isinstance(inner, Without)
        return Without(inner)
    if isinstance(part, Term | Quoted | InField):
        ends = [match.end() for match in _WORD.finditer(part.text)]
        return replace(part, text=part.text[: ends[MOST_TERMS - 1]])
    return part
