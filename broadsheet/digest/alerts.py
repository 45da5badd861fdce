"""New papers against all stored searches: each paper once, however many searches there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.utils import timezone

from broadsheet import search, trending
from broadsheet.models import Hit, Matched, Paper, Subscription

# Papers taken at once.
BATCH = 500
# A paper listed longer ago than this is not news, whenever it was imported.
NEWS = timedelta(days=14)
# A slow transaction may write an earlier moment later: the last minutes are read again.
AGAIN = timedelta(minutes=10)


# What has been matched for mail, and what for webhooks.
MAIL, WEBHOOKS = 1, 2

# (paper, the searches it answers), paper by paper.
Found = Sequence[tuple[int, list[int]]]


def match_due() -> int:
    """Matches one batch of papers that came in since the last time; says how many were looked at anew."""
    stored = dict(
        Subscription.objects.filter(state="active", what="search").values_list("pk", "key").order_by("pk")
    )
    return match(MAIL, stored, _keep)


def match(whose: int, stored: Mapping[int, str], keep: Callable[[Found], None]) -> int:
    """Matches the next batch of new papers against stored searches, and `keep`s what is found in the
    transaction that remembers how far it went. The last minutes come again, so pairs may, too."""
    mark = Matched.objects.get_or_create(pk=whose)[0]
    now = timezone.now()
    if not stored:
        # Nobody asks, so nothing is old news to anybody.
        Matched.objects.filter(pk=whose).update(at=now, key=0)
        return 0
    found = _next(mark, now)
    if not found:
        return 0
    matched = list(search.Matcher(stored).matches(search.rows_of([key for key, _ in found])))
    last_key, last_at = found[-1]
    with transaction.atomic():
        # Of two who did the same, the second keeps nothing.
        moved = Matched.objects.filter(pk=whose, at=mark.at, key=mark.key).update(at=last_at, key=last_key)
        if moved:
            keep(matched)
    return len(found)


def _keep(found: Found) -> None:
    now = timezone.now()
    rows = (
        Hit(subscription_id=subscription, paper_id=paper, found_at=now)
        for paper, subscriptions in found
        for subscription in subscriptions
    )
    # A word that everybody asks for makes a million pairs: only some are rows of Python at a time.
    while some := list(islice(rows, 2_000)):
        # The same pair again is no news: the constraint drops it.
        Hit.objects.bulk_create(some, ignore_conflicts=True)


def _next(mark: Matched, now: datetime) -> list[tuple[int, datetime]]:
    """The next papers past the mark in the order they came in, and the last minutes before it once more when
    there is something past it."""
    fresh = Paper.objects.listed().filter(listed_on__gte=trending.listing_day(now - NEWS))
    order = fresh.order_by("changed_at", "pk").values_list("pk", "changed_at")
    if mark.at is None:
        return list(order.filter(changed_at__gt=now - NEWS)[:BATCH])
    past = list(order.filter(changed_at=mark.at, pk__gt=mark.key)[:BATCH])
    if len(past) < BATCH:
        past += list(order.filter(changed_at__gt=mark.at)[: BATCH - len(past)])
    if not past:
        return []
    again = list(order.filter(changed_at__gte=mark.at - AGAIN, changed_at__lte=mark.at)[:BATCH])
    return [*again, *past]
