"""Citations as OpenAlex counts them (https://docs.openalex.org); fifty papers in one metered question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broadsheet import identifiers
from broadsheet.sources import Seen, SignalKind, SourceError, Watched, signals
from broadsheet.sources.asking import Answer, Asker, BadAnswer

PAUSE = 1.0
_DOI = "https://doi.org/"


class OpenAlexCitations:
    """OpenAlex as a `Watcher`; a key is a paper's canonical identifier."""

    name = "openalex"
    kind: SignalKind = "citations"
    most = 50

    def __init__(self, asker: Asker, url: str, key: str) -> None:
        if not key:
            raise SourceError("OpenAlex wants a key: set BROADSHEET_OPENALEX_KEY (a free one will do).")
        self.asker = asker
        self.url = url
        self.key = key

    def look(self, watched: Sequence[Watched]) -> list[Seen]:
        names = {doi: one.key for one in watched[: self.most] if (doi := doi_of(one.key))}
        found = [Seen(one.key, gone=True) for one in watched[: self.most] if not doi_of(one.key)]
        if names:
            params = {
                "filter": "doi:" + "|".join(names),
                "select": "doi,cited_by_count",
                "per-page": str(self.most),
                "api_key": self.key,
            }
            counted = self.asker.ask(
                f"{self.url}/works", params, read=_counts, pause=PAUSE, patience=120, largest=4 * 2**20
            )
            found += [Seen(key, counted.get(doi)) for doi, key in names.items()]
        return found


def doi_of(key: str) -> str | None:
    """The DOI that a paper has there: arXiv registers one for each of its papers."""
    scheme = identifiers.scheme(key)
    if scheme == "arxiv":
        return f"10.48550/arxiv.{key}".lower()
    # A bar and a comma have a meaning in a filter.
    return key[4:] if scheme == "doi" and not set("|,") & set(key) else None


def _counts(answer: Answer) -> dict[str, float]:
    told = answer.json
    works: Any = told.get("results") if isinstance(told, dict) else None
    if not isinstance(works, list):
        raise BadAnswer("OpenAlex answered something that is not a list of works.")
    found: dict[str, float] = {}
    for work in works:
        doi = work.get("doi") if isinstance(work, dict) else None
        value = signals.count(work.get("cited_by_count")) if isinstance(work, dict) else None
        if isinstance(doi, str) and value is not None:
            name = doi.lower().removeprefix(_DOI)
            found[name] = max(value, found.get(name, 0.0))
    return found
