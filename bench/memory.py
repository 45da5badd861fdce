"""How much memory processes hold, looked at from outside."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from itertools import count

import psutil

# Seconds between two looks, and how many quick looks there are to each thorough one.
EVERY = 0.1
THOROUGH = 10


def family(pid: int) -> list[psutil.Process]:
    """A process and everybody it started."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@dataclass
class Now:
    """MB held now. `resident` counts a shared page in each process that uses it, mapped files included;
    `own` is what no other process has a share in; `each` says it of every process by its number and name."""

    processes: int = 0
    resident_mb: float = 0.0
    own_mb: float = 0.0
    each_mb: dict[str, float] = field(default_factory=dict)


def now(pid: int) -> Now:
    found = Now()
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            whole = process.memory_full_info()
            found.processes += 1
            found.resident_mb += whole.rss / 1e6
            found.own_mb += whole.uss / 1e6
            name = " ".join(process.cmdline()[1:4]) or process.name()
            found.each_mb[f"{process.pid} {name}"] = round(whole.uss / 1e6, 1)
    return found


@dataclass
class Watch:
    """Looks at a process and its children until told to stop; all in bytes. `together` is the highest sum
    of resident memory at one moment, `once` the same with each shared page counted once (looked at less
    often, because the kernel has to walk all pages; 0 where it does not tell), `alone` the highest resident
    memory of each process."""

    pid: int
    together: int = 0
    once: int = 0
    alone: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> Watch:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        for turn in count():
            if self._ended.wait(EVERY):
                break
            members = family(self.pid)
            held = {process.pid: _held(process) for process in members}
            self.together = max(self.together, sum(held.values()))
            for pid, amount in held.items():
                self.alone[pid] = max(amount, self.alone.get(pid, 0))
            if turn % THOROUGH == 0:
                self.once = max(self.once, sum(_shared_once(process) for process in members))


def _held(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(process.memory_info().rss)
    return 0


def _shared_once(process: psutil.Process) -> int:
    """A process's part of memory: what it shares with n others counts as its nth."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(getattr(process.memory_full_info(), "pss", 0))
    return 0
