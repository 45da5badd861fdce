"""Finds the papers that lack vectors, newest and most voted first, without looking at any twice."""

from __future__ import annotations

from broadsheet.index import Index
from broadsheet.search import documents

PAGE = 2_000


class Walk:
    """Down the papers by hotness, for the vectors of one embedder.

    It starts again from the top when papers came in since; when it has reached the end it rests until then.
    What was handed out counts as done, stored or not: `restart` after a failure.
    """

    def __init__(self, index: Index, name: str) -> None:
        self.name = name
        self._index = index
        self.restart()

    def restart(self) -> None:
        self._after: tuple[float, int] | None = None
        self._ready: list[int] = []
        self._handed: set[int] = set()
        self._ended = False
        self._bookmark = self._index.bookmark()

    def lacking(self, most: int) -> list[int]:
        """The next keys to be embedded; [] when every paper has its vector."""
        if self._index.bookmark() != self._bookmark:
            self.restart()
        while len(self._ready) < most and not self._ended:
            self._read_page()
        found, self._ready = self._ready[:most], self._ready[most:]
        self._handed.update(found)
        return found

    def _read_page(self) -> None:
        page = documents.hottest(PAGE, self._after)
        self._ended = len(page) < PAGE
        if page:
            key, hotness = page[-1]
            self._after = hotness, key
        keys = [key for key, _ in page]
        have = self._index.has_vectors(self.name, keys)
        self._ready += [
            key for key, has in zip(keys, have.tolist(), strict=True) if not has and key not in self._handed
        ]
