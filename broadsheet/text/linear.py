"""Writes a formula as a line of Unicode, for where MathML cannot stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element

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


def linear(node: Element) -> str:
    """The formula on one line: ² and ₁ where Unicode has them, a/b, √(x + y)."""
    parts = [linear(child) for child in node]
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
