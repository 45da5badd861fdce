"""Answers that are asked for again within seconds: many programs poll the same few addresses.

What is kept is public, small, and good for less time than every answer says of itself (`max-age=60`). It
is packed once, so that the second asker costs neither questions to the database nor compression. Each web
process remembers for itself; nothing is remembered across a restart.
"""

from __future__ import annotations

import gzip
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

# Bytes of all answers together, and of the largest that is kept; below SMALL nothing is packed.
MOST: Final = 16_000_000
LARGEST: Final = 400_000
SMALL: Final = 800
# The quickest level: a tenth more bytes than the usual one, for a quarter of its time.
LEVEL: Final = 1

_GZIP: Final = re.compile(r"\bgzip\b")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    body: bytes
    headers: tuple[tuple[str, str], ...]


class Memory:
    """The newest answers, at most MOST bytes of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, key: Key) -> HttpResponse | None:
        with self._lock:
            known = self._kept.get(key)
        if known is None or known.until < time.monotonic():
            return None
        return HttpResponse(known.body, headers=dict(known.headers))

    def put(self, key: Key, response: HttpResponse) -> None:
        body = response.content
        if len(body) > LARGEST:
            return
        kept = _Kept(time.monotonic() + settings.API_MEMORY, body, tuple(response.headers.items()))
        with self._lock:
            if former := self._kept.pop(key, None):
                self._size -= len(former.body)
            self._kept[key] = kept
            self._size += len(body)
            while self._size > MOST:
                _, oldest = self._kept.popitem(last=False)
                self._size -= len(oldest.body)


_memory: Final = Memory()


def answered(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """What `answer` says, packed where the client can unpack it; of a moment ago where it was asked then."""
    packs = bool(_GZIP.search(request.headers.get("Accept-Encoding", "")))
    if request.method != "GET" or not settings.API_MEMORY:
        return _packed(answer(), packs)
    key = (request.scheme or "", request.META.get("HTTP_HOST", ""), request.get_full_path(), "gzip" * packs)
    known = _memory.get(key)
    if known is None:
        known = _packed(answer(), packs)
        if known.status_code == 200:
            _memory.put(key, known)
    return known


def _packed(response: HttpResponse, packs: bool) -> HttpResponse:
    if len(response.content) < SMALL or response.has_header("Content-Encoding"):
        return response
    patch_vary_headers(response, ("Accept-Encoding",))
    if packs:
        response.content = gzip.compress(response.content, LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
    return response
