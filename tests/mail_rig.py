"""A real SMTP server on loopback that misbehaves on demand and remembers what it took.

Every message that it answers with 250 is first written to a file and fsynced: that file is the oracle. What
it does wrong is a script: a function asked at each stage for a reply, or for the connection to be cut.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

CUT = "cut"

# Asked with the stage ("connect", "ehlo", "mail", "rcpt", "data", "dot", "taken"), the recipient so far, and
# how often that stage was reached. Answers a reply line, CUT to hang up, or None to go on.
Script = Callable[[str, str, int], str | None]


def well_behaved(stage: str, recipient: str, number: int) -> str | None:
    return None


@dataclass
class Rig:
    """The server's address, its script and its oracle."""

    oracle: Path
    script: Script = well_behaved
    port: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    keep: bool = True
    bodies: list[tuple[str, str, bytes]] = field(default_factory=list)
    slow: float = 0.0
    live: bool = False

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def accepted(self) -> list[dict[str, str]]:
        """What was answered with 250 and fsynced, in order."""
        if not self.oracle.exists():
            return []
        return [json.loads(line) for line in self.oracle.read_text().splitlines()]

    def recipients(self) -> Counter[str]:
        return Counter(each["to"] for each in self.accepted())

    def messages(self) -> list[EmailMessage]:
        found = [message_from_bytes(body, policy=policy.default) for _, _, body in self.bodies]
        return [each for each in found if isinstance(each, EmailMessage)]

    def ask(self, stage: str, recipient: str = "") -> str | None:
        self.seen[stage] += 1
        return self.script(stage, recipient, self.seen[stage])


class _Handler:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.log = os.open(rig.oracle, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if said := self._said(server, "mail", address):
            return said
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if said := self._said(server, "rcpt", address):
            return said
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert len(envelope.rcpt_tos) == 1, "exactly one recipient in a transaction"
        recipient = envelope.rcpt_tos[0]
        if said := self._said(server, "dot", recipient):
            return said
        body = envelope.original_content or b""
        parsed = message_from_bytes(body, policy=policy.default)
        line = {
            "to": recipient,
            "from": envelope.mail_from,
            "id": str(parsed["Message-ID"]),
            "hash": hashlib.sha256(body).hexdigest(),
        }
        os.write(self.log, json.dumps(line).encode() + b"\n")
        os.fsync(self.log)
        self.rig.times.append(time.monotonic())
        if self.rig.keep:
            self.rig.bodies.append((recipient, str(envelope.mail_from), body))
        if self.rig.slow:
            await asyncio.sleep(self.rig.slow)
        return self._said(server, "taken", recipient) or "250 2.0.0 taken"

    def _said(self, server: SMTP, stage: str, recipient: str) -> str | None:
        said = self.rig.ask(stage, recipient)
        if said == CUT:
            _hang_up(server)
            return "421 4.3.0 cut"
        return said


class _Server(SMTP):
    """aiosmtpd with faults at its doorstep and in the middle of DATA."""

    rig: Rig

    def __init__(self, rig: Rig, handler: _Handler, **known: Any) -> None:
        self.rig = rig
        super().__init__(handler, **known)

    async def _handle_client(self) -> None:
        # The controller's own first connection only asks whether the server is there.
        said = self.rig.ask("connect") if self.rig.live else None
        if said == CUT:
            _hang_up(self)
            return
        if said:
            await self.push(said)
            assert self.transport is not None
            self.transport.close()
            return
        await super()._handle_client()

    async def smtp_DATA(self, arg: str) -> None:
        recipient = self.envelope.rcpt_tos[0] if self.envelope and self.envelope.rcpt_tos else ""
        said = self.rig.ask("data", recipient)
        if said == CUT:
            await self.push("354 go on")
            assert self._reader is not None
            await self._reader.read(200)
            _hang_up(self)
            return
        if said:
            await self.push(said)
            return
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def __init__(self, rig: Rig, **known: Any) -> None:
        self._rig = rig
        super().__init__(_Handler(rig), hostname="127.0.0.1", port=known.pop("at", 0), **known)

    def factory(self) -> SMTP:
        return _Server(self._rig, self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        # The port is the system's choice, known only once the server listens.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def _hang_up(server: SMTP) -> None:
    """Without a word, as a crash would."""
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()


@contextmanager
def running(
    folder: Path,
    script: Script = well_behaved,
    *,
    certificate: ssl.SSLContext | None = None,
    from_the_start: bool = False,
    login: tuple[str, str] | None = None,
    size: int = 33_554_432,
    keep: bool = True,
    at: int = 0,
) -> Iterator[Rig]:
    """A server in a thread of this process. `certificate`: offers STARTTLS, or speaks TLS from the start."""
    rig = Rig(folder / "oracle.jsonl", script, keep=keep)
    known: dict[str, Any] = {"data_size_limit": size, "at": at}
    if certificate and from_the_start:
        known["ssl_context"] = certificate
    elif certificate:
        known["tls_context"] = certificate
    if login:
        known["authenticator"] = _checking(login)
        known["auth_required"] = True
        known["auth_require_tls"] = certificate is not None
    controller = _Controller(rig, **known)
    controller.start()
    rig.port, rig.live = controller.port, True
    try:
        yield rig
    finally:
        controller.stop()


def configure(settings: Any, rig: Rig) -> None:
    """Makes the code in this process hand its mail to the rig; one connection, as tests on SQLite have one
    database in memory."""
    settings.SMTP_URL = rig.url
    settings.MAIL_FROM = "The Broadsheet <papers@broadsheet.example>"
    settings.PUBLIC_URL = "https://papers.example.org"
    settings.MAIL_IS_CONFIGURED = True
    settings.MAIL_CONNECTIONS = 1
    settings.ALLOWED_HOSTS = ["*"]


def _checking(login: tuple[str, str]) -> Callable[..., AuthResult]:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == login, handled=False)

    return check


@contextmanager
def raw(answer: Callable[[Any], None]) -> Iterator[int]:
    """A server that is one function of a connected socket, for what no real server does; yields its port."""
    import socket

    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_quietly, args=(answer, connection), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        listening.close()


def _quietly(answer: Callable[[Any], None], connection: Any) -> None:
    with connection:
        try:
            answer(connection)
        except OSError:
            return


def main() -> None:
    """`python -m tests.mail_rig FOLDER`: a server in a process of its own, until its input ends. Prints its
    port; writes the oracle into the folder."""
    import sys

    with running(Path(sys.argv[1]), keep=False) as rig:
        sys.stdout.write(f"{rig.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
