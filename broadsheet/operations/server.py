"""The web server: Granian serving Django over HTTP/1.1, in a few processes of a few threads.

Granian believes no X-Forwarded-* header; whether Django believes the proxy's word on https is a setting.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.urls import get_resolver
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from broadsheet.operations.refusal import Refusal

# Requests that one process works on at a time. More threads only take turns at the interpreter.
THREADS = 4
# Seconds that a request under way is given when the server stops.
GRACE = 3


def serve(say: Callable[[str], None] = lambda _: None) -> None:
    """Says where, and serves until SIGINT or SIGTERM.

    Raises Refusal when the address cannot be had, SystemExit(1) when its processes die again and again.
    """
    address = demand_address()
    _application()
    connections.close_all()
    say(f"Broadsheet is at {url(address)}/papers")
    # What is loaded by now is shared by all processes, as long as nobody's garbage collector touches it.
    gc.collect()
    gc.freeze()
    server = Server(
        target=settings.WSGI_APPLICATION,
        address=address,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        workers=settings.WEB_WORKERS,
        blocking_threads=THREADS,
        # A thread keeps its database connection and that one's cache: let it live as long as Granian can.
        blocking_threads_idle_timeout=600,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=_logging(),
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=GRACE,
    )
    server.serve(target_loader=_load, wrap_loader=False)


@cache
def _application() -> WSGIHandler:
    application = get_wsgi_application()
    # Read every page's code now, so that no first visitor waits for it.
    _ = get_resolver().url_patterns
    return application


def _load() -> WSGIHandler:
    """Called by Granian in each of its processes."""
    end_with_parent(os.getppid())
    # Granian copies the whole environment into every request, where a careless error report would print it.
    for name in list(os.environ):
        if name.startswith(("BROADSHEET_", "DATABASE_URL", "HTTP_")):
            del os.environ[name]
    application = _application()
    # Index and models take a second or two to open: not the first reader's.
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    return application


def _warm_up() -> None:
    from broadsheet import recommendations, search

    search.warm_up()
    recommendations.warm_up()


def end_with_parent(parent: int) -> None:
    """Ends this process in good order soon after the process `parent` is gone, however that went."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="orphan watch", daemon=True).start()


def demand_address(patience: float = 0.0) -> str:
    """The numeric address to listen at. Raises Refusal when it is not free within `patience` seconds."""
    try:
        family, _, _, _, where = socket.getaddrinfo(settings.BIND, settings.PORT, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Refusal(f"BROADSHEET_BIND={settings.BIND!r} is not an address of this machine.") from error
    last = time.monotonic() + patience
    while True:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(where)
            return str(where[0])
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > last:
                raise _no_address(error) from error
        time.sleep(0.1)


def url(address: str) -> str:
    """Where a reader on this machine, or everybody if BROADSHEET_URL says so, finds the server."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - read, not listened at
    return settings.PUBLIC_URL or f"http://{f'[{here}]' if ':' in here else here}:{settings.PORT}"


def _no_address(error: OSError) -> Refusal:
    if error.errno == errno.EADDRINUSE:
        other = settings.PORT + 1 if settings.PORT < 65535 else 8000
        return Refusal(
            f"Port {settings.PORT} is taken by another program. Choose another one:  "
            f"BROADSHEET_PORT={other} make up"
        )
    if error.errno == errno.EACCES:
        return Refusal(
            f"This user may not listen at port {settings.PORT}. Choose one above 1023:  "
            "BROADSHEET_PORT=8000 make up"
        )
    return Refusal(f"BROADSHEET_BIND={settings.BIND!r} is not an address of this machine.")


def _logging() -> dict[str, Any]:
    """Granian's own few words, in the lines that the rest of Broadsheet writes."""
    line = {"()": settings.LOGGING["formatters"]["line"]["()"]}
    console = {"class": "logging.StreamHandler", "formatter": "line"}
    quiet = {"handlers": ["console"], "level": "ERROR", "propagate": False}
    return {
        "formatters": {"line": line},
        "handlers": {"console": console},
        "loggers": {"_granian": dict(quiet), "granian.access": dict(quiet)},
    }
