"""How the index stands: what `broadsheet index status` and `verify` say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from broadsheet import doors
from broadsheet.index import IndexTrouble
from broadsheet.models import Paper
from broadsheet.search import documents, indexing


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """`papers` are listed here, `indexed` are in the index, `due` rows are still to be read. `vectors`: how
    many papers each embedder has read, by its name. `trouble` is a sentence, "" if all is well."""

    papers: int
    indexed: int = 0
    due: int = 0
    read_until: datetime | None = None
    vectors: dict[str, int] = field(default_factory=dict)
    trouble: str = ""


def status() -> IndexStatus:
    """Never raises for a damaged index: that is the trouble it tells."""
    index, papers = doors.index(), Paper.objects.listed().count()
    try:
        found = indexing.read_bookmark(index)
        due = documents.count_past(found.mark if found else None)
        return IndexStatus(
            papers, index.count(), due, found.mark.at if found else None, index.vector_counts()
        )
    except IndexTrouble as trouble:
        return IndexStatus(papers, due=Paper.objects.count(), trouble=str(trouble))


def verify() -> list[str]:
    """Reads the whole index, compares it with the table, and says in sentences what is wrong."""
    index = doors.index()
    problems = index.verify()
    if problems:
        return problems
    missing, surplus = indexing.differences(index)
    if missing:
        problems.append(f"{len(missing):,} papers are not in the index yet.")
    if surplus:
        problems.append(f"{len(surplus):,} papers in the index are not in the table any more.")
    return problems
