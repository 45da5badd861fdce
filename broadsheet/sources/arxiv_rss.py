"""arXiv's announcements: the day's new papers as its feeds name them (https://info.arxiv.org/help/rss.html).

They come at midnight in New York, say on which day a paper was announced, and hold no more than that day.
"""

from __future__ import annotations

import re
from datetime import date
from email.utils import parsedate_to_datetime

from lxml import etree

from broadsheet import identifiers
from broadsheet.sources import Page, PaperRecord, Reject, SourceError, Wish, links, words, xml
from broadsheet.sources.asking import Answer, Asker, BadAnswer

PAUSE = 3.0
_PHYSICS = (
    "physics+astro-ph+cond-mat+gr-qc+hep-ex+hep-lat+hep-ph+hep-th+math-ph+nlin+nucl-ex+nucl-th+quant-ph"
)
# A feed names at most two thousand papers, so that all of arXiv is asked for in parts.
_ALL = ["cs", "math+stat+eess+econ+q-bio+q-fin", _PHYSICS]
_NAMES = {"x": "http://arxiv.org/schemas/atom", "dc": "http://purl.org/dc/elements/1.1/"}
_ABSTRACT = re.compile(r"\AarXiv:\S{1,40}\s+Announce Type:\s*\S{1,20}\s*(?:Abstract:\s*)?")


class ArxivAnnouncements:
    """The newest day's announcements as a `LiveSource`; a part is one of arXiv's sets, such as `cs:cs:LG`."""

    name = "arxiv"

    def __init__(self, asker: Asker, url: str) -> None:
        self.asker = asker
        self.url = url

    def page(self, wish: Wish, cursor: str = "") -> Page:
        feeds = [feed_of(wish.part)] if wish.part else _ALL
        place = int(cursor) if cursor.isdecimal() and int(cursor) < len(feeds) else 0
        items = self.asker.ask(f"{self.url}/{feeds[place]}", read=announced, pause=PAUSE, largest=24 * 2**20)
        following = str(place + 1) if place + 1 < len(feeds) else ""
        return Page(items, following, at=feeds[place])


def feed_of(part: str) -> str:
    """The feed's name of a set: `cs:cs:LG` is `cs.LG`, `physics:hep-th` is `hep-th`. Raises SourceError."""
    if not re.fullmatch(r"[A-Za-z-]{1,20}(?::[A-Za-z-]{1,20}){0,2}", part):
        raise SourceError(f"{part[:60]!r} is no set of arXiv's; write it as cs:cs:LG.")
    group, _, rest = part.partition(":")
    if not rest:
        return _PHYSICS if group == "physics" else group
    return rest.replace(":", ".")


def announced(answer: Answer) -> list[PaperRecord | Reject]:
    """The papers of a feed. Raises BadAnswer when it is not one."""
    root = xml.parsed(answer.body, "arXiv")
    channel = root.find("channel")
    if root.tag != "rss" or channel is None:
        raise BadAnswer("arXiv answered something that is not a feed of announcements.")
    found: list[PaperRecord | Reject] = []
    for number, item in enumerate(channel.iterfind("item"), start=1):
        try:
            found.append(record(item))
        except words.NotAPaper as problem:
            found.append(Reject(number, str(problem), xml.text(item, "guid")[:200]))
    return found


def record(item: etree._Element) -> PaperRecord:
    """One announcement as a paper. Only a new paper's day is that of the announcement."""
    guid = xml.text(item, "guid").removeprefix("oai:arXiv.org:")
    identified = identifiers.parse(guid) or identifiers.parse(xml.text(item, "link"))
    if identified is None or identified.scheme != "arxiv":
        raise words.NotAPaper("The entry has no arXiv id.")
    abstract = words.block(_ABSTRACT.sub("", xml.text(item, "description")))
    new = xml.text(item, "x:announce_type", _NAMES) == "new"
    return PaperRecord(
        source="arxiv",
        title=words.title(xml.text(item, "title")),
        identifiers=(identified.identifier,),
        abstract=abstract,
        authors=words.names(xml.text(item, "dc:creator", _NAMES)),
        categories=words.codes([one.text for one in item.iterfind("category")]),
        month=identifiers.month_of(identified.identifier),
        announced_on=_day(xml.text(item, "pubDate")) if new else None,
        licence=words.line(xml.text(item, "dc:rights", _NAMES)),
        withdrawn=words.is_withdrawn("", abstract),
        links=links.gathered([], abstract),
    )


def _day(said: str) -> date | None:
    """The calendar day where arXiv is, which is the day of its list."""
    try:
        return parsedate_to_datetime(said).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
