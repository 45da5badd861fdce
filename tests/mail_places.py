"""What the tests of mail share: fixtures for the rig, papers of today, subscriptions that are due."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from django.utils import timezone

from broadsheet import catalog, digest
from broadsheet.digest import Choices
from broadsheet.models import Message, Paper, Subscription
from tests import factories

ORIGIN = "https://papers.example.org"


def fresh(number: int, **changes: Any) -> Paper:
    """A paper that came in today."""
    today = timezone.now().astimezone(UTC).date()
    when = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=1)
    told = factories.record(number, announced_on=when.date(), published_at=when, **changes)
    catalog.take_in([told], now=timezone.now())
    return Paper.objects.get(title=told.title)


def subscribed(address: str = "alice@example.org", **wanted: Any) -> Subscription:
    """An active subscription whose next edition is due now. Its hour is midnight, so a day later the next one
    is due as well, whatever the time of the test."""
    made = digest.ask(address, Choices(**{"hour": 0, **wanted}))
    digest.subscribing.activate(made, timezone.now())
    due(made)
    return made


def due(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(next_at=timezone.now() - timedelta(minutes=1))


def queued(*addresses: str, **fields: Any) -> list[Message]:
    """One stored message for each address."""
    return [
        Message.objects.create(
            key=f"test:{address}:{fields.get('issue', '')}",
            kind="notice",
            address=address,
            address_key=address.lower(),
            domain=address.rpartition("@")[2],
            subject="Subject",
            text="Text",
            **fields,
        )
        for address in addresses
    ]


def put_off_is_due() -> None:
    """As time would: what was put off may go now."""
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.filter(state__in=("deferred", "ambiguous")).update(due_at=past)


def states() -> dict[str, str]:
    return dict(Message.objects.values_list("address", "state"))


def links(message: EmailMessage) -> list[str]:
    """Every address of a page in a mail's text."""
    body = message.get_body(("plain",))
    assert body is not None
    return re.findall(r"https?://\S+", body.get_content())


def paths(message: EmailMessage) -> list[str]:
    """The paths of its links to this server, those of its headers and HTML too."""
    found = links(message)
    found += re.findall(r"<(https?://[^>]+)>", str(message["List-Unsubscribe"] or ""))
    if html := message.get_body(("html",)):
        found += re.findall(r'href="(https?://[^"]+)"', html.get_content())
    return sorted({each.removeprefix(ORIGIN) for each in found if each.startswith(ORIGIN)})
