"""Finds where formulas are in prose, and tells them from money."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from broadsheet.text.limits import FORMULA_LIMIT


class Found(NamedTuple):
    """A formula in a text: what stands between its marks, where it ends, whether it has a line of its own."""

    source: str
    end: int
    display: bool


DOLLAR: Final = re.compile(r"(?<!\\)\$")
_ENVIRONMENT: Final = re.compile(
    r"\\begin\{((?:equation|align|gather|eqnarray|multline|displaymath|math)\*?)\}"
)
_WORD_APART: Final = re.compile(r"[^\W\d_]{2,}[,.;:]?\s|\s[^\W\d_]{2,}")
_MATHS_MARK: Final = re.compile("[\\\\^_=<>±×∼\u2190-\u22ff]")
_PROSE: Final = re.compile(r"(?<![\\\w])[^\W\d_]{2,}\s+[^\W\d_]{2,}\s+[^\W\d_]{2,}")


def find_formula(text: str, at: int) -> Found | None:
    """The formula whose opening mark stands at `at`; None if that mark means something else.

    Looks at most `FORMULA_LIMIT` characters ahead, so that a text of lonely marks costs linear time.
    """
    if text.startswith("$$", at):
        return _found(text, at + 2, "$$", True)
    if text.startswith("$", at):
        close = DOLLAR.search(text, at + 1, at + FORMULA_LIMIT + 2)
        if close is None or not _looks_like_maths(
            text[at + 1 : close.start()], text[close.end() : close.end() + 1]
        ):
            return None
        return Found(text[at + 1 : close.start()].strip(), close.end(), False)
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


def _found(text: str, start: int, mark: str, display: bool) -> Found | None:
    end = text.find(mark, start, start + FORMULA_LIMIT + len(mark))
    source = text[start:end].strip() if end >= 0 else ""
    return Found(source, end + len(mark), display) if source else None


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
