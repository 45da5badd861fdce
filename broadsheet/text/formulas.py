"""Turns a formula in LaTeX into MathML: latex2mathml's element tree, built anew from an allow-list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, tostring

from broadsheet.text.limits import FORMULA_LIMIT, NESTING_LIMIT
from broadsheet.text.linear import linear
from broadsheet.text.lines import visible

_DEFINITION: Final = re.compile(
    r"\\(?:[gex]?def|(?:future)?let|(?:re)?new[a-z]+|provide[a-z]+|Declare[A-Za-z]+|csname|loop|input|include)"
    r"(?![A-Za-z])"
)
_OPENING: Final = re.compile(r"(?:[{}^_]|\\[A-Za-z]+)\s*")
_REFERENCE: Final = re.compile(r"&#x([0-9A-Fa-f]{1,6});")
_ROWS: Final = frozenset({"math", "mrow", "mstyle", "mtd", "mpadded", "mphantom"})
_ELEMENTS: Final = _ROWS | {
    "mi", "mn", "mo", "mtext", "mspace", "msup", "msub", "msubsup", "mover", "munder", "munderover", "mfrac",
    "msqrt", "mroot", "mtable", "mtr", "menclose",
}  # fmt: skip
_ATTRIBUTES: Final = {
    "accent", "columnalign", "columnlines", "displaystyle", "fence", "form", "largeop", "linethickness",
    "maxsize", "minsize", "movablelimits", "notation", "rowlines", "scriptlevel", "separator", "stretchy",
    "width",
}  # fmt: skip
# Words, small numbers and small positive lengths. Anything larger or negative could paint one paper's
# formula over another's title; colours, links, styles and identifiers are not on the list at all.
_ATTRIBUTE_VALUE: Final = re.compile(
    r"[a-z]{1,20}(?: [a-z]{1,20}){0,9}|0(?:px)?|\+?[0-3]?(?:\.\d{1,5})?(?:em|ex)|[0-3]"
)
_VARIANTS: Final = {
    "bold": ("BOLD",), "italic": ("ITALIC",), "bold-italic": ("BOLD ITALIC",), "script": ("SCRIPT",),
    "bold-script": ("BOLD SCRIPT",), "fraktur": ("FRAKTUR", "BLACK-LETTER"),
    "bold-fraktur": ("BOLD FRAKTUR",), "double-struck": ("DOUBLE-STRUCK",), "sans-serif": ("SANS-SERIF",),
    "monospace": ("MONOSPACE",), "bold-sans-serif": ("SANS-SERIF BOLD",),
}  # fmt: skip


class _Unusable(Exception):
    """A formula we will not show as one; its source is shown instead."""


class Formula(NamedTuple):
    html: str
    plain: str


@lru_cache(maxsize=4096)
def formula(source: str, display: bool) -> Formula | None:
    """The formula as MathML (MathML Core) and as a line of Unicode; None when its source must do."""
    # Loading the library takes a moment: only whoever meets a formula pays for it.
    from latex2mathml.converter import convert_to_element

    try:
        if len(source) > FORMULA_LIMIT or _DEFINITION.search(source) or _nesting(source) > NESTING_LIMIT:
            return None
        tree = convert_to_element(source, display="block" if display else "inline")
        math = _cleaned(tree, _Budget())
        plain = " ".join(linear(math).split())
        math.set("alttext", source)
        if display:
            math.set("display", "block")
        html = tostring(math, encoding="unicode", short_empty_elements=False)
    except Exception:  # latex2mathml meets broken TeX with many kinds of error, RecursionError among them.
        return None
    return Formula(html, plain if plain and "\\" not in plain else source)


def _nesting(source: str) -> int:
    """An upper bound for how deep the formula goes: open braces plus commands that follow each other."""
    depth = deepest = run = end = 0
    for match in _OPENING.finditer(source):
        token = match[0].rstrip()
        run = run + 1 if match.start() == end else 1
        end = match.end()
        depth += (token in ("{", "\\left", "\\begin")) - (token in ("}", "\\right", "\\end"))
        deepest = max(deepest, depth + run)
    return deepest


@dataclass(slots=True)
class _Budget:
    """How much one formula may still build: elements in all, and rows of tables (they grow tall)."""

    elements: int = 2_000
    rows: int = 24

    def spend(self, tag: str, depth: int) -> None:
        self.elements -= 1
        self.rows -= tag == "mtr"
        if self.elements < 0 or self.rows < 0 or depth > 3 * NESTING_LIMIT or tag not in _ELEMENTS:
            raise _Unusable


def _cleaned(element: Element, budget: _Budget, depth: int = 0) -> Element:
    """A new element with what the allow-lists let through, and the text as the characters it stands for."""
    budget.spend(element.tag, depth)
    attributes = {
        k: v for k, v in element.attrib.items() if k in _ATTRIBUTES and _ATTRIBUTE_VALUE.fullmatch(v)
    }
    clean = Element(element.tag, attributes)
    clean.text = visible(_REFERENCE.sub(_character, element.text or ""))
    if element.tag in ("mi", "mn"):
        _set_letters(clean, element.get("mathvariant", ""))
    elif clean.text == "―":  # latex2mathml's \overline, which no browser stretches.
        clean.text = "¯"
    children = [_cleaned(child, budget, depth + 1) for child in element]
    clean.extend(_words(children) if element.tag in _ROWS else children)
    return clean


def _character(reference: re.Match[str]) -> str:
    code = int(reference[1], 16)
    return chr(code) if code < 0x110000 else ""


def _set_letters(element: Element, variant: str) -> None:
    """Puts a `mathvariant` into the characters themselves, since MathML Core knows only `normal`."""
    text = element.text or ""
    if variant in _VARIANTS:
        element.text = "".join(_lettered(character, variant) for character in text)
    elif variant == "normal" and len(text) == 1:
        element.set("mathvariant", "normal")
    elif text == "~":  # latex2mathml's \sim.
        element.tag, element.text = "mo", "∼"


@lru_cache(maxsize=1024)
def _lettered(character: str, variant: str) -> str:
    """The mathematical alphanumeric symbol (Unicode block 1D400), or the character itself."""
    name = re.sub("^(?:LATIN|GREEK) | LETTER", "", unicodedata.name(character, ""))
    for style in _VARIANTS[variant]:
        for prefix in ("MATHEMATICAL ", ""):
            try:
                return unicodedata.lookup(f"{prefix}{style} {name}")
            except KeyError:
                continue
    return character


def _words(children: list[Element]) -> Iterator[Element]:
    """The children of a row, upright letters that follow each other joined into one word (softmax)."""
    for upright, group in groupby(children, key=lambda child: child.get("mathvariant") == "normal"):
        letters = list(group)
        if upright and len(letters) > 1:
            word = Element("mi")
            word.text = "".join(letter.text or "" for letter in letters)
            yield word
        else:
            yield from letters
