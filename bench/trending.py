"""python -m bench.trending --home FOLDER: how long trending takes to work out, on a copy of a data folder.

Lays so many invented sightings over the papers that are there, then times: everything worked out from the
log, the same again with nothing to change, one paper after a vote, outlooks for new papers, and past pages.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench import machine
from bench.household import copy_home, workplace

SIGNALS, VOTES, OUTLOOKS = 1_000_000, 500, 5_000
KINDS = ("upvotes", "comments", "stars", "citations")
A_PAPER = 40  # sightings of each paper that has any
FIRST = datetime(2026, 5, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.trending", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a data folder, which is only read")
    parser.add_argument("--signals", type=int, default=SIGNALS, help="sightings (default 1 000 000)")
    given = parser.parse_args()
    with workplace() as folder:
        copy_home(given.home, folder / "home")
        os.environ |= {
            "BROADSHEET_HOME": str(folder / "home"),
            "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings",
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        print(machine.sentence(machine.facts()))
        _measure(given.signals)


def _measure(signals: int) -> None:
    from broadsheet import trending
    from broadsheet.models import Paper, Signal, bulk

    keys = list(Paper.objects.order_by("-pk").values_list("pk", flat=True)[: max(1, signals // A_PAPER)])
    bulk.insert(Signal, ("paper_id", "source", "kind", "seen_at", "value"), _sightings(keys), ignore=True)
    print(f"{Paper.objects.count():,} papers, {Signal.objects.count():,} sightings")
    changed = _timed("everything, from the log", trending.rescore)
    print(f"  {changed:,} papers stood elsewhere")
    _timed("everything again, nothing to change", trending.rescore)
    _votes(keys[:VOTES])
    done = _timed(f"outlooks of {OUTLOOKS:,} papers", lambda: trending.foresee_due(OUTLOOKS))
    print(f"  {done:,} papers")
    day = trending.newest_day() or trending.today()
    for window in (trending.day_window(day), trending.month_window(day), trending.TRENDING):
        _timed(f"past page, {window.period}", partial(trending.as_of, window, datetime.now(UTC)))
    print(f"Load after: {machine.load()[0]}")


def _sightings(keys: list[int]) -> Iterator[tuple[int, str, str, datetime, float]]:
    lot = random.Random(1)
    for key in keys:
        pace = lot.paretovariate(1.1)
        for step in range(A_PAPER):
            kind = KINDS[step % len(KINDS)]
            seen = FIRST + timedelta(days=step, minutes=key % 1440)
            yield key, "bench", kind, seen, float(int(min(pace * step, 1e6)))


def _votes(keys: list[int]) -> None:
    """One vote each, as `community.upvote` leaves the paper: counted, then restood."""
    from broadsheet import trending
    from broadsheet.models import Paper

    seconds = []
    for key in keys:
        Paper.objects.filter(pk=key).update(upvotes=1, upvote_weight=1.0)
        started = time.perf_counter()
        trending.restand(key)
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    half, most = seconds[len(seconds) // 2], seconds[len(seconds) * 95 // 100]
    print(f"one paper after a vote: median {1000 * half:.1f} ms, 95th of 100 {1000 * most:.1f} ms")


def _timed(what: str, work: Callable[[], object]) -> object:
    started = time.perf_counter()
    found = work()
    print(f"{what}: {time.perf_counter() - started:.2f} s", flush=True)
    return found


if __name__ == "__main__":
    main()
