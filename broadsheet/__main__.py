"""The `broadsheet` command: `broadsheet help` lists what it can do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

# What asks for the list of commands, and what for the version: ours, not Django's.
_HELP: tuple[list[str], ...] = ([], ["help"], ["--help"], ["-h"])
_VERSION = (["version"], ["--version"], ["-V"])


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    try:
        from django.core.management import execute_from_command_line

        if sys.argv[1:] in _VERSION:
            from broadsheet import __version__

            print(f"Broadsheet {__version__}")  # noqa: T201
        elif sys.argv[1:] in _HELP:
            _run(execute_from_command_line, [sys.argv[0], "manual", "--short"])
        else:
            _run(execute_from_command_line, sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(execute: Callable[[list[str]], None], words: list[str]) -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    try:
        execute(words)
    except ImproperlyConfigured as error:
        sys.exit(f"broadsheet: {error}")
    except BrokenPipeError:
        from broadsheet.management.plainly import seen_enough

        seen_enough()
    except (DatabaseError, OSError) as error:
        from broadsheet.management.plainly import sentence

        said = "" if "--traceback" in words else sentence(error)
        if not said:
            raise
        sys.exit(f"broadsheet: {said}")


if __name__ == "__main__":
    main()
