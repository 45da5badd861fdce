"""What the outside world said of a paper over time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from broadsheet.models import Paper, Signal

# Dated levels, oldest first, one line for each source; by kind.
Levels = dict[str, list[list[tuple[datetime, float]]]]

KEYS_AT_ONCE = 500


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


def levels(
    papers: Collection[int], kinds: Sequence[str], until: datetime | None = None
) -> Iterator[tuple[int, Levels]]:
    """The log of many papers, one paper after the other: what was seen of these kinds, up to a moment.

    Papers without such a signal are left out. Two statements for every thousand papers.
    """
    keys = sorted(papers)
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        rows = Signal.objects.filter(paper_id__in=some, kind__in=kinds)
        if until is not None:
            rows = rows.filter(seen_at__lte=until)
        read = rows.order_by("paper_id", "source", "kind", "seen_at").values_list(
            "paper_id", "source", "kind", "seen_at", "value"
        )
        for key, of_paper in groupby(read.iterator(5000), itemgetter(0)):
            found: Levels = {}
            for (_, kind), line in groupby(of_paper, itemgetter(1, 2)):
                found.setdefault(kind, []).append([(seen_at, value) for *_, seen_at, value in line])
            yield key, found


def citations(papers: Collection[int]) -> dict[int, int]:
    """How often each paper is cited, as far as a source said so: by key, without those of which none did."""
    return {key: newest(found, "citations") for key, found in levels(papers, ("citations",))}


def newest(found: Levels, kind: str) -> int:
    """The newest level of a kind: votes of several places add up, stars are the same whoever counts them."""
    values = [line[-1][1] for line in found.get(kind, ())]
    return int(max(values, default=0) if kind in ("stars", "citations") else sum(values))
