"""Whose turn it is to ask a host, among all processes of this machine: a lock and a time in a small file.

The lock is the operating system's (flock), so a killed process leaves none behind; the time of the next
request is written before a request and again after it, so a killed one leaves that too.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from broadsheet.sources import Unavailable

# A clock that was set back must not keep everybody waiting for ever.
LONGEST_REST = 86_400.0
_LOOK = 0.02


class Turn(Protocol):
    """One's turn, while it lasts."""

    def rest(self, seconds: float) -> None:
        """The host wants to be left alone for so long when this turn ends."""


class Turns(Protocol):
    """Holds one turn for each host. Whoever has it is the only one to ask that host."""

    def turn(self, host: str, pause: float, patience: float) -> AbstractContextManager[Turn]:
        """Waits for the turn, at most `patience` seconds, and keeps `pause` seconds free after it. Raises
        Unavailable."""


class _Rest:
    def __init__(self) -> None:
        self.seconds = 0.0

    def rest(self, seconds: float) -> None:
        self.seconds = max(self.seconds, seconds)


class FileTurns:
    """`Turns` as one file for each host in a folder, which is made when first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def turn(self, host: str, pause: float, patience: float) -> Iterator[Turn]:
        last = time.monotonic() + patience
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9.-]", "_", host)[:100] or "_"
        handle = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(handle, last, host)
            _wait(handle, last, host)
            _write(handle, pause)
            rest = _Rest()
            try:
                yield rest
            finally:
                _write(handle, max(pause, rest.seconds))
        finally:
            os.close(handle)


def _lock(handle: int, last: float, host: str) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > last:
                raise Unavailable(f"{host} is being asked by another process.", 5.0) from None
            time.sleep(_LOOK)


def _wait(handle: int, last: float, host: str) -> None:
    try:
        until = float(os.pread(handle, 32, 0) or b"0")
    except ValueError:
        until = 0.0
    wait = until - time.time()
    if not 0 < wait <= LONGEST_REST:
        return
    if time.monotonic() + wait > last:
        raise Unavailable(f"{host} wants to be left alone for {wait:.0f} s more.", wait)
    time.sleep(wait)


def _write(handle: int, pause: float) -> None:
    os.pwrite(handle, f"{time.time() + min(pause, LONGEST_REST):.3f}".encode().ljust(32), 0)
