"""Hugging Face's daily papers, as `GET /api/daily_papers` and `GET /api/papers/{id}` answer them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

from broadsheet import identifiers
from broadsheet.sources import Page, PaperRecord, Reject, SourceError, Wish, links, moments, signals, words
from broadsheet.sources.asking import Answer, Asker, BadAnswer, now
from broadsheet.sources.pieces import Stream, objects, papers


class HuggingFaceSource:
    """An answer as a `Source`, in the order of the answer. Reads `stream` once.

    The answer does not say when its votes were counted: `seen_at` does (aware; default: now).
    """

    name = "huggingface"

    def __init__(self, stream: Stream, seen_at: datetime | None = None) -> None:
        self.stream = stream
        self.seen_at = seen_at or datetime.now(UTC)

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        return papers(objects(self.stream), self._record, since)

    def _record(self, row: dict[str, Any]) -> PaperRecord:
        return record(row, self.seen_at)


# Papers in an answer, and answers for one day: a list has some dozens.
_SIZE = 100
_MOST_ANSWERS = 20
# People go on voting for a week.
VOTING_DAYS = 7


class HuggingFaceDays:
    """The lists of the last days as a `LiveSource`, asked for again while people still vote."""

    name = "huggingface"

    def __init__(self, asker: Asker, url: str) -> None:
        self.asker = asker
        self.url = url

    def page(self, wish: Wish, cursor: str = "") -> Page:
        today = moments.today()
        last = min(wish.until or today, today)
        day, number = _place(cursor) or (_first(wish, today), 0)
        params = {"date": day.isoformat(), "limit": str(_SIZE), "p": str(number)}
        items = self.asker.ask(f"{self.url}/api/daily_papers", params, read=listed, largest=16 * 2**20)
        if len(items) >= _SIZE and number + 1 < _MOST_ANSWERS:
            return Page(items, f"{day} {number + 1}", at=str(day))
        following = day + timedelta(days=1)
        return Page(items, f"{following} 0" if following <= last else "", day, at=str(day))


def _first(wish: Wish, today: date) -> date:
    """Where nobody asks for certain days, those in which people still vote."""
    voting = today - timedelta(days=VOTING_DAYS)
    return wish.since if wish.until and wish.since else min(wish.since or voting, voting)


def _place(cursor: str) -> tuple[date, int] | None:
    day, _, number = cursor.partition(" ")
    try:
        return (date.fromisoformat(day), int(number)) if cursor else None
    except ValueError as error:
        raise SourceError("Where the reading of Hugging Face was is not known any more.") from error


def listed(answer: Answer) -> list[PaperRecord | Reject]:
    """The papers of a day's list. Raises BadAnswer when it is not a list."""
    if not answer.body.lstrip().startswith(b"["):
        raise BadAnswer("Hugging Face answered something that is not a list of papers.")
    found = HuggingFaceSource(BytesIO(answer.body), now()).fetch()
    return [replace(one, current=True) if isinstance(one, PaperRecord) else one for one in found]


def record(item: dict[str, Any], seen_at: datetime) -> PaperRecord:
    """One item, wrapped (`{"paper": {...}, ...}`) or flat, as a paper. Raises `NotAPaper` without a title."""
    inner = item.get("paper")
    paper: dict[str, Any] = inner if isinstance(inner, dict) else {}
    # The newer fields stand inside, the older outside; the flat shape has no inside at all.
    both = {**item, **{key: value for key, value in paper.items() if value is not None}}
    identified = identifiers.parse(both["id"]) if isinstance(both.get("id"), str) else None
    abstract = words.block(both.get("summary"))
    published = moments.moment(both.get("publishedAt"))
    return PaperRecord(
        source="huggingface",
        title=words.title(both.get("title")),
        identifiers=(identified.identifier,) if identified else (),
        abstract=abstract,
        authors=words.names(both.get("authors")),
        published_at=published,
        month=identifiers.month_of(identified.identifier) if identified and not published else None,
        announced_on=moments.day(both.get("submittedOnDailyAt") or _outer_date(item, paper)),
        organization=_organization(both.get("organization")),
        withdrawn=moments.moment(both.get("withdrawnAt")) is not None,
        links=links.gathered(
            [("code", both.get("githubRepo")), ("project", both.get("projectPage"))], abstract
        ),
        signals=signals.levels(
            seen_at,
            {
                "upvotes": both.get("upvotes"),
                "comments": both.get("numComments"),
                "stars": both.get("githubStars"),
            },
        ),
    )


def _outer_date(item: dict[str, Any], paper: dict[str, Any]) -> object:
    """Around a dated paper, the outer `publishedAt` is the day on which it was put on the list."""
    return item.get("publishedAt") if paper.get("publishedAt") else None


def _organization(value: object) -> str:
    if isinstance(value, dict):
        return words.line(value.get("fullname")) or words.line(value.get("name"))
    return words.line(value)
