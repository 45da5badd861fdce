"""bioRxiv and medRxiv, as their interface tells what was posted (https://api.biorxiv.org)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from broadsheet import identifiers
from broadsheet.sources import (
    Page,
    PaperRecord,
    Reject,
    SourceError,
    VersionRecord,
    Wish,
    links,
    moments,
    words,
)
from broadsheet.sources.asking import Answer, Asker, BadAnswer, NotThere

PAUSE = 1.0
MOST_ENTRIES = 100_000


class BiorxivSource:
    """One of the two servers (`biorxiv`, `medrxiv`) as a `LiveSource`, a hundred entries at a time."""

    def __init__(self, asker: Asker, url: str, server: str, first_days: int = 7) -> None:
        self.asker = asker
        self.url = url
        self.name = server
        self.first_days = first_days

    def page(self, wish: Wish, cursor: str = "") -> Page:
        first, last, place = self._place(wish, cursor)
        address = f"{self.url}/details/{self.name}/{first}/{last}/{place}/json"
        items, total = self.asker.ask(
            address, read=lambda answer: _listed(answer, self.name), pause=PAUSE, largest=16 * 2**20
        )
        place += len(items)
        if items and place < min(total, MOST_ENTRIES):
            return Page(items, json.dumps([str(first), str(last), place]), total=total, at=str(first))
        return Page(items, "", last, total, at=str(first))

    def look_up(self, identifier: str, patience: float = 10.0, tries: int = 2) -> PaperRecord | None:
        """All versions of one preprint as one paper, by canonical identifier (`doi:10.1101/..`); None where
        this server has none. Raises SourceError."""
        doi = quote(identifier.removeprefix("doi:"), safe="/")
        try:
            items, _ = self.asker.ask(
                f"{self.url}/details/{self.name}/{doi}/na/json",
                read=lambda answer: _listed(answer, self.name), pause=PAUSE, patience=patience, tries=tries,
                largest=4 * 2**20,
            )  # fmt: skip
        except NotThere:
            return None
        told = [one for one in items if isinstance(one, PaperRecord) and identifier in one.identifiers]
        return _whole(told) if told else None

    def _place(self, wish: Wish, cursor: str) -> tuple[date, date, int]:
        if cursor:
            try:
                first, last, place = json.loads(cursor)
                return date.fromisoformat(first), date.fromisoformat(last), int(place)
            except (ValueError, TypeError) as error:
                raise SourceError(f"Where the reading of {self.name} was is not known any more.") from error
        today = moments.today()
        return wish.since or today - timedelta(days=self.first_days), wish.until or today, 0


def _listed(answer: Answer, server: str) -> tuple[list[PaperRecord | Reject], int]:
    told = answer.json
    rows: Any = told.get("collection") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        raise BadAnswer(f"{server} answered something that is not a list of entries.")
    found: list[PaperRecord | Reject] = []
    for number, row in enumerate(rows, start=1):
        try:
            found.append(record(row if isinstance(row, dict) else {}, server))
        except words.NotAPaper as problem:
            found.append(Reject(number, str(problem), str(row)[:200]))
    return found, _total(told)


def _whole(told: list[PaperRecord]) -> PaperRecord:
    """The newest version's words with the days of all versions."""
    told = sorted(told, key=lambda one: one.versions[0].number)
    first = told[0] if told[0].versions[0].number == 1 else None
    return replace(
        told[-1],
        published_at=first.published_at if first else None,
        announced_on=first.announced_on if first else None,
        versions=tuple(one.versions[0] for one in told),
    )


def _total(told: dict[str, Any]) -> int:
    messages = told.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    said = str(first.get("total")) if isinstance(first, dict) else ""
    return int(said) if said.isdecimal() and len(said) < 9 else 0


def record(row: dict[str, Any], server: str) -> PaperRecord:
    """One version of one paper. Raises `NotAPaper` without a title or a DOI."""
    known = [identifiers.parse(one) for one in (row.get("doi"), row.get("published")) if isinstance(one, str)]
    dois = list(dict.fromkeys(one.identifier for one in known if one and one.scheme == "doi"))
    if not dois:
        raise words.NotAPaper("The entry has no DOI.")
    moment = moments.moment(row.get("date"))
    number = str(row.get("version", ""))
    version = int(number) if re.fullmatch(r"[1-9]\d{0,2}", number) else 1
    abstract = words.block(row.get("abstract"))
    kind = words.line(row.get("type"), 100).lower()
    field = re.sub(r"[^a-z0-9]+", "-", words.line(row.get("category"), 60).lower()).strip("-")
    return PaperRecord(
        source=server,
        title=words.title(row.get("title")),
        identifiers=tuple(dois),
        abstract=abstract,
        authors=words.names(row.get("authors")),
        categories=words.codes([f"{server}.{field}"] if field else [server]),
        published_at=moment if version == 1 else None,
        announced_on=moment.date() if moment and version == 1 else None,
        revised_at=moment,
        licence=words.line(row.get("license")),
        organization=words.line(row.get("author_corresponding_institution"), 200),
        withdrawn="withdrawn" in kind or words.is_withdrawn("", abstract),
        links=links.gathered([], abstract),
        versions=(VersionRecord(version, moment),),
        current=True,
    )
