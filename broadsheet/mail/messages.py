"""A message as it travels: headers that nobody's text can break, a text and an HTML part, a signature.

RFC 5322, 2047, 2045; lists: RFC 2369, 2919, 8058; automatic mail: RFC 3834; DKIM: RFC 6376. The same message
built twice is the same bytes, so that a copy sent after a crash is recognised as one.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path

import dkim
from django.conf import settings

from broadsheet.mail import setup
from broadsheet.mail.setup import NotSetUp, Sender

# Gmail cuts a message off at 102 kB; ours stay below 100.
LARGEST = 100_000
LONGEST_SUBJECT = 200
REPORT_HEADER = "X-Report-Seal"
_POLICY = policy.SMTP
# What no header may hold: controls, invisible direction marks, halves of characters.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
SIGNED = (
    b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"auto-submitted",
    b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"precedence",
)  # fmt: skip


@dataclass(frozen=True)
class Content:
    """What a message says. `html` may be empty. `headers` are further ones of our own making."""

    subject: str
    text: str
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def message_id(key: str, sender: Sender) -> str:
    """The same for the same message, whatever happens to it on the way."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.domain}>"


def build(
    content: Content,
    *,
    to: str,
    key: str,
    when: datetime,
    list_name: str = "",
    stop_path: str = "",
    stop_mail: str = "",
    report: str = "",
) -> bytes:
    """The whole message with CRLF line ends, signed when a key is configured. Raises NotSetUp.

    `stop_path` is the path at which one POST ends the subscription; `stop_mail` an address that does it too.
    `report` is the seal that a report about this message must quote.
    """
    sender = setup.sender()
    lines = [
        b"MIME-Version: 1.0\r\n",
        _from(sender),
        _header("To", str(Address(addr_spec=to))),
        _header("Subject", line(content.subject)[:LONGEST_SUBJECT] or "(no subject)"),
        _header("Date", format_datetime(when)),
        b"Auto-Submitted: auto-generated\r\n",
        *(_header(name, line(value)) for name, value in content.headers.items()),
        *([b"Precedence: bulk\r\n"] if list_name else []),
        f"Message-ID: {message_id(key, sender)}\r\n".encode(),
        *([f"{REPORT_HEADER}: {report}\r\n".encode()] if report else []),
        *_list_headers(list_name, stop_path, stop_mail, sender),
    ]
    whole = b"".join(lines) + _body(content, key)
    return _signed(whole, sender)


@lru_cache(maxsize=4)
def _from(sender: Sender) -> bytes:
    return _header("From", str(Address(line(sender.name), addr_spec=sender.address)))


def _header(name: str, value: str) -> bytes:
    """One header, encoded and folded where it has to be. A short one in ASCII is written as it stands: the
    library takes a fifth of a millisecond to find that out."""
    if value.isascii() and value.isprintable() and "=?" not in value and len(name) + len(value) <= 74:
        return f"{name}: {value}\r\n".encode()
    head = EmailMessage(policy=_POLICY)
    head[name] = value
    return head.as_bytes().rstrip(b"\r\n") + b"\r\n"


def line(words: str) -> str:
    """What strangers wrote as words on one line of a header."""
    return " ".join(_UNSAFE.sub(" ", words).split())


def _list_headers(list_name: str, stop_path: str, stop_mail: str, sender: Sender) -> list[bytes]:
    """Written by hand on one line each: a folded one has broken signatures at relays, and the standard
    library would encode an address that is longer than a line."""
    found = []
    if list_name:
        found.append(f"List-Id: <{list_name}.{sender.domain}>\r\n")
    if stop_path:
        ways = [f"<{setup.origin()}{stop_path}>"] + ([f"<mailto:{stop_mail}>"] if stop_mail else [])
        found.append(f"List-Unsubscribe: {', '.join(ways)}\r\n")
        found.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    return [each.encode("ascii") for each in found]


def _body(content: Content, key: str) -> bytes:
    if not content.html:
        return b"Content-Type: text/plain; charset=utf-8\r\n" + _part(content.text)
    boundary = b"part-" + hashlib.sha256(b"boundary " + key.encode()).hexdigest()[:24].encode()
    return b"".join(
        [
            b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n\r\n',
            b"--" + boundary + b"\r\nContent-Type: text/plain; charset=utf-8\r\n" + _part(content.text),
            b"--" + boundary + b"\r\nContent-Type: text/html; charset=utf-8\r\n" + _part(content.html),
            b"--" + boundary + b"--\r\n",
        ]
    )


def _part(words: str) -> bytes:
    """Quoted-printable: lines of at most 76 octets of ASCII, whatever they hold, for any server."""
    clean = words.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    coded = binascii.b2a_qp(clean.encode("utf-8", "replace"), istext=True)
    coded = coded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    end = b"" if coded.endswith(b"\r\n") else b"\r\n"
    return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + coded + end


def _signed(whole: bytes, sender: Sender) -> bytes:
    if not settings.MAIL_DKIM_KEY:
        return whole
    signature = dkim.sign(
        whole,
        settings.MAIL_DKIM_SELECTOR.encode(),
        sender.domain.encode(),
        private_key(settings.MAIL_DKIM_KEY),
        # Relaxed: a relay that folds a line again does not break it.
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[name for name in SIGNED if re.search(rb"(?mi)^" + name + rb":", whole)],
        linesep=b"\r\n",
    )
    return bytes(signature) + whole


@lru_cache(maxsize=2)
def private_key(path: str) -> bytes:
    """Raises NotSetUp."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NotSetUp(f"BROADSHEET_MAIL_DKIM_KEY: {path} cannot be read ({error.strerror}).") from error
