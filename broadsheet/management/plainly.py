"""How commands end when something cannot be done: with one sentence, not with a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from broadsheet.operations import Refusal, in_plain_words


@contextmanager
def plainly() -> Iterator[None]:
    """Ends the process with exit status 1 and the sentence when a Refusal is raised inside."""
    try:
        with in_plain_words():
            yield
    except Refusal as refusal:
        sys.exit(f"broadsheet: {refusal}")
