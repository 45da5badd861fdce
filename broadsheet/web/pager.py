"""The numbers under a list: first, last, and those around here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from django.conf import settings

from broadsheet.search import Found
from broadsheet.trending import PageOutOfRange


@dataclass(frozen=True, slots=True)
class Pager:
    path: str
    query: str
    page: int
    pages: int
    total: int
    # Where "Show more" goes on, and the place of the first paper, for lists that are paged by cursor.
    after: str = ""
    first: int = 0

    @classmethod
    def of_found(cls, path: str, query: str, found: Found) -> Self:
        """For what a search found: "Show more" follows its cursor, so that papers that came in or went out
        meanwhile are neither shown twice nor skipped. The numbers are places in the list as it is now."""
        return cls(path, query, found.page, found.pages, found.total, found.next, found.start + 1)

    @classmethod
    def of(cls, path: str, query: str, page: int, total: int) -> Self:
        """For a list that was cut by page number alone. Raises PageOutOfRange where there is no such page."""
        pages = max(1, -(-total // settings.PAGE_SIZE))
        if page > pages:
            raise PageOutOfRange(pages)
        return cls(path, query, page, pages, total)

    @property
    def several(self) -> bool:
        return self.pages > 1

    @property
    def start(self) -> int:
        """The place of this page's first paper."""
        return self.first or (self.page - 1) * settings.PAGE_SIZE + 1

    @property
    def shown(self) -> int:
        """How many papers there are up to the end of this page."""
        return min(self.start - 1 + settings.PAGE_SIZE, self.total)

    @property
    def previous(self) -> str:
        return self.href(self.page - 1) if self.page > 1 else ""

    @property
    def next(self) -> str:
        if self.after:
            return f"{self.href(self.page + 1)}&after={self.after}"
        return self.href(self.page + 1) if self.page < self.pages else ""

    @property
    def numbers(self) -> list[tuple[int, str]]:
        """Page numbers with their addresses; 0 stands for a gap."""
        near = {1, self.pages, *range(self.page - 1, self.page + 2)}
        found: list[tuple[int, str]] = []
        last = 0
        for number in sorted(number for number in near if 1 <= number <= self.pages):
            if number > last + 1:
                found.append((0, ""))
            found.append((number, self.href(number)))
            last = number
        return found

    def href(self, page: int) -> str:
        pairs = [pair for pair in (self.query, f"p={page}" if page > 1 else "") if pair]
        return f"{self.path}?{'&'.join(pairs)}" if pairs else self.path
