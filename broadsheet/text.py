"""Turns what people and arXiv write (Markdown, LaTeX) into safe HTML and plain text.

Everything here takes any string at all, never raises, and takes time linear in its length: the text may
come from an enemy. Formulas are read by latex2mathml, whose own string output cannot be trusted (it
un-escapes what it escaped, so `\text{<script>}` comes out alive); we take its element tree instead and
build a new one from an allow-list.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from html import escape
from itertools import groupby
from typing import Any, Final, NamedTuple
from xml.etree.ElementTree import Element, tostring

import nh3
from latex2mathml import commands
from latex2mathml.converter import convert_to_element
from latex2mathml.symbols_parser import SYMBOLS
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

TITLE_LIMIT: Final = 2_000
ABSTRACT_LIMIT: Final = 20_000
COMMENT_LIMIT: Final = 20_000
FORMULA_LIMIT: Final = 1_000
FORMULAS_LIMIT: Final = 60
NESTING_LIMIT: Final = 30
LINK_RELATION: Final = "nofollow ugc noopener"

# --- one line, one block ----------------------------------------------------------------------------

# Characters nobody sees and somebody could hide behind: controls (but not the white ones), soft hyphen,
# combining grapheme joiner, bidi marks, overrides and isolates, zero-width space and word joiner, BOM,
# interlinear annotation, Hangul fillers, musical and shorthand format controls, tag characters, lone
# surrogates, private use, noncharacters. U+200C and U+200D are judged apart, by their neighbours.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufdd0-\ufdef\ufffe\uffff"
    "\ud800-\udfff\ue000-\uf8ff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
    "\U000e01f0-\U000e0fff\U000f0000-\U0010ffff"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 15))
    + "]+"
)
# The zero-width joiners mean something between letters of joining scripts and between emoji only.
_JOINING: Final = (
    "\u0600-\u1cff\u2190-\u2bff\ua800-\uabff\ufb50-\ufdcf\ufe0f\U00010a00-\U000118ff\U0001f000-\U0001faff"
)
_LOOSE_JOINER: Final = re.compile(f"(?<![{_JOINING}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINING}])")
# A run of variation selectors can carry a whole hidden message; one is all a glyph can use.
_SELECTORS: Final = re.compile("([\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
# Towers of combining marks paint over the lines above and below; no language piles up more than four.
_MARKS: Final = "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_TOWER: Final = re.compile(f"([{_MARKS}]{{4}})[{_MARKS}]+")
# What most accented text is made of: nothing in it needs more than NFC.
_COMMON: Final = re.compile(
    "[ -~\xa1-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u209c"
    "\u20a0-\u20bf\u2100-\u27ff\u3001-\u3029\u3040-\u3096\u309b-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff9f]*"
)


def plain_line(value: str) -> str:
    """`value` as one line of visible text in NFC (UAX #15): what may enter a database column.

    Controls, bidi overrides (UAX #9), zero-width characters, private use and lone surrogates are
    removed, white space of any kind becomes single spaces, the ends are trimmed. Idempotent; never raises.
    """
    line = " ".join(value.split())
    if line.isascii() and line.isprintable():
        return line  # Most titles and names: a few scans in C.
    if not _COMMON.fullmatch(line):
        line = _visible(line)
    return " ".join(unicodedata.normalize("NFC", line).split())


def plain_block(value: str) -> str:
    """As `plain_line`, but paragraphs (blank lines between) stay apart, by exactly one blank line."""
    lines = value.replace("\u2029", "\n\n").splitlines()
    if len(lines) < 2:
        return plain_line(value)
    groups = groupby(lines, key=lambda line: not line or line.isspace())
    paragraphs = (plain_line(" ".join(group)) for blank, group in groups if not blank)
    return "\n\n".join(filter(None, paragraphs))


@lru_cache(maxsize=1)
def _long_runs_of_marks() -> re.Pattern[str]:
    """More than eight combining marks on one letter, in any script; built late, listing them takes 20 ms."""
    marks = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.combining(chr(code)))
    return re.compile(f"([{marks}]{{8}})[{marks}]+")


def _visible(line: str) -> str:
    """Without what cannot be seen."""
    if line.isascii():
        return _UNSEEN.sub("", line)
    # Long runs of marks go first: putting them into canonical order takes time quadratic in their length.
    short = _long_runs_of_marks().sub(r"\1", _UNSEEN.sub("", line))
    text = _LOOSE_JOINER.sub("", unicodedata.normalize("NFC", short))
    return _TOWER.sub(r"\1", _SELECTORS.sub(r"\1", text)).replace("\u2800", " ")


# --- formulas ---------------------------------------------------------------------------------------

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
# Commands that a formula in an exported file may hold: known notation, nothing that reads, writes or defines.
_NOTATION: Final = (
    frozenset(SYMBOLS)
    .union(commands.FUNCTIONS)
    .union(value for value in vars(commands).values() if isinstance(value, str) and value.startswith("\\"))
    .difference(
        (commands.HREF, commands.CLASS, commands.STYLE, commands.VERB, commands.UNICODE, commands.NEWCOMMAND)
    )
    .difference((commands.DEF, commands.NEWENVIRONMENT, commands.DECLAREMATHOPERATOR, commands.MATHCHOICE))
)
_COMMAND: Final = re.compile(r"\\[A-Za-z]+")


class _Unusable(Exception):
    """A formula we will not show as one; its source is shown instead."""


class _Formula(NamedTuple):
    html: str
    plain: str


@lru_cache(maxsize=4096)
def _formula(source: str, display: bool) -> _Formula | None:
    """The formula as MathML (MathML Core) and as a line of Unicode; None when its source must do."""
    try:
        if len(source) > FORMULA_LIMIT or _DEFINITION.search(source) or _nesting(source) > NESTING_LIMIT:
            return None
        tree = convert_to_element(source, display="block" if display else "inline")
        math = _cleaned(tree, _Budget())
        plain = " ".join(_linear(math).split())
        math.set("alttext", source)
        if display:
            math.set("display", "block")
        html = tostring(math, encoding="unicode", short_empty_elements=False)
    except Exception:  # latex2mathml meets broken TeX with many kinds of error, RecursionError among them.
        return None
    return _Formula(html, plain if plain and "\\" not in plain else source)


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
    clean.text = _visible(_REFERENCE.sub(_character, element.text or ""))
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


# --- formulas as a line of Unicode ------------------------------------------------------------------

_SUPERSCRIPTS: Final = dict(
    zip(
        "0123456789+-−=()abcdefghijklmnoprstuvwxyzT⊤",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᵀ",
        strict=True,
    )
)
_SUBSCRIPTS: Final = dict(
    zip("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
_RAISED_ALREADY: Final = str.maketrans({"∘": "°", "∗": "*", "⋆": "*"})
_MARKS_ONLY: Final = re.compile("[′″‴⁗†‡°*]*")
_COMBINING: Final = {
    "^": "\u0302", "~": "\u0303", "¯": "\u0304", "˘": "\u0306", "˙": "\u0307", "¨": "\u0308", "˚": "\u030a",
    "ˇ": "\u030c", "´": "\u0301", "`": "\u0300", "→": "\u20d7",
}  # fmt: skip


def _linear(node: Element) -> str:
    """The formula on one line: ² and ₁ where Unicode has them, a/b, √(x + y)."""
    parts = [_linear(child) for child in node]
    match node.tag, parts:
        case "msup", [base, upper]:
            return base + _raised(upper)
        case "msub", [base, lower]:
            return base + _lowered(lower)
        case "msubsup" | "munderover", [base, lower, upper]:
            return base + _lowered(lower) + _raised(upper)
        case "mover", [base, upper]:
            return _accented(base, upper)
        case "munder", [base, lower]:
            return base + _lowered(lower) if lower.isalnum() or len(lower) > 1 else base
        case "mfrac", [upper, lower]:
            slash = " choose " if node.get("linethickness") == "0" else "/"
            return _grouped(upper) + slash + _grouped(lower)
        case "msqrt", _:
            return "√" + _grouped(_row(parts))
        case "mroot", [radicand, index]:
            return _raised(index).removeprefix("^") + "√" + _grouped(radicand)
        case "mtable", _:
            return "; ".join(parts)
        case "mtr", _:
            return ", ".join(parts)
        case "mspace", _:
            return " " if node.get("width", "0") >= "0.16" else ""
        case "mphantom", _:
            return ""
    return _row(parts) if parts else _ordinary(node.text or "")


def _ordinary(text: str) -> str:
    """Mathematical alphanumerics as the letters they are, so that a line can be searched and spoken."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFKC", c) if c >= "\U0001d400" or c == "\xa0" else c for c in text)


def _row(parts: Iterable[str]) -> str:
    """Parts side by side; a space only where two words, or a word and a letter, would run together."""
    line, before = "", ""
    for part in filter(None, parts):
        wordy = _is_word(part) or _is_word(before)
        line += " " + part if wordy and before[-1:].isalnum() and part[0].isalnum() else part
        before = part
    return line


def _is_word(part: str) -> bool:
    return len(part) > 1 and part.isascii() and part.isalpha()


def _raised(text: str) -> str:
    marks = text.translate(_RAISED_ALREADY)
    return marks if _MARKS_ONLY.fullmatch(marks) else _scripted(text, "^", _SUPERSCRIPTS)


def _lowered(text: str) -> str:
    return _scripted(text, "_", _SUBSCRIPTS) if text else ""


def _scripted(text: str, mark: str, characters: dict[str, str]) -> str:
    # Small letters are hard to read as a word: three of them at most.
    if len(text) <= (3 if any(map(str.isalpha, text)) else 6) and all(c in characters for c in text):
        return "".join(characters[character] for character in text)
    return f"{mark}{text}" if text.isalnum() or len(text) == 1 else f"{mark}({text})"


def _accented(base: str, upper: str) -> str:
    if upper in _COMBINING:
        return unicodedata.normalize("NFC", base + _COMBINING[upper]) if len(base) == 1 else base
    return base + _raised(upper) if upper.isalnum() else base


def _grouped(text: str) -> str:
    return text if re.fullmatch(r"[\w.√′]*|.", text) else f"({text})"


# --- finding formulas -------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A formula in a text: what stands between its marks, where it ends, whether it has a line of its own."""

    source: str
    end: int
    display: bool


_DOLLAR: Final = re.compile(r"(?<!\\)\$")
_ENVIRONMENT: Final = re.compile(
    r"\\begin\{((?:equation|align|gather|eqnarray|multline|displaymath|math)\*?)\}"
)
_WORD_APART: Final = re.compile(r"[^\W\d_]{2,}[,.;:]?\s|\s[^\W\d_]{2,}")
_MATHS_MARK: Final = re.compile("[\\\\^_=<>±×∼\u2190-\u22ff]")
_PROSE: Final = re.compile(r"(?<![\\\w])[^\W\d_]{2,}\s+[^\W\d_]{2,}\s+[^\W\d_]{2,}")


def _find_formula(text: str, at: int) -> _Found | None:
    """The formula whose opening mark stands at `at`; None if that mark means something else.

    Looks at most `FORMULA_LIMIT` characters ahead, so that a text of lonely marks costs linear time.
    """
    if text.startswith("$$", at):
        return _found(text, at + 2, "$$", True)
    if text.startswith("$", at):
        close = _DOLLAR.search(text, at + 1, at + FORMULA_LIMIT + 2)
        if close is None or not _looks_like_maths(
            text[at + 1 : close.start()], text[close.end() : close.end() + 1]
        ):
            return None
        return _Found(text[at + 1 : close.start()].strip(), close.end(), False)
    if text.startswith("\\(", at):
        return _found(text, at + 2, "\\)", False)
    if text.startswith("\\[", at):
        return _found(text, at + 2, "\\]", True)
    environment = _ENVIRONMENT.match(text, at)
    if environment is None:
        return None
    found = _found(text, environment.end(), f"\\end{{{environment[1]}}}", True)
    if found is None or environment[1].rstrip("*") in ("equation", "displaymath", "math"):
        return found
    return found._replace(source=f"\\begin{{align*}}{found.source}\\end{{align*}}")


def _found(text: str, start: int, mark: str, display: bool) -> _Found | None:
    end = text.find(mark, start, start + FORMULA_LIMIT + len(mark))
    source = text[start:end].strip() if end >= 0 else ""
    return _Found(source, end + len(mark), display) if source else None


def _looks_like_maths(content: str, after: str) -> bool:
    """Whether dollar signs around `content` mean maths rather than money ("costs $5 and $10")."""
    bare = content.strip()
    if not bare:
        return False
    loose = bare != content
    if bare[0].isdigit() and after.isdigit():
        return False
    if _MATHS_MARK.search(bare):
        return not _PROSE.search(bare) or "\\text" in bare or "\\mathrm" in bare
    if loose and (bare[0].isdigit() or (len(bare) > 1 and bare.isalpha())):
        return False
    return not _WORD_APART.search(bare)


# --- LaTeX in prose ---------------------------------------------------------------------------------

_STYLES: Final = {
    "emph": "em", "textit": "em", "textsl": "em", "textbf": "strong", "texttt": "code",
    "textsc": "small-caps", "textsuperscript": "sup", "textsubscript": "sub", "footnote": "note",
    "thanks": "note", "textrm": "", "textsf": "", "textup": "", "textmd": "", "textnormal": "", "text": "",
    "mbox": "", "hbox": "", "underline": "", "uline": "",
}  # fmt: skip
_DECLARATIONS: Final = {
    "it": "em", "em": "em", "sl": "em", "itshape": "em", "slshape": "em", "bf": "strong",
    "bfseries": "strong", "tt": "code", "ttfamily": "code", "sc": "small-caps", "scshape": "small-caps",
    "rm": "", "sf": "", "rmfamily": "", "sffamily": "", "normalfont": "", "small": "", "large": "",
}  # fmt: skip
_SYMBOLS: Final = {
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å",
    "AA": "Å", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "dj": "đ", "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ",
    "th": "þ", "TH": "Þ", "S": "§", "P": "¶", "dag": "†", "ddag": "‡", "copyright": "©", "pounds": "£",
    "euro": "€", "deg": "°", "degree": "°", "textdegree": "°", "ldots": "…", "dots": "…", "textellipsis": "…",
    "LaTeX": "LaTeX", "TeX": "TeX", "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^",
    "textunderscore": "_", "textendash": "–", "textemdash": "—", "textquotedblleft": "“",
    "textquotedblright": "”", "textquoteleft": "‘", "textquoteright": "’", "textless": "<",
    "textgreater": ">", "textbar": "|", "textbraceleft": "{", "textbraceright": "}", "textmu": "µ",
    "textregistered": "®", "texttrademark": "™", "slash": "/", "quad": " ", "qquad": " ", "newline": " ",
    "linebreak": " ", "par": " ", "noindent": "", "xspace": "", "sloppy": "", "item": "•",
}  # fmt: skip
_ESCAPES: Final = {
    "%": "%", "&": "&", "_": "_", "#": "#", "$": "$", "{": "{", "}": "}", " ": " ", ",": "\u2009", ";": " ",
    ":": " ", "!": "", "-": "", "/": "", "@": "", "\\": " ",
}  # fmt: skip
_ACCENTS: Final = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
    "b": "\u0331",
}  # fmt: skip
_ACCENT: Final = re.compile(
    r"""\\(?:(["'`^~=.]) ?|([cvHkrudb])(?: (?=[A-Za-z\\])| ?(?=\{)))"""
    r"""(?:\{ ?(\\[ij]|[A-Za-z]) ?\}|(\\[ij](?![A-Za-z])|[A-Za-z]))"""
)
_NAME: Final = re.compile(r"\\([A-Za-z]+)\*? ?")
_URL_ARGUMENT: Final = re.compile(r"\{\s?([^{}\s]{1,2000})\s?\}")
_ANY_ARGUMENT: Final = re.compile(r"\{([^{}]{0,2000})\} ?(?=\{)")
_URL: Final = re.compile(r"https?://[A-Za-z0-9\[](?:[^\s<>\"{}|\\^`$]|\\[_%#&~]){1,2000}")
_ESCAPED_IN_URL: Final = re.compile(r"\\([_%#&~])")
_MARKUP: Final = re.compile(r"[$\\{}~]|``?|''|--+|https?://")
_QUOTED: Final = re.compile(r"`([^`'\s](?:[^`'$\\{}]{0,78}[^`'$\\{}\s])?)'(?!\w)")


@dataclass(slots=True)
class _Maths:
    raw: str
    found: _Found


@dataclass(slots=True)
class _Span:
    """Text under one command. `opener` is the source that began it, shown again if it never ends."""

    kind: str = ""
    opener: str = ""
    href: str = ""
    implicit: bool = False
    parts: list[_Part] = field(default_factory=list)


_Part = str | _Maths | _Span


class _Reader:
    """Reads prose with LaTeX markup into parts, in one pass and never looking back.

    What it does not know stays as it was written. `formulas` counts down over all paragraphs of a text.
    """

    def __init__(self, text: str, formulas: int = FORMULAS_LIMIT) -> None:
        self.text = text
        self.at = 0
        self.formulas = formulas
        self.quotes = 0
        self.open = [_Span()]

    def read(self) -> list[_Part]:
        while match := _MARKUP.search(self.text, self.at):
            self._put(self.text[self.at : match.start()])
            self.at = match.end()
            self._READERS[match[0][0]](self, match[0], match.start())
        self._put(self.text[self.at :])
        while len(self.open) > 1:
            unclosed = self.open.pop()
            self.open[-1].parts += [unclosed.opener, *unclosed.parts]
        return self.open[0].parts

    def _put(self, part: _Part) -> None:
        if part:
            self.open[-1].parts.append(part)

    def _push(self, span: _Span) -> None:
        if len(self.open) <= NESTING_LIMIT:
            self.open.append(span)
        else:
            self._put(span.opener)

    def _read_dollar(self, mark: str, start: int) -> None:
        if not self._read_formula(start):
            self._put(mark)

    def _read_formula(self, start: int) -> bool:
        found = _find_formula(self.text, start)
        if found is None:
            return False
        self.at = found.end
        raw = self.text[start : found.end]
        self.formulas -= 1
        self._put(_Maths(raw, found) if self.formulas >= 0 else raw)
        return True

    def _read_tilde(self, mark: str, start: int) -> None:
        """A tie between words becomes a no-break space; "~100" keeps its tilde, and so does "3~5"."""
        before, after = self.text[start - 1 : start], self.text[self.at : self.at + 1]
        tied = before and after and (before.isalnum() or before in ".,:;)]$}") and not after.isspace()
        self._put("\xa0" if tied and not (before.isdigit() and after.isdigit()) else mark)

    def _read_dashes(self, mark: str, start: int) -> None:
        self._put({2: "–", 3: "—"}.get(len(mark), mark))

    def _read_opening_quote(self, mark: str, start: int) -> None:
        if mark == "``":
            self.quotes += 1
            self._put("“")
        elif (quoted := _QUOTED.match(self.text, start)) and not self.text[start - 1 : start].isalnum():
            self._put("‘")
            self._put(quoted[1])
            self._put("’")
            self.at = quoted.end()
        else:
            self._put(mark)

    def _read_closing_quote(self, mark: str, start: int) -> None:
        self._put("”" if self.quotes > 0 else mark)
        self.quotes -= self.quotes > 0

    def _read_url(self, mark: str, start: int) -> None:
        match = _URL.match(self.text, start)
        if match is None:
            self._put(mark)
            return
        url = _ESCAPED_IN_URL.sub(r"\1", _without_punctuation(match[0]))
        self.at = start + len(_without_punctuation(match[0]))
        self._put(_Span("link", href=url, parts=[url]))

    def _read_opening_brace(self, mark: str, start: int) -> None:
        # A group that starts with a command ({\it x}, {\ss}) is TeX's; other braces are the author's own.
        self._push(_Span("" if self.text.startswith("\\", self.at) else "braces", opener="{"))

    def _read_closing_brace(self, mark: str, start: int) -> None:
        if len(self.open) == 1:
            self._put(mark)
            return
        while True:
            span = self.open.pop()
            self.open[-1].parts.append(span)
            if not span.implicit:
                return

    def _read_command(self, mark: str, start: int) -> None:
        if self._read_formula(start):
            return
        if accent := _ACCENT.match(self.text, start):
            letter = (accent[3] or accent[4]).lstrip("\\")
            self._put(unicodedata.normalize("NFC", letter + _ACCENTS[accent[1] or accent[2]]))
            self.at = accent.end()
        elif name := _NAME.match(self.text, start):
            self.at = name.end()
            if not self._read_name(name[1], name[0]):
                self._put(name[0])
        else:
            self.at += 1
            following = self.text[start + 1 : start + 2]
            self._put(_ESCAPES.get(following, mark + following))

    def _read_name(self, name: str, source: str) -> bool:
        if name in _STYLES and self._skip("{"):
            self._push(_Span(_STYLES[name], opener=source + "{"))
        elif name in _DECLARATIONS and len(self.open) > 1:
            self._push(_Span(_DECLARATIONS[name], opener=source, implicit=True))
        elif name in ("url", "href"):
            return self._read_link(name, source)
        elif name in ("textcolor", "colorbox") and (colour := _ANY_ARGUMENT.match(self.text, self.at)):
            self.at = colour.end() + 1
            self._push(_Span(opener=source + colour[0] + "{"))
        else:
            return self._read_symbol(name, source)
        return True

    def _read_link(self, name: str, source: str) -> bool:
        pattern = _URL_ARGUMENT if name == "url" else _ANY_ARGUMENT
        argument = pattern.match(self.text, self.at)
        if argument is None:
            return False
        self.at = argument.end()
        url = _ESCAPED_IN_URL.sub(r"\1", argument[1].strip())
        href = url if _URL.fullmatch(url) else ""
        if name == "url":
            self._put(_Span("link", href=href, parts=[url]))
        else:
            self.at += 1
            self._push(_Span("link", opener=source + argument[0] + "{", href=href))
        return True

    def _read_symbol(self, name: str, source: str) -> bool:
        symbol = _SYMBOLS.get(name)
        if symbol is None:
            symbol = _notation(name)
        if symbol is None:
            return False
        if not self._skip("{}") and source.endswith(" ") and not (len(name) <= 2 and symbol.isalpha()):
            symbol += (
                " "  # TeX eats the space after a command; people who wrote one meant it, but not in \o re.
            )
        self._put(symbol)
        return True

    def _skip(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) * found
        return found

    _READERS: Final[dict[str, Callable[[_Reader, str, int], None]]] = {
        "$": _read_dollar,
        "~": _read_tilde,
        "-": _read_dashes,
        "`": _read_opening_quote,
        "'": _read_closing_quote,
        "h": _read_url,
        "{": _read_opening_brace,
        "}": _read_closing_brace,
        "\\": _read_command,
    }


@lru_cache(maxsize=1024)
def _notation(name: str) -> str | None:
    """What a mathematical command outside any formula stands for (\\alpha, \\leq, \\log), None if unknown."""
    if "\\" + name in commands.FUNCTIONS:
        return name
    code = SYMBOLS.get("\\" + name, "")
    symbol = chr(int(code, 16)) if re.fullmatch("[0-9A-Fa-f]{3,5}", code) else ""
    return symbol if len(name) > 1 and symbol > "\x7f" and _visible(symbol) else None


def _without_punctuation(url: str) -> str:
    """Without the marks that end a sentence or close a bracket around the address."""
    end = len(url)
    spare = url.count(")") - url.count("(")
    while end > 8 and (url[end - 1] in ".,;:!?'*]" or (url[end - 1] == ")" and spare > 0)):
        spare -= url[end - 1] == ")"
        end -= 1
    return url[:end]


# --- prose to HTML, plain text and LaTeX ------------------------------------------------------------

_PLAIN_PROSE: Final = re.compile(r"[$\\{}~`]|''|--|://")
_ENDS: Final = {
    "em": ("<em>", "</em>"), "strong": ("<strong>", "</strong>"), "code": ("<code>", "</code>"),
    "sup": ("<sup>", "</sup>"), "sub": ("<sub>", "</sub>"), "note": (" (", ")"), "braces": ("{", "}"),
    "small-caps": ('<span class="small-caps">', "</span>"),
}  # fmt: skip


def _remembering(size: int) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """A bounded memory for a rendering; long texts pass by, lest a few of them fill it with megabytes."""

    def decorate(render: Callable[[str], str]) -> Callable[[str], str]:
        remembered = lru_cache(maxsize=size)(render)

        @wraps(render)
        def wrapper(text: str) -> str:
            return remembered(text) if len(text) < 20_000 else render(text)

        return wrapper

    return decorate


@_remembering(4096)
def title_html(text: str) -> str:
    """A title as safe phrasing HTML: no paragraphs, no links (it usually stands in one), formulas as MathML.

    At most `TITLE_LIMIT` characters are shown, `FORMULAS_LIMIT` formulas are rendered. Broken or excessive
    LaTeX is shown as its escaped source. Never raises.
    """
    line = shorten(plain_line(text), TITLE_LIMIT)
    if not _PLAIN_PROSE.search(line):
        return escape(line)
    return _html(_Reader(line).read(), free=False)


@_remembering(1024)
def abstract_html(text: str) -> str:
    """An abstract as safe HTML: a `<p>` per paragraph, addresses as links, formulas as MathML.

    At most `ABSTRACT_LIMIT` characters are shown. Links are http or https only. Never raises.
    """
    block = plain_block(text[: 2 * ABSTRACT_LIMIT])
    if len(block) > ABSTRACT_LIMIT:
        block = shorten(block, ABSTRACT_LIMIT)
    formulas, paragraphs = FORMULAS_LIMIT, []
    for paragraph in block.split("\n\n") if block else ():
        if _PLAIN_PROSE.search(paragraph):
            reader = _Reader(paragraph, formulas)
            paragraphs.append(f"<p>{_html(reader.read(), free=True)}</p>")
            formulas = max(reader.formulas, 0)
        else:
            paragraphs.append(f"<p>{escape(paragraph)}</p>")
    return "\n".join(paragraphs)


@_remembering(4096)
def text_plain(text: str) -> str:
    """The same source as readable Unicode without markup, for mail, feeds, `<title>` and exports.

    Simple formulas become Unicode (β, x², 10⁻³), others keep their source without dollar signs.
    Paragraphs stay apart by one blank line. It is text, not HTML: escape it where HTML is written.
    """
    return "\n\n".join(_each_paragraph(text, _plain))


def text_latex(text: str) -> str:
    """The same source as LaTeX that can be put inside any group: for BibTeX.

    Formulas keep their source when it is balanced and holds only known notation; all else is escaped,
    with no bare brace left, since BibTeX counts braces even behind a backslash.
    """
    return "\n\n".join(_each_paragraph(text, _latex))


def _each_paragraph(text: str, render: Callable[[list[_Part]], str]) -> Iterator[str]:
    formulas = FORMULAS_LIMIT
    for paragraph in plain_block(text).split("\n\n"):
        reader = _Reader(paragraph, formulas)
        yield " ".join(render(reader.read()).split())
        formulas = max(reader.formulas, 0)


def _html(parts: Sequence[_Part], free: bool) -> str:
    """`free`: links and formulas on their own lines may stand here; in titles and links they may not."""
    return "".join(_part_html(part, free) for part in parts)


def _part_html(part: _Part, free: bool) -> str:
    if isinstance(part, str):
        return escape(part)
    if isinstance(part, _Maths):
        formula = _formula(part.found.source, part.found.display and free)
        return formula.html if formula else escape(part.raw)
    if part.kind == "link":
        inner = _html(part.parts, free=False)
        linked = free and part.href
        return f'<a href="{escape(part.href)}" rel="{LINK_RELATION}">{inner}</a>' if linked else inner
    start, end = _ENDS.get(part.kind, ("", ""))
    return f"{start}{_html(part.parts, free)}{end}"


def _plain(parts: Sequence[_Part]) -> str:
    return "".join(_part_plain(part) for part in parts)


def _part_plain(part: _Part) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, _Maths):
        formula = _formula(part.found.source, part.found.display)
        return formula.plain if formula else part.found.source
    start, end = _ENDS[part.kind] if part.kind in ("note", "braces") else ("", "")
    return f"{start}{_plain(part.parts)}{end}"


_LATEX: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "{": r"\{", "}": r"\}",
    }
)  # fmt: skip
_LATEX_UNBALANCED: Final = _LATEX | {ord("{"): r"\textbraceleft{}", ord("}"): r"\textbraceright{}"}


def latex_escaped(text: str) -> str:
    """`text` as LaTeX source that prints exactly it. Its braces are balanced, also for who ignores `\\`."""
    return text.translate(_LATEX if _is_balanced(text) else _LATEX_UNBALANCED)


def _latex(parts: Sequence[_Part]) -> str:
    return "".join(_part_latex(part) for part in parts)


def _part_latex(part: _Part) -> str:
    if isinstance(part, str):
        return latex_escaped(part)
    if isinstance(part, _Maths):
        source = part.found.source
        safe = _formula(source, part.found.display) and _is_portable(source)
        return f"${source}$" if safe else latex_escaped(part.raw)
    start, end = {"braces": ("\\{", "\\}"), "note": (" (", ")")}.get(part.kind, ("", ""))
    return f"{start}{_latex(part.parts)}{end}"


def _is_portable(source: str) -> bool:
    """Whether a formula can go into somebody's document: known notation only, braces balanced throughout."""
    if not _is_balanced(source) or re.search(r"(?<!\\)[$%#]|\^\^|\\$", source):
        return False
    return all(name in _NOTATION for name in _COMMAND.findall(source))


def _is_balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


# --- shortening -------------------------------------------------------------------------------------

_SENTENCE_END: Final = re.compile(r"[.!?][\"”’')\]]?(?=\s)")


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text`: up to the end of a sentence, else of a word, then "…".

    A formula or a LaTeX group is never cut in two when something stands before it.
    """
    if len(text) <= limit:
        return text
    head = text[: max(limit - 1, 0)]
    room = len(head)
    whole = head[: _last_whole(head)]
    head = whole if len(whole) > room // 3 else head
    sentences = [match.end() for match in _SENTENCE_END.finditer(text, room // 2, len(head) + 1)]
    if sentences and sentences[-1] <= len(head):
        return head[: sentences[-1]] + " …" if sentences[-1] + 2 <= limit else head[: sentences[-1]]
    word = head if text[len(head) : len(head) + 1].isspace() else head[: head.rfind(" ") + 1 or len(head)]
    return word.rstrip(" \n,;:–—-(") + "…"


def _last_whole(head: str) -> int:
    """Where the last formula or group that `head` leaves open begins; its length if it leaves none open."""
    marks = [match.start() for match in _DOLLAR.finditer(head)]
    if len(marks) % 2:
        return marks[-1]
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += (head[at] == "}") - (head[at] == "{")
        if depth < 0:
            return head.rfind(" ", 0, at) + 1
    opened = max(head.rfind("\\("), head.rfind("\\["))
    return opened if opened > max(head.rfind("\\)"), head.rfind("\\]")) else len(head)


# --- comments ---------------------------------------------------------------------------------------

_COMMENT_TAGS: Final = {"p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a"}


@_remembering(1024)
def comment_html(markdown: str) -> str:
    """A comment (CommonMark 0.31 plus formulas) as safe HTML.

    Raw HTML is shown, not obeyed; images become links to them, headings bold paragraphs; links are http,
    https and mailto only, marked as strangers' (rel). At most `COMMENT_LIMIT` characters. Never raises.
    """
    text = "\n".join(_visible(line) for line in markdown[:COMMENT_LIMIT].splitlines())
    formulas: dict[str, str] = {}
    try:
        html = _MARKDOWN.render(text, {"formulas": formulas, "seal": secrets.token_hex(12)})
    except Exception:
        html = f"<p>{escape(text)}</p>"
        formulas = {}
    clean = nh3.clean(
        html,
        tags=_COMMENT_TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="ugc nofollow noopener",
    )
    # Formulas join after the sanitiser, which would take MathML away. Their places are marked by a word no
    # writer can guess, so that nobody can put a formula into an attribute.
    for place, formula in formulas.items():
        clean = clean.replace(place, formula)
    return clean.strip()


def _markdown_formula(state: StateInline, silent: bool) -> bool:
    """The inline rule for formulas, run before backslash escapes."""
    if state.src[state.pos] not in "$\\" or len(state.env["formulas"]) >= FORMULAS_LIMIT:
        return False
    found = _find_formula(state.src, state.pos)
    if found is None or found.end > state.posMax:
        return False
    formula = _formula(" ".join(found.source.split()), found.display)
    if formula is None:
        return False
    if not silent:
        place = f"{state.env['seal']}x{len(state.env['formulas'])}x"
        state.env["formulas"][place] = formula.html
        # Not a text token: those are joined, and a joined one could end up in the address of a link.
        state.push("formula", "", 0).content = place
    state.pos = found.end
    return True


def _markdown_plainer(state: StateCore) -> None:
    """Headings become bold paragraphs, images become links, bare addresses become links."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.type = token.type.replace("heading", "paragraph")
            token.tag, token.meta["bold"] = "p", True
        elif token.type == "inline" and token.children:
            token.children = list(_plainer_inline(token.children))


def _plainer_inline(children: list[Token]) -> Iterator[Token]:
    depth = 0
    for token in children:
        depth += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "image":
            yield from _linked(str(token.attrs.get("src", "")), token.content or "image", depth)
        elif token.type == "text" and "://" in token.content and not depth:
            yield from _linkified(token.content)
        else:
            yield token


def _linkified(text: str) -> Iterator[Token]:
    at = 0
    for match in _URL.finditer(text):
        url = _without_punctuation(match[0])
        yield Token("text", "", 0, content=text[at : match.start()])
        yield from _linked(url, url, 0)
        at = match.start() + len(url)
    yield Token("text", "", 0, content=text[at:])


def _linked(href: str, text: str, depth: int) -> Iterator[Token]:
    if not depth:
        yield Token("link_open", "a", 1, attrs={"href": href})
    yield Token("text", "", 0, content=text)
    if not depth:
        yield Token("link_close", "a", -1)


def _paragraph_end(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    """Paragraph tags, with `<strong>` for those that were headings."""
    token = tokens[at]
    tag = self.renderToken(tokens, at, options, env)
    if not token.meta.get("bold"):
        return tag
    return f"{tag}<strong>" if token.nesting > 0 else f"</strong>{tag}"


def _formula_place(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    return tokens[at].content


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False})
    markdown.inline.ruler.before("escape", "formula", _markdown_formula)
    markdown.core.ruler.push("plainer", _markdown_plainer)
    markdown.add_render_rule("formula", _formula_place)
    markdown.add_render_rule("paragraph_open", _paragraph_end)
    markdown.add_render_rule("paragraph_close", _paragraph_end)
    return markdown


_MARKDOWN: Final = _markdown()
