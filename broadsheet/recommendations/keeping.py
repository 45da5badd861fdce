"""Keeps every paper's bag of words beside the search index, and the papers of a window ready to be ranked.

The bags are a reader of the papers table with a bookmark of its own, as the index is: derived, dropped
without loss, grown again. They lie in the data folder; a machine without them ranks by its index alone.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from broadsheet.index import Index
from broadsheet.models import Paper
from broadsheet.recommendations import bags, learning
from broadsheet.recommendations.bags import Bags, BagsBusy, State
from broadsheet.recommendations.learning import Background, Pool
from broadsheet.search import documents
from broadsheet.search.documents import Mark, Row

log = logging.getLogger("broadsheet.recommendations")

BATCH = 2_000
# A slow transaction can commit an older `changed_at` than one already read.
LOOK_BACK = timedelta(seconds=60)
LOOK_AGAIN = 10.0  # seconds
MOST_LOOKED = 20_000
# Rows for each paper at which the folder is made anew: changed papers leave their former rows behind.
SLACK = 2
POOLS = 3
# Seconds for which the papers of a window are taken to be the same.
FRESH = 60.0
# A window of more papers than this is ranked as all times are.
LARGEST_POOL = 60_000

_lock = Lock()
_opened: tuple[Path, State, Bags | None] | None = None
_pools: OrderedDict[tuple[object, ...], tuple[float, npt.NDArray[np.int64], Pool]] = OrderedDict()
_looked: tuple[str, float] = ("", 0.0)


def folder() -> Path:
    return Path(settings.HOME) / "bags"


def bags_now() -> Bags | None:
    """The bags as the last commit left them; None while there are none."""
    global _opened
    place = folder()
    state = bags.read_state(place)
    with _lock:
        if _opened is None or _opened[:2] != (place, state):
            _opened = place, state, bags.opened(place) if state.rows else None
        return _opened[2]


def bags_due(limit: int = BATCH) -> int:
    """Takes the words of one batch of new or changed papers; how many. 0 when all are there, or while another
    process does it."""
    try:
        with bags.writing(folder()):
            return _step(limit)
    except BagsBusy:
        return 0


def _step(limit: int) -> int:
    global _looked
    place, state = folder(), bags.read_state(folder())
    mark = _mark_of(state)
    if state.rows and (mark is None or not bags.whole(place, state)):
        log.warning("The bags of words are damaged. They are made anew.")
        bags.drop(place)
        state, mark = State(), None
    rows = documents.past(mark, limit)
    if rows:
        last = Mark(rows[-1].changed_at, rows[-1].pk)
    elif mark is not None and _is_due(state.bookmark):
        _looked = state.bookmark, time.monotonic()
        last, rows = mark, _overlooked(mark, limit)
    if not rows:
        return 0
    found = [bags.bag(row.title, row.abstract, row.authors) for row in rows]
    part = bags.packed([row.pk for row in rows], found, [_month(row) for row in rows])
    state = bags.append(place, state, part, f"{last.at.isoformat()} {last.key}")
    if state.rows > SLACK * Paper.objects.count() + 10 * BATCH:
        bags.drop(place)
    return len(rows)


def _is_due(bookmark: str) -> bool:
    """Whether the minute before the bookmark is to be read again: a few times after each new bookmark."""
    at = datetime.fromisoformat(bookmark.partition(" ")[0])
    known, when = _looked
    if known != bookmark:
        return True
    still = timezone.now() - at < 2 * LOOK_BACK
    return still and time.monotonic() - when > LOOK_AGAIN


def _overlooked(mark: Mark, limit: int) -> list[Row]:
    recent = Paper.objects.filter(changed_at__gte=mark.at - LOOK_BACK, changed_at__lte=mark.at)
    keys = np.array(recent.order_by("pk").values_list("pk", flat=True)[:MOST_LOOKED], np.int64)
    known = bags.opened(folder())
    if known is not None:
        keys = keys[known.rows_of(keys) < 0]
    return documents.with_keys(keys[:limit].tolist())


def _mark_of(state: State) -> Mark | None:
    try:
        at, key = state.bookmark.split(" ")
        return Mark(datetime.fromisoformat(at), int(key))
    except ValueError:
        return None


def _month(row: Row) -> int:
    day = row.published_at or row.listed_on
    return row.month or (100 * day.year + day.month if day else 0)


def pool_of(index: Index, name: str, known: Bags, back: Background, first: date | None) -> Pool | None:
    """The listed papers from `first` on; None where they are too many, or `first` is None. Kept, the same for
    every reader, and compared with the papers table once a minute. Papers whose bag is not there yet take
    part by their vectors."""
    if first is None:
        return None
    asked = (str(settings.HOME), name, first, index.bookmark(), known.state)
    now = time.monotonic()
    with _lock:
        found = _pools.get(asked)
        if found and now - found[0] < FRESH:
            return found[2]
    keys = _keys_since(first)
    if keys is None:
        return None
    same = found is not None and np.array_equal(found[1], keys)
    pool = found[2] if found and same else made(index, name, known, back, keys)
    with _lock:
        _pools[asked] = now, keys, pool
        _pools.move_to_end(asked)
        while len(_pools) > POOLS:
            _pools.popitem(last=False)
    return pool


def _keys_since(first: date) -> npt.NDArray[np.int64] | None:
    # Of many papers only the month is known; they are taken to be of its first day, as the index does. Both
    # kinds in one question, or told apart by the database, would be a walk through the whole table.
    month = 100 * first.year + first.month
    of_month = Q(month__gte=month) if first.day == 1 else Q(month__gt=month)
    papers = Paper.objects.listed()
    dated = papers.filter(listed_on__gte=first).values_list("pk", flat=True)[: LARGEST_POOL + 1]
    months = papers.filter(of_month).values_list("pk", "listed_on")[: 2 * LARGEST_POOL]
    found = [*dated, *(key for key, day in months if day is None)]
    return np.sort(np.array(found, np.int64)) if len(found) <= LARGEST_POOL else None


def made(
    index: Index,
    name: str,
    known: Bags | None,
    back: Background,
    keys: Sequence[int] | npt.NDArray[np.int64],
) -> Pool:
    """A pool of these papers, those without a bag at its end."""
    wanted = np.asarray(keys, np.int64)
    rows = known.rows_of(wanted) if known else np.full(len(wanted), -1, np.int64)
    here = known.all.take(rows[rows >= 0]) if known else bags.packed([], [], [])
    lacking = wanted[rows < 0]
    if len(lacking):
        here = bags.joined(
            here, bags.packed(lacking.tolist(), [bags.bag("")] * len(lacking), [0] * len(lacking))
        )
    vectors = index.vectors(name, here.keys.tolist())
    if vectors.shape[1] != len(back.mean):
        vectors = np.zeros((len(here), len(back.mean)), np.float32)
    return Pool(here, learning.without_mean(vectors, back.mean))


def forget() -> None:
    """What this process remembers; for tests that change the data folder."""
    global _opened
    with _lock:
        _opened = None
        _pools.clear()
