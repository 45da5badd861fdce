"""arXiv's search interface, for single look-ups alone (https://info.arxiv.org/help/api/user-manual.html).

arXiv answers it slowly and often with 429; whoever wants many papers harvests them (`arxiv_oai.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from broadsheet import identifiers
from broadsheet.sources import PaperRecord, Reject, links, moments, words, xml
from broadsheet.sources.asking import Answer, Asker, BadAnswer

# arXiv's rule: one connection, one request in three seconds (https://info.arxiv.org/help/api/tou.html).
PAUSE = 3.0
MOST = 100

_NAMES = {"a": "http://www.w3.org/2005/Atom", "x": "http://arxiv.org/schemas/atom"}
_FEED = f"{{{_NAMES['a']}}}feed"


class ArxivApi:
    """Looks papers up by their arXiv ids."""

    name = "arxiv"

    def __init__(self, asker: Asker, url: str) -> None:
        self.asker = asker
        self.url = url

    def look_up(
        self, ids: Sequence[str], patience: float = 60.0, tries: int = 5
    ) -> list[PaperRecord | Reject]:
        """What arXiv says of at most 100 papers, given by canonical id; those it does not know are left out.
        Raises SourceError: Unavailable when it cannot be had within `patience` seconds."""
        wanted = [one for one in ids[:MOST] if identifiers.scheme(one) == "arxiv"]
        if not wanted:
            return []
        params = {"id_list": ",".join(wanted), "max_results": str(len(wanted))}
        return self.asker.ask(
            self.url, params, read=entries, pause=PAUSE, patience=patience, tries=tries, largest=16 * 2**20
        )


def entries(answer: Answer) -> list[PaperRecord | Reject]:
    """The papers of an Atom answer. Raises BadAnswer when it is not one."""
    root = xml.parsed(answer.body, "arXiv")
    if root.tag != _FEED:
        raise BadAnswer("arXiv answered something that is not an Atom feed.")
    found: list[PaperRecord | Reject] = []
    for number, entry in enumerate(root.iterfind("a:entry", _NAMES), start=1):
        try:
            found.append(record(entry))
        except words.NotAPaper as problem:
            found.append(Reject(number, str(problem), xml.text(entry, "a:summary", _NAMES)[:200]))
    return found


def record(entry: etree._Element) -> PaperRecord:
    """One entry as a paper. Raises `NotAPaper` without a title or an arXiv id."""
    identified = identifiers.parse(xml.text(entry, "a:id", _NAMES))
    if identified is None or identified.scheme != "arxiv":
        raise words.NotAPaper("The entry has no arXiv id.")
    abstract = words.block(xml.text(entry, "a:summary", _NAMES))
    comment = words.line(xml.text(entry, "x:comment", _NAMES))
    published = moments.moment(xml.text(entry, "a:published", _NAMES))
    primary = entry.find("x:primary_category", _NAMES)
    doi = identifiers.parse(xml.text(entry, "x:doi", _NAMES))
    return PaperRecord(
        source="arxiv",
        title=words.title(xml.text(entry, "a:title", _NAMES)),
        identifiers=(identified.identifier, *([doi.identifier] if doi and doi.scheme == "doi" else ())),
        abstract=abstract,
        authors=words.names([one.text for one in entry.iterfind("a:author/a:name", _NAMES) if one.text]),
        categories=words.codes(
            [one.get("term") for one in entry.iterfind("a:category", _NAMES)],
            primary.get("term") if primary is not None else None,
        ),
        published_at=published,
        month=None if published else identifiers.month_of(identified.identifier),
        revised_at=moments.moment(xml.text(entry, "a:updated", _NAMES)),
        comment=comment,
        journal_ref=words.line(xml.text(entry, "x:journal_ref", _NAMES)),
        withdrawn=words.is_withdrawn(comment, abstract),
        links=links.gathered([], abstract, comment),
        current=True,
    )
