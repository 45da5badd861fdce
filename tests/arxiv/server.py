"""The stand-in itself: a web server with a clock, faults on demand, and an eye on its guests' manners."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as clock_time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.arxiv import words
from tests.arxiv.corpus import Corpus, to_day

KINDS = ("429", "503", "cut", "token", "malformed", "again")


@dataclass
class Faults:
    """A fault of one of `kinds` in a `share` (0 to 1) of all answers, by lot with a seed."""

    share: float = 0.0
    kinds: tuple[str, ...] = KINDS
    retry_after: int = 1
    seed: int = 7

    def __post_init__(self) -> None:
        self.lot = random.Random(self.seed)

    def draw(self) -> str:
        return self.lot.choice(self.kinds) if self.lot.random() < self.share else ""


@dataclass
class Manners:
    """What guests did. `impolite` are sentences about requests that came too early or at the same time."""

    pause: float
    requests: int = 0
    busy: int = 0
    ended: float = 0.0
    not_before: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    impolite: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> None:
        with self.lock:
            now = time.monotonic()
            self.requests += 1
            if self.busy:
                self.impolite.append(f"request {self.requests}: another one is under way")
            # What a clock and two processes may differ by.
            if now < self.ended + self.pause - 0.002:
                self.impolite.append(f"request {self.requests}: {now - self.ended:.3f} s after the last")
            if now < self.not_before - 0.01:
                self.impolite.append(f"request {self.requests}: before Retry-After was over")
            self.busy += 1

    def leave(self, fault: str, wait: float) -> None:
        with self.lock:
            self.busy -= 1
            self.ended = time.monotonic()
            if wait:
                self.not_before = self.ended + wait
            if fault:
                self.faults[fault] += 1


class StandIn:
    """One stand-in. `size` records in an answer; `pause` seconds that guests must leave between requests."""

    def __init__(
        self, corpus: Corpus, today: date, size: int = 1000, pause: float = 0.0, faults: Faults | None = None
    ) -> None:
        self.corpus = corpus
        self.now = datetime.combine(today, clock_time(6), UTC)
        self.oai = words.Oai(corpus, size)
        self.faults = faults or Faults()
        self.manners = Manners(pause)
        self.keep = False
        self.kept: dict[tuple[object, ...], bytes] = {}
        self.url = ""
        # arXiv is followed from the outside: one answer is made after the other.
        self.making = threading.Lock()

    def morning(self, day: date) -> None:
        """Lets it be six in the morning of a day, UTC."""
        self.now = datetime.combine(day, clock_time(6), UTC)

    @property
    def settings(self) -> dict[str, str]:
        """What to tell a server of ours, as environment variables."""
        return {
            "BROADSHEET_ARXIV_OAI_URL": f"{self.url}/oai",
            "BROADSHEET_ARXIV_RSS_URL": f"{self.url}/rss",
            "BROADSHEET_ARXIV_API_URL": f"{self.url}/api/query",
            "BROADSHEET_LOOPBACK_PAUSE": str(self.manners.pause),
        }

    def report(self) -> dict[str, Any]:
        manners = self.manners
        return {
            "now": self.now.isoformat(),
            "requests": manners.requests,
            "faults": dict(manners.faults),
            "impolite": manners.impolite[:100],
        }

    def standing(self) -> list[str]:
        """Ids of the papers that can be seen today and are not deleted."""
        today = to_day(self.now.date())
        lives = zip(self.corpus.ids, self.corpus.lives, strict=True)
        return [name for name, life in lives if life.filed(today) and not 0 < life.deleted <= today]

    def _oai(self, asked: dict[str, str], fault: str) -> bytes:
        """What is said without a fault is kept, so that a second harvest measures the guest alone."""
        key = (self.now, *sorted(asked.items()))
        if fault or not self.keep:
            return self.oai.answer(asked, self.now, fault == "token", fault == "again")
        if key not in self.kept:
            self.kept[key] = self.oai.answer(asked, self.now, False, False)
        return self.kept[key]

    def say(self, path: str, asked: dict[str, str], fault: str) -> bytes | None:
        if path == "/oai":
            return self._oai(asked, fault)
        if path.startswith("/rss/"):
            return words.rss(self.corpus, unquote(path[5:]), self.now)
        if path.startswith("/atom/"):
            return words.atom(self.corpus, unquote(path[6:]), self.now)
        if path == "/api/query":
            return words.looked_up(self.corpus, asked, self.now)
        return None


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/report":
                self._send(200, json.dumps(stand_in.report(), indent=1).encode())
                return
            if parts.path == "/ids":
                self._send(200, "\n".join(stand_in.standing()).encode())
                return
            stand_in.manners.enter()
            fault, wait = stand_in.faults.draw(), 0
            try:
                if fault in ("429", "503"):
                    wait = stand_in.faults.retry_after
                    said: tuple[int, bytes] = int(fault), b"Retry later"
                else:
                    said = self._made(parts.path, asked, fault)
            finally:
                # Before the answer goes out: a guest may have it before this thread runs again.
                stand_in.manners.leave(fault, wait)
            self._send(*said, {"Retry-After": str(wait)} if wait else {}, cut=fault == "cut")

        def _made(self, path: str, asked: dict[str, str], fault: str) -> tuple[int, bytes]:
            with stand_in.making:
                body = stand_in.say(path, asked, fault)
            if body is None:
                return 404, b"Not found"
            if fault == "malformed":
                middle = len(body) // 2
                body = body[:middle] + b"<broken" + body[middle:]
            return 200, body

        def do_POST(self) -> None:
            """The clock: `day=2026-08-11`."""
            said = parse_qs(self.rfile.read(int(self.headers.get("content-length") or 0)).decode())
            try:
                stand_in.morning(date.fromisoformat(said["day"][0]))
            except (KeyError, ValueError):
                self._send(400, b"Say day=YYYY-MM-DD\n")
            else:
                self._send(200, f"It is {stand_in.now:%A %d %B %Y}\n".encode())

        def _send(
            self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: bool = False
        ) -> None:
            with suppress(OSError):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Silent; /report says it all."""

    return Handler


@contextmanager
def standing_in(stand_in: StandIn, port: int = 0) -> Iterator[StandIn]:
    """Runs the stand-in on this machine; yields it with its `url`."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(stand_in))
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
