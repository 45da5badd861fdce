"""Signing up, confirming, changing, leaving: the consent of an address, and nobody else's.

A sign-up only writes a row; a step of the worker decides whether to send the one confirmation. So a stranger
who types an address learns nothing about it, neither from the answer nor from how long it takes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from broadsheet import identifiers, mail, search
from broadsheet.digest import composing, rhythms
from broadsheet.digest.kinds import KINDS, BadChoice
from broadsheet.mail import addresses, tokens
from broadsheet.models import RHYTHMS, WHATS, Author, Category, Message, Reader, Subscription

log = logging.getLogger("broadsheet.digest")

CONFIRM_WITHIN = timedelta(days=3)
# One address is written to about subscribing at most once in this time, whoever asks however often.
ONCE_IN = timedelta(days=1)
# Subscriptions that one address may have at once.
MOST = 20
MOST_PAPERS = 50
LONGEST_KEY = 2000


@dataclass(frozen=True)
class Choices:
    """What somebody wants, and when."""

    what: str = "trending"
    key: str = ""
    rhythm: str = "weekdays"
    weekday: int = 0
    monthday: int = 1
    hour: int = 7
    time_zone: str = "UTC"
    how_many: int = 12
    form: str = "html"

    def checked(self, reader: Reader | None = None) -> Choices:
        """The same, tidied; `reader` owns the address. Raises BadChoice with a sentence."""
        if self.what not in WHATS:
            raise BadChoice("what", "Choose what you want to get.")
        if self.rhythm not in RHYTHMS:
            raise BadChoice("rhythm", "Choose how often you want mail.")
        if self.rhythm == "alert" and not self._may_be_alert():
            raise BadChoice(
                "rhythm", "“As soon as something is new” is for a search, an author and what is followed."
            )
        if self._is_personal() and reader is None:
            raise BadChoice(
                "what",
                "That comes from your account: sign in, and leave your account’s own verified address in the "
                "field.",
            )
        if not 0 <= self.weekday <= 6 or not 1 <= self.monthday <= 31:
            raise BadChoice("rhythm", "Choose a day of the week, or a day of the month from 1 to 31.")
        if not 0 <= self.hour <= 23:
            raise BadChoice("hour", "Choose an hour from 0 to 23.")
        if not rhythms.is_zone(self.time_zone):
            raise BadChoice("time_zone", "Choose a time zone from the list, such as Europe/Berlin.")
        if not 1 <= self.how_many <= MOST_PAPERS:
            raise BadChoice("how_many", f"Choose a number of papers from 1 to {MOST_PAPERS}.")
        if self.form not in ("html", "text"):
            raise BadChoice("form", "Choose HTML or plain text.")
        return replace(self, key=self._checked_key(reader))

    def _may_be_alert(self) -> bool:
        return self.what in ("search", "author") or (self.what in KINDS and KINDS[self.what].alerts)

    def _is_personal(self) -> bool:
        return self.what == "foryou" or (self.what in KINDS and KINDS[self.what].personal)

    def _checked_key(self, reader: Reader | None) -> str:
        key = " ".join("".join(each if each.isprintable() else " " for each in self.key).split())
        if len(key) > LONGEST_KEY:
            raise BadChoice("key", f"That is too long; {LONGEST_KEY:,} characters are enough.")
        if self.what == "trending":
            return self._categories(key)
        if self.what == "foryou":
            return ""
        if self.what in KINDS:
            return KINDS[self.what].checked(key, reader)
        if not key:
            raise BadChoice("key", "Say which one: a search, an author or an interest is still missing.")
        if self.what == "author":
            slug = identifiers.author_slug(key)
            if not Author.objects.filter(pk=identifiers.author_key(slug)).exists():
                raise BadChoice(
                    "key", "Nobody of that name has written a paper that is here. Copy the name from a paper."
                )
            return slug
        if self.what == "search":
            try:
                search.check(key)
            except search.BadQuery as error:
                raise BadChoice("key", str(error)) from error
        return key

    @staticmethod
    def _categories(key: str) -> str:
        codes = list(dict.fromkeys(key.replace(",", " ").split()))
        if len(codes) > 20:
            raise BadChoice("key", "Choose at most 20 categories.")
        known = dict(Category.objects.filter(code__in=codes).values_list("code", "pk"))
        for code in codes:
            if code not in known:
                raise BadChoice(
                    "key",
                    f"No paper here is in the category “{code[:30]}”. Codes look like cs.LG.",
                )
        return " ".join(codes)


def ask(address: str, choices: Choices, reader: Reader | None = None) -> Subscription:
    """Somebody typed an address into the form. Writes one row, always the same way; raises BadAddress or
    BadChoice. `reader` is set when it is the signed-in reader's own verified address, which needs no
    confirmation."""
    known = addresses.parse(address)
    wanted = choices.checked(reader)
    made = Subscription(
        address=known, address_key=addresses.key(known), nonce=tokens.nonce(), reader=reader, **vars(wanted)
    )
    if reader is None:
        made.save()
        return made
    with transaction.atomic():
        made.save()
        activate(made, timezone.now())
    return made


def greet_due(limit: int = 200) -> int:
    """Sends the one confirmation to each address that was typed in, or decides not to."""
    if not mail.is_set_up():
        return 0
    asked = Subscription.objects.filter(state="asked").order_by("pk").values_list("pk", flat=True)[:limit]
    return sum(_greet(key) for key in list(asked))


def _greet(key: int) -> int:
    now = timezone.now()
    with transaction.atomic():
        found = Subscription.objects.select_for_update().filter(pk=key, state="asked").first()
        if found is None:
            return 0
        if why := _not_greeted(found, now):
            found.state, found.why, found.ended_at = "dropped", why, now
            found.save(update_fields=["state", "why", "ended_at"])
            return 1
        secret, found.confirm_hash = tokens.random()
        found.state, found.confirm_until = "unconfirmed", now + CONFIRM_WITHIN
        found.save(update_fields=["state", "confirm_hash", "confirm_until"])
        content = composing.letter(
            "confirm", {"link": f"{mail.origin()}/subscription/confirm/{secret}", "days": CONFIRM_WITHIN.days}
        )
        mail.post(
            found.address,
            content.subject,
            content.text,
            content.html,
            kind="confirm",
            # The key makes it one a day for each address, also where two workers greet at once.
            key=f"confirm:{tokens.digest(found.address_key)[:40]}:{now:%Y-%m-%d}",
            urgent=True,
            expires_at=found.confirm_until,
        )
    return 1


def _not_greeted(found: Subscription, now: datetime) -> str:
    """Why no confirmation goes out, "" when one does."""
    if mail.is_suppressed(found.address):
        return "The address receives no mail."
    earlier = Message.objects.filter(
        address_key=found.address_key, kind="confirm", posted_at__gt=now - ONCE_IN
    )
    if earlier.exists():
        return "The address was written to within a day."
    if Subscription.objects.filter(address_key=found.address_key, state="active").count() >= MOST:
        return f"The address has {MOST} subscriptions."
    return ""


def to_confirm(secret: str) -> Subscription | None:
    """The subscription that a confirmation link speaks of, confirmed already or not; None when the link is
    wrong or too old."""
    found = Subscription.objects.filter(confirm_hash=tokens.digest(secret)).exclude(confirm_hash="").first()
    if found is None:
        return None
    if found.state == "unconfirmed" and found.confirm_until and found.confirm_until < timezone.now():
        return None
    return found if found.state in ("unconfirmed", "active") else None


def confirm(secret: str) -> Subscription | None:
    """Consent. A second time changes nothing; None when the link is wrong or too old."""
    with transaction.atomic():
        found = to_confirm(secret)
        if found is None or found.state == "active":
            return found
        if mail.is_suppressed(found.address):
            return None
        activate(found, timezone.now())
        return found


def activate(found: Subscription, now: datetime) -> None:
    """Starts a subscription; one for the same papers that this address had before ends."""
    twins = Subscription.objects.filter(
        address_key=found.address_key, what=found.what, key=found.key, state="active"
    ).exclude(pk=found.pk)
    for twin in twins:
        found.sent = bytes(found.sent) + bytes(twin.sent)
        end(twin, "It was replaced by a newer one for the same papers.")
    found.state, found.confirmed_at = "active", now
    found.next_at = rhythms.first_at(
        now, found.rhythm, found.hour, found.time_zone, found.weekday, found.monthday
    )
    found.save()


def change(found: Subscription, choices: Choices) -> None:
    """Other choices for an active subscription. Raises BadChoice."""
    wanted = choices.checked(found.reader)
    now = timezone.now()
    with transaction.atomic():
        for name, value in vars(wanted).items():
            setattr(found, name, value)
        after = found.until if found.until and found.until > now - timedelta(days=1) else None
        found.next_at = _next_after_change(found, now, after)
        found.save()


def _next_after_change(found: Subscription, now: datetime, last: datetime | None) -> datetime:
    """Never a second edition on a day that has had one."""
    due = rhythms.first_at(now, found.rhythm, found.hour, found.time_zone, found.weekday, found.monthday)
    if (
        last
        and found.rhythm != "alert"
        and rhythms.local_day(due, found.time_zone) == rhythms.local_day(last, found.time_zone)
    ):
        return rhythms.next_at(last, found.rhythm, found.hour, found.time_zone, found.weekday, found.monthday)
    return due


def stop(found: Subscription, why: str = "You stopped it.") -> bool:
    """Ends a subscription at once, with what waits in the queue for it; says whether it ran."""
    with transaction.atomic():
        return end(found, why)


def end(found: Subscription, why: str) -> bool:
    mail.cancel(f"subscription:{found.pk}")
    return bool(
        Subscription.objects.filter(pk=found.pk)
        .exclude(state__in=("stopped", "dropped"))
        .update(state="stopped", why=why, ended_at=timezone.now(), next_at=None)
    )


def stop_by_mail(key: int) -> None:
    """What a sealed mail to the stop address asks for."""
    if found := Subscription.objects.filter(pk=key).first():
        stop(found, "You stopped it by mail.")


def stop_all(address: str, why: str) -> int:
    """Ends every subscription of an address."""
    found = Subscription.objects.filter(
        address_key=addresses.key(address), state__in=("active", "unconfirmed", "asked")
    )
    return sum(stop(each, why) for each in found)


def forgive(address: str) -> bool:
    """Lets an address receive mail again; says whether it was suppressed. What it was subscribed to stays
    ended: it has to ask and confirm anew."""
    with transaction.atomic():
        stop_all(address, "Mail to this address came back.")
        return mail.forgive(address)


def of_address(address_key: str) -> list[Subscription]:
    """Everything that an address gets, newest first."""
    return list(Subscription.objects.filter(address_key=address_key, state="active").order_by("-pk")[:MOST])


def of_reader(reader: Reader) -> list[Subscription]:
    """What a reader gets from their account, newest first."""
    return list(Subscription.objects.filter(reader=reader, state="active").order_by("-pk")[:MOST])


def forget_due() -> int:
    """Forgets addresses that never confirmed, a week after the link has died, and what was dropped."""
    old = timezone.now() - timedelta(days=7)
    gone, _ = Subscription.objects.filter(
        state__in=("unconfirmed", "dropped"), created_at__lt=old - CONFIRM_WITHIN
    ).delete()
    return gone
