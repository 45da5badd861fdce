"""Keeps the log of signals from growing without end: what is old is kept once a day.

A list that is looked at every half hour writes up to 48 rows a day for each paper; after three months
nobody asks at what time of a day a vote came. Thinning changes neither a paper's counts nor its growth nor
the day of its first vote, and the past page at the end of any day stays what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import itemgetter

from broadsheet import scoring
from broadsheet.models import Signal
from broadsheet.sources import moments

# Every row that is younger is kept.
WHOLE_DAYS = 90
# Papers of one turn of the worker.
BATCH = 2_000
KEYS_AT_ONCE = 500


@dataclass
class _Sweep:
    """The day of the sweep under way, and the paper up to which it has come; None when it has ended.

    It lives in memory: a worker that starts sweeps again, which costs some seconds of reading and changes
    nothing.
    """

    day: date | None = None
    paper: int | None = 0


_sweep = _Sweep()


def thin_due(batch: int = BATCH) -> int:
    """Thins the logs of the next papers, each paper once a day. Says how many rows it took out."""
    today = moments.today()
    if _sweep.day != today:
        _sweep.day, _sweep.paper = today, 0
    if _sweep.paper is None:
        return 0
    before = datetime.combine(today - timedelta(days=WHOLE_DAYS), time(), UTC)
    old = Signal.objects.filter(paper_id__gt=_sweep.paper, seen_at__lt=before)
    papers = list(old.order_by("paper_id").values_list("paper_id", flat=True).distinct()[:batch])
    _sweep.paper = papers[-1] if len(papers) == batch else None
    return sum(
        thin(papers[start : start + KEYS_AT_ONCE], before) for start in range(0, len(papers), KEYS_AT_ONCE)
    )


def thin(papers: Sequence[int], before: datetime) -> int:
    """Takes out of the logs of at most 500 papers what `surplus` names. Returns how many rows that were."""
    rows = Signal.objects.filter(paper_id__in=papers).order_by("paper_id", "source", "kind", "seen_at")
    read = rows.values_list("paper_id", "source", "kind", "seen_at", "value", "pk")
    out: list[int] = []
    for _, line in groupby(read.iterator(5_000), itemgetter(0, 1, 2)):
        of_line = list(line)
        out += [of_line[at][5] for at in surplus([(row[3], row[4]) for row in of_line], before)]
    for start in range(0, len(out), KEYS_AT_ONCE):
        Signal.objects.filter(pk__in=out[start : start + KEYS_AT_ONCE]).delete()
    return len(out)


def surplus(line: Sequence[tuple[datetime, float]], before: datetime) -> list[int]:
    """Which sightings of one series (oldest first) need not be kept: those of before `before` that are not
    the last of their day (UTC), nor the first of all, nor the first that is not nought, nor those that the
    paper's growth is measured between."""
    newest = len(line) - 1
    last = line[newest][0]
    positive = next((at for at, (_, value) in enumerate(line) if value > 0), 0)
    base = max((at for at, (seen_at, _) in enumerate(line) if seen_at <= last - scoring.SPAN), default=0)
    kept = {0, positive, base, newest}
    return [
        at
        for at, (seen_at, _) in enumerate(line[:-1])
        if at not in kept
        and seen_at < before
        and seen_at.astimezone(UTC).date() == line[at + 1][0].astimezone(UTC).date()
    ]
