"""Zotero: its RDF files, and its web API, read with a key that only reads.

RDF as Zotero writes it (https://github.com/zotero/translators, "Zotero RDF"); the API as documented at
https://www.zotero.org/support/dev/web_api/v3/basics, asked for CSL-JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lxml import etree

from broadsheet.sources import LinkKind, PaperRecord, Reject, SourceError, citations, links, moments, words
from broadsheet.sources.asking import Answer, Asker, BadAnswer, NotThere
from broadsheet.sources.asking import Refused as AskRefused
from broadsheet.sources.pieces import Stream, reject
from broadsheet.sources.words import NotAPaper

NAMES: Final = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "z": "http://www.zotero.org/namespaces/export#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "bib": "http://purl.org/net/biblio#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prism": "http://prismstandard.org/namespaces/1.2/basic/",
}
_ROOT = f"{{{NAMES['rdf']}}}RDF"
_TYPE = f"{{{NAMES['z']}}}itemType"
# What Zotero keeps beside papers.
_NOT_PAPERS = frozenset({"attachment", "note", "annotation"})

_Element = etree._Element


class ZoteroRdfSource:
    """A Zotero RDF file as a `Source`, in the order of the file, one item in memory. Reads `stream` once."""

    name = "zotero"

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def fetch(self, since: datetime | None = None) -> Iterator[PaperRecord | Reject]:
        number = 0
        try:
            for element in _items(self.stream):
                number += 1
                try:
                    record = _record(element)
                except NotAPaper as problem:
                    yield reject(number, str(problem), etree.tostring(element)[:1000])
                    continue
                if since is None or moments.is_news(record, since):
                    yield record
        except etree.XMLSyntaxError as problem:
            yield Reject(number + 1, f"The XML is broken here ({problem.msg}); nothing after this was read.")
        except OSError as problem:
            yield Reject(
                number + 1, f"The file ends too early or is damaged; all before was read ({problem})."
            )


class _Reading:
    """The part of a stream that the parser asks for; it must not be handed more than it asked for."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def read(self, size: int = 65_536) -> bytes:
        return self.stream.read1(size)


def _items(stream: Stream) -> Iterator[_Element]:
    """The items of the file one by one; each is thrown away when the next one is asked for."""
    events = etree.iterparse(
        _Reading(stream),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    depth, root = 0, None
    for event, element in events:
        if event == "start":
            depth += 1
            if root is None:
                root = element
                if element.getroottree().docinfo.doctype:
                    raise SourceError("XML with a document type is not read.")
            continue
        depth -= 1
        if depth == 1:
            kind = element.findtext("z:itemType", "", NAMES)
            if kind and kind not in _NOT_PAPERS:
                yield element
            element.clear()
            while element.getprevious() is not None and root is not None:
                del root[0]


def _record(item: _Element) -> PaperRecord:
    """An item as a paper. Raises `NotAPaper` without a title."""
    said = {name: _text(item, name) for name in ("dc:title", "dcterms:abstract", "dc:date", "dc:description")}
    spelt = [each.text for each in item.findall("dc:identifier", NAMES) if each.text]
    addresses = [
        each.text for each in item.findall("dc:identifier/dcterms:URI/rdf:value", NAMES) if each.text
    ]
    # A journal's identifiers stand in the journal, the article's DOI often among them.
    spelt += [each.text for each in item.findall("dcterms:isPartOf//dc:identifier", NAMES) if each.text]
    numbered = [_text(item, name) for name in ("z:archiveID", "prism:number", "z:number")]
    dois = [each.strip()[3:].strip() for each in spelt if each.strip()[:3].upper() == "DOI"]
    known = citations.identifiers_in([*numbered, *dois, *addresses, *said["dc:description"].split("\n")])
    published, month = moments.pieces_of_date(said["dc:date"][:10].split("-"))
    abstract, note = words.block(said["dcterms:abstract"]), words.line(said["dc:description"])
    where: list[tuple[LinkKind, object]] = citations.page(addresses[0]) if addresses else []
    return PaperRecord(
        source="zotero",
        title=words.title(said["dc:title"]),
        identifiers=known,
        abstract=abstract,
        authors=_authors(item),
        published_at=published,
        month=citations.month(published, month, known),
        comment=note,
        journal_ref=_journal(item, said["dc:date"][:4]),
        links=links.gathered(where, abstract, note),
    )


def _text(item: _Element, name: str) -> str:
    found = item.findtext(name, "", NAMES)
    return found.strip() if isinstance(found, str) else ""


def _authors(item: _Element) -> tuple[str, ...]:
    people = item.findall("bib:authors/rdf:Seq/rdf:li/foaf:Person", NAMES)[: words.MOST_AUTHORS]
    spelt = [
        f"{_text(person, 'foaf:givenName')} {_text(person, 'foaf:surname')}".strip()
        or _text(person, "foaf:name")
        for person in people
    ]
    return tuple(filter(None, map(words.name, spelt)))


def _journal(item: _Element, year: str) -> str:
    part = item.find("dcterms:isPartOf/*", NAMES)
    volume = number = ""
    container = _text(item, "z:publicationTitle") or _text(item, "z:proceedingsTitle")
    if part is not None:
        container = container or _text(part, "dc:title")
        volume, number = _text(part, "prism:volume"), _text(part, "prism:number")
    return citations.journal_ref(container, volume, number, year, _text(item, "bib:pages"))


# --- the web API -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Key:
    """What Zotero says of a key: whose library it opens, and whether it may do more than read."""

    user: int
    writes: bool


class ZoteroApi:
    """One person's library over the web, a hundred items at a time."""

    PAGE = 100
    # Zotero asks its guests to wait when it says so, and not to ask all at once.
    PAUSE = 0.5

    def __init__(self, asker: Asker, address: str, key: str) -> None:
        self.asker = asker
        self.address = address.rstrip("/")
        self.headers = {"Zotero-API-Version": "3", "Zotero-API-Key": key}

    def key(self) -> Key:
        """Whose key it is. Raises SourceError with a sentence where it opens no library."""
        said = self._ask("/keys/current", {}, lambda answer: answer.json)
        if not isinstance(said, dict) or not isinstance(said.get("userID"), int):
            raise BadAnswer("Zotero did not say whose key this is.")
        access = said.get("access")
        user = access.get("user") if isinstance(access, dict) else None
        if not isinstance(user, dict) or not user.get("library"):
            raise SourceError("This key may not read a library. Make one at Zotero that may, and no more.")
        return Key(said["userID"], bool(user.get("write")))

    def page(self, user: int, start: int) -> tuple[bytes, int]:
        """(an array of CSL-JSON items, how many items there are in all) from place `start` on."""
        params = {"format": "csljson", "limit": str(self.PAGE), "start": str(start)}
        found: tuple[bytes, int] = self._ask(f"/users/{user}/items/top", params, _read)
        return found

    def _ask(self, path: str, params: dict[str, str], read: Any) -> Any:
        try:
            return self.asker.ask(
                self.address + path,
                params,
                read=read,
                headers=self.headers,
                pause=self.PAUSE,
                patience=60.0,
                tries=3,
            )
        except (AskRefused, NotThere) as refusal:
            raise SourceError(
                "Zotero does not know this key, or the key may not read. Check that all of it was copied."
            ) from refusal


def _read(answer: Answer) -> tuple[bytes, int]:
    said = answer.json
    items = said.get("items") if isinstance(said, dict) else said
    total = answer.headers.get("total-results", "")
    if not isinstance(items, list) or not total.isdecimal():
        raise BadAnswer("Zotero answered something that is not a list of items.")
    import orjson

    return orjson.dumps(items), int(total[:9])
