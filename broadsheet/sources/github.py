"""Stars of repositories on GitHub (https://docs.github.com/en/rest/repos/repos#get-a-repository).

A repository is asked about with the ETag of the last answer: "not modified" costs nothing of the allowance,
which is 60 answers an hour without a token and 5,000 with one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from broadsheet.sources import Seen, SignalKind, Unavailable, Watched, signals
from broadsheet.sources.asking import Answer, Asker, NotThere

PAUSE = 1.0
_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38})/[a-z0-9._-]{1,100}", re.ASCII)


class GithubStars:
    """GitHub as a `Watcher`; a key is a repository, `owner/name` in lower case."""

    name = "github"
    kind: SignalKind = "stars"
    most = 20

    def __init__(self, asker: Asker, url: str, token: str = "") -> None:
        self.asker = asker
        self.url = url
        self.headers = {"Accept": "application/vnd.github+json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def look(self, watched: Sequence[Watched]) -> list[Seen]:
        found: list[Seen] = []
        for one in watched[: self.most]:
            try:
                found.append(self._look(one))
            except Unavailable:
                if not found:
                    raise
                break
        return found

    def _look(self, one: Watched) -> Seen:
        if not _KEY.fullmatch(one.key):
            return Seen(one.key, gone=True)
        headers = self.headers | ({"If-None-Match": one.etag} if one.etag else {})
        try:
            return self.asker.ask(
                f"{self.url}/repos/{one.key}",
                read=lambda answer: _counted(one, answer),
                headers=headers,
                pause=PAUSE,
                patience=60,
                tries=3,
                largest=2**20,
            )
        except NotThere:
            return Seen(one.key, gone=True)


def _counted(one: Watched, answer: Answer) -> Seen:
    if answer.status == 304:
        return Seen(one.key, etag=one.etag)
    told = answer.json
    stars = signals.count(told.get("stargazers_count")) if isinstance(told, dict) else None
    return Seen(one.key, stars, answer.headers.get("etag", "")[:255])


def key_of(url: str) -> str | None:
    """The repository that a link leads to, None if it is not on GitHub."""
    parts = urlsplit(url)
    key = parts.path.strip("/").lower()
    return key if parts.hostname == "github.com" and _KEY.fullmatch(key) else None
