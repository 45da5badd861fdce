"""Reads prose with LaTeX in it into parts, which prose.py writes as HTML, plain text or LaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from broadsheet.text.finding import Found, find_formula
from broadsheet.text.limits import FORMULAS_LIMIT, NESTING_LIMIT
from broadsheet.text.notation import notation

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
URL: Final = re.compile(r"https?://[A-Za-z0-9\[](?:[^\s<>\"{}|\\^`$]|\\[_%#&~]){1,2000}")
_ESCAPED_IN_URL: Final = re.compile(r"\\([_%#&~])")
_MARKUP: Final = re.compile(r"[$\\{}~]|``?|''|--+|https?://")
_LETTERS: Final = re.compile(r"[^\W\d_]{1,30}\}")
_QUOTED: Final = re.compile(r"`([^`'\s](?:[^`'$\\{}]{0,78}[^`'$\\{}\s])?)'(?!\w)")


@dataclass(slots=True)
class Maths:
    raw: str
    found: Found


@dataclass(slots=True)
class Span:
    """Text under one command. `opener` is the source that began it, shown again if it never ends."""

    kind: str = ""
    opener: str = ""
    href: str = ""
    implicit: bool = False
    parts: list[Part] = field(default_factory=list)


Part = str | Maths | Span


class Reader:
    """Reads prose with LaTeX markup into parts, in one pass and never looking back.

    What it does not know stays as it was written. `formulas` counts down over all paragraphs of a text.
    """

    def __init__(self, text: str, formulas: int = FORMULAS_LIMIT) -> None:
        self.text = text
        self.at = 0
        self.formulas = formulas
        self.quotes = 0
        self.open = [Span()]

    def read(self) -> list[Part]:
        while match := _MARKUP.search(self.text, self.at):
            self._put(self.text[self.at : match.start()])
            self.at = match.end()
            self._READERS[match[0][0]](self, match[0], match.start())
        self._put(self.text[self.at :])
        while len(self.open) > 1:
            unclosed = self.open.pop()
            self.open[-1].parts += [unclosed.opener, *unclosed.parts]
        return self.open[0].parts

    def _put(self, part: Part) -> None:
        if part:
            self.open[-1].parts.append(part)

    def _push(self, span: Span) -> None:
        if len(self.open) <= NESTING_LIMIT:
            self.open.append(span)
        else:
            self._put(span.opener)

    def _read_dollar(self, mark: str, start: int) -> None:
        if not self._read_formula(start):
            self._put(mark)

    def _read_formula(self, start: int) -> bool:
        found = find_formula(self.text, start)
        if found is None:
            return False
        self.at = found.end
        raw = self.text[start : found.end]
        self.formulas -= 1
        self._put(Maths(raw, found) if self.formulas >= 0 else raw)
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
        match = URL.match(self.text, start)
        if match is None:
            self._put(mark)
            return
        url = _ESCAPED_IN_URL.sub(r"\1", without_punctuation(match[0]))
        self.at = start + len(without_punctuation(match[0]))
        self._put(Span("link", href=url, parts=[url]))

    def _read_opening_brace(self, mark: str, start: int) -> None:
        # A group that starts with a command ({\it x}, {\ss}) or stands inside a word (syst{è}me) is TeX's;
        # other braces are the author's own.
        letters = _LETTERS.match(self.text, self.at)
        inside = letters and (
            self.text[start - 1 : start].isalpha() or self.text[letters.end() : letters.end() + 1].isalpha()
        )
        is_tex = inside or self.text.startswith("\\", self.at)
        self._push(Span("" if is_tex else "braces", opener="{"))

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
            self._push(Span(_STYLES[name], opener=source + "{"))
        elif name in _DECLARATIONS and len(self.open) > 1:
            self._push(Span(_DECLARATIONS[name], opener=source, implicit=True))
        elif name in ("url", "href"):
            return self._read_link(name, source)
        elif name in ("textcolor", "colorbox") and (colour := _ANY_ARGUMENT.match(self.text, self.at)):
            self.at = colour.end() + 1
            self._push(Span(opener=source + colour[0] + "{"))
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
        href = url if URL.fullmatch(url) else ""
        if name == "url":
            self._put(Span("link", href=href, parts=[url]))
        else:
            self.at += 1
            self._push(Span("link", opener=source + argument[0] + "{", href=href))
        return True

    def _read_symbol(self, name: str, source: str) -> bool:
        symbol = _SYMBOLS.get(name)
        if symbol is None:
            symbol = notation(name)
        if symbol is None:
            return False
        if not self._skip("{}") and source.endswith(" ") and not (len(name) <= 2 and symbol.isalpha()):
            # TeX eats the space after a command; people who wrote one meant it, but not in \o re.
            symbol += " "
        self._put(symbol)
        return True

    def _skip(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) * found
        return found

    _READERS: Final[dict[str, Callable[[Reader, str, int], None]]] = {
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


def without_punctuation(url: str) -> str:
    """Without the marks that end a sentence or close a bracket around the address."""
    end = len(url)
    spare = url.count(")") - url.count("(")
    while end > 8 and (url[end - 1] in ".,;:!?'*]" or (url[end - 1] == ")" and spare > 0)):
        spare -= url[end - 1] == ")"
        end -= 1
    return url[:end]
