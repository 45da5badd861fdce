"""Another Broadsheet's papers, by its JSON API and its files of citations: what `--remote` reads.

What cannot be had ends in a CommandError with a sentence: no server there, one that is no Broadsheet or an
older one, or what that server itself says.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core.management.base import CommandError

from broadsheet import __version__
from broadsheet.management.showing import Row

# The most that a server tells at once, and how long it may take.
AT_ONCE: Final = 100
PATIENCE: Final = 30.0


def argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--remote",
        type=_address,
        default=settings.REMOTE,
        metavar="URL",
        help="ask another Broadsheet instead of this machine's (default: BROADSHEET_REMOTE)",
    )


def _address(said: str) -> str:
    if said and not said.startswith(("http://", "https://")):
        raise ArgumentTypeError("the address of a server begins with http:// or https://")
    return said.rstrip("/")


def row(told: dict[str, Any], **more: Any) -> Row:
    """A paper as the API tells it, in the words of `showing`."""
    same = ("identifier", "title", "authors", "categories", "published_at", "listed_on", "abstract", "url")
    return {**{name: told[name] for name in same}, "month": None, "votes": told["upvotes"], **more}


class Elsewhere:
    """One server. Each method asks it; addresses are those of docs/api.md."""

    def __init__(self, base: str) -> None:
        self.base = base

    def listing(self, period: str, key: str, category: str, page: int, limit: int) -> dict[str, Any]:
        """A page of `limit` papers, in as many pieces as that server tells at once."""
        told: dict[str, Any] = {}
        papers: list[dict[str, Any]] = []
        size = min(limit, AT_ONCE)
        piece, before = divmod((page - 1) * limit, size)
        while len(papers) < before + limit:
            piece += 1
            asked = {"key": key, "category": category, "page": piece, "limit": size}
            told = self._json(f"listings/{period}", asked)
            papers += told["papers"]
            if piece >= told["pages"]:
                break
        return {**told, "papers": papers[before : before + limit]}

    def newest_day(self) -> str:
        """The newest day that has papers, "" where there are none."""
        papers = self._json("papers", {"limit": 1})["papers"]
        return str(papers[0]["listed_on"] or "") if papers else ""

    def search(self, query: str, sort: str, limit: int) -> dict[str, Any]:
        told: dict[str, Any] = {}
        papers: list[dict[str, Any]] = []
        cursor = ""
        while len(papers) < limit:
            asked = {"q": query, "sort": sort, "cursor": cursor, "limit": min(AT_ONCE, limit - len(papers))}
            told = self._json("search", asked)
            papers += told["papers"]
            cursor = told["next"]
            if not cursor:
                break
        return {**told, "papers": papers}

    def paper(self, spelling: str) -> dict[str, Any]:
        return self._json(f"papers/{quote(spelling, safe='/:')}", {})

    def related(self, spelling: str, limit: int) -> list[dict[str, Any]]:
        found = self._json(f"related/{quote(spelling, safe='/:')}", {"limit": min(limit, AT_ONCE)})
        papers: list[dict[str, Any]] = found["papers"]
        return papers

    def recommended(self, asked: dict[str, Any]) -> dict[str, Any]:
        """`like`, `not`, `text`, `days`, `limit`."""
        return self._json("recommendations", {**asked, "limit": min(asked["limit"], AT_ONCE)})

    def file(self, path: str, **asked: Any) -> str:
        """What stands at an address, as text."""
        return str(self._get(path, asked).text)

    def pages(self, path: str, asked: dict[str, Any]) -> Iterator[str]:
        """The same, page after page, up to the last."""
        page, before = 1, ""
        while True:
            answer = self._get(path, {**asked, "p": page}, missing=page > 1)
            if answer is None or answer.text.strip() in ("", "[]", before.strip()):
                return
            yield answer.text
            page, before = page + 1, answer.text

    def _json(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        answer = self._get(f"/api/v1/{path}", asked)
        try:
            told = answer.json()
        except ValueError as error:
            raise CommandError(self._strange(answer.status_code)) from error
        if not isinstance(told, dict):
            raise CommandError(self._strange(answer.status_code))
        return told

    def _get(self, path: str, asked: dict[str, Any], missing: bool = False) -> Any:
        """The answer; None where `missing` is expected and nothing is there."""
        import httpx2

        said = {name: value for name, value in asked.items() if value not in ("", None, [])}
        url = f"{self.base}{path}" + (f"?{urlencode(said, doseq=True)}" if said else "")
        headers = {"Accept": "application/json, */*;q=0.5", "User-Agent": f"broadsheet/{__version__}"}
        try:
            answer = httpx2.get(url, headers=headers, timeout=PATIENCE, follow_redirects=True)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise CommandError(
                f"{self.base} cannot be reached ({reason}). Is that server running, and is the address right?"
            ) from error
        if answer.status_code == 200:
            return answer
        if missing and answer.status_code == 404:
            return None
        raise CommandError(self._refusal(answer))

    def _refusal(self, answer: Any) -> str:
        if answer.status_code == 429:
            wait = answer.headers.get("Retry-After", "")
            when = f"in {wait} seconds" if wait.isdecimal() else "later"
            return f"{self.base} is asked too often. Try again {when}."
        try:
            said = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            return self._strange(answer.status_code)
        return f"{self.base} says: {str(said)[:500]}"

    def _strange(self, status: int) -> str:
        return (
            f"{self.base} answers with {status} and not as a Broadsheet of version 0.2 or newer does. Is the "
            "address right, without a path at its end, and is that server up to date?"
        )
