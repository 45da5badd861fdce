"""Citations as Semantic Scholar counts them (https://api.semanticscholar.org/api-docs), in one question for
hundreds of papers."""

from __future__ import annotations

from collections.abc import Sequence

from broadsheet import identifiers
from broadsheet.sources import Seen, SignalKind, SourceError, Watched, signals
from broadsheet.sources.asking import Answer, Asker, BadAnswer

# With a key: one question a second.
PAUSE = 1.1


class SemanticScholarCitations:
    """Semantic Scholar as a `Watcher`; a key is a paper's canonical identifier."""

    name = "semanticscholar"
    kind: SignalKind = "citations"
    most = 400

    def __init__(self, asker: Asker, url: str, key: str) -> None:
        if not key:
            raise SourceError("Semantic Scholar wants a key: set BROADSHEET_SEMANTICSCHOLAR_KEY.")
        self.asker = asker
        self.url = url
        self.key = key

    def look(self, watched: Sequence[Watched]) -> list[Seen]:
        asked = [(one.key, name) for one in watched[: self.most] if (name := name_of(one.key))]
        found = [Seen(one.key, gone=True) for one in watched[: self.most] if not name_of(one.key)]
        if asked:
            counts = self.asker.ask(
                f"{self.url}/graph/v1/paper/batch?fields=citationCount",
                read=lambda answer: _counts(answer, len(asked)),
                send={"ids": [name for _, name in asked]},
                headers={"x-api-key": self.key},
                pause=PAUSE,
                patience=120,
                largest=4 * 2**20,
            )
            found += [Seen(key, value) for (key, _), value in zip(asked, counts, strict=True)]
        return found


def name_of(key: str) -> str | None:
    """What a paper is called there."""
    scheme = identifiers.scheme(key)
    if scheme == "acl":
        return f"ACL:{key[4:]}"
    return f"ARXIV:{key}" if scheme == "arxiv" else f"DOI:{key[4:]}" if scheme == "doi" else None


def _counts(answer: Answer, expected: int) -> list[float | None]:
    told = answer.json
    if not isinstance(told, list) or len(told) != expected:
        raise BadAnswer("Semantic Scholar answered something that is not a list of as many papers as asked.")
    return [signals.count(one.get("citationCount")) if isinstance(one, dict) else None for one in told]
