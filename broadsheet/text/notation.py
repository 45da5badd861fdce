"""What mathematical commands of LaTeX stand for, and which of them an exported file may hold.

The tables are latex2mathml's. Loading them takes a moment: only whoever meets a command pays for it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from broadsheet.text.lines import visible


@lru_cache(maxsize=1)
def portable_commands() -> frozenset[str]:
    """What a formula in an exported file may hold: known notation, nothing that reads, writes or defines."""
    from latex2mathml import commands
    from latex2mathml.symbols_parser import SYMBOLS

    named = {value for value in vars(commands).values() if isinstance(value, str) and value.startswith("\\")}
    outside = {commands.HREF, commands.CLASS, commands.STYLE, commands.VERB, commands.UNICODE}
    defining = {commands.DEF, commands.NEWCOMMAND, commands.NEWENVIRONMENT, commands.DECLAREMATHOPERATOR}
    return frozenset(SYMBOLS).union(commands.FUNCTIONS, named) - outside - defining - {commands.MATHCHOICE}


@lru_cache(maxsize=1024)
def notation(name: str) -> str | None:
    """What a mathematical command outside any formula stands for (\\alpha, \\leq, \\log), None if unknown."""
    from latex2mathml import commands
    from latex2mathml.symbols_parser import SYMBOLS

    if "\\" + name in commands.FUNCTIONS:
        return name
    code = SYMBOLS.get("\\" + name, "")
    symbol = chr(int(code, 16)) if re.fullmatch("[0-9A-Fa-f]{3,5}", code) else ""
    return symbol if len(name) > 1 and symbol > "\x7f" and visible(symbol) else None
