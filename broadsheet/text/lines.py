"""Makes one line or one block of visible text out of any string, hiding places for characters removed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from typing import Final

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
        line = visible(line)
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


def visible(line: str) -> str:
    """Without what cannot be seen."""
    if line.isascii():
        return _UNSEEN.sub("", line)
    # Long runs of marks go first: putting them into canonical order takes time quadratic in their length.
    short = _long_runs_of_marks().sub(r"\1", _UNSEEN.sub("", line))
    text = _LOOSE_JOINER.sub("", unicodedata.normalize("NFC", short))
    return _TOWER.sub(r"\1", _SELECTORS.sub(r"\1", text)).replace("\u2800", " ")
