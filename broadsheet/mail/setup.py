"""Whether and how mail is set up here, read from the settings once and said in sentences."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from email.utils import parseaddr
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings

from broadsheet.mail import addresses


class NotSetUp(Exception):
    """Mail cannot be sent from here. The message is a sentence that says what to set."""


@dataclass(frozen=True)
class Server:
    """Where mail is handed in. `tls`: from the first byte, or "starttls", or "none" (loopback only)."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = ""
    authorities: str = ""

    def context(self) -> ssl.SSLContext:
        return _context(self.authorities)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@lru_cache(maxsize=4)
def _context(authorities: str) -> ssl.SSLContext:
    # Reading the system's certificates takes 20 ms, so it is done once.
    return ssl.create_default_context(cafile=authorities or None)


@dataclass(frozen=True)
class Sender:
    """Who the mail is from: `name` as shown, `address` as answered to."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def is_set_up() -> bool:
    """Whether mail goes out from here at all."""
    return bool(settings.MAIL_FROM and (settings.SMTP_URL or settings.MAIL_PROVIDER))


def sender() -> Sender:
    """Raises NotSetUp."""
    if not settings.MAIL_FROM:
        raise NotSetUp("Set BROADSHEET_MAIL_FROM to the address that mail comes from.")
    name, address = parseaddr(settings.MAIL_FROM)
    try:
        return Sender(name or settings.SITE_NAME, addresses.parse(address))
    except addresses.BadAddress as error:
        # A machine's own name is fine for a trial run on that machine.
        if address.endswith("@localhost") and address.count("@") == 1 and address.isascii():
            return Sender(name or settings.SITE_NAME, address)
        raise NotSetUp(
            f"BROADSHEET_MAIL_FROM={settings.MAIL_FROM!r} must look like "
            "papers@example.org or Broadsheet <papers@example.org>."
        ) from error


def origin() -> str:
    """Where links in mail lead: the configured address and never what a request said. Raises NotSetUp."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    if settings.BIND.startswith(("127.", "localhost", "::1")):
        return f"http://127.0.0.1:{settings.PORT}"
    raise NotSetUp("Set BROADSHEET_URL: links in mail need the address at which readers find this server.")


def server() -> Server:
    """The SMTP server that BROADSHEET_SMTP_URL names. Raises NotSetUp with a sentence, never with the
    password in it."""
    found = urlsplit(settings.SMTP_URL)
    try:
        port = found.port
    except ValueError:
        port = -1
    if found.scheme not in ("smtp", "smtps") or not found.hostname or port == -1:
        raise NotSetUp(
            "BROADSHEET_SMTP_URL must look like smtp://user:password@mail.example.org:587 or "
            "smtps://user:password@mail.example.org."
        )
    options = {name: values[-1] for name, values in parse_qs(found.query).items()}
    if unknown := set(options) - {"tls", "ca"}:
        raise NotSetUp(f"BROADSHEET_SMTP_URL has an option {sorted(unknown)[0]!r}; there are tls and ca.")
    wanted = options.get("tls", "")
    if wanted not in ("", "required", "off"):
        raise NotSetUp("BROADSHEET_SMTP_URL: tls is required or off.")
    here = _is_loopback(found.hostname)
    if wanted == "off" and not here:
        raise NotSetUp("BROADSHEET_SMTP_URL: tls=off is for a server on this machine alone.")
    if (ca := options.get("ca", "")) and not Path(ca).is_file():
        raise NotSetUp("BROADSHEET_SMTP_URL: the file of certificates that ca= names does not exist.")
    tls = "tls" if found.scheme == "smtps" else "none" if here and wanted != "required" else "starttls"
    standard = 465 if tls == "tls" else 25 if here else 587
    return Server(
        found.hostname,
        port or standard,
        tls,
        unquote(found.username or ""),
        unquote(found.password or ""),
        ca,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
