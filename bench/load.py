"""Asks a running server for pages over loopback: one client for latency, several at once for throughput."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

from bench.timings import Timings

# A page that takes longer than this many seconds counts as an error.
PATIENCE = 300
# A client that gets no answer so many times in a row gives up.
GIVES_UP = 3
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {"Accept": "text/html,*/*", "Accept-Encoding": "gzip, br", "Connection": "keep-alive"}


@dataclass(frozen=True)
class Limits:
    """A series ends when either is reached: `seconds` of wall time or `most` requests. A request under way
    is always waited for."""

    seconds: float
    most: int


def on_loopback(base: str) -> bool:
    """Whether this is plain HTTP on this very machine; nothing else is ever driven."""
    parts = urlsplit(base)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


class _Turns:
    """Hands out addresses one by one to all clients until the limits are reached."""

    def __init__(self, addresses: Sequence[str], limits: Limits) -> None:
        self._addresses: Iterator[str] = cycle(addresses)
        self._left = limits.most
        self._end = time.perf_counter() + limits.seconds
        self._lock = threading.Lock()

    def take(self) -> str | None:
        with self._lock:
            if self._left <= 0 or time.perf_counter() > self._end:
                return None
            self._left -= 1
            return next(self._addresses)


class Client:
    """One connection that is kept open between requests where the server allows it."""

    def __init__(self, base: str) -> None:
        if not on_loopback(base):
            raise ValueError(f"{base} is not http on this machine.")
        parts = urlsplit(base)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 80, timeout=PATIENCE)

    def ask(self, address: str) -> tuple[int, int]:
        """The status and the bytes of the body as they travelled."""
        try:
            self._connection.request("GET", address, headers=HEADERS)
            answer = self._connection.getresponse()
            return answer.status, len(answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


def drive(base: str, kind: str, addresses: Sequence[str], clients: int, limits: Limits) -> Timings:
    """One series. Its `elapsed` runs from the first request to the last answer."""
    turns = _Turns(addresses, limits)
    parts = [Timings(kind, clients) for _ in range(clients)]
    begun = time.perf_counter()
    threads = [threading.Thread(target=_go, args=(base, turns, part)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Timings(kind, clients, elapsed=time.perf_counter() - begun)
    for part in parts:
        found.add(part)
    return found


def _go(base: str, turns: _Turns, found: Timings) -> None:
    client = Client(base)
    unanswered = 0
    while unanswered < GIVES_UP and (address := turns.take()) is not None:
        before = time.perf_counter()
        try:
            status, size = client.ask(address)
        except (OSError, http.client.HTTPException) as error:
            unanswered += 1
            found.fail(f"{type(error).__name__} {address}")
            continue
        unanswered = 0
        found.seconds.append(time.perf_counter() - before)
        found.sizes.append(size)
        if status != 200:
            found.fail(f"{status} {address}")
    client.close()


def warm(base: str, addresses: Sequence[str], clients: int) -> None:
    """A few requests that nobody times: code, templates and connections are ready afterwards."""
    drive(base, "warm", addresses, clients, Limits(10, 4 * clients))
