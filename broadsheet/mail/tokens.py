"""Capabilities that travel in links: each names one thing that its bearer may do, and nothing else.

A keyed MAC (HMAC-SHA256, cut to 160 bits) over purpose, subject and the subject's own nonce: nothing is
stored, so nothing can leak; a new nonce ends every link made before. What must expire or be used once
(`random`) is 192 random bits of which the database keeps the SHA-256 only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from django.conf import settings

_SEALED = re.compile(r"([0-9a-z]{1,16})-([0-9a-f]{40})", re.ASCII)


def seal(purpose: str, subject: str, nonce: str = "") -> str:
    """A token for one purpose on one subject: `1f-0a41…`. Lower-case letters, digits and a hyphen, so that it
    also survives as the local part of an address."""
    return f"{subject}-{_mac(purpose, subject, nonce)}"


def subject_of(token: str) -> str | None:
    """What a token says it is about. Believe it only after `is_sealed`."""
    found = _SEALED.fullmatch(token.lower())
    return found[1] if found else None


def is_sealed(token: str, purpose: str, subject: str, nonce: str = "") -> bool:
    found = _SEALED.fullmatch(token.lower())
    return bool(
        found
        and hmac.compare_digest(found[2], _mac(purpose, subject, nonce))
        and hmac.compare_digest(found[1], subject)
    )


def _mac(purpose: str, subject: str, nonce: str) -> str:
    key = hashlib.sha256(b"broadsheet mail\0" + settings.SECRET_KEY.encode()).digest()
    said = "\0".join((purpose, subject, nonce)).encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()[:40]


def random() -> tuple[str, str]:
    """A secret for a link, and what the database keeps of it."""
    secret = secrets.token_urlsafe(24)
    return secret, digest(secret)


def digest(secret: str) -> str:
    return hashlib.sha256(secret[:200].encode("utf-8", "replace")).hexdigest()


def nonce() -> str:
    return secrets.token_hex(16)
