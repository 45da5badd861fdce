"""How models read a question: which vectors to ask, within what time, and what to say when there are none."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from threading import Lock

from django.conf import settings

from broadsheet import doors
from broadsheet.embedders import Embedder, EmbedderUnavailable
from broadsheet.index import Floats, Index
from broadsheet.search.ranking import Recipe, Understood

log = logging.getLogger("broadsheet.search")

# A model that failed is left alone for so many seconds: nobody waits for it at every search.
PAUSE = 30.0
KEPT_QUESTIONS = 512

Opening = Callable[[], Embedder | None]

_lock = Lock()
_kept: OrderedDict[tuple[str, str], Floats] = OrderedDict()
_paused: dict[str, float] = {}
_pool: ThreadPoolExecutor | None = None


def understood(
    index: Index, text: str, until: float, recipe: Recipe
) -> tuple[Understood | None, Understood | None, str]:
    """The question as the model for nearness and as the model for re-ranking read it, and a sentence where
    that was not possible. `until` is a moment of time.monotonic()."""
    counts, total = index.vector_counts(), index.count()
    if not text or not total:
        return None, None, ""
    enough = recipe.covered * total
    again = _thorough(text, until) if _any_thorough(counts) else None
    if again is not None and counts.get(again.name, 0) >= enough:
        return again, again, ""
    near = _read("quick", lambda: _quick(counts, enough), text, until)
    if near is None or not counts.get(near.name):
        return None, again, "Papers near in meaning could not be looked for; these hold the words."
    return near, again if again and counts.get(again.name) else None, ""


def _any_thorough(counts: dict[str, int]) -> bool:
    """Whether the reranker is worth opening: some vectors are not the quick embedder's."""
    return bool(settings.RERANKER) and (len(counts) > 1 or settings.EMBEDDER != "static")


def _thorough(text: str, until: float) -> Understood | None:
    return _read("thorough", doors.reranker, text, until)


def _quick(counts: dict[str, int], enough: float) -> Embedder:
    """The main embedder, or, while its vectors grow, the one that has most."""
    embedder = doors.embedder()
    if counts.get(embedder.name, 0) >= enough:
        return embedder
    for name in sorted(counts, key=lambda each: -counts[each]):
        if name == embedder.name:
            break
        if former := doors.embedder_named(name):
            return former
    return embedder


def _read(role: str, opening: Opening, text: str, until: float) -> Understood | None:
    """The question's vector, or None if the model is missing, failed lately or takes too long."""
    if time.monotonic() < _paused.get(role, 0.0):
        return None
    try:
        if role == "quick" and settings.EMBEDDER == "static":
            return _embed(opening, text)
        pending = _thread().submit(_embed, opening, text)
        return pending.result(max(0.001, until - time.monotonic()))
    except TookTooLong:
        pending.add_done_callback(_silently)
        return None
    except EmbedderUnavailable as trouble:
        log.warning("%s", trouble)
        _paused[role] = time.monotonic() + PAUSE
        return None


def _embed(opening: Opening, text: str) -> Understood | None:
    embedder = opening()
    if embedder is None:
        return None
    asked = embedder.name, text
    with _lock:
        if asked in _kept:
            _kept.move_to_end(asked)
            return Understood(embedder.name, _kept[asked])
    vector = embedder.embed_query(text)
    with _lock:
        _kept[asked] = vector
        while len(_kept) > KEPT_QUESTIONS:
            _kept.popitem(last=False)
    return Understood(embedder.name, vector) if vector.any() else None


def _thread() -> ThreadPoolExecutor:
    """Made when first needed, so that a forked process has threads of its own."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(4, thread_name_prefix="meaning")
        return _pool


def _silently(late: Future[Understood | None]) -> None:
    """An answer that nobody waits for any more is kept for the next who asks; an error is only noted."""
    if trouble := late.exception():
        log.warning("%s", trouble)


def forget() -> None:
    """Tries every model again."""
    _paused.clear()
    with _lock:
        _kept.clear()
