"""python -m bench.recommending --home FOLDER: how long it takes to learn a taste and to choose a page of it.

On a copy of a data folder: the worker's bags of words, one interest of five papers trained and all papers of
the last 30 days ranked, the same among papers of all times, a reader's page in a process that has just begun,
and an edition for each of so many invented readers of ten saved papers. With --click, one click of
arxiv-sanity-lite's recipe on the measured corpus beside them.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bench import machine
from bench.household import copy_home, workplace

DAYS, TASTES, SAVED, EDITION = 30, 60, 10, 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.recommending", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a data folder, which is only read")
    parser.add_argument("--readers", type=int, default=10_000, help="editions to choose (default 10 000)")
    parser.add_argument("--click", action="store_true", help="arxiv-sanity-lite's recipe too (minutes)")
    given = parser.parse_args()
    with workplace() as folder:
        copy_home(given.home, folder / "home")
        for name in ("index", "bags"):
            if (given.home / name).is_dir():
                shutil.copytree(given.home / name, folder / "home" / name)
        os.environ |= {
            "BROADSHEET_HOME": str(folder / "home"),
            "DJANGO_SETTINGS_MODULE": "broadsheet.config.settings",
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        print(machine.sentence(machine.facts()))
        _measure(given.readers)
    if given.click:
        _click()
    print(f"Load after: {machine.load()[0]}")


def _measure(readers: int) -> None:
    from broadsheet import recommendations
    from broadsheet.models import Paper

    count, began = 0, time.perf_counter()
    while done := recommendations.bags_due(20_000):
        count += done
    if count:
        print(f"bags of {count:,} papers: {time.perf_counter() - began:.1f} s", flush=True)
    newest = Paper.objects.listed().filter(listed_on__isnull=False).latest("listed_on").listed_on
    assert newest is not None
    first = newest - timedelta(days=DAYS)
    keys = list(Paper.objects.listed().order_by("-pk").values_list("pk", flat=True)[:20_000])
    lot = random.Random(1)
    tastes = [list(Paper.objects.filter(pk__in=lot.sample(keys, 5))) for _ in range(TASTES)]

    _timed("the first page of a new process", [partial(recommendations.for_examples, tastes[0], first=first)])
    recommendations.for_examples(tastes[0])
    _trained(tastes, first)
    _timed(
        "page of 30 with reasons, 30 days",
        [partial(recommendations.for_examples, taste, first=first) for taste in tastes],
    )
    _timed(
        "page of 30 with reasons, all times",
        [partial(recommendations.for_examples, taste) for taste in tastes],
    )
    _editions(readers, keys, newest - timedelta(days=3))


def _trained(tastes: list[list[Any]], first: date) -> None:
    from broadsheet import doors
    from broadsheet.recommendations import choosing, keeping, learning

    index = doors.index()
    name = choosing.vectors_named(index)
    back = choosing._background(str(doors.index_folder()), name, index.count() // 1024)
    keeping.forget()
    known = keeping.bags_now()
    assert known is not None
    _timed(
        "the papers of a window, once a minute for all readers",
        [partial(keeping.pool_of, index, name, known, back, first)],
    )
    pool = keeping.pool_of(index, name, known, back, first)
    assert pool is not None
    given = [choosing._examples(index, name, [(paper, 1.0) for paper in taste], "") for taste in tastes]
    what = f"one interest trained, all {len(pool.rows):,} papers of {DAYS} days ranked"
    _timed(what, [partial(learning.rank, index, name, each, back, known=known, pool=pool) for each in given])
    what = f"one interest trained, all {len(known):,} papers ranked"
    _timed(what, [partial(learning.rank, index, name, each, back, known=known) for each in given])


def _editions(readers: int, keys: list[int], first: date) -> None:
    from broadsheet import recommendations
    from broadsheet.models import Mark, Reader

    lot = random.Random(2)
    people = Reader.objects.bulk_create([Reader(username=f"bench-{number}") for number in range(readers)])
    marks = [
        Mark(reader=person, paper_id=key, kind="saved")
        for person in people
        for key in lot.sample(keys, SAVED)
    ]
    Mark.objects.bulk_create(marks, batch_size=5_000)
    del marks
    began, chosen = time.perf_counter(), 0
    working = time.process_time()
    for person in people:
        chosen += len(recommendations.for_reader(person, first=first, limit=EDITION).picks)
    spent, working = time.perf_counter() - began, time.process_time() - working
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"editions of {readers:,} readers, {chosen:,} papers: {spent:.0f} s, {working:.0f} s of processor, "
        f"at most {most:.0f} MB with what is mapped",
        flush=True,
    )


def _click() -> None:
    import numpy as np

    from evals import sanity
    from evals.data import Corpus
    from evals.vectors import cache_folder

    corpus = Corpus()
    matrix = sanity.features(corpus, cache_folder())
    draws = np.random.default_rng(0).choice(len(corpus), (3, 5), replace=False)
    _timed(
        "one click of arxiv-sanity-lite's recipe",
        [partial(sanity.click, matrix, each.tolist()) for each in draws],
    )


def _timed(what: str, works: Sequence[Callable[[], object]]) -> None:
    seconds, working = [], []
    for work in works:
        began, busy = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - began)
        working.append(time.process_time() - busy)
    seconds.sort()
    working.sort()
    middle, late = len(seconds) // 2, min(len(seconds) - 1, len(seconds) * 95 // 100)
    print(
        f"{what}: p50 {1000 * seconds[middle]:.1f} ms, p95 {1000 * seconds[late]:.1f} ms, "
        f"processor p50 {1000 * working[middle]:.1f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
