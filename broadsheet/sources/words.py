"""The words of foreign records, cleaned: titles, abstracts, names, categories, signs of withdrawal."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from broadsheet.text import plain_block, plain_line

LONGEST_TITLE = 100_000
LONGEST_ABSTRACT = 100_000
LONGEST_REMARK = 5_000
LONGEST_NAME = 300
MOST_AUTHORS = 10_000
# Letters in a line of names: room for as many authors as may be.
LONGEST_NAMES = 400_000
MOST_CATEGORIES = 50


class NotAPaper(ValueError):
    """A piece of input cannot become a paper. The message is the sentence that a `Reject` carries."""


def title(value: object) -> str:
    """A title on one line. Raises `NotAPaper` if there is none or it has more than 100,000 characters."""
    if isinstance(value, list) and value:
        value = value[0]
    found = line(value, LONGEST_TITLE + 1)
    if not found:
        raise NotAPaper("The entry has no title.")
    if len(found) > LONGEST_TITLE:
        raise NotAPaper("The title is longer than 100,000 characters.")
    return found


def line(value: object, longest: int = LONGEST_REMARK) -> str:
    """`value` on one line, cut at `longest` characters; empty for anything that is not text."""
    if not isinstance(value, str) or not value:
        return ""
    if _is_plain(value):
        return value[:longest].rstrip()
    return plain_line(_plainer(value[: 2 * longest]))[:longest].rstrip()


def block(value: object) -> str:
    """An abstract with its paragraphs, cut at 100,000 characters; empty for anything that is not text."""
    if not isinstance(value, str) or not value:
        return ""
    if _is_plain(value):
        return value[:LONGEST_ABSTRACT].rstrip()
    return plain_block(_plainer(value[: 2 * LONGEST_ABSTRACT]))[:LONGEST_ABSTRACT].rstrip()


def _is_plain(value: str) -> bool:
    """Whether cleaning would change nothing. Most texts are such, and telling so is cheaper than cleaning."""
    return (
        value.isascii()
        and value.isprintable()
        and "  " not in value
        and "\\" not in value
        and "&" not in value
        and value[:1] != " "
        and value[-1:] != " "
    )


# --- names -----------------------------------------------------------------------------------------------


def names(value: object) -> tuple[str, ...]:
    """Authors in order, first name first, at most 10,000. Takes what foreign files hold: a string of names,
    a list of strings, of objects (`{name}`, `{given, family}`, `{literal}`) or of `[last, first, suffix]`."""
    if isinstance(value, str):
        value = split_names(value)
    if not isinstance(value, list):
        return ()
    found = tuple(filter(None, map(_name_of, value[:MOST_AUTHORS])))
    return _divided(found) if "," in "".join(found) else found


def _name_of(value: Any) -> str:
    if isinstance(value, str):
        return _cached_name(value) if len(value) <= _LONGEST_CACHED else _name(value)
    if isinstance(value, dict):
        return "" if value.get("hidden") is True else _name_of_object(value)
    if isinstance(value, list):
        parts = [part for part in value[:3] if isinstance(part, str)]
        return name(" ".join([*parts[1:2], *parts[:1], *parts[2:]]))
    return ""


def _name_of_object(person: dict[str, Any]) -> str:
    whole = person.get("name") or person.get("literal")
    if isinstance(whole, str):
        return name(whole)
    keys = ("given", "dropping-particle", "non-dropping-particle", "family", "suffix")
    return name(" ".join(part for key in keys if isinstance(part := person.get(key), str)))


def name(value: str) -> str:
    """One person's name on one line."""
    return _cached_name(value) if len(value) <= _LONGEST_CACHED else _name(value)


def _name(value: str) -> str:
    value = line(value, LONGEST_NAME)
    return value.replace("~", " ").rstrip("\\ ") if "\\" in value or "~" in value else value


# The same people write again and again. Long names are kept out, so that the cache stays small.
_LONGEST_CACHED = 100
_cached_name = lru_cache(maxsize=1 << 16)(_name)


def turned(value: str) -> str:
    """`Lovelace, Ada` and `Lovelace, Ada, Jr.` with the first name first; other spellings as they are."""
    parts = [part.strip() for part in value.split(",")]
    if len(parts) not in (2, 3) or (len(parts) == 2 and parts[1].lower() in _SUFFIXES):
        return name(value)
    return name(" ".join(part for part in (parts[1], parts[0], *parts[2:]) if part))


_SUFFIXES = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "phd", "ph.d.", "md"})


def split_names(value: str) -> list[str]:
    """A line of names (`A. Author, B. Author (Somewhere) and C. Author`) as a list, affiliations dropped."""
    value = _without_brackets(line(value, LONGEST_NAMES))
    if ";" in value:
        return [turned(part) for part in value.split(";")]
    return [part.strip() for part in re.split(r",\s|\sand\s|,and\s", value) if part.strip(" ,")]


def _without_brackets(value: str) -> str:
    """Without what stands in round brackets, however deep."""
    depth, kept = 0, []
    for part in re.split(r"([()])", value):
        depth += (part == "(") - (part == ")" and depth > 0)
        if depth == 0 and part != ")":
            kept.append(part)
    return "".join(kept)


def _divided(found: tuple[str, ...]) -> tuple[str, ...]:
    """Names with commas in them: `Last, First` where all are such, else perhaps several names in one."""
    if len(found) > 1 and all(one.count(",") == 1 for one in found):
        return tuple(map(turned, found))
    return tuple(one for each in found for one in _apart(each))


def _apart(value: str) -> list[str]:
    """Some records hold a whole list of names as one; a list it is where every part has two to five words."""
    parts = [part.strip() for part in value.split(",")]
    if len(parts) > 1 and all(2 <= len(part.split()) <= 5 and ")" not in part for part in parts):
        return parts
    return [turned(value) if len(parts) == 2 else value]


# --- categories ------------------------------------------------------------------------------------------

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}(?:\.[A-Za-z][A-Za-z0-9-]{0,30})?")


def codes(value: object, first: object = None) -> tuple[str, ...]:
    """Category codes, each once, `first` (the primary one) in front. Takes a list or a line with spaces."""
    if isinstance(value, str):
        value = value[:LONGEST_REMARK].split()
    wanted = [first, *value] if isinstance(value, list) else [first]
    return _codes(
        tuple(one for one in wanted[: MOST_CATEGORIES + 1] if isinstance(one, str) and len(one) <= 64)
    )


@lru_cache(maxsize=4096)
def _codes(wanted: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for code in wanted if _CODE.fullmatch(code)))


# --- withdrawn -------------------------------------------------------------------------------------------

_WORK = r"(?:paper|article|manuscript|submission|preprint|work|note|report|draft|version)"
_WITHDRAWN = (
    rf"(?:(?:(?:this|the|our|my)\s+)?{_WORK}\s+(?:(?:has|have|had|is|was|been|being|now|temporarily)\s+){{0,4}})?"
    # A paper withdrawn from a conference still stands.
    r"withdrawn\b(?!\s+from\s+(?!(?:the\s+)?arxiv))"
)
_REMARK = re.compile(rf"(?:^|[.;:(,\[])[\s*]{{0,9}}{_WITHDRAWN}", re.IGNORECASE)
_ABSTRACT = re.compile(rf"[\s*\[(]{{0,9}}{_WITHDRAWN}", re.IGNORECASE)


def is_withdrawn(comment: str, abstract: str) -> bool:
    """Whether the comment says, or the abstract begins by saying, that the paper has been withdrawn."""
    if "ithdrawn" in comment and _REMARK.search(comment):
        return True
    return "ithdrawn" in abstract[:100] and bool(_ABSTRACT.match(abstract))


# --- markup ----------------------------------------------------------------------------------------------

_MARKS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å",
    "AA": "Å", "i": "ı", "j": "ȷ",
}  # fmt: skip
# What is left alone comes first: line breaks, escaped dollars, formulas.
_LATEX = re.compile(
    r"\\\\|\\\$|\$[^$]*\$"
    r"|(?P<open>\{)?(?:"
    r"\\(?P<mark>[`'^\"~=.])\s{0,3}(?:\{\\?(?P<a>[A-Za-z])\}|\\(?P<b>[ij])(?![A-Za-z])|(?P<c>[A-Za-z]))"
    r"|\\(?P<word>[uvHckrd])(?:\{\\?(?P<d>[A-Za-z])\}|\s{1,3}(?P<e>[A-Za-z]))"
    r"|\\(?P<letter>ss|ae|AE|oe|OE|o|O|l|L|aa|AA|i|j)(?![A-Za-z])(?:\{\}|\s{1,3})?"
    r")(?(open)\})"
)
# Much cheaper than the above, and says no to most of what is full of formulas.
_MAY_BE_LETTER = re.compile(
    r"\\(?:[`'^\"~=.]|[uvHckrd][\s{]|(?:ss|ae|AE|oe|OE|o|O|l|L|aa|AA|i|j)(?![A-Za-z]))"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31});")


def _plainer(value: str) -> str:
    """With LaTeX's accented letters (outside formulas) and HTML's entities as the characters they mean."""
    if "\\" in value and _MAY_BE_LETTER.search(value):
        value = _LATEX.sub(_letter, value)
    return _ENTITY.sub(_unescaped, value) if "&" in value else value


def _letter(match: re.Match[str]) -> str:
    if match["letter"]:
        return _LETTERS[match["letter"]]
    mark = match["mark"] or match["word"]
    if not mark:
        return match[0]
    base = match["a"] or match["b"] or match["c"] or match["d"] or match["e"]
    return base + _MARKS[mark]


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity[0])
