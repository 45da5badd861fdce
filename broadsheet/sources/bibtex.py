"""BibTeX and BibLaTeX, read with bibtexparser (https://github.com/sciunto-org/python-bibtexparser)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from bibtexparser.entrypoint import parse_string
from bibtexparser.library import Library
from bibtexparser.middlewares import LatexDecodingMiddleware
from bibtexparser.middlewares.names import parse_single_name_into_parts
from bibtexparser.model import Block, DuplicateFieldKeyBlock, Entry, Field, ParsingFailedBlock, String

from broadsheet import identifiers
from broadsheet.sources import PaperRecord, Reject, citations, links, moments, words
from broadsheet.sources.pieces import Piece, Stream, blocks, papers, reject

MOST_STRINGS = 10_000
LONGEST_JOINED = 10_000

# What it would log is what we yield as a `Reject`.
logging.getLogger("bibtexparser").addHandler(logging.NullHandler())


class BibtexSource:
    """A BibTeX file as a `Source`, in the order of the file, one entry in memory. Reads `stream` once."""

    name = "bibtex"

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        return papers(_entries(self.stream), record, since)


_BEGINS = re.compile(r"\s{0,100}@\s{0,9}\w{1,100}\s{0,9}[{(]")


def _entries(stream: Stream) -> Iterator[Piece | Reject]:
    strings: dict[str, str] = {}
    for block in blocks(stream, _BEGINS.match):
        if isinstance(block, Reject):
            yield block
        else:
            yield from _parsed(block[0], "\n".join(block[1]), strings)


def _parsed(start: int, written: str, strings: dict[str, str]) -> Iterator[Piece | Reject]:
    """The entries in one block (one, unless several share a line); `strings` grows by the definitions."""
    for part in parse_string(written, parse_stack=[]).blocks:
        line = start + (part.start_line or 0)
        if isinstance(part, String) and len(strings) < MOST_STRINGS:
            strings[part.key.lower()] = _value(part.value, strings)
        elif entry := _entry(part):
            fields = {field.key.lower(): _value(field.value, strings) for field in reversed(entry.fields)}
            yield Piece(line, fields, part.raw or written)
        elif isinstance(part, ParsingFailedBlock):
            yield reject(line, "The entry is not valid BibTeX.", part.raw or written)


def _entry(part: Block) -> Entry | None:
    """A field given twice is no reason to lose an entry: its first value stands."""
    if isinstance(part, DuplicateFieldKeyBlock) and isinstance(part.ignore_error_block, Entry):
        return part.ignore_error_block
    return part if isinstance(part, Entry) else None


def _value(written: str, strings: dict[str, str]) -> str:
    """The text of a field: braces or quotes taken off, names of strings looked up, parts joined at `#`."""
    whole = written.strip()
    if _is_one_part(whole):
        return _part(whole, strings)
    # Strings made of strings double with every line: a small file could ask for all the memory there is.
    text = ""
    for part in re.split(r'(?<=["}\w\s])#(?=["{\w\s])', whole):
        text += _part(part, strings)
        if len(text) > LONGEST_JOINED:
            break
    return text[:LONGEST_JOINED]


def _is_one_part(written: str) -> bool:
    """Whether the brace or quote that opens the text is closed by its last character."""
    if "#" not in written:
        return True
    if written.startswith('"'):
        return written.find('"', 1) == len(written) - 1
    depth = 0
    for match in re.finditer(r"(?<!\\)[{}]", written):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return written.startswith("{") and match.end() == len(written)
    return False


def _part(written: str, strings: dict[str, str]) -> str:
    written = written.strip()
    if len(written) > 1 and written[0] + written[-1] in ("{}", '""'):
        return written[1:-1]
    return strings.get(written.lower(), written)


# --- from fields to paper --------------------------------------------------------------------------------

_LATEX = LatexDecodingMiddleware(keep_math_mode=True, keep_braced_groups=False)
_LONGEST_LATEX = 50_000
_ESCAPE = re.compile(r"\\([_%#&~])")
_URL_MACRO = re.compile(r"\\(?:url|href)\s{0,9}\{([^{}]*)\}(?:\{[^{}]*\})?")


def record(fields: dict[str, Any]) -> PaperRecord:
    """An entry's fields, in lower case, as a paper. Raises `NotAPaper` without a title."""
    plain = {key: _plain(fields.get(key, "")) for key in ("title", "abstract", "note")}
    url = _url(fields.get("url") or fields.get("howpublished") or "")
    known = citations.identifiers_in(
        [_eprint(fields), fields.get("doi"), url, fields.get("journal"), fields.get("note")]
    )
    published, month = _date(fields)
    abstract, note = words.block(plain["abstract"]), words.line(plain["note"])
    return PaperRecord(
        source="bibtex",
        title=words.title(plain["title"]),
        identifiers=known,
        abstract=abstract,
        authors=_authors(fields.get("author", "")),
        categories=words.codes(fields.get("primaryclass") or fields.get("eprintclass") or ""),
        published_at=published,
        month=citations.month(published, month, known),
        comment=note,
        journal_ref=_journal(fields),
        links=links.gathered(citations.page(url), abstract, note),
    )


def _plain(value: str) -> str:
    """LaTeX as text, formulas kept. What nests too deeply to be read stays as it is, without its braces."""
    value = _URL_MACRO.sub(r"\1", value)
    if not _HAS_MARKUP.search(value):
        return value
    if len(value) <= _LONGEST_LATEX and value.count("{") < 500:
        block = _LATEX.transform_entry(Entry("misc", "", [Field("value", value)]), Library())
        if isinstance(block, Entry):
            return str(block.fields[0].value)
    return value.replace("{", "").replace("}", "")


_HAS_MARKUP = re.compile(r"[\\{}~]|--|``|''")


def _url(value: str) -> str:
    return _ESCAPE.sub(r"\1", _URL_MACRO.sub(r"\1", value)).strip("{} ")


def _eprint(fields: dict[str, Any]) -> str:
    """The eprint number, unless it says that it is another archive's."""
    archive = fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv"
    identified = (
        identifiers.parse(fields.get("eprint", "")) if archive.strip("{} ").lower() == "arxiv" else None
    )
    return identified.identifier if identified else ""


def _authors(value: str) -> tuple[str, ...]:
    people = [person for person in _people(value) if person != "others"]
    return tuple(filter(None, map(_first_name_first, people[: words.MOST_AUTHORS])))


_AND_OR_BRACE = re.compile(r"(?<!\\)[{}]| and (?:and )*", re.IGNORECASE)


def _people(value: str) -> list[str]:
    """The names between the `and`s that stand outside braces. (bibtexparser 2.1 offers the same, but loses
    the accent of a name that begins with one: `\\'{E}mile`.)"""
    value = " ".join(value.split())
    depth, start, people = 0, 0, []
    for match in _AND_OR_BRACE.finditer(value):
        if match[0] in "{}":
            depth = max(0, depth + (1 if match[0] == "{" else -1))
        elif depth == 0:
            people.append(value[start : match.start()])
            start = match.end()
    return [*people, value[start:]]


def _first_name_first(person: str) -> str:
    if "," in person:
        person = parse_single_name_into_parts(person, strict=False).merge_first_name_first
    return words.name(_plain(person))


def _date(fields: dict[str, Any]) -> tuple[datetime | None, date | None]:
    if written := fields.get("date"):
        return moments.pieces_of_date(written.strip("{} ")[:10].split("-"))
    return None, moments.month_in(fields.get("year", "").strip("{} "), fields.get("month", "").strip("{}. "))


def _journal(fields: dict[str, Any]) -> str:
    container = fields.get("journal") or fields.get("journaltitle") or fields.get("booktitle") or ""
    year = (fields.get("year") or fields.get("date") or "").strip("{} ")[:4]
    return citations.journal_ref(
        _plain(container),
        fields.get("volume"),
        fields.get("number"),
        year,
        fields.get("pages", "").replace("--", "-"),
    )
