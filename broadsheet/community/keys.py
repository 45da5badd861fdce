"""Keys for a reader's own programs: made, shown once, recognised, revoked.

A key is `brds_`, forty random characters and six of a check sum, letters and digits alone: whoever looks for
lost secrets in public places finds it by its beginning and, by the check sum, asks nobody whether it is one.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from broadsheet import mail, text
from broadsheet.community.proofs import verified_addresses
from broadsheet.community.refusals import Refused
from broadsheet.models import SCOPES, ApiKey, Reader, Repeatable

PREFIX: Final = "brds_"
LETTERS: Final = string.digits + string.ascii_letters
RANDOM: Final = 40
CHECK: Final = 6
LENGTH: Final = len(PREFIX) + RANDOM + CHECK

MOST_KEYS: Final = 50
LONGEST_NAME: Final = 80
# How long a key may hold, in days; 0: until it is revoked.
LIFETIMES: Final = (30, 90, 365, 0)
# Uses closer together than this are one use: reading should hardly ever write.
STAMP: Final = timedelta(minutes=5)
REPEATABLE: Final = timedelta(days=1)

NO_KEY: Final = "You have no such key. It may have been revoked in another window."


def make(reader: Reader, name: str, scopes: Iterable[str], days: int) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can be shown again. Raises Refused."""
    said, wanted = text.plain_line(name[: LONGEST_NAME * 4]), list(dict.fromkeys(scopes))
    if not said:
        raise Refused("Give the key a name, such as that of the program it is for.", 400)
    if len(said) > LONGEST_NAME:
        raise Refused(f"A key's name has at most {LONGEST_NAME} characters.", 400)
    if not wanted:
        raise Refused("Choose at least one thing that the key may do.", 400)
    if any(scope not in SCOPES for scope in wanted):
        raise Refused(f"A key may {', '.join(SCOPES)}, and nothing else.", 400)
    if days not in LIFETIMES:
        raise Refused("A key holds for 30, 90 or 365 days, or until you revoke it.", 400)
    if ApiKey.objects.filter(reader=reader).count() >= MOST_KEYS:
        raise Refused(f"You have {MOST_KEYS} keys. Revoke one first.")
    told = _new()
    try:
        with transaction.atomic():
            made = ApiKey.objects.create(
                reader=reader,
                name=said,
                digest=_digest(told),
                tail=told[-4:],
                scopes=[scope for scope in SCOPES if scope in wanted],  # type: ignore[misc]
                expires_at=timezone.now() + timedelta(days=days) if days else None,
            )
    except IntegrityError as error:
        raise Refused(f"You have a key called “{said}” already.") from error
    _tell(made)
    return made, told


def _tell(made: ApiKey) -> None:
    """A key outlives a session, so its reader hears of every new one."""
    reader = made.reader
    if not mail.is_set_up() or reader.email.lower() not in verified_addresses(reader):
        return
    mail.post(
        reader.email,
        f"{settings.SITE_NAME}: a new key for programs",
        f"A key called “{made.name}” was made for your account. It may: {', '.join(made.scopes)}.\n\n"
        f"If that was not you, revoke it and change your password:\n{mail.origin()}/account/keys\n",
        key=f"key:{made.pk}",
    )


def holder(told: str) -> ApiKey | None:
    """The key that is meant, with its reader; None for one that is not, or no longer, good."""
    if not looks_right(told):
        return None
    digest, now = _digest(told), timezone.now()
    found = ApiKey.objects.select_related("reader").filter(digest=digest).first()
    if found is None or not constant_time_compare(found.digest, digest) or not found.reader.is_active:
        return None
    if found.expires_at is not None and found.expires_at <= now:
        return None
    if found.used_at is None or found.used_at < now - STAMP:
        ApiKey.objects.filter(pk=found.pk).update(used_at=now)
    return found


def revoke(reader: Reader, key: int) -> ApiKey:
    """The key opens nothing from now on. Raises Refused (404)."""
    found = ApiKey.objects.filter(reader=reader, pk=key).first()
    if found is None:
        raise Refused(NO_KEY, 404)
    ApiKey.objects.filter(pk=found.pk).delete()
    return found


def of_reader(reader: Reader) -> Sequence[ApiKey]:
    """The newest first."""
    return list(ApiKey.objects.filter(reader=reader).order_by("-made_at", "-pk")[:MOST_KEYS])


def looks_right(told: str) -> bool:
    """Whether a text is built as keys are, its check sum too."""
    if len(told) != LENGTH or not told.startswith(PREFIX) or not told.isascii():
        return False
    return constant_time_compare(told[-CHECK:], _check(told[len(PREFIX) : -CHECK]))


def forget_due() -> int:
    """Deletes answers that are too old to be asked for again, at most a thousand; returns how many."""
    old = Repeatable.objects.filter(made_at__lt=timezone.now() - REPEATABLE)
    keys = list(old.values_list("pk", flat=True)[:1000])
    return Repeatable.objects.filter(pk__in=keys).delete()[0] if keys else 0


def _new() -> str:
    drawn = "".join(secrets.choice(LETTERS) for _ in range(RANDOM))
    return f"{PREFIX}{drawn}{_check(drawn)}"


def _check(drawn: str) -> str:
    number, said = zlib.crc32(drawn.encode("ascii", "replace")), ""
    for _ in range(CHECK):
        number, digit = divmod(number, len(LETTERS))
        said = LETTERS[digit] + said
    return said


def _digest(told: str) -> str:
    """Enough of a hash: what is hashed has 238 random bits, so there is nothing to try out."""
    return hashlib.sha256(told.encode()).hexdigest()
