"""A series of timed requests and what to say of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that `share` (0 to 1) of all do not exceed."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class Timings:
    """Answers to one kind of request. `seconds` holds one time for each answer of any status, `working`
    the processor time of the same, which a busy machine changes less; `sizes` the bytes of each body as it
    travelled; `elapsed` is the wall time of the whole series in seconds. `errors` counts the answers that
    were not 200 and the requests that were never answered."""

    kind: str
    clients: int = 1
    seconds: list[float] = field(default_factory=list)
    working: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.elapsed if self.elapsed else 0.0

    def ms(self, share: float) -> float:
        """The percentile in milliseconds."""
        return percentile(self.seconds, share) * 1000

    def fail(self, what: str) -> None:
        self.errors += 1
        self.first_error = self.first_error or what

    def add(self, other: Timings) -> None:
        self.seconds += other.seconds
        self.working += other.working
        self.sizes += other.sizes
        self.queries += other.queries
        self.errors += other.errors
        self.first_error = self.first_error or other.first_error

    def facts(self) -> dict[str, Any]:
        """What is kept of the series: ms, bytes, counts."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "clients": self.clients,
            "answers": len(self.seconds),
            "errors": self.errors,
            "elapsed_s": round(self.elapsed, 3),
            "per_second": round(self.rate, 2),
        }
        if self.seconds:
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
                found[f"{name}_ms"] = round(self.ms(share), 2)
        if self.working:
            found["working_p50_ms"] = round(percentile(self.working, 0.5) * 1000, 2)
            found["working_p99_ms"] = round(percentile(self.working, 0.99) * 1000, 2)
        if self.sizes:
            found["bytes_p50"] = int(percentile(self.sizes, 0.5))
            found["bytes_max"] = max(self.sizes)
        if self.queries:
            found["queries_p50"] = int(percentile(self.queries, 0.5))
            found["queries_max"] = max(self.queries)
        if self.first_error:
            found["first_error"] = self.first_error
        return found
