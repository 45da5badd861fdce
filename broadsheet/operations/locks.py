"""Who may use the data folder: many servers and commands at once, or one restore alone.

The locks are the operating system's (flock), so a killed process never leaves one behind.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from broadsheet.operations.refusal import Refusal


@contextmanager
def together() -> Iterator[None]:
    """Held by everything that works on the data for long. Raises Refusal while a restore is at work."""
    with _locked("lock", fcntl.LOCK_SH, "A restore is replacing the data. Try again when it has finished."):
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Held by a restore. Raises Refusal while anything else works on the data."""
    refusal = (
        "Broadsheet is running on this data folder. Stop it (Ctrl-C where `make up` runs), then try again."
    )
    with _locked("lock", fcntl.LOCK_EX, refusal):
        yield


@contextmanager
def only_one(refusal: str) -> Iterator[None]:
    """Held by `up`, so that a second one on the same data folder is refused with the sentence given."""
    with _locked("up.lock", fcntl.LOCK_EX, refusal):
        yield


@contextmanager
def backing_up() -> Iterator[None]:
    """Held by a backup, so that what it finds half made is a killed one's. Raises Refusal."""
    with _locked(
        "backup.lock", fcntl.LOCK_EX, "Another backup is being made. Try again when it has finished."
    ):
        yield


@contextmanager
def in_turn() -> Iterator[None]:
    """Held while the house is opened: where a server and a worker start together, one waits for the other."""
    with _locked("opening.lock", fcntl.LOCK_EX, ""):
        yield


@contextmanager
def _locked(name: str, kind: int, refusal: str) -> Iterator[None]:
    handle = os.open(Path(settings.HOME) / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB if refusal else kind)
        except BlockingIOError as error:
            raise Refusal(refusal) from error
        yield
    finally:
        os.close(handle)
