"""Any RSS or Atom feed of papers: a journal's, a lab's, a blog's. What it is, feedparser finds out."""

from __future__ import annotations

import html
import re
from calendar import timegm
from datetime import UTC, datetime
from typing import Any

from broadsheet import identifiers
from broadsheet.sources import LinkKind, Page, PaperRecord, Reject, SourceError, Wish, links, moments, words
from broadsheet.sources.asking import Answer, Asker, BadAnswer

PAUSE = 2.0
LARGEST = 8 * 2**20
MOST_ENTRIES = 2_000
_TAG = re.compile(r"<[^<>]{0,2000}>")
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)[^>]{0,500}\[", re.IGNORECASE)


class FeedSource:
    """Feeds as a `LiveSource`; a part is a feed's address."""

    name = "feeds"

    def __init__(self, asker: Asker) -> None:
        self.asker = asker

    def page(self, wish: Wish, cursor: str = "") -> Page:
        if not re.match(r"https?://", wish.part):
            raise SourceError("A feed wants its address: set BROADSHEET_FEEDS, or name it by --set.")
        items = self.asker.ask(wish.part, read=entries, pause=PAUSE, patience=120, largest=LARGEST)
        return Page(items, "", moments.today())


def entries(answer: Answer) -> list[PaperRecord | Reject]:
    """The entries of a feed. Raises BadAnswer when it is none."""
    if _DOCTYPE.search(answer.body[:100_000]):
        raise BadAnswer("The feed declares entities, which is not read.")
    # It takes a third of a second to load, and only whoever follows feeds needs it.
    import feedparser

    parsed = feedparser.parse(answer.body, resolve_relative_uris=False, sanitize_html=False)
    if not parsed.get("version"):
        raise BadAnswer("The address answers something that is not a feed.")
    found: list[PaperRecord | Reject] = []
    for number, entry in enumerate(parsed.entries[:MOST_ENTRIES], start=1):
        try:
            found.append(record(entry))
        except words.NotAPaper as problem:
            found.append(Reject(number, str(problem), str(entry.get("link", ""))[:200]))
    return found


def record(entry: Any) -> PaperRecord:
    """One entry as a paper. Raises `NotAPaper` without a title."""
    spelt = [entry.get(name) for name in ("id", "link", "prism_doi", "dc_identifier")]
    parsed = [identifiers.parse(one.strip()) for one in spelt if isinstance(one, str)]
    known = tuple(sorted({one.identifier for one in parsed if one}, key=identifiers.rank))
    abstract = words.block(plain(entry.get("summary")))
    published = _moment(entry.get("published_parsed")) or _moment(entry.get("updated_parsed"))
    given: list[tuple[LinkKind, object]] = [("abstract", entry.get("link"))]
    return PaperRecord(
        source="feed",
        title=words.title(plain(entry.get("title"))),
        identifiers=known,
        abstract=abstract,
        authors=words.names([one.get("name") for one in entry.get("authors", []) if isinstance(one, dict)]),
        published_at=published,
        announced_on=published.date() if published else None,
        revised_at=_moment(entry.get("updated_parsed")),
        journal_ref=words.line(entry.get("prism_publicationname"), 300),
        links=links.gathered(given, abstract),
    )


def plain(value: object) -> str:
    """HTML as plain text: tags are dropped, paragraphs kept."""
    if not isinstance(value, str):
        return ""
    value = value[: 2 * words.LONGEST_ABSTRACT]
    value = re.sub(r"(?i)</p\s*>|<br\s*/?>\s*<br\s*/?>", "\n\n", value)
    return html.unescape(_TAG.sub("", value))


def _moment(value: Any) -> datetime | None:
    try:
        return moments.moment(datetime.fromtimestamp(timegm(value), UTC)) if value else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None
