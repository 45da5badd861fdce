"""The manual, made from the commands' own parsers: a page for `man`, and words for a terminal."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import Final

from django.core.management import CommandParser, get_commands, load_command_class

from broadsheet import __version__

NAME: Final = "broadsheet"
SENTENCE: Final = "trending research papers, on a server you own"

# By what they are for, in the order in which people need them. A test holds it to the commands there are.
GROUPS: Final = {
    "Reading": ("trending", "search", "paper", "related", "recommend", "export"),
    "Running": ("up", "serve", "worker", "doctor", "account-link", "backup", "restore"),
    "Papers": ("import", "fetch", "index", "rescore"),
    "Mail": ("digest",),
    "Other programs": ("mcp", "completion", "manual"),
}

_FILES: Final = (
    ("BROADSHEET_HOME", "the data folder; without it, .home in a checkout, else ~/.local/share/broadsheet"),
    ("BROADSHEET_REMOTE", "another Broadsheet that reading commands ask instead of this machine's papers"),
    ("DATABASE_URL", "PostgreSQL instead of the SQLite file in the data folder"),
)
_EXIT: Final = (
    ("0", "It was done."),
    ("1", "It could not be done; a sentence says why and what to type."),
    ("2", "The words of the command could not be read."),
    ("130", "It was stopped by Ctrl-C. What had been done is kept."),
)
_EXAMPLES: Final = (
    ("broadsheet trending --week --cat cs.CL", "the newest week of one field"),
    ('broadsheet search "state space" year:2024.. --format json', "a search for programs"),
    ("broadsheet export --month 2025-03 -o march.bib", "a month as BibTeX"),
    ("broadsheet trending --remote https://papers.example.org", "the same of another server"),
)


def names() -> list[str]:
    """Every command of ours, by name."""
    return sorted(name for name, app in get_commands().items() if app == NAME)


def parser(name: str) -> argparse.ArgumentParser:
    """A command's own arguments, without those that Django gives every command."""
    command = load_command_class(NAME, name)
    made = CommandParser(prog=f"{NAME} {name}", description=command.help, add_help=False)
    command.add_arguments(made)
    return made


def whole() -> argparse.ArgumentParser:
    """All commands as one parser, as completion wants it."""
    made = argparse.ArgumentParser(NAME, description=SENTENCE)
    made.add_argument("--version", action="version", version=f"Broadsheet {__version__}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)
    for name in names():
        command = load_command_class(NAME, name)
        sentence = _said(command.help)
        command.add_arguments(commands.add_parser(name, help=sentence, description=command.help))
    return made


def short() -> str:
    """The commands, each with its sentence."""
    lines = [f"Broadsheet {__version__}: {SENTENCE}.", "", f"usage: {NAME} COMMAND [WORDS]", ""]
    width = max(map(len, names())) + 2
    for group, members in GROUPS.items():
        lines.append(f"{group}:")
        for name in members:
            sentence = _said(str(load_command_class(NAME, name).help))
            lines.append(
                textwrap.fill(
                    sentence, 100, initial_indent=f"  {name:<{width}}", subsequent_indent=" " * (width + 2)
                )
            )
        lines.append("")
    lines.append(f"{NAME} COMMAND --help tells a command's words; {NAME} manual tells everything.")
    lines.append(f"{NAME} help --commands lists Django's own commands as well.")
    return "\n".join(lines)


def text() -> str:
    """The whole manual for a terminal."""
    parts = [short()]
    for members in GROUPS.values():
        parts += [parser(name).format_help() for name in members]
    parts.append("environment:\n" + "\n".join(f"  {name:<20}{what}" for name, what in _FILES))
    parts.append("exit status:\n" + "\n".join(f"  {code:<20}{what}" for code, what in _EXIT))
    parts.append("examples:\n" + "\n".join(f"  {line}\n      {what}" for line, what in _EXAMPLES))
    return "\n\n".join(part.rstrip() for part in parts)


def roff() -> str:
    """The whole manual as a page for `man` (man(7))."""
    return "\n".join(_roff()) + "\n"


def _roff() -> Iterator[str]:
    yield f'.TH BROADSHEET 1 "" "Broadsheet {__version__}" "Broadsheet"'
    yield from (".SH NAME", f"{NAME} \\- {_escaped(SENTENCE)}")
    yield from (".SH SYNOPSIS", f".B {NAME}", ".I COMMAND", ".RI [ WORDS ]")
    yield ".SH DESCRIPTION"
    yield _escaped(
        "Broadsheet is a front page of research papers: by day, week and month, chosen by its own readers' "
        "votes, with search, talk, a digest by mail and interfaces that other programs speak. This command "
        "runs it, looks after it, and shows what its pages show."
    )
    for group, members in GROUPS.items():
        yield f".SH {group.upper()}"
        for name in members:
            yield from _command(name)
    for title, rows in (("ENVIRONMENT", _FILES), ("EXIT STATUS", _EXIT), ("EXAMPLES", _EXAMPLES)):
        yield f".SH {title}"
        for name, what in rows:
            yield from (".TP", f".B {_escaped(name)}", _escaped(what))
    yield from (".SH SEE ALSO", "The documents of the project, docs/operate.md first.")


def _command(name: str) -> Iterator[str]:
    made = parser(name)
    usage = " ".join(made.format_usage().removeprefix("usage: ").split())
    yield from (f".SS {_escaped(usage)}", _escaped(_said(made.description or "")))
    for action in made._actions:
        if action.help == argparse.SUPPRESS:
            continue
        yield from (".TP", f".B {_escaped(_spelled(action))}", _escaped(_said(action.help or "")))


def _spelled(action: argparse.Action) -> str:
    """How an argument is typed."""
    if action.choices and not action.metavar:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        value = str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return value
    words = ", ".join(action.option_strings)
    if action.nargs == 0:
        return words
    return f"{words} [{value}]" if action.nargs == "?" else f"{words} {value}"


def _said(help: str) -> str:
    return " ".join(help.replace("%%", "%").split())


def _escaped(words: str) -> str:
    r"""For a line of roff: a backslash, a hyphen that is a minus, a dot or quote that would be a command."""
    said = words.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{said}" if said.startswith((".", "'")) else said
