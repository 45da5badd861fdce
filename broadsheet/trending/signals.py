"""What the outside world said of a paper over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broadsheet.models import Paper, Signal


@dataclass(frozen=True)
class Series:
    """One kind of signal from one source over time, oldest first."""

    kind: str
    source: str
    points: list[tuple[datetime, float]]


def growth(paper: Paper, most: int = 400) -> list[Series]:
    """The signals of a paper over time: its newest `most` sightings, one series for each kind and source."""
    series: dict[tuple[str, str], list[tuple[datetime, float]]] = {}
    newest = Signal.objects.filter(paper=paper).order_by("-seen_at")[:most]
    for signal in reversed(newest):
        series.setdefault((signal.kind, signal.source), []).append((signal.seen_at, signal.value))
    return [Series(kind, source, points) for (kind, source), points in sorted(series.items())]
