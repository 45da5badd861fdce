"""How fast: messages a second, messages a minute for each domain, messages a day, and who asked us to wait.

Turns are given out where messages are claimed, under the same lock, so that the rates hold for all senders
together: each scope remembers when its next turn is, and a claim moves that on (a leaky bucket without a
bucket).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Min, Q
from django.utils import timezone

from broadsheet.models import Message, Pace
from broadsheet.models.mail import MessageQuerySet

# A claim gives out turns this far ahead and no further.
HORIZON = timedelta(seconds=2)
REPLY_WAIT = 300.0
ALL = "all"


@dataclass
class Backoff:
    """Seconds: the first wait, the longest one, the longest for a whole domain; `unsure` before a copy of a
    message that may have arrived."""

    first: float = 60.0
    longest: float = 4 * 3600.0
    longest_domain: float = 3600.0
    unsure: timedelta = timedelta(minutes=10)


BACKOFF = Backoff()


class Paces:
    """What the rates allow at one moment; made and used within the claim's transaction."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.problem = ""
        self.batch = 1_000_000
        self._next = now
        if settings.MAIL_DAILY:
            used = Pace.objects.filter(pk=_day(now)).values_list("used", flat=True).first() or 0
            self.batch = max(0, settings.MAIL_DAILY - used)
            if not self.batch:
                self.problem = f"Today's {settings.MAIL_DAILY:,} messages are used up; the rest go tomorrow."
        if settings.MAIL_RATE:
            found = Pace.objects.filter(pk=ALL).values_list("next_at", flat=True).first()
            self._next = max(found or now, now)
            ahead = (now + HORIZON - self._next).total_seconds() * settings.MAIL_RATE
            self.batch = min(self.batch, max(0, int(ahead) or (self._next <= now)))

    def blocked(self) -> list[str]:
        """Domains that asked us to wait, or whose next turn is too far ahead."""
        late = Q(not_before__gt=self.now)
        if settings.MAIL_DOMAIN_RATE:
            late |= Q(next_at__gt=self.now)
        return list(Pace.objects.filter(late).exclude(pk=ALL).values_list("pk", flat=True))

    def waited(self) -> set[str]:
        """Domains that asked us to wait and have not taken anything since."""
        return set(Pace.objects.filter(failures__gt=0).values_list("pk", flat=True))

    def turns(self, rows: Sequence[Message], most: int) -> list[tuple[Message, datetime]]:
        """The first rows that fit, each with its turn; the turns are written down as taken."""
        found: list[tuple[Message, datetime]] = []
        domains = self._domains({row.domain for row in rows})
        gap = timedelta(seconds=1 / settings.MAIL_RATE) if settings.MAIL_RATE else timedelta()
        domain_gap = (
            timedelta(seconds=60 / settings.MAIL_DOMAIN_RATE) if settings.MAIL_DOMAIN_RATE else timedelta()
        )
        touched = set()
        for row in rows:
            if len(found) >= most:
                break
            # A domain's turn is taken when it has come: waiting for it here would hold up the others.
            if domains.get(row.domain, self.now) > self.now:
                continue
            turn = self._next
            found.append((row, turn))
            self._next = turn + gap
            domains[row.domain] = turn + domain_gap
            touched.add(row.domain)
        self._write(len(found), {name: domains[name] for name in touched})
        return found

    def _domains(self, names: set[str]) -> dict[str, datetime]:
        if not settings.MAIL_DOMAIN_RATE:
            return {}
        known = Pace.objects.filter(pk__in=names, next_at__gt=self.now).values_list("pk", "next_at")
        return {name: moment for name, moment in known if moment}

    def _write(self, taken: int, domains: dict[str, datetime]) -> None:
        if not taken:
            return
        if settings.MAIL_RATE:
            Pace.objects.update_or_create(pk=ALL, defaults={"next_at": self._next})
        if settings.MAIL_DAILY:
            Pace.objects.get_or_create(pk=_day(self.now))
            Pace.objects.filter(pk=_day(self.now)).update(used=F("used") + taken)
        if settings.MAIL_DOMAIN_RATE:
            Pace.objects.bulk_create(
                [Pace(scope=name, next_at=moment) for name, moment in domains.items()],
                update_conflicts=True,
                unique_fields=["scope"],
                update_fields=["next_at"],
            )


def next_turn(due: MessageQuerySet) -> float | None:
    """Seconds until something that is due may go, None when nothing is due or it waits for another day."""
    now = timezone.now()
    if Paces(now).problem:
        return None
    domains = set(due.values_list("domain", flat=True).distinct()[:1000])
    if not domains:
        return None
    waiting = Pace.objects.filter(pk__in=[*domains, ALL])
    if waiting.filter(not_before__gt=now).count() >= len(domains):
        soonest = waiting.aggregate(at=Min("not_before", filter=Q(not_before__gt=now)))["at"]
        return float((soonest - now).total_seconds())
    soonest = waiting.filter(next_at__gt=now).aggregate(at=Min("next_at"))["at"]
    return float((soonest - now).total_seconds()) if soonest else None


def asked_to_wait(domain: str) -> None:
    """A domain put a message off: the others to it wait too, longer each time."""
    pace = Pace.objects.get_or_create(pk=domain)[0]
    seconds = min(BACKOFF.longest_domain, BACKOFF.first * 2 ** min(pace.failures, 20))
    Pace.objects.filter(pk=domain).update(
        failures=F("failures") + 1, not_before=timezone.now() + timedelta(seconds=seconds)
    )


def went_well(domain: str) -> None:
    """The domain takes mail again."""
    Pace.objects.filter(pk=domain).update(failures=0, not_before=None)


def give_back(many: int) -> None:
    """Turns of the day that were claimed and not used."""
    if settings.MAIL_DAILY and many:
        Pace.objects.filter(pk=_day(timezone.now()), used__gte=many).update(used=F("used") - many)


def _day(now: datetime) -> str:
    return f"day:{now:%Y-%m-%d}"
