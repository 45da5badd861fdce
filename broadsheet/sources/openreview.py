"""OpenReview's papers of a venue, as its second interface lists notes (https://docs.openreview.net)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from broadsheet.sources import LinkKind, Page, PaperRecord, Reject, SourceError, Wish, links, moments, words
from broadsheet.sources.asking import Answer, Asker, BadAnswer, Refused

PAUSE = 1.0
_SIZE = 500
MOST_NOTES = 50_000


class OpenReviewSource:
    """A venue's papers as a `LiveSource`, the last changed first; a part is a venue's id, such as
    `ICLR.cc/2025/Conference`."""

    name = "openreview"

    def __init__(self, asker: Asker, url: str) -> None:
        self.asker = asker
        self.url = url

    def page(self, wish: Wish, cursor: str = "") -> Page:
        if not wish.part:
            raise SourceError(
                "OpenReview wants a venue: set BROADSHEET_OPENREVIEW_VENUES, or name one by --set."
            )
        place = int(cursor) if cursor.isdecimal() else 0
        params = {
            "content.venueid": wish.part, "limit": str(_SIZE), "offset": str(place), "sort": "tmdate:desc",
        }  # fmt: skip
        notes = self.asker.ask(f"{self.url}/notes", params, read=_notes, pause=PAUSE, largest=32 * 2**20)
        items = list(_papers(notes))
        place += len(notes)
        seen = [day for note in notes if (day := _changed(note))]
        older = bool(wish.since and seen and min(seen) < wish.since)
        ended = len(notes) < _SIZE or older or place >= MOST_NOTES
        return Page(items, "" if ended else str(place), moments.today() if ended else None, at=wish.part)

    def look_up(self, identifier: str, patience: float = 10.0, tries: int = 2) -> PaperRecord | None:
        """One paper by canonical identifier (`openreview:..`), None where there is none to be read by
        everybody. Raises SourceError."""
        params = {"id": identifier.removeprefix("openreview:")}
        try:
            notes = self.asker.ask(
                f"{self.url}/notes", params, read=_notes, pause=PAUSE, patience=patience, tries=tries,
                largest=4 * 2**20,
            )  # fmt: skip
        except Refused as refusal:
            # A note that not everybody may read is refused (403).
            if refusal.status in (403, 404, 410):
                return None
            raise
        found = (one for one in _papers(notes) if isinstance(one, PaperRecord))
        return next((one for one in found if identifier in one.identifiers), None)


def _notes(answer: Answer) -> list[Any]:
    told = answer.json
    notes = told.get("notes") if isinstance(told, dict) else None
    if not isinstance(notes, list):
        raise BadAnswer("OpenReview answered something that is not a list of notes.")
    return notes[: 2 * _SIZE]


def _papers(notes: Iterable[Any]) -> Iterable[PaperRecord | Reject]:
    for number, note in enumerate(notes, start=1):
        try:
            yield record(note if isinstance(note, dict) else {})
        except words.NotAPaper as problem:
            yield Reject(number, str(problem), str(note)[:200])


def _changed(note: Any) -> date | None:
    found = _moment(note.get("tmdate") or note.get("mdate")) if isinstance(note, dict) else None
    return found.date() if found else None


def _moment(value: object) -> datetime | None:
    """Milliseconds since 1970, as OpenReview writes moments."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 4e12:
        return None
    return moments.moment(datetime.fromtimestamp(value // 1000, UTC))


def record(note: dict[str, Any]) -> PaperRecord:
    """One note as a paper. Raises `NotAPaper` without a title or an id."""
    inner = note.get("content")
    content = inner if isinstance(inner, dict) else {}
    said = {name: value.get("value") if isinstance(value, dict) else value for name, value in content.items()}
    identified = _identified(note)
    abstract = words.block(said.get("abstract"))
    given: list[tuple[LinkKind, object]] = [("code", said.get("code")), ("project", said.get("project_page"))]
    return PaperRecord(
        source="openreview",
        title=words.title(said.get("title")),
        identifiers=(identified,),
        abstract=abstract,
        authors=words.names(said.get("authors")),
        published_at=_moment(note.get("pdate") or note.get("tcdate") or note.get("cdate")),
        revised_at=_moment(note.get("tmdate") or note.get("mdate")),
        journal_ref=words.line(said.get("venue"), 300),
        licence=words.line(note.get("license"), 200),
        withdrawn="withdrawn" in words.line(said.get("venueid"), 300).lower(),
        links=links.gathered(given, abstract),
        current=True,
    )


def _identified(note: dict[str, Any]) -> str:
    from broadsheet import identifiers

    found = identifiers.parse(f"openreview:{note.get('forum') or note.get('id') or ''}")
    if found is None:
        raise words.NotAPaper("The entry has no OpenReview id.")
    return found.identifier
