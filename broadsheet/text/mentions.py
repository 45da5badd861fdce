"""Makes `@name` in a finished comment a link to that reader, if there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Final

_PIECES: Final = re.compile(r"(<[^>]*>)")
_NAME: Final = re.compile(r"(?<![\w@/.-])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?)(?![\w-])", re.ASCII)
# Where an @ is no mention: inside other links, code and formulas.
_CLOSED: Final = ("a", "code", "pre", "math")


def link_mentions(html: str, addresses: Mapping[str, str]) -> str:
    """Safe HTML with `@name` linked where `addresses` (by name in lower case) has a path for it."""
    if "@" not in html or not addresses:
        return html
    depth, pieces = 0, _PIECES.split(html)
    for at, piece in enumerate(pieces):
        if at % 2:
            tag = piece.strip("</> ").partition(" ")[0].lower()
            if tag in _CLOSED and not piece.endswith("/>"):
                depth += -1 if piece.startswith("</") else 1
        elif not depth:
            pieces[at] = _NAME.sub(lambda found: _linked(found, addresses), piece)
    return "".join(pieces)


def _linked(found: re.Match[str], addresses: Mapping[str, str]) -> str:
    path = addresses.get(found[1].lower())
    return f'<a class="at" href="{escape(path)}">{found[0]}</a>' if path else found[0]
