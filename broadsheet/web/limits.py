"""How often somebody may do something: counted in the database, by reader and by where they come from.

Every process counts on the same rows, so a limit means what it says however many processes serve. Only
requests that change something are counted there; reading pages never writes (`reads` counts in memory).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, Final, Literal, ParamSpec

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse

from broadsheet.models import Tally
from broadsheet.models.turns import writing

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` times in `seconds`, for each reader or for each place that requests come from."""

    count: int
    seconds: int
    per: Literal["reader", "address"] = "reader"


class TooMany(Exception):
    """A limit is used up; in `wait` seconds there is room again. The message is a sentence for the reader."""

    def __init__(self, wait: int) -> None:
        self.wait = max(1, wait)
        super().__init__(f"That was a lot in a short time. Please try again in {_spoken(self.wait)}.")


def spend(deed: str, limits: Iterable[Limit], who: str, where: str) -> None:
    """Counts one more of `deed` against each limit. Raises TooMany when one is used up.

    `who` names the reader (empty: nobody is signed in, so only limits on the address count), `where` the
    place (see `place_of`).
    """
    now = time.time()
    windows: dict[str, tuple[int, float]] = {}
    for limit in limits:
        name = who if limit.per == "reader" else where
        if name:
            window, passed = divmod(now, limit.seconds)
            key = digest("limit", deed, limit.per, str(limit.seconds), str(int(window)), name)
            windows[key] = (limit.count, limit.seconds - passed)
    if not windows:
        return
    counted = _count({key: now + left for key, (_, left) in windows.items()})
    full = [left for key, (most, left) in windows.items() if counted[key] > most]
    if full:
        raise TooMany(math.ceil(max(full)))


def _count(until: dict[str, float]) -> dict[str, int]:
    """One more under each key, in one statement that no other process can come between."""
    table = connection.ops.quote_name(Tally._meta.db_table)
    values: list[Any] = []
    # In one order for everybody, so that no two statements wait for each other.
    for key in sorted(until):
        ends = datetime.fromtimestamp(until[key], UTC)
        values += [key, connection.ops.adapt_datetimefield_value(ends)]
    rows = ", ".join(["(%s, 1, %s)"] * len(until))
    with writing(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (key, count, until) VALUES {rows} "  # noqa: S608 - a table of ours
            f"ON CONFLICT (key) DO UPDATE SET count = {table}.count + 1 RETURNING key, count",
            values,
        )
        return {str(key): int(count) for key, count in cursor.fetchall()}


def forget_due() -> int:
    """Deletes counts whose time is over, at most a thousand; returns how many."""
    old = list(Tally.objects.filter(until__lt=datetime.now(UTC)).values_list("pk", flat=True)[:1000])
    return Tally.objects.filter(pk__in=old).delete()[0] if old else 0


def reads(name: str, limit: Limit) -> Callable[[View[P]], View[P]]:
    """For pages that cost much to answer: as `Limit` says, per address and web process, in memory."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def limited(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            window, passed = divmod(time.time(), limit.seconds)
            key = digest("reads", name, str(int(window)), place_of(request))
            cache.add(key, 0, limit.seconds)
            try:
                if cache.incr(key) > limit.count:
                    raise TooMany(math.ceil(limit.seconds - passed))
            except ValueError:
                pass  # the window ended between the two lines
            return view(request, *args, **kwargs)

        return limited

    return decorate


# --- where a request comes from --------------------------------------------------------------------------


def address_of(request: HttpRequest) -> str:
    """The visitor's IP address as far as we believe it.

    X-Forwarded-For is a list to which every proxy adds the address that it was asked from. Of it we believe
    the entry that the outermost of our own BROADSHEET_PROXIES proxies wrote: counted from the right, since
    everything left of it is the visitor's to invent.
    """
    peer = _canonical(str(request.META.get("REMOTE_ADDR", "")))
    if not settings.PROXIES:
        return peer
    said = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    if len(said) < settings.PROXIES:
        return peer
    return _canonical(said[-settings.PROXIES].strip()) or peer


def network_of(address: str) -> str:
    """The neighbourhood of an address: its /24 (IPv4) or /64 (IPv6, where one household has all of it)."""
    if not address:
        return ""
    found = ipaddress.ip_address(address)
    return str(ipaddress.ip_network(f"{address}/{24 if found.version == 4 else 64}", strict=False))


def place_of(request: HttpRequest) -> str:
    """What limits per address count by: an IPv4 address, or the /64 of an IPv6 address."""
    address = address_of(request)
    return network_of(address) if ":" in address else address


def _canonical(address: str) -> str:
    """An address in its usual spelling; empty for what is none. ::ffff:192.0.2.1 is 192.0.2.1."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(found)


def digest(*words: str) -> str:
    """A keyed digest, 32 hex digits: the same words give the same digest on this server alone."""
    said = "\x1f".join(words).encode()
    return hmac.new(settings.SECRET_KEY.encode(), said, hashlib.sha256).hexdigest()[:32]


def _spoken(seconds: int) -> str:
    for size, unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= size:
            count = math.ceil(seconds / size)
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"
