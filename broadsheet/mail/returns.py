"""What comes back: reports of failed delivery (RFC 3464), complaints (RFC 5965), and mails that say stop.

A report is believed only when it carries the seal of one message that we sent: in the address it was sent to
(VERP), or in the headers of the message that it quotes. Whatever carries none changes nothing, and nothing is
ever answered.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import Message as Parsed
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from broadsheet.mail import addresses, tokens
from broadsheet.mail.delivery import BOUNCE, STOP_BY_MAIL, message_of
from broadsheet.mail.messages import REPORT_HEADER
from broadsheet.mail.posting import suppress
from broadsheet.models import Bounce, Message

log = logging.getLogger("broadsheet.mail")

# A report quotes at most what we sent, which is shorter than 100 kB.
LARGEST = 400_000
# Mail made to be slow to read (parts within parts, endless headers) is left unread.
MOST_PARTS, LONGEST_HEAD, MOST_FIELDS = 60, 65_536, 20_000
# So many days with a soft bounce within the last SOFT_WITHIN, and an address gets no more mail.
SOFT_MOST = 5
SOFT_WITHIN = timedelta(days=30)
BATCH = 500

_BOUNCE_TO = re.compile(r"\+([0-9a-z]{1,16}-[0-9a-f]{40})@", re.IGNORECASE)
_STOP_TO = re.compile(r"\+stop-([0-9a-z]{1,16}-[0-9a-f]{40})@", re.IGNORECASE)
_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")

# Takes the number of the subscription that a mail says to stop.
Stop = Callable[[int], None]


def read(raw: bytes, stop: Stop) -> str:
    """Takes in one mail that came back: "hard", "soft", "complaint", "stop", "seen" (known already),
    "ignored" (no report) or "forged" (no seal of ours). Never raises for what it reads."""
    if not _is_readable(raw):
        return "ignored"
    try:
        parsed = message_from_bytes(raw, policy=policy.compat32)
        to = _sent_to(parsed)
        if found := _STOP_TO.search(to):
            return _stopped(found[1], stop)
        kind, said = _judged(parsed)
        if kind == "ignored":
            return kind
        message = _about(parsed, to)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        log.info("A mail that came back cannot be read: %s", type(error).__name__)
        return "ignored"
    if message is None:
        return "forged"
    name = str(parsed.get("Message-ID", "")) or hashlib.sha256(raw).hexdigest()
    return take(kind, message.address, f"{message.pk} {kind} {name}", said)


def _is_readable(raw: bytes) -> bool:
    """Whether this can be taken apart in a moment, as every report that a mail server writes can."""
    head = re.split(rb"\r?\n\r?\n", raw[: LONGEST_HEAD + 4], maxsplit=1)[0]
    return bool(
        len(raw) <= LARGEST
        and len(head) <= LONGEST_HEAD
        and raw.count(b";") <= MOST_FIELDS
        and len(re.findall(rb"(?i)content-type:", raw)) <= MOST_PARTS
    )


def take(kind: str, address: str, name: str, said: str = "") -> str:
    """One report about an address, from wherever it came: "hard", "soft" or "complaint". The same `name`
    counts once ("seen")."""
    key = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    address_key = addresses.key(address)
    said = addresses.without_addresses(" ".join(said.split()))[:300]
    now = timezone.now()
    with transaction.atomic():
        recent = Bounce.objects.filter(address_key=address_key, kind="soft", weight__gt=0)
        today = recent.filter(seen_at__date=now.date()).exists()
        weight = 1.0 if kind == "soft" and not today else 0.0
        row = {"address_key": address_key, "kind": kind, "weight": weight, "said": said, "seen_at": now}
        _, made = Bounce.objects.get_or_create(key=key, defaults=row)
        if not made:
            return "seen"
        if kind == "complaint":
            suppress(address, "complaint", said)
        elif kind == "hard" or score(address) >= SOFT_MOST:
            suppress(address, "bounce", said)
    log.info("A report came in: %s", kind)
    return kind


def score(address: str) -> int:
    """On how many of the last thirty days mail to this address came back for a while."""
    since = timezone.now() - SOFT_WITHIN
    return Bounce.objects.filter(
        address_key=addresses.key(address), kind="soft", weight__gt=0, seen_at__gt=since
    ).count()


def read_due(stop: Stop) -> int:
    """Reads what is new in the Maildir that BROADSHEET_MAIL_MAILDIR names; says how many mails that were.
    What was read stays there, marked as seen."""
    if not settings.MAIL_MAILDIR:
        return 0
    found: Counter[str] = Counter()
    for path in _new(Path(settings.MAIL_MAILDIR)):
        found[read(path.read_bytes(), stop)] += 1
        seen = path.parent.parent / "cur"
        seen.mkdir(exist_ok=True)
        path.rename(seen / f"{path.name.partition(':')[0]}:2,S")
    if found:
        log.info("Read %d mails that came back: %s", found.total(), dict(found))
    return found.total()


def _new(folder: Path) -> Iterator[Path]:
    new = folder / "new"
    if not new.is_dir():
        return
    for count, path in enumerate(sorted(new.iterdir())):
        if count >= BATCH:
            return
        if path.is_file() and not path.is_symlink():
            yield path


def _sent_to(parsed: Parsed) -> str:
    return " ".join(str(each) for name in _TO for each in parsed.get_all(name, []))


def _stopped(token: str, stop: Stop) -> str:
    subject = tokens.subject_of(token)
    if subject is None or not tokens.is_sealed(token, STOP_BY_MAIL, subject):
        return "forged"
    stop(int(subject, 36))
    return "stop"


def _about(parsed: Parsed, to: str) -> Message | None:
    """The message that a report is about."""
    sealed = [match[1] for match in _BOUNCE_TO.finditer(to)]
    for part in parsed.walk():
        # The message it quotes, whole or its headers alone.
        if part.get_content_type() == "text/rfc822-headers":
            payload = part.get_payload(decode=True)
            quoted = message_from_bytes(payload if isinstance(payload, bytes) else b"")
            sealed += [str(each) for each in quoted.get_all(REPORT_HEADER, [])]
        sealed += [str(each) for each in part.get_all(REPORT_HEADER, [])]
    for token in sealed[:10]:
        if found := message_of(token.strip(), BOUNCE):
            return found
    return None


def _judged(parsed: Parsed) -> tuple[str, str]:
    """What kind of report it is and what it says; "ignored" for auto-replies and ordinary mail."""
    if parsed.get_content_type() != "multipart/report":
        return "ignored", ""
    for part in parsed.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            return _delivery(part)
        if kind == "message/feedback-report":
            fields = _fields(part)
            complaint = fields.get("feedback-type", "").lower() in ("abuse", "fraud", "opt-out", "other")
            return ("complaint", "reported as unwanted") if complaint else ("ignored", "")
    return "ignored", ""


def _delivery(part: Parsed) -> tuple[str, str]:
    fields = _fields(part)
    action, status = fields.get("action", "").lower(), fields.get("status", "")
    said = f"{status} {fields.get('diagnostic-code', '')}".strip()
    if action != "failed":
        return "ignored", ""
    if re.match(r"5\.(1\.(?![78])\d+|2\.1|4\.4)", status) or status.startswith("5.0.0"):
        return "hard", said
    if re.match(r"[45]\.", status):
        return "soft", said
    return "ignored", ""


def _fields(part: Parsed) -> dict[str, str]:
    """The fields of all blocks of a report part, the first of each name."""
    payload = part.get_payload()
    listed = [each for each in payload if isinstance(each, Parsed)] if isinstance(payload, list) else []
    blocks = listed or [message_from_bytes(str(payload).encode("utf-8", "replace"))]
    found: dict[str, str] = {}
    for block in blocks:
        for name, value in block.items():
            found.setdefault(name.lower(), " ".join(str(value).split()))
    return found
