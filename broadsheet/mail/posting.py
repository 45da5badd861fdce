"""Queues messages, in the caller's transaction: if the caller's work is undone, so is the message."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from broadsheet.mail import addresses, setup
from broadsheet.models import Message, Suppression

# Mail about what just happened is of no use after this.
STALE = timedelta(days=3)


def post(
    to: str,
    subject: str,
    text: str,
    html: str = "",
    *,
    kind: str = "notice",
    key: str = "",
    urgent: bool = False,
    part_of: str = "",
    list_name: str = "",
    stop_path: str = "",
    issue: str = "",
    expires_at: datetime | None = None,
) -> Message | None:
    """Queues one message to one address; the worker hands it over, `urgent` ones first.

    Returns None where mail is not set up, where the address is suppressed, and where a message with this
    `key` exists already. Raises BadAddress for what is no address. `part_of` is what `cancel` takes.
    """
    address = addresses.parse(to)
    if not setup.is_set_up():
        return None
    if is_suppressed(address):
        return None
    message, made = Message.objects.get_or_create(
        key=key or f"{kind}:{secrets.token_hex(16)}",
        defaults={
            "kind": kind,
            "address": address,
            "address_key": addresses.key(address),
            "domain": address.rpartition("@")[2],
            "subject": _storable(subject),
            "text": _storable(text),
            "html": _storable(html),
            "urgent": urgent,
            "part_of": part_of,
            "list_name": list_name,
            "stop_path": stop_path,
            "issue": issue,
            "expires_at": expires_at or timezone.now() + STALE,
        },
    )
    return message if made else None


def _storable(words: str) -> str:
    """Legal Unicode without NUL, which no database keeps."""
    return words.replace("\x00", "").encode("utf-8", "replace").decode()


def cancel(part_of: str) -> int:
    """Takes back what has not been handed over yet; says how many messages that were. A message whose final
    dot may already be out cannot be taken back."""
    return Message.objects.filter(
        part_of=part_of, state__in=("pending", "claimed", "deferred", "ambiguous")
    ).update(state="cancelled", settled_at=timezone.now(), text="", html="", claimant="")


def is_suppressed(address: str) -> bool:
    return Suppression.objects.filter(pk=addresses.key(address)).exists()


def suppressed_among(addresses_keys: Iterable[str]) -> set[str]:
    return set(Suppression.objects.filter(pk__in=list(addresses_keys)).values_list("pk", flat=True))


def suppress(address: str, reason: str, said: str = "") -> bool:
    """Nothing goes to this address from now on; says whether that is news. What waits for it is taken back
    by the senders, which ask before each message."""
    _, made = Suppression.objects.get_or_create(
        address_key=addresses.key(address), defaults={"reason": reason, "said": said[:300]}
    )
    return made


def forget(address: str) -> None:
    """Removes what the queue knows of an address, except that it wants no mail."""
    Message.objects.filter(address_key=addresses.key(address)).exclude(state="closing").delete()


def forgive(address: str) -> bool:
    """Takes an address off the list of those that receive nothing; says whether it was on it."""
    gone, _ = Suppression.objects.filter(pk=addresses.key(address)).delete()
    return bool(gone)


_ASK = "ask whoever runs this server to let it receive mail, then subscribe anew."
_WHY = {
    "bounce": "Mail to this address came back, so nothing more is sent to it. Use another one, or, once its "
    f"mailbox works again, {_ASK}",
    "complaint": "Mail to this address was reported as unwanted, so nothing more is sent to it. If that was "
    f"a mistake, {_ASK}",
    "operator": "Whoever runs this server has stopped mail to this address. Ask them, or use another one.",
}


def why_silent(address: str) -> str:
    """Why an address gets no mail, as a sentence for its owner; empty when it gets some."""
    found = Suppression.objects.filter(pk=addresses.key(address)).values_list("reason", flat=True).first()
    return _WHY[found] if found else ""
