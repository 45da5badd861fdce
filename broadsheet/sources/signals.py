"""What the outside world counted: foreign numbers as signals, if they are numbers."""

from __future__ import annotations

import math
from datetime import datetime

from broadsheet.sources import SignalKind, SignalRecord

# More than anybody ever counted; beyond it a number is a mistake, and would not fit the column.
LARGEST = 1_000_000_000


def count(value: object) -> float | None:
    """A finite number from 0 to a thousand million, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= LARGEST else None


def levels(seen_at: datetime | None, counts: dict[SignalKind, object]) -> tuple[SignalRecord, ...]:
    """The counts that make sense, all seen at one moment; none if that moment is not known."""
    if seen_at is None:
        return ()
    known = ((kind, count(value)) for kind, value in counts.items())
    return tuple(SignalRecord(kind, value, seen_at) for kind, value in known if value is not None)


def place(value: object) -> int | None:
    """A rank from 1 to 100,000, else None."""
    found = count(value)
    return int(found) if found and 1 <= found <= 100_000 and found == int(found) else None
