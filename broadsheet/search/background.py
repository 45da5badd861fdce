"""Reads papers with a thorough model in the background, and takes no more of a core than it was given."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from django.conf import settings

from broadsheet import doors
from broadsheet.embedders import Embedder
from broadsheet.index import Index, IndexBusy, IndexDamaged, IndexTrouble
from broadsheet.search import documents
from broadsheet.search.walking import Walk

# Papers in one batch: about half a second of one core with the default model.
BATCH = 16
# Vectors become visible after so many, or after so many seconds. Each commit costs a reader a few
# milliseconds at its next question.
COMMIT_AFTER, COMMIT_EVERY = 512, 30.0
# No step of the worker sleeps longer, so that it can be stopped.
LONGEST_REST = 3.0


@dataclass
class Pace:
    """Rests long enough after each piece of work that its share of a core is kept."""

    rested_at: float = 0.0

    def rest(self) -> bool:
        """Sleeps until work may go on, at most LONGEST_REST seconds; whether it may."""
        left = self.rested_at - time.monotonic()
        if left > 0:
            time.sleep(min(left, LONGEST_REST))
        return left <= LONGEST_REST

    def worked(self, seconds: float, share: float) -> None:
        """`seconds` of a core were used since the last rest; 0 < share ≤ 1."""
        self.rested_at = time.monotonic() + seconds * (1 - share) / share


@dataclass
class _Work:
    index: Index
    walks: dict[str, Walk] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    staged: int = 0
    committed_at: float = field(default_factory=time.monotonic)


_work: _Work | None = None


def embed_due(share: float | None = None) -> int:
    """Embeds one batch of papers that lack a thorough vector, newest and most voted first; how many.

    Sleeps as much as `share` of a core demands (default: the setting; 0 embeds nothing). Returns 0 when every
    paper has its vectors or another process writes. Raises EmbedderUnavailable and IndexNotWritten.
    """
    global _work
    share = settings.EMBED_SHARE if share is None else share
    index = doors.index()
    if share <= 0 or index.bookmark() is None:
        return 0
    if _work is None or _work.index is not index:
        _work = _Work(index)
    if not _work.pace.rest():
        return 1
    began = time.process_time()
    try:
        done = _batch(_work)
    except (IndexBusy, IndexDamaged):
        # Somebody else writes, or `index_due` will find the damage and mend it.
        _work = None
        return 0
    except IndexTrouble:
        _work = None
        raise
    _work.pace.worked(time.process_time() - began, share)
    return done


def settle() -> None:
    """Makes visible what is staged, before somebody closes the index."""
    if _work is not None and _work.staged:
        _commit(_work)


def _batch(work: _Work) -> int:
    for embedder in thorough_embedders():
        walk = work.walks.setdefault(embedder.name, Walk(work.index, embedder.name))
        if keys := walk.lacking(BATCH):
            _embed(work, embedder, keys)
            if work.staged >= COMMIT_AFTER or time.monotonic() - work.committed_at > COMMIT_EVERY:
                _commit(work)
            return len(keys)
    if work.staged:
        _commit(work)
    return 0


def thorough_embedders() -> list[Embedder]:
    """Those whose vectors are made in the background: the reranker, and a main embedder that is not quick."""
    found = [] if settings.EMBEDDER == "static" else [doors.embedder()]
    reranker = doors.reranker()
    return [*found, reranker] if reranker and reranker not in found else found


def _embed(work: _Work, embedder: Embedder, keys: list[int]) -> None:
    texts = documents.texts(keys)
    kept = [key for key in keys if key in texts]
    vectors = embedder.embed([texts[key] for key in kept])
    work.index.put_vectors(embedder.name, kept, vectors)
    work.staged += len(kept)


def _commit(work: _Work) -> None:
    """Makes the vectors visible and leaves the writer's place to whoever waits for it."""
    work.index.commit(work.index.bookmark() or "")
    work.index.close()
    work.staged, work.committed_at = 0, time.monotonic()
