"""The server's own time for a page: the WSGI application is called in this process, with nothing between.

Run as a process of its own (`python -m bench.inside`) on the data folder in BROADSHEET_HOME. It asks the
same function that the web server asks, so a request's time is everything Broadsheet does for it, middleware
and compression included, and nothing of sockets and of whoever asks. Reads a plan as JSON from standard
input and prints the facts of each kind as JSON.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any
from urllib.parse import unquote_to_bytes

from tqdm import tqdm

from bench.timings import Timings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

WARM = 3


def environ(address: str) -> dict[str, Any]:
    """What a WSGI server hands over for a browser's GET request."""
    path, _, query = address.partition("?")
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "text/html,*/*",
        "HTTP_ACCEPT_ENCODING": "gzip, br",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


class QueryCount:
    """Counts the statements that reach the database."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., Any], *given: Any) -> Any:
        self.count += 1
        return execute(*given)


def ask(application: Application, address: str) -> tuple[int, int]:
    """The status and the bytes of the body."""
    said: list[str] = []
    body = application(environ(address), lambda status, headers, error=None: said.append(status))
    try:
        size = sum(len(part) for part in body)
    finally:
        if close := getattr(body, "close", None):
            close()
    return int(said[0].split()[0]), size


def series(
    application: Application, kind: str, addresses: list[str], seconds: float, most: int, counter: QueryCount
) -> Timings:
    """Asks for the addresses one after the other for at most `seconds` and at most `most` times."""
    found = Timings(kind)
    for address in addresses[:WARM]:
        ask(application, address)
    begun = time.perf_counter()
    for address in cycle(addresses):
        counter.count = 0
        before, worked = time.perf_counter(), time.thread_time()
        status, size = ask(application, address)
        now = time.perf_counter()
        found.seconds.append(now - before)
        found.working.append(time.thread_time() - worked)
        found.sizes.append(size)
        found.queries.append(counter.count)
        if status != 200:
            found.fail(f"{status} {address}")
        if now - begun > seconds or len(found.seconds) >= most:
            break
    found.elapsed = time.perf_counter() - begun
    return found


def main() -> None:
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    plan = json.load(sys.stdin)
    application: Application = get_wsgi_application()
    counter = QueryCount()
    rows = []
    with connection.execute_wrapper(counter):
        for kind, addresses in tqdm(plan["kinds"].items(), "in process", disable=None, leave=False):
            most = max(plan["most"], len(addresses))
            rows.append(series(application, kind, addresses, plan["seconds"], most, counter).facts())
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
