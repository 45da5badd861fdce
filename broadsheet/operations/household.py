"""`up`: the web server and the worker as children of one process that stays in the foreground.

The server's end is the end of everything: a page that cannot be reached should be noticed. The worker is
started again, each time after a longer wait, since pages can do without it for a while.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection, connections

from broadsheet import community
from broadsheet.models import Paper
from broadsheet.operations import locks, opening, server
from broadsheet.operations.refusal import Refusal
from broadsheet.operations.stopping import Stop

Say = Callable[[str], None]
log = logging.getLogger("broadsheet.up")

# Seconds from Ctrl-C to the end; whoever has not finished by then is killed.
GRACE = 4.5
# Seconds within which the server must answer its first request.
PATIENCE = 60
_LONGEST_WAIT = 60


class Child:
    """One process of the household, in a session of its own so that Ctrl-C reaches only its parent."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.failures = 0
        self.start_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "broadsheet", self.verb, f"--parent={os.getpid()}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - ourselves
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """Its exit status if it ran and has ended."""
        return self.process.poll() if self.process else None

    def bury(self) -> None:
        """Ends what is left of it, its own children too."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def keep_up(say: Say) -> None:
    """Opens the house and keeps it open until Ctrl-C or SIGTERM. Raises Refusal when it cannot be opened or
    when the web server ends."""
    with Stop() as stop, opening.using_data(), _alone_here():
        address = server.demand_address(patience=3)
        opening.open_up(say)
        if stop.sleep(0):
            return
        papers = Paper.objects.count()
        invitation = community.first_link()
        connections.close_all()
        web, worker = Child("serve"), Child("worker")
        try:
            web.start()
            if _answers(web, address, stop):
                worker.start()
                _welcome(say, address, papers, invitation)
                _watch(web, worker, stop)
        finally:
            _stop_all([web, worker])
            if stop.asked:
                say("Broadsheet has stopped.")


@contextmanager
def _alone_here() -> Iterator[None]:
    if connection.vendor == "postgresql":
        yield
        return
    with locks.only_one(
        f"Broadsheet is already running on {settings.HOME}. Stop it first, or give this one a data folder "
        "of its own:  BROADSHEET_HOME=/another/folder make up"
    ):
        yield


def _answers(web: Child, address: str, stop: Stop) -> bool:
    """Waits until the server answers; False when asked to stop before."""
    last = time.monotonic() + PATIENCE
    while not stop.sleep(0.1):
        if web.ended() is not None:
            raise Refusal("The web server could not start; its last words are above.")
        if _reachable(address):
            return True
        if time.monotonic() > last:
            raise Refusal(f"The web server did not answer within {PATIENCE} seconds.")
    return False


def _reachable(address: str) -> bool:
    """Whether the server says anything at all: what it thinks of its health is doctor's business."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened at
    asked = http.client.HTTPConnection(anywhere.get(address, address), settings.PORT, timeout=5)
    try:
        asked.request("GET", "/health", headers={"Host": "localhost"})
        return asked.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def link_to(invitation: community.Invitation, address: str = "") -> str:
    """The whole address of a one-time link."""
    return f"{server.url(address or settings.BIND)}/account/token/{community.token_of(invitation)}"


def _welcome(say: Say, address: str, papers: int, invitation: community.Invitation | None) -> None:
    say(f"Broadsheet is at   {server.url(address)}/papers")
    place = "PostgreSQL" if connection.vendor == "postgresql" else str(settings.HOME)
    say(f"Its data are in    {place} ({papers:,} papers)")
    if invitation:
        say(f"Become its operator  {link_to(invitation, address)}")
        say(f"                   (works once, until {invitation.expires_at:%Y-%m-%d %H:%M} UTC)")
    say(f"Bring in more      {_command()} import FILE...")
    say("Stop it            with Ctrl-C")


def _command() -> str:
    """How this very command is typed from here."""
    typed = Path(sys.argv[0])
    with contextlib.suppress(ValueError):
        return str(typed.absolute().relative_to(Path.cwd()))
    return typed.name


def _watch(web: Child, worker: Child, stop: Stop) -> None:
    while not stop.sleep(_until(worker)):
        status = web.ended()
        # A stopping system signals parent and child at once; the child may be the quicker one.
        if status is not None and not stop.sleep(0.3):
            raise Refusal(f"The web server {_how(status)}, so Broadsheet stops. What it said is above.")
        _tend(worker)


def _until(worker: Child) -> float:
    return 5.0 if worker.process else max(0.1, worker.start_at - time.monotonic())


def _tend(worker: Child) -> None:
    """Starts the worker when it should run and does not."""
    status = worker.ended()
    if status is not None:
        lived = time.monotonic() - worker.started
        worker.failures = 1 if lived > _LONGEST_WAIT else worker.failures + 1
        wait = min(_LONGEST_WAIT, 2 ** (worker.failures - 1))
        log.warning("The worker %s; it starts again in %d s.", _how(status), wait)
        worker.bury()
        worker.start_at = time.monotonic() + wait
    elif worker.process is None and time.monotonic() >= worker.start_at:
        worker.start()


def _how(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended by itself (exit status {status})"


def _stop_all(children: list[Child]) -> None:
    for child in children:
        if child.process and child.ended() is None:
            child.process.terminate()
    last = time.monotonic() + GRACE
    for child in children:
        if child.process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, last - time.monotonic()))
        child.bury()
