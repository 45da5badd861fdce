"""arXiv by OAI-PMH, which is how arXiv wants to be followed (https://info.arxiv.org/help/oa/).

Records come in the format `arXivRaw`: every version with its date, the latest words. What changed is asked
for a day (or a week of an old year) at a time, so that a token that expires costs no more than that. The
days are those of arXiv's own clock, as each answer tells it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from lxml import etree

from broadsheet.sources import (
    Gone,
    Page,
    PaperRecord,
    Reject,
    SourceError,
    Unavailable,
    Wish,
    arxiv,
    moments,
    words,
    xml,
)
from broadsheet.sources.asking import Answer, Asker, BadAnswer

PAUSE = 3.0
# A day is asked for as one; where more than this many days are wanted, weeks are.
MOST_DAYS = 60
# More answers for one day than this have no end (a thousand records each is usual).
MOST_ANSWERS = 2_000
# As often as a day is begun again because a token was forgotten.
MOST_RESTARTS = 25
LARGEST_ANSWER = 48 * 2**20
FIRST_DAY = date(2005, 9, 16)  # arXiv's earliest datestamp

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_RAW = "{http://arxiv.org/OAI/arXivRaw/}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a harvest is: in the days `first` to `last`, at `token`, after `answers` answers for them.
    `until` is the last day of all, empty while arXiv's own today is to be the last."""

    first: str
    last: str
    step: int
    until: str = ""
    token: str = ""
    answers: int = 0
    restarts: int = 0

    def written(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, cursor: str) -> _Place:
        try:
            found = cls(**json.loads(cursor))
            date.fromisoformat(found.first), date.fromisoformat(found.last)
        except (ValueError, TypeError) as error:
            raise SourceError("Where the harvest of arXiv was is not known any more.") from error
        return found


class ArxivOai:
    """arXiv as a `LiveSource`; a part is one of its sets, such as `cs:cs:LG`."""

    name = "arxiv"

    def __init__(self, asker: Asker, url: str, first_days: int = 7) -> None:
        self.asker = asker
        self.url = url
        self.first_days = first_days

    def page(self, wish: Wish, cursor: str = "") -> Page:
        place = _Place.read(cursor) if cursor else self._begin(wish)
        params = {"verb": "ListRecords"}
        if place.token:
            params["resumptionToken"] = place.token
        else:
            params |= {"metadataPrefix": "arXivRaw", "from": place.first, "until": place.last}
            if wish.part:
                params["set"] = wish.part
        told = self._ask(params)
        if told.error == "badResumptionToken":
            if place.restarts >= MOST_RESTARTS:
                raise Unavailable("arXiv forgets again and again where we were.")
            begun_again = replace(place, token="", answers=0, restarts=place.restarts + 1)
            return Page((), begun_again.written())
        if told.error and told.error != "noRecordsMatch":
            raise SourceError(_explained(told.error, told.says, wish.part))
        if told.token and (told.token == place.token or place.answers >= MOST_ANSWERS):
            raise SourceError("arXiv's answer has no end: it gives out tokens that lead nowhere.")
        if told.token:
            further = replace(place, token=told.token, answers=place.answers + 1)
            return Page(told.items, further.written(), total=told.total, at=place.first)
        onward = self._onward(place, told.today)
        return Page(told.items, onward, _upto(place, told.today), told.total, at=place.first)

    def _begin(self, wish: Wish) -> _Place:
        """The first days to ask for. Where no day is given, the last few before arXiv's own today."""
        today = moments.today() if wish.since else self._today()
        since = max(wish.since or today - timedelta(days=self.first_days), FIRST_DAY)
        until = wish.until.isoformat() if wish.until else ""
        days = ((wish.until or today) - since).days
        step = 1 if days <= MOST_DAYS else 7
        return self._from(since, _Place(since.isoformat(), since.isoformat(), step, until))

    def _onward(self, place: _Place, today: date) -> str:
        """The days after these, empty when they were the last."""
        following = date.fromisoformat(place.last) + timedelta(days=1)
        until = date.fromisoformat(place.until) if place.until else today
        return "" if following > min(until, today) else self._from(following, place).written()

    @staticmethod
    def _from(first: date, place: _Place) -> _Place:
        last = first + timedelta(days=place.step - 1)
        if place.until:
            last = min(last, max(first, date.fromisoformat(place.until)))
        return replace(place, first=first.isoformat(), last=last.isoformat(), token="", answers=0, restarts=0)

    def _today(self) -> date:
        told = self._ask({"verb": "Identify"})
        return told.today

    def _ask(self, params: dict[str, str]) -> _Told:
        return self.asker.ask(self.url, params, read=understood, pause=PAUSE, largest=LARGEST_ANSWER)


def _upto(place: _Place, today: date) -> date:
    """Today may bring more yet, so it is not over."""
    return min(date.fromisoformat(place.last), today)


def _explained(code: str, says: str, part: str) -> str:
    if code == "badArgument" or code == "noSetHierarchy":
        of_part = f" or does not know the set {part}" if part else ""
        return f"arXiv did not understand the question{of_part}: {says or code}"
    return f"arXiv cannot answer: {says or code}"


# --- answers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer: its records, the token for the next one, or an error. `today` is the server's own day."""

    today: date
    items: tuple[PaperRecord | Gone | Reject, ...] = ()
    token: str = ""
    total: int | None = None
    error: str = ""
    says: str = ""


def understood(answer: Answer) -> _Told:
    """Raises BadAnswer for whatever is not OAI-PMH."""
    root = xml.parsed(answer.body, "arXiv")
    today = moments.day(xml.text(root, f"{_OAI}responseDate"))
    if root.tag != f"{_OAI}OAI-PMH" or today is None:
        raise BadAnswer("arXiv answered something that is not OAI-PMH.")
    error = root.find(f"{_OAI}error")
    if error is not None:
        return _Told(today, error=error.get("code") or "unknown", says=words.line(error.text, 200))
    listed = root.find(f"{_OAI}ListRecords")
    if listed is None:
        if root.find(f"{_OAI}Identify") is None:
            raise BadAnswer("arXiv answered something that is not OAI-PMH.")
        return _Told(today)
    token = listed.find(f"{_OAI}resumptionToken")
    return _Told(
        today,
        tuple(_item(number, one) for number, one in enumerate(listed.iterfind(f"{_OAI}record"), start=1)),
        (token.text or "").strip()[:2_000] if token is not None else "",
        _total(token),
    )


def _total(token: etree._Element | None) -> int | None:
    said = token.get("completeListSize", "") if token is not None else ""
    return int(said) if said.isdecimal() and len(said) < 10 else None


def _item(number: int, element: etree._Element) -> PaperRecord | Gone | Reject:
    header = element.find(f"{_OAI}header")
    identifier = xml.text(header, f"{_OAI}identifier").removeprefix("oai:arXiv.org:")
    raw = element.find(f"{_OAI}metadata/{_RAW}arXivRaw")
    try:
        if header is not None and header.get("status") == "deleted":
            return Gone("arxiv", arxiv.identifier(identifier))
        if raw is None:
            raise words.NotAPaper("The entry has no metadata in the format arXivRaw.")
        return replace(arxiv.record(_row(raw)), current=True)
    except words.NotAPaper as problem:
        return Reject(number, str(problem), identifier[:200])


def _row(raw: etree._Element) -> dict[str, Any]:
    """The fields as arXiv's metadata snapshot names them, which is made of these very records."""
    row: dict[str, Any] = {"versions": []}
    for child in raw:
        name = child.tag.removeprefix(_RAW) if isinstance(child.tag, str) else ""
        if name == "version":
            row["versions"].append(
                {"version": child.get("version"), "created": child.findtext(f"{_RAW}date")}
            )
        elif name in _FIELDS and name not in row:
            row[name] = child.text
    return row


_FIELDS = frozenset(
    {"id", "title", "authors", "abstract", "comments", "journal-ref", "doi", "categories", "license"}
)
