"""How commands begin and end: with the data at hand, and with a sentence instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broadsheet import operations
from broadsheet.operations import Refusal, in_plain_words


@contextmanager
def plainly() -> Iterator[None]:
    """Ends the process with exit status 1 and the sentence when a Refusal is raised inside."""
    try:
        with in_plain_words():
            yield
    except Refusal as refusal:
        sys.exit(f"broadsheet: {refusal}")


@contextmanager
def at_hand(say: Callable[[str], None]) -> Iterator[None]:
    """For whatever needs papers: the data folder is held, and where nobody has begun yet the tables are made,
    which `say` is told."""
    with plainly(), operations.using_data():
        operations.make_tables(say)
        yield


def sentence(error: Exception) -> str:
    """What a fault of disk or database means for whoever typed a command; "" where it is a fault of ours."""
    try:
        with in_plain_words():
            raise error
    except Refusal as refusal:
        return str(refusal)
    except Exception:
        return ""


def seen_enough() -> None:
    """Whoever read the output (`… | head`) has left: nothing more is written, and nobody is told."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
