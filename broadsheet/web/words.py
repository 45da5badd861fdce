"""How pages say numbers, dates and times: with a unit, short, and the same everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

_SPANS = ((timedelta(days=1), timedelta(hours=1), "h"), (timedelta(weeks=1), timedelta(days=1), "d"))


# What the library of accounts calls the fields of its forms, and what we do.
FIELDS = {
    "Login": "Username or e-mail",
    "Email": "E-mail",
    "Current Password": "Your password now",
    "New Password": "New password",
    "New Password (again)": "New password once more",
    "Password (again)": "Password once more",
    "Passwordless": "It signs me in without a password",
}


def counted(number: int, unit: str, units: str = "") -> str:
    """`1 paper`, `1,204 papers`."""
    return f"{number:,} {unit if number == 1 else units or unit + 's'}"


def many(number: int) -> str:
    """`1,204`."""
    return f"{number:,}"


def compact(number: int) -> str:
    """At most four characters below ten million, never more than the truth: `94`, `1.2k`, `34k`, `1.2M`."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            tenths = number * 10 // size
            return f"{tenths / 10:g}{letter}" if tenths < 100 else f"{tenths // 10}{letter}"
    return str(number)


def day(when: date) -> str:
    """`14 March 2025`."""
    return f"{when.day} {when:%B %Y}"


def moment(when: datetime) -> str:
    """`14 March 2025, 09:30 UTC`."""
    when = when.astimezone(UTC)
    return f"{day(when)}, {when:%H:%M} UTC"


def ago(when: datetime, now: datetime) -> str:
    """`3 h ago` up to a week back, the date after that (and for anything ahead of the clock)."""
    passed = now - when
    if timedelta(0) <= passed < timedelta(hours=1):
        return f"{max(1, passed // timedelta(minutes=1))} min ago"
    for limit, step, letter in _SPANS:
        if timedelta(0) <= passed < limit:
            return f"{passed // step} {letter} ago"
    return day(when.astimezone(UTC))
