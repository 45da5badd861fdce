"""Remembers renderings, since the same titles are shown again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps


def remembering(size: int) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """A bounded memory for a rendering; long texts pass by, lest a few of them fill it with megabytes."""

    def decorate(render: Callable[[str], str]) -> Callable[[str], str]:
        remembered = lru_cache(maxsize=size)(render)

        @wraps(render)
        def wrapper(text: str) -> str:
            return remembered(text) if len(text) < 20_000 else render(text)

        return wrapper

    return decorate
