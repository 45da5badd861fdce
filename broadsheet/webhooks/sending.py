"""Sends what is due: claimed for a minute, tried with patience, given up after days, and its owner told.

Who is killed in the middle of sending leaves a claim that ends by itself, and the message is sent again
under the same name. No database connection is held while a receiver thinks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from broadsheet import __version__, mail
from broadsheet.community.proofs import verified_addresses
from broadsheet.models import Delivery, Webhook
from broadsheet.sources import SourceError
from broadsheet.sources.asking import asked_to_wait

# After how long a delivery is tried again: ten tries in about three days.
WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
LONGEST_WAIT: Final = timedelta(days=1)
# A receiver that took nothing for so long is switched off.
PATIENCE: Final = timedelta(days=5)
LEASE: Final = timedelta(seconds=60)
# Seconds for one try, and how many receivers are tried at once.
TRY: Final = 15.0
AT_ONCE: Final = 8
KEPT: Final = timedelta(days=30)

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. `status` is None where no answer came; `wait`: seconds the receiver asks for."""

    status: int | None
    said: str
    took: int
    wait: float = 0.0

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def send_due() -> int:
    """Sends one batch of what is due, one message for each receiver; says how many it tried."""
    claimed = _claim(timezone.now())
    if not claimed:
        return 0
    with ThreadPoolExecutor(len(claimed), thread_name_prefix="webhook") as threads:
        outcomes = list(threads.map(_try, claimed))
    for delivery, outcome in zip(claimed, outcomes, strict=True):
        _settle(delivery, outcome)
    return len(claimed)


def _claim(now: datetime) -> Sequence[Delivery]:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    ready = Q(webhook__state="on") & (Q(webhook__not_before=None) | Q(webhook__not_before__lte=now))
    due = Delivery.objects.filter(free, ready | Q(kind="test"), state="waiting", due_at__lte=now)
    # One at a time for each receiver, so that none is stormed and a slow one holds up nobody else.
    busy = Delivery.objects.filter(state="waiting", lease_until__gte=now).values("webhook")
    due = due.exclude(webhook__in=busy).filter(webhook__reader__is_active=True).order_by("due_at", "pk")
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        first: dict[int, Delivery] = {}
        for delivery in due.select_related("webhook", "webhook__reader")[: 20 * AT_ONCE]:
            if len(first) < AT_ONCE:
                first.setdefault(delivery.webhook_id, delivery)
        for delivery in first.values():
            delivery.claimant, delivery.lease_until = secrets.token_hex(16), now + LEASE
            delivery.attempts, delivery.tried_at = delivery.attempts + 1, now
            delivery.save(update_fields=["claimant", "lease_until", "attempts", "tried_at"])
    return list(first.values())


def _try(delivery: Delivery) -> Outcome:
    """One request; runs beside others and touches no database."""
    # Loading what speaks HTTP takes a moment, and most workers have no webhooks.
    from broadsheet.sources import wire

    body, begun = delivery.body.encode(), time.monotonic()
    told = headers(delivery, body, int(time.time()))
    try:
        answer = wire.hand_over(
            delivery.webhook.url, body, told, trusted=frozenset(settings.WEBHOOK_HOSTS), seconds=TRY
        )
    except SourceError as error:
        return Outcome(None, str(error)[:300], _since(begun))
    said = f"Answered with {answer.status}."
    if 300 <= answer.status < 400:
        said = f"Answered with {answer.status}: webhooks follow no redirects. Give the address it leads to."
    return Outcome(answer.status, said, _since(begun), asked_to_wait(answer))


def headers(delivery: Delivery, body: bytes, now: int) -> dict[str, str]:
    """Standard Webhooks: an id that stays, the moment of this try, and a signature over both and the body."""
    signed = b".".join([delivery.event.encode(), str(now).encode(), body])
    mac = hmac.new(delivery.webhook.key, signed, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": f"Broadsheet/{__version__} (webhooks)",
        "webhook-id": delivery.event,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1_000)


def _settle(delivery: Delivery, outcome: Outcome) -> None:
    """Writes down what came of a try, unless somebody else has claimed the message since."""
    now = timezone.now()
    told: dict[str, Any] = {
        "status": outcome.status,
        "said": outcome.said,
        "took": outcome.took,
        "claimant": "",
        "lease_until": None,
    }
    with transaction.atomic():
        held = Delivery.objects.filter(pk=delivery.pk, claimant=delivery.claimant, state="waiting")
        webhook = Webhook.objects.select_for_update().filter(pk=delivery.webhook_id).first()
        if webhook is None:
            return
        if outcome.taken:
            if held.update(**told, state="done", settled_at=now) and delivery.kind != "test":
                Webhook.objects.filter(pk=webhook.pk).update(
                    failures=0, failing_since=None, not_before=None, delivered_at=now
                )
            return
        given_up = delivery.kind == "test" or delivery.attempts > len(WAITS) or outcome.status == GONE
        due = now + _wait(delivery.attempts, outcome.wait)
        told |= {"state": "failed", "settled_at": now} if given_up else {"due_at": due}
        if held.update(**told) and delivery.kind != "test":
            _failed(webhook, outcome, due, now)


def _wait(attempts: int, asked: float) -> timedelta:
    """By chance up to a fifth longer, so that many do not return together; as long as the receiver asks."""
    planned = WAITS[min(attempts, len(WAITS)) - 1] * random.uniform(1.0, 1.2)  # noqa: S311
    return min(max(planned, timedelta(seconds=asked)), LONGEST_WAIT)


def _failed(webhook: Webhook, outcome: Outcome, due: datetime, now: datetime) -> None:
    since = webhook.failing_since or now
    Webhook.objects.filter(pk=webhook.pk).update(
        failures=F("failures") + 1, failing_since=since, not_before=due
    )
    if outcome.status == GONE:
        _switch_off(webhook, "The receiver says that it is gone for good (410).")
    elif now - since >= PATIENCE:
        _switch_off(webhook, f"It has taken nothing for {PATIENCE.days} days. The last try: {outcome.said}")


def _switch_off(webhook: Webhook, why: str) -> None:
    """Switches a webhook off and tells its owner, once."""
    if not Webhook.objects.filter(pk=webhook.pk, state="on").update(state="off", why=why[:300]):
        return
    reader = webhook.reader
    if not mail.is_set_up() or reader.email.lower() not in verified_addresses(reader):
        return
    mail.post(
        reader.email,
        f"{settings.SITE_NAME}: a webhook was switched off",
        f"New papers for “{webhook.query[:200]}” no longer go to\n{webhook.url}\n\n{why}\n\n"
        f"What waits is kept for 30 days. See what happened and switch it on again:\n"
        f"{mail.origin()}{webhook.get_absolute_url()}\n",
        key=f"webhook:{webhook.pk}:{timezone.now():%Y%m%d%H%M}",
        part_of=f"webhook:{webhook.pk}",
    )


def forget_due() -> int:
    """Deletes deliveries that are too old to ask about, at most a thousand; returns how many."""
    old = Delivery.objects.filter(made_at__lt=timezone.now() - KEPT)
    keys = list(old.values_list("pk", flat=True)[:1000])
    return Delivery.objects.filter(pk__in=keys).delete()[0] if keys else 0
