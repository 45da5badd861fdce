"""A small real web server for tests: it answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What is answered. `length`: what the header claims, perhaps a lie; `pieces` come instead of `body`."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    pieces: Callable[[], Iterator[bytes]] | None = None


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Stranger:
    """A server on this machine; `asked` is every request in order, `most` how many were answered at once."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self.asked: list[Request] = []
        self.most = self.busy = 0
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Reply:
        with self._lock:
            self.asked.append(request)
            self.busy += 1
            self.most = max(self.most, self.busy)
        try:
            return self.answer(request)
        finally:
            with self._lock:
                self.busy -= 1

    url = ""


@contextmanager
def answering(answer: Callable[[Request], Reply]) -> Iterator[Stranger]:
    """Runs a server whose every answer is what `answer` makes of the request."""
    stranger = Stranger(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            heard = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, heard, self.rfile.read(size), time.monotonic())
            self._send(stranger.handle(request))

        do_POST = do_GET

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.pieces is None:
                self.send_header(
                    "Content-Length", str(len(reply.body) if reply.length is None else reply.length)
                )
            self.end_headers()
            try:
                self.wfile.write(reply.body)
                for piece in reply.pieces() if reply.pieces else ():
                    self.wfile.write(piece)
            except OSError:
                pass

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    stranger.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stranger
    finally:
        server.shutdown()
        server.server_close()
