"""One conversation with an SMTP server (RFC 5321), in steps small enough to know what the server knows.

The standard library's client sends a message in one go. A sender that must not send twice has to stand
between the last line and the final dot, so that step is separate here. Every reply has a deadline for the
whole of it: a server that says one byte a second is timed out like one that says none.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broadsheet.mail import addresses
from broadsheet.mail.setup import Server

CONNECT_WAIT = 30.0
REPLY_WAIT = 300.0
LONGEST_REPLY = 65_536


class Refused(Exception):
    """The server will not take mail from us as things are: no TLS, no login. Nothing was sent."""


class Unreachable(Exception):
    """The connection failed or the server put us off before a message was in its hands."""


class Lost(Exception):
    """The connection ended after the final dot and before the answer: nobody knows."""


@dataclass(frozen=True)
class Reply:
    """What a server answered. `status` is the enhanced one ("5.1.1"), "" where there is none."""

    code: int
    text: str

    @property
    def status(self) -> str:
        found = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", self.text)
        return found[1] if found else ""

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 400

    @property
    def later(self) -> bool:
        return 400 <= self.code < 500

    def __str__(self) -> str:
        said = "".join(each if each.isprintable() else " " for each in self.text)
        return addresses.without_addresses(f"{self.code} {' '.join(said.split())}")[:300]


class _Client(smtplib.SMTP):
    """smtplib with a deadline for every reply."""

    wait = CONNECT_WAIT
    _buffer = b""

    def getreply(self) -> tuple[int, bytes]:
        deadline = time.monotonic() + self.wait
        lines: list[bytes] = []
        size = 0
        while True:
            line = self._line(deadline)
            size += len(line)
            if size > LONGEST_REPLY:
                self.close()
                raise smtplib.SMTPServerDisconnected("The server's answer does not end.")
            lines.append(line[4:].strip(b" \t\r\n"))
            if not line[:3].isdigit():
                self.close()
                raise smtplib.SMTPServerDisconnected("The server's answer is none.")
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if self.sock is None or left <= 0:
                self.close()
                raise smtplib.SMTPServerDisconnected("The server took too long to answer.")
            self.sock.settimeout(left)
            try:
                more = self.sock.recv(8192)
            except OSError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected(f"The connection failed: {error}") from error
            if not more or len(self._buffer) > LONGEST_REPLY:
                self.close()
                raise smtplib.SMTPServerDisconnected("The server closed the connection.")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def starttls(self, **known: Any) -> tuple[int, bytes]:  # type: ignore[override]
        answer = super().starttls(**known)
        # What came before encryption may have been put there by anybody.
        self._buffer = b""
        return answer


class _TlsClient(_Client):
    """The same with TLS from the first byte."""

    def __init__(self, context: ssl.SSLContext, **known: Any) -> None:
        self._context = context
        super().__init__(**known)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        return self._context.wrap_socket(plain, server_hostname=host)


class Line:
    """An open connection that takes one message after another, each with exactly one recipient."""

    def __init__(self, server: Server, hello: str, final_wait: float, reply_wait: float = REPLY_WAIT) -> None:
        """Connects, encrypts, logs in. `hello` is the name we greet with; waits are in seconds. Raises
        Refused or Unreachable."""
        self._hello = hello
        self._final_wait = final_wait
        self._reply_wait = reply_wait
        try:
            self._smtp = self._open(server)
        except (smtplib.SMTPAuthenticationError, ssl.SSLError) as error:
            raise Refused(_in_words(server, error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(_in_words(server, error)) from error
        self._smtp.wait = reply_wait
        self.extensions = frozenset(self._smtp.esmtp_features)
        size = self._smtp.esmtp_features.get("size", "")
        self.largest = int(size) if size.isdecimal() and int(size) > 0 else None

    def _open(self, server: Server) -> _Client:
        wait = min(CONNECT_WAIT, self._reply_wait)
        known: dict[str, Any] = {"local_hostname": self._hello, "timeout": wait}
        smtp = _TlsClient(server.context(), **known) if server.tls == "tls" else _Client(**known)
        smtp.wait = wait
        smtp._host = server.host  # type: ignore[attr-defined] # what STARTTLS checks the certificate against
        try:
            self._greet(smtp, server)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _greet(self, smtp: _Client, server: Server) -> None:
        """Connects, encrypts, logs in."""
        code, said = smtp.connect(server.host, server.port)
        if code != 220:
            raise Unreachable(
                f"{server} does not take mail now: {Reply(code, said.decode('utf-8', 'replace'))}"
            )
        if smtp.sock is not None:
            # The message and its final dot are two writes: the second must not wait for the first's receipt.
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            if not smtp.has_extn("starttls"):
                raise Refused(
                    f"{server} offers no encryption, and mail is never handed over in the clear. "
                    "Use a port with TLS, or smtps://."
                )
            code, said = smtp.starttls(context=server.context())
            if code != 220:
                raise Refused(f"{server} refused to encrypt: {Reply(code, said.decode('utf-8', 'replace'))}")
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            if server.tls == "none" and not smtp.has_extn("auth"):
                raise Refused(f"{server} knows no log-in, but BROADSHEET_SMTP_URL has a user name.")
            try:
                smtp.login(server.user, server.password)
            except smtplib.SMTPNotSupportedError as error:
                raise Refused(f"{server} knows no log-in that we know.") from error

    def begin(self, envelope_from: str, recipient: str, size: int) -> tuple[str, Reply]:
        """MAIL and RCPT. Returns the stage that was reached ("mail", "rcpt") with the reply that ended it.
        Raises Unreachable."""
        try:
            size_option = f" SIZE={size}" if "size" in self.extensions else ""
            reply = self._say(f"MAIL FROM:<{envelope_from}>{size_option}")
            if not reply.ok:
                return "mail", reply
            return "rcpt", self._say(f"RCPT TO:<{recipient}>")
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(str(error)) from error

    def hand_over(
        self, body: bytes, before_dot: Callable[[], bool], halfway: Callable[[], None] = lambda: None
    ) -> Reply | None:
        """DATA and the message; then asks `before_dot`, and if that says no, hangs up without the final dot
        and returns None. Returns the server's reply to the message otherwise.

        Raises Unreachable (the server does not have it) or Lost (nobody knows).
        """
        try:
            reply = self._say("DATA")
            if reply.code != 354:
                return reply
            lines = _stuffed(body)
            self._send(lines[: len(lines) // 2])
            halfway()
            self._send(lines[len(lines) // 2 :])
            if not before_dot():
                self.close()
                return None
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(str(error)) from error
        try:
            self._send(b".\r\n")
            self._smtp.wait = self._final_wait
            return self._reply()
        except (OSError, smtplib.SMTPException) as error:
            raise Lost(str(error)) from error
        finally:
            self._smtp.wait = self._reply_wait

    def reset(self) -> None:
        """Forgets the message begun. Raises Unreachable."""
        try:
            self._say("RSET")
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(str(error)) from error

    def close(self) -> None:
        self._smtp.close()

    def quit(self) -> None:
        try:
            self._smtp.wait = 5
            self._smtp.putcmd("quit")
        except (OSError, smtplib.SMTPException):
            pass
        self._smtp.close()

    def _say(self, command: str) -> Reply:
        self._smtp.putcmd(command)
        return self._reply()

    def _send(self, piece: bytes) -> None:
        if self._smtp.sock is None:
            raise smtplib.SMTPServerDisconnected("The connection is closed.")
        self._smtp.sock.settimeout(self._reply_wait)
        self._smtp.sock.sendall(piece)

    def _reply(self) -> Reply:
        code, said = self._smtp.getreply()
        return Reply(code, said.decode("utf-8", "replace"))


def _stuffed(body: bytes) -> bytes:
    """The message as DATA carries it: a dot before each dot that begins a line, a line break at its end."""
    stuffed = re.sub(rb"(?m)^\.", b"..", body)
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"


def _in_words(server: Server, error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else ""
        return f"{server} refused the log-in: {Reply(error.smtp_code, said)}. Check BROADSHEET_SMTP_URL."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {server} is not valid: {error.verify_message}. Nothing was sent."
    if isinstance(error, ssl.SSLError):
        return f"TLS with {server} failed: {error.reason}. Nothing was sent."
    said = " ".join(str(error).split())
    return f"{server} cannot be reached: {said or type(error).__name__}"[:300]
