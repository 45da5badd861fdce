"""What a reader does with webhooks: makes, changes, pauses, tries out and deletes them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from broadsheet import search
from broadsheet.community import Refused, may_act
from broadsheet.digest import alerts
from broadsheet.models import Delivery, Matched, Reader, Webhook
from broadsheet.webhooks import messages

MOST_WEBHOOKS: Final = 20
MOST_LISTED: Final = 50
LONGEST_URL: Final = 500
PORTS: Final = {"http": 80, "https": 443}

NO_WEBHOOK: Final = "You have no such webhook."
NOT_AN_ADDRESS: Final = (
    "That is not an address that we can send to. Give one such as https://example.org/hooks/papers."
)


def make(reader: Reader, url: str, query: str) -> Webhook:
    """A new webhook, switched on. Raises Refused."""
    may_act(reader)
    told = {"url": address(url), "query": _query(query)}
    with transaction.atomic():
        # The lock on one's own row makes the count exact.
        Reader.objects.select_for_update().get(pk=reader.pk)
        mine = Webhook.objects.filter(reader=reader)
        if mine.filter(**told).exists():
            raise Refused("You have a webhook that sends the same papers to the same address.")
        if mine.count() >= MOST_WEBHOOKS:
            raise Refused(f"You have {MOST_WEBHOOKS} webhooks. Delete one first.")
        # What is here already is no news to it.
        Matched.objects.get_or_create(pk=alerts.WEBHOOKS, defaults={"at": timezone.now()})
        return Webhook.objects.create(reader=reader, **told)


def change(
    reader: Reader, key: int, *, url: str | None = None, query: str | None = None, on: bool | None = None
) -> Webhook:
    """Changes what is named. Switching on forgets past failures. Raises Refused."""
    may_act(reader)
    told = {} if url is None else {"url": address(url)}
    told |= {} if query is None else {"query": _query(query)}
    with transaction.atomic():
        found = own(reader, key)
        for column, value in told.items():
            setattr(found, column, value)
        if on is not None and on != (found.state == "on"):
            found.state, found.why, found.failures = "on" if on else "paused", "", 0
            found.failing_since = found.not_before = None
        found.save()
    return found


def renew_secret(reader: Reader, key: int) -> Webhook:
    """A new secret; from the next delivery on the old one signs nothing."""
    with transaction.atomic():
        found = own(reader, key)
        found.renew_secret()
        found.save(update_fields=["serial"])
    return found


def remove(reader: Reader, key: int) -> Webhook:
    """Deletes a webhook for good, with its log and what was still to be sent."""
    with transaction.atomic():
        found = own(reader, key)
        Webhook.objects.filter(pk=found.pk).delete()
    return found


def test(reader: Reader, key: int) -> Delivery:
    """Queues a message that says nothing but that it is a test; it is tried once. Raises Refused."""
    may_act(reader)
    with transaction.atomic():
        found = own(reader, key)
        waiting = Delivery.objects.filter(webhook=found, kind="test", state="waiting").first()
        return waiting or Delivery.objects.create(webhook=found, kind="test", body=messages.test(found))


def send_again(reader: Reader, key: int, delivery: int) -> Delivery:
    """Sends one that was given up, or taken, once more under its old name. Raises Refused."""
    may_act(reader)
    with transaction.atomic():
        found = Delivery.objects.select_for_update().filter(webhook=own(reader, key), pk=delivery).first()
        if found is None:
            raise Refused("There is no such delivery. Old ones are forgotten after 30 days.", 404)
        found.state, found.attempts, found.due_at, found.settled_at = "waiting", 0, timezone.now(), None
        found.save(update_fields=["state", "attempts", "due_at", "settled_at"])
    return found


def own(reader: Reader, key: int) -> Webhook:
    """One's own webhook, locked if one is in a transaction. Raises Refused (404) for any other."""
    rows = Webhook.objects.filter(pk=key, reader=reader)
    found = (rows.select_for_update() if transaction.get_connection().in_atomic_block else rows).first()
    if found is None:
        raise Refused(NO_WEBHOOK, 404)
    return found


def of_reader(reader: Reader) -> list[Webhook]:
    """The newest first."""
    return list(Webhook.objects.filter(reader=reader).order_by("-pk")[:MOST_WEBHOOKS])


def deliveries_of(webhook: Webhook, most: int = MOST_LISTED) -> Sequence[Delivery]:
    """The newest deliveries, without their bodies."""
    return list(Delivery.objects.filter(webhook=webhook).defer("body").order_by("-pk")[:most])


def address(url: str) -> str:
    """A web address that may be sent to, as it is stored. Raises Refused.

    Looked at once more when it is connected to, where no name can hide what it leads to.
    """
    said = url.strip()
    try:
        parts = urlsplit(said)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused(NOT_AN_ADDRESS, 400) from error
    plain = said.isascii() and said.isprintable() and not set(' "<>\\^`{|}') & set(said)
    if not plain or parts.scheme not in PORTS or not host or len(said) > LONGEST_URL:
        raise Refused(NOT_AN_ADDRESS, 400)
    if parts.username is not None or parts.fragment:
        raise Refused("Leave names, passwords and what follows # out of the address.", 400)
    if f"{host}:{port or PORTS[parts.scheme]}" in settings.WEBHOOK_HOSTS:
        return said
    if port not in (None, PORTS[parts.scheme]):
        raise Refused("Webhooks go to the usual ports: 443 for https, 80 for http.", 400)
    if _is_private(host):
        raise Refused("Webhooks go to servers in the open Internet. This address leads to none.", 400)
    return said


def _is_private(host: str) -> bool:
    """Whether a host says by itself that it is nothing public: a number, or a name without a dot."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host.strip(".") or host.strip(".").endswith((".localhost", ".local", ".internal"))


def _query(query: str) -> str:
    try:
        return search.as_text(query)
    except search.BadQuery as refusal:
        raise Refused(str(refusal), 400) from refusal
