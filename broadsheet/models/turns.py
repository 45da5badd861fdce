"""Short writes of one process in turn, where the database itself knows no queue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from django.db import connection

_turn = Lock()


@contextmanager
def writing() -> Iterator[None]:
    """Around a short transaction that many may want at the same moment, outermost.

    SQLite has one writer. Who waits for it sleeps for longer and longer, up to a tenth of a second, and tries
    again: whoever comes later may go first, and under many votes some wait for seconds. Here the threads of a
    process wait for each other without sleeping, so that only processes compete. PostgreSQL has a queue.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with _turn:
        yield
