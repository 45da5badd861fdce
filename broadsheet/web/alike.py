"""What the address of a search from several papers says, and how one gets from it to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlencode

from broadsheet import search
from broadsheet.models import Paper

SIMILAR_SORTS: Final = {"relevance": "Nearest", "date": "Date", "votes": "Votes"}

PATH: Final = "/similar"


@dataclass(frozen=True, slots=True)
class Several:
    """What an address asks for: canonical identifiers of papers on either side, in order, and the sort."""

    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    sort: str = "relevance"

    @property
    def query(self) -> str:
        pairs = [("like", each) for each in self.like] + [("not", each) for each in self.unlike]
        return urlencode(pairs + ([("sort", self.sort)] if self.sort != "relevance" else []), safe=":/")

    @property
    def href(self) -> str:
        return f"{PATH}?{self.query}" if self.query else PATH

    def without(self, name: str) -> Self:
        return replace(
            self,
            like=tuple(each for each in self.like if each != name),
            unlike=tuple(each for each in self.unlike if each != name),
        )

    def wanting(self, name: str) -> Self:
        """`name` among the wanted, and not among the others."""
        rest = self.without(name)
        return replace(rest, like=(*rest.like, name))

    def refusing(self, name: str) -> Self:
        rest = self.without(name)
        return replace(rest, unlike=(*rest.unlike, name))


def ways(asked: Several, paper: Paper) -> list[tuple[str, str]]:
    """(address, words): the search with this paper on either side; none where that side is full."""
    found = []
    if len(asked.like) < search.MOST_PAPERS:
        found.append((asked.wanting(paper.identifier).href, "More like this"))
    if asked.like and len(asked.unlike) < search.MOST_PAPERS:
        found.append((asked.refusing(paper.identifier).href, "Less like this"))
    return found
