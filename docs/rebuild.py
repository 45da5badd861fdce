"""Rewrites the lists in docs/ that come from the code: `make docs`. A test holds them to it."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

OPERATE = Path(__file__).parent / "operate.md"
MANUAL = Path(__file__).parent / "broadsheet.1"
_BETWEEN = re.compile(r"(?<=<!-- commands -->\n).*?(?=<!-- /commands -->)", re.DOTALL)


def rebuilt() -> str:
    """docs/operate.md as it should be."""
    return _BETWEEN.sub(lambda _: commands(), OPERATE.read_text())


def commands() -> str:
    """A table of our commands with their own arguments, not those that every Django command has."""
    from django.core.management import get_commands, load_command_class
    from django.core.management.base import BaseCommand

    common = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    rows = ["| command | what it does |", "|---|---|"]
    for name in sorted(name for name, app in get_commands().items() if app == "broadsheet"):
        command = load_command_class("broadsheet", name)
        own = [action for action in command.create_parser("", name)._actions if action.dest not in common]
        words = ["broadsheet", name, *(_word(action) for action in own if action.help != argparse.SUPPRESS)]
        rows.append(f"| `{' '.join(words)}` | {' '.join(command.help.split())} |")
    return "\n".join(rows) + "\n"


def _word(action: argparse.Action) -> str:
    """How an argument is typed."""
    value = str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return f"{value}..." if action.nargs in ("+", "*") else value
    flag = action.option_strings[-1]
    return f"[{flag}]" if action.nargs == 0 else f"[{flag} {value}]"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    import django

    django.setup()
    from broadsheet.management import manual

    OPERATE.write_text(rebuilt())
    MANUAL.write_text(manual.roff())


if __name__ == "__main__":
    main()
