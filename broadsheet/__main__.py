"""The `broadsheet` command: `broadsheet help` lists what it can do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    try:
        from django.core.management import execute_from_command_line

        _run(execute_from_command_line)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(execute: Callable[[list[str]], None]) -> None:
    from django.core.exceptions import ImproperlyConfigured

    try:
        execute(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"broadsheet: {error}")


if __name__ == "__main__":
    main()
