"""Keeps the index in step with the papers table: a reader with a bookmark of its own.

`index_due` takes one batch of what changed since the bookmark. When nothing is left it looks back a minute,
for a slow transaction can commit an older `changed_at` than one already read; then it compares numbers with
the table, for rows that were deleted or hidden leave no mark. A missing or damaged index grows beside its
place and is put there in one step; until then whatever is left answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings

from broadsheet import doors
from broadsheet.embedders import EmbedderUnavailable
from broadsheet.index import (
    ALL_PAPERS,
    Filter,
    Floats,
    Index,
    IndexBusy,
    IndexDamaged,
    IndexTrouble,
)
from broadsheet.models import Paper
from broadsheet.search import background, documents, vocabulary
from broadsheet.search.documents import Mark, Row
from broadsheet.search.walking import Walk

log = logging.getLogger("broadsheet.search")

# Rows in one batch of the worker, and of a rebuild, where nobody waits for the next step.
BATCH, REBUILD_BATCH = 2_000, 5_000
# Raise it when `documents.document` tells the index something else than before: the index then grows anew.
FORMAT = 1
LOOK_BACK = timedelta(seconds=60)
# A missing index of fewer papers is filled in place: it is there before anybody asks.
FEW = 5_000
# Seconds after which every byte of the index is read again and compared with its checksums.
CHECK_EVERY = 600.0
BLOCK = 10_000
# Beyond the table's last key, keys that only the index knows are looked for this far.
SURPLUS = 1_000_000

# Papers done and papers in all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far the table was read. `settled`: the minute before it was read again, when it was over."""

    mark: Mark
    settled: bool = False

    def __str__(self) -> str:
        said = "settled" if self.settled else "open"
        return f"{FORMAT} {self.mark.at.isoformat()} {self.mark.key} {said}"


def read_bookmark(index: Index) -> Bookmark | None:
    """None for no index, and for one that was made by other rules than ours. Raises IndexDamaged."""
    try:
        version, at, key, settled = (index.bookmark() or "").split(" ")
        mark = Mark(datetime.fromisoformat(at), int(key))
    except ValueError:
        return None
    return Bookmark(mark, settled == "settled") if int(version) == FORMAT else None


@dataclass
class _Following:
    """What this process remembers between batches. `seen`: rows of the last minute, by key; `even`: numbers
    of papers in table and index that differ for a reason that mending did not find."""

    index: Index
    growing: Index | None = None
    seen: dict[int, datetime] = field(default_factory=dict)
    last: str = ""
    even: tuple[int, int] = (-1, -1)
    checked_at: float = field(default_factory=time.monotonic)
    walk: Walk | None = None


_following: _Following | None = None


def _state(index: Index) -> _Following:
    global _following
    if _following is None or _following.index is not index:
        _following = _Following(index)
    return _following


def index_due(limit: int = BATCH) -> int:
    """Brings one batch of new, changed, hidden or deleted papers into the index; how many.

    0 when the index is as the table, or while another process writes it. Raises IndexNotWritten (disk full);
    everything acknowledged before is kept, and the next call goes on there.
    """
    state = _state(doors.index())
    try:
        return _step(state, limit)
    except IndexBusy:
        return 0
    except IndexDamaged as trouble:
        log.warning("%s It grows anew beside it.", trouble)
        _grow_aside(state)
        return 1


def _step(state: _Following, limit: int) -> int:
    if state.growing is not None:
        return _grow(state, state.growing, limit)
    found = read_bookmark(state.index)
    if found is None and (state.index.bookmark() is not None or Paper.objects.listed().count() > FEW):
        _grow_aside(state)
        return 1
    before = str(found)
    if state.last != before:
        state.seen.clear()
    done = follow(state.index, found, limit, state.seen)
    if not done and found:
        done = _look_back(state, found) or _mend(state, found) or _fill_vectors(state, limit)
    state.last = str(read_bookmark(state.index))
    if done < limit:
        _rest(state, wrote=bool(done) or state.last != before)
    return done


def _rest(state: _Following, wrote: bool) -> None:
    """Nothing more to do for now: words for correcting, and the writer's place is free for others."""
    count = state.index.count()
    if wrote or not doors.vocabulary_file().exists():
        _keep_vocabulary(state.index, count)
    if wrote or time.monotonic() - state.checked_at > CHECK_EVERY:
        state.checked_at = time.monotonic()
        background.settle()
        # Opened again, it reads and checks every byte.
        state.index.close()


def _grow_aside(state: _Following) -> None:
    state.index.close()
    state.growing = state.index.aside()


def _grow(state: _Following, growing: Index, limit: int) -> int:
    try:
        done = follow(growing, read_bookmark(growing), limit)
        if not done:
            _publish(state.index, growing)
            state.growing = None
            return 1
    except IndexDamaged:
        growing.drop()
        state.growing = None
        raise
    return done


def _publish(index: Index, growing: Index) -> None:
    if growing.bookmark() is None:
        growing.commit(str(Bookmark(Mark(datetime(1970, 1, 1, tzinfo=UTC), 0))))
    growing.publish()
    growing.close()
    index.close()
    _keep_vocabulary(index, index.count(), anew=True)


def follow(
    index: Index,
    found: Bookmark | None,
    limit: int,
    seen: dict[int, datetime] | None = None,
    former: Index | None = None,
) -> int:
    """Reads the next `limit` rows past the bookmark into the index and moves it; how many rows there were.

    `seen` is told what was read within the last minute before the new bookmark. The slow vectors that
    `former` has are taken over from it.
    """
    rows = documents.past(found.mark if found else None, limit)
    if not rows:
        return 0
    put(index, rows, former)
    last = Mark(rows[-1].changed_at, rows[-1].pk)
    index.commit(str(Bookmark(last)))
    if seen is not None:
        seen.update((row.pk, row.changed_at) for row in rows)
        for key in [key for key, at in seen.items() if at < last.at - LOOK_BACK]:
            del seen[key]
    return len(rows)


def put(index: Index, rows: Sequence[Row], former: Index | None = None) -> None:
    """Stages rows: listed papers are put with their quick vectors, hidden ones removed."""
    shown = [row for row in rows if row.hotness is not None]
    index.remove([row.pk for row in rows if row.hotness is None])
    vectors = quick_vectors(shown)
    index.put([documents.document(row) for row in shown], vectors)
    if former is not None:
        _carry_over(index, former, [row.pk for row in shown], skip=frozenset(vectors))


def quick_vectors(rows: Sequence[Row]) -> dict[str, Floats]:
    """The quick embedder's vectors of these rows, by its name; none where it is slow or cannot be opened."""
    if not rows or settings.EMBEDDER != "static":
        return {}
    try:
        embedder = doors.embedder()
        return {embedder.name: embedder.embed([documents.readable(row.title, row.abstract) for row in rows])}
    except EmbedderUnavailable as trouble:
        log.warning("%s Papers are found by their words meanwhile.", trouble)
        return {}


def _carry_over(index: Index, former: Index, keys: Sequence[int], skip: frozenset[str]) -> None:
    """Slow vectors are hours of work: a rebuilt index has them from the one before it."""
    for name in former.vector_counts():
        if name not in skip:
            vectors = former.vectors(name, keys)
            some = [place for place in range(len(keys)) if vectors[place].any()]
            if some:
                index.put_vectors(name, [keys[place] for place in some], vectors[some])


def _look_back(state: _Following, found: Bookmark) -> int:
    """Reads the last minute again, and once more when it is over; then the bookmark is settled."""
    if found.settled:
        return 0
    over = datetime.now(UTC) - found.mark.at > LOOK_BACK
    minute = Paper.objects.filter(changed_at__gt=found.mark.at - LOOK_BACK, changed_at__lte=found.mark.at)
    late = [key for key, at in minute.values_list("pk", "changed_at") if state.seen.get(key) != at]
    for start in range(0, len(late), BATCH):
        rows = documents.with_keys(late[start : start + BATCH])
        put(state.index, rows)
        state.seen.update((row.pk, row.changed_at) for row in rows)
    if late or over:
        state.index.commit(str(Bookmark(found.mark, settled=over)))
    return len(late)


def _mend(state: _Following, found: Bookmark) -> int:
    """Where table and index count differently: puts what the table alone has, removes what the index has."""
    numbers = Paper.objects.listed().count(), state.index.count()
    if numbers[0] == numbers[1] or numbers == state.even:
        return 0
    missing, surplus = differences(state.index)
    for start in range(0, len(missing), BATCH):
        put(state.index, documents.with_keys(missing[start : start + BATCH]))
    state.index.remove(surplus)
    state.index.commit(str(found))
    state.even = numbers if not missing and not surplus else (-1, -1)
    return len(missing) + len(surplus)


def differences(index: Index) -> tuple[list[int], list[int]]:
    """Keys of listed papers that the index lacks, and keys in the index that are no listed papers."""
    missing, surplus = list[int](), list[int]()
    left, start, last = index.count(), 0, 0
    while True:
        keys = documents.listed_keys(start - 1, BLOCK)
        last = max(last, keys[-1] if keys else 0)
        if not keys and (left <= 0 or start > last + SURPLUS):
            return missing, surplus
        # Blocks of keys, not of papers: what the index alone knows may lie between and beyond them.
        end = start + BLOCK
        table = {key for key in keys if key < end}
        only = Filter(only=frozenset(range(start, end)))
        indexed = {hit.key for hit in index.lexical(ALL_PAPERS, only, BLOCK)}
        missing += sorted(table - indexed)
        surplus += sorted(indexed - table)
        left -= len(indexed)
        start = end


def _fill_vectors(state: _Following, limit: int) -> int:
    """Quick vectors for papers that have none: those of a new embedder grow beside the former one's."""
    if settings.EMBEDDER != "static":
        return 0
    try:
        embedder = doors.embedder()
    except EmbedderUnavailable:
        return 0
    if state.walk is None or state.walk.name != embedder.name:
        state.walk = Walk(state.index, embedder.name)
    keys = state.walk.lacking(limit)
    if keys:
        texts = documents.texts(keys)
        kept = [key for key in keys if key in texts]
        state.index.put_vectors(embedder.name, kept, embedder.embed([texts[key] for key in kept]))
        state.index.commit(state.index.bookmark() or "")
    return len(keys)


def _keep_vocabulary(index: Index, count: int, anew: bool = False) -> None:
    """Writes the corpus's words again when it has grown or shrunk by a tenth."""
    path = doors.vocabulary_file()
    try:
        known = 0 if anew else vocabulary.papers_of(path)
        if abs(count - known) > known / 10:
            vocabulary.write(path, index.terms(), count)
    except (OSError, IndexTrouble) as trouble:
        log.warning("Words for correcting queries were not renewed: %s", trouble)


def rebuild(progress: Progress | None = None) -> int:
    """Builds the index anew from the table, beside the one that answers, and puts it in its place; how many
    papers it has. An interrupted rebuild is taken up where it stopped. Raises IndexTrouble."""
    index = doors.index()
    growing = index.aside()
    former = _whole(index)
    total, done = Paper.objects.count(), growing.count()
    try:
        while count := follow(growing, read_bookmark(growing), REBUILD_BATCH, former=former):
            done += count
            if progress:
                progress(min(done, total), total)
        _publish(index, growing)
    finally:
        growing.close()
    return index.count()


def _whole(index: Index) -> Index | None:
    try:
        return index if index.count() else None
    except IndexTrouble:
        return None
