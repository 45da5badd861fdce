"""Citations out: a paper as BibTeX, RIS, CSL-JSON, Zotero RDF, Markdown, and as tags for crawlers.

Titles, names and abstracts come from strangers, so every writer escapes for its own grammar and nothing
is pasted. What is not known is left out: no date is invented, and a summary that we wrote ourselves is
never passed off as the authors' abstract.

What Zotero makes of a preprint (its translators of June 2026): from Zotero RDF and CSL-JSON the item type
*preprint*; from RIS, which has no such type, a journal article, whatever honest type we write; from
BibTeX's @misc a document.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import quote
from xml.etree import ElementTree

import orjson

from broadsheet import identifiers
from broadsheet.text import latex_escaped, plain_line, text_latex, text_plain

if TYPE_CHECKING:
    from broadsheet.models import Paper

_Value = TypeVar("_Value")

# --- what a citation says ---------------------------------------------------------------------------


class _Kind(NamedTuple):
    """One kind of paper in each format's words."""

    bibtex: str
    ris: str
    csl: str
    zotero: str


_PREPRINT: Final = _Kind("misc", "UNPB", "article", "preprint")
_ARTICLE: Final = _Kind("article", "JOUR", "article-journal", "journalArticle")
_PROCEEDINGS: Final = _Kind("inproceedings", "CPAPER", "paper-conference", "conferencePaper")
_DOCUMENT: Final = _Kind("misc", "GEN", "document", "document")

_SUFFIX: Final = re.compile(r"(?:jr|sr|ii|iii|iv|phd|ph\.d|md)\.?", re.IGNORECASE)
_GROUP: Final = re.compile(
    r"(?:the|team|for the) .*|.*\b(?:collaborations?|consortium|team|group|project|initiative|network"
    r"|committee|community|survey|laborator(?:y|ies)|institute|university|foundation|authors)",
    re.IGNORECASE,
)
_REPOSITORIES: Final = {"arxiv": "arXiv", "openreview": "OpenReview", "acl": "ACL Anthology"}


@dataclass(frozen=True, slots=True)
class Name:
    """A name in its parts. Groups and people of one name have only `family`, and `group` is true."""

    family: str
    given: str = ""
    suffix: str = ""
    group: bool = False

    @property
    def sorted(self) -> str:
        """Last, First, Jr."""
        return ", ".join(filter(None, (self.family, self.given, self.suffix)))

    @property
    def printed(self) -> str:
        return " ".join(filter(None, (self.given, self.family, self.suffix)))


@lru_cache(maxsize=4096)
def name_parts(printed: str) -> Name:
    """Takes a printed name apart: `Jan van der Berg, Jr.`, `Byron, Ada`, `ATLAS Collaboration`, `Plato`."""
    name = text_plain(printed).replace("\n", " ")
    before, _, after = (part.strip() for part in name.partition(","))
    if not after and (" " not in before or _GROUP.fullmatch(before)):
        return Name(before, group=True)
    if after and not _SUFFIX.fullmatch(after):
        return Name(before or after, after.replace(",", " ") if before else "")
    words = before.split()
    suffix = after
    while len(words) > 2 and _SUFFIX.fullmatch(words[-1]):
        suffix = words.pop()
    family = identifiers.surname(" ".join(words))
    return Name(family, " ".join(words[: len(words) - len(family.split())]), suffix)


def _names(paper: Paper) -> list[Name]:
    names = (name_parts(printed) for printed in paper.authors)
    return [name for name in names if name.family]


def _kind(paper: Paper) -> _Kind:
    scheme = identifiers.scheme(paper.identifier)
    if scheme in ("arxiv", "openreview"):
        return _PREPRINT
    if scheme == "acl":
        return _PROCEEDINGS
    return _ARTICLE if paper.journal_ref and scheme == "doi" else _DOCUMENT


def _date(paper: Paper) -> tuple[int, ...]:
    """Year, month and day of the first version; year and month, or nothing, where no more is known."""
    if paper.published_at:
        day = paper.published_at.astimezone(UTC).date()
        return day.year, day.month, day.day
    return _month(paper.month_date)


def _month(first: date | None) -> tuple[int, ...]:
    return (first.year, first.month) if first else ()


def _joined(parts: tuple[int, ...], mark: str) -> str:
    return mark.join(f"{part:02}" for part in parts)


def _title(paper: Paper) -> str:
    return text_plain(paper.title).replace("\n\n", " ")


def _abstract(paper: Paper) -> str:
    """The authors' abstract; nothing when the text is a summary of ours."""
    return "" if paper.abstract_is_ours else text_plain(paper.abstract)


def _doi(paper: Paper) -> str:
    """The paper's DOI, else the one that arXiv registers for each of its papers (10.48550)."""
    if paper.doi:
        return plain_line(paper.doi)
    return f"10.48550/arXiv.{paper.arxiv_id}" if paper.arxiv_id else ""


def _repository(paper: Paper) -> str:
    return _REPOSITORIES.get(identifiers.scheme(paper.identifier), "")


def _page_url(paper: Paper, base_url: str) -> str:
    return base_url.rstrip("/") + paper.get_absolute_url()


def _home_url(paper: Paper, base_url: str) -> str:
    """Where the paper itself lives, which is what a citation points to; our page if it lives nowhere else."""
    return identifiers.abstract_url(paper.identifier) or _page_url(paper, base_url)


def _numbered(paper: Paper) -> str:
    return f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else ""


def _remarks(paper: Paper) -> str:
    withdrawn = "Withdrawn by its authors." if paper.withdrawn else ""
    return " ".join(filter(None, (withdrawn, text_plain(paper.comment).replace("\n\n", " "))))


def _categories(paper: Paper) -> list[str]:
    return [category for category in map(plain_line, paper.categories) if category]


# --- keys -------------------------------------------------------------------------------------------

_SMALL_WORDS: Final = {
    "a", "an", "the", "on", "of", "in", "for", "to", "and", "with", "from", "towards", "toward", "by", "at",
    "as", "is", "are", "do", "does", "can", "how", "what", "why", "when",
}  # fmt: skip


def citation_key(paper: Paper) -> str:
    """A stable key of lower-case ASCII letters and digits: `lovelace2025front`."""
    names = _names(paper)
    family = _ascii(names[0].family) if names else ""
    year = "".join(map(str, _date(paper)[:1]))
    words = filter(None, map(_ascii, _title(paper)[:500].split()))
    word = next((word for word in words if word not in _SMALL_WORDS), "")
    return f"{family[:40]}{year}{word[:40]}" if family or word else f"paper{_ascii(paper.identifier)}"


def _ascii(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    return re.sub("[^a-z0-9]", "", decomposed.lower())


def _keyed(papers: Iterable[Paper]) -> Iterator[tuple[str, Paper]]:
    """Each paper with a key unique in the file: the second of two alike carries its identifier too."""
    used: set[str] = set()
    for paper in papers:
        key = citation_key(paper)
        if key in used:
            key = f"{key}-{_ascii(paper.identifier)}"
        while key in used:
            key += "x"
        used.add(key)
        yield key, paper


# --- BibTeX -----------------------------------------------------------------------------------------

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def bibtex(papers: Iterable[Paper], base_url: str) -> Iterator[str]:
    """BibTeX entries in UTF-8, as arXiv writes them for its papers (eprint, archivePrefix, primaryClass).

    No value holds an unbalanced brace, even behind a backslash, since BibTeX would count it; formulas stay
    LaTeX, all other text is escaped. Titles stand in double braces, which keep their capitals.
    """
    for key, paper in _keyed(papers):
        fields = "".join(f"  {name} = {value},\n" for name, value in _bibtex_fields(paper, base_url))
        yield f"@{_kind(paper).bibtex}{{{key},\n{fields}}}\n\n"


def _bibtex_fields(paper: Paper, base_url: str) -> Iterator[tuple[str, str]]:
    kind, issued = _kind(paper), _date(paper)
    yield "title", f"{{{{{text_latex(paper.title)}}}}}"
    if names := _names(paper):
        yield "author", f"{{{' and '.join(map(_bibtex_name, names))}}}"
    if issued:
        yield "year", f"{{{issued[0]}}}"
        yield "month", _MONTHS[issued[1] - 1]
    if paper.arxiv_id:
        yield "eprint", _verbatim(paper.arxiv_id)
        yield "archivePrefix", "{arXiv}"
        if paper.primary_category:
            yield "primaryClass", _verbatim(paper.primary_category)
    if paper.journal_ref and kind is not _PREPRINT:
        yield ("booktitle" if kind is _PROCEEDINGS else "journal"), f"{{{text_latex(paper.journal_ref)}}}"
    if doi := _doi(paper):
        yield "doi", _verbatim(doi)
    yield "url", _verbatim(_home_url(paper, base_url))
    if remarks := _remarks(paper):
        yield "note", f"{{{latex_escaped(remarks)}}}"
    if not paper.abstract_is_ours and paper.abstract:
        yield "abstract", f"{{{text_latex(paper.abstract)}}}"


def _bibtex_name(name: Name) -> str:
    if name.group:
        return f"{{{latex_escaped(name.family)}}}"
    # The word "and" parts two authors, unless it stands in braces.
    family, given, suffix = (
        f"{{{part}}}" if re.search(r"\band\b", part, re.IGNORECASE) else part
        for part in map(latex_escaped, (name.family, name.given, name.suffix))
    )
    return ", ".join(filter(None, (family, suffix, given)))


def _verbatim(value: str) -> str:
    """For fields that BibLaTeX reads verbatim (doi, eprint, url): what could end the field is encoded."""
    return f"{{{quote(plain_line(value), safe='!#$&()*+,-./:;<=>?@[]^_|~%' + chr(39))}}}"


# --- RIS --------------------------------------------------------------------------------------------


def ris(papers: Iterable[Paper], base_url: str) -> Iterator[str]:
    """RIS records (2011 tags, CRLF, UTF-8). A value is one line, so no value can begin another tag."""
    for key, paper in _keyed(papers):
        lines = (
            f"{tag}  - {' '.join(value.split())}\r\n" for tag, value in _ris_fields(key, paper, base_url)
        )
        yield "".join(lines) + "ER  - \r\n\r\n"


def _ris_fields(key: str, paper: Paper, base_url: str) -> Iterator[tuple[str, str]]:
    kind, issued = _kind(paper), _date(paper)
    yield "TY", kind.ris
    yield "ID", key
    yield "TI", _title(paper)
    for name in _names(paper):
        yield "AU", name.sorted
    if issued:
        yield "PY", str(issued[0])
        yield "DA", _joined(issued, "/") + ("" if len(issued) == 3 else "//")
    if paper.journal_ref and kind is not _PREPRINT:
        yield "T2", text_plain(paper.journal_ref)
    if repository := _repository(paper):
        yield "DB", repository
        yield "AN", _numbered(paper) or paper.identifier.partition(":")[2]
    if doi := _doi(paper):
        yield "DO", doi
    yield "UR", _home_url(paper, base_url)
    for category in _categories(paper):
        yield "KW", category.replace(";", " ")
    if remarks := _remarks(paper):
        yield "N1", remarks
    if abstract := _abstract(paper):
        yield "AB", abstract


# --- CSL-JSON ---------------------------------------------------------------------------------------


def csl_json(papers: Iterable[Paper], base_url: str) -> Iterator[str]:
    """CSL-JSON (CSL 1.0.2): a JSON array, item by item. A preprint is an `article` of genre `preprint`."""
    mark = "["
    for key, paper in _keyed(papers):
        yield f"{mark}\n{_json(_csl_item(key, paper, base_url))}"
        mark = ","
    yield "[]\n" if mark == "[" else "\n]\n"


def _csl_item(key: str, paper: Paper, base_url: str) -> dict[str, Any]:
    kind, issued, repository = _kind(paper), _date(paper), _repository(paper)
    item = {
        "id": key,
        "type": kind.csl,
        "genre": "preprint" if kind is _PREPRINT else "",
        "title": _title(paper),
        "author": [_csl_name(name) for name in _names(paper)],
        "issued": {"date-parts": [list(issued)]} if issued else None,
        "publisher": repository,
        "number": _numbered(paper),
        "archive": repository,
        "archive_location": paper.arxiv_id or "",
        "container-title": text_plain(paper.journal_ref) if kind is not _PREPRINT else "",
        "DOI": _doi(paper),
        "URL": _home_url(paper, base_url),
        "keyword": ", ".join(_categories(paper)),
        "note": _remarks(paper),
        "abstract": _abstract(paper),
    }
    return _known(item)


def _csl_name(name: Name) -> dict[str, str]:
    if name.group:
        return {"literal": name.family}
    return _known({"family": name.family, "given": name.given, "suffix": name.suffix})


def _known(item: dict[str, _Value]) -> dict[str, _Value]:
    """Without the fields that say nothing."""
    return {key: value for key, value in item.items() if value}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


# --- Zotero RDF -------------------------------------------------------------------------------------

_NAMESPACES: Final = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "z": "http://www.zotero.org/namespaces/export#",
    "bib": "http://purl.org/net/biblio#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "link": "http://purl.org/rss/1.0/modules/link/",
}
for _prefix, _uri in _NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _uri)


def zotero_rdf(papers: Iterable[Paper], base_url: str) -> Iterator[str]:
    """Zotero's own RDF/XML, the one format that unAPI and file import both read as item type *preprint*."""
    root = ElementTree.Element(_rdf("rdf:RDF"))
    for paper in papers:
        _describe(root, paper, base_url)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield ElementTree.tostring(root, encoding="unicode") + "\n"


def _rdf(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    """A child element; attributes are written `rdf_about` for `rdf:about`."""
    named = {_rdf(key.replace("_", ":")): value for key, value in attributes.items()}
    child = ElementTree.SubElement(parent, _rdf(name), named)
    child.text = text or None
    return child


def _describe(root: ElementTree.Element, paper: Paper, base_url: str) -> None:
    home = _home_url(paper, base_url)
    node = _add(root, "rdf:Description", rdf_about=home)
    for name, text in _rdf_fields(paper):
        if text:
            _add(node, name, text)
    sequence = _add(_add(node, "bib:authors"), "rdf:Seq")
    for author in _names(paper):
        person = _add(_add(sequence, "rdf:li"), "foaf:Person")
        _add(person, "foaf:surname", author.family)
        if given := ", ".join(filter(None, (author.given, author.suffix))):
            _add(person, "foaf:givenName", given)
    for category in _categories(paper):
        _add(node, "dc:subject", category)
    _add_address(node, home)
    if pdf := identifiers.pdf_url(paper.identifier):
        _add(node, "link:link", rdf_resource=f"{home}#pdf")
        attachment = _add(root, "z:Attachment", rdf_about=f"{home}#pdf")
        _add(attachment, "z:itemType", "attachment")
        _add(attachment, "dc:title", "PDF")
        _add_address(attachment, pdf)
        _add(attachment, "link:type", "application/pdf")


def _add_address(node: ElementTree.Element, url: str) -> None:
    _add(_add(_add(node, "dc:identifier"), "dcterms:URI"), "rdf:value", url)


def _rdf_fields(paper: Paper) -> Iterator[tuple[str, str]]:
    kind, repository, doi = _kind(paper), _repository(paper), _doi(paper)
    yield "z:itemType", kind.zotero
    yield "dc:title", _title(paper)
    yield "dc:date", _joined(_date(paper), "-")
    yield "dcterms:abstract", _abstract(paper)
    yield "dc:identifier", f"DOI {doi}" if doi else ""
    if kind is _PREPRINT:
        yield "z:repository", repository
        yield "z:archiveID", _numbered(paper)
    elif kind is not _DOCUMENT:
        journal = "z:publicationTitle" if kind is _ARTICLE else "z:proceedingsTitle"
        yield journal, text_plain(paper.journal_ref)
    yield "z:libraryCatalog", repository
    yield "dc:rights", plain_line(paper.licence)
    yield "dc:description", _remarks(paper)


# --- Markdown ---------------------------------------------------------------------------------------

_MARKDOWN: Final = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_[]#|~$!"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_LINE_START: Final = re.compile(r"^(\d{1,9})([.)])|^([-+=:])")


def markdown(papers: Iterable[Paper], base_url: str) -> Iterator[str]:
    """Each paper as a page of CommonMark for people and programs that read text; a rule between papers.

    What strangers wrote is escaped: it cannot become a heading, a link, an image or HTML.
    """
    rule = ""
    for paper in papers:
        yield f"{rule}{_markdown_page(paper, base_url)}"
        rule = "\n---\n\n"


def _markdown_page(paper: Paper, base_url: str) -> str:
    authors = _marked_line(", ".join(name.printed for name in _names(paper)))
    withdrawn = "**Withdrawn by its authors.**" if paper.withdrawn else ""
    facts = "\n".join(f"- {name}: {value}" for name, value in _facts(paper, base_url) if value)
    heading = "Summary (ours, not the authors')" if paper.abstract_is_ours else "Abstract"
    abstract = "\n\n".join(map(_marked_line, text_plain(paper.abstract).split("\n\n")))
    parts = [f"# {_marked(_title(paper))}", authors, withdrawn, facts]
    parts += [f"## {heading}", abstract] if abstract else []
    return "\n\n".join(filter(None, parts)) + "\n"


def _facts(paper: Paper, base_url: str) -> Iterator[tuple[str, str]]:
    home, pdf = identifiers.abstract_url(paper.identifier), identifiers.pdf_url(paper.identifier)
    yield "Identifier", _marked(_numbered(paper) or paper.identifier)
    yield "DOI", _marked(_doi(paper))
    yield "First published", _joined(_date(paper), "-")
    yield "Revised", paper.revised_at.astimezone(UTC).date().isoformat() if paper.revised_at else ""
    yield "Listed here", paper.listed_on.isoformat() if paper.listed_on else ""
    yield "Categories", _marked(", ".join(_categories(paper)))
    yield "Organization", _marked(plain_line(paper.organization))
    yield "Journal reference", _marked(text_plain(paper.journal_ref))
    yield "Comment", _marked(text_plain(paper.comment).replace("\n\n", " "))
    yield "Licence", _marked(plain_line(paper.licence))
    yield "Upvotes", str(paper.upvotes)
    yield "Page", f"<{_page_url(paper, base_url)}>"
    yield "Paper", f"<{home}>" if home else ""
    yield "PDF", f"<{pdf}>" if pdf else ""


def _marked(text: str) -> str:
    return text.translate(_MARKDOWN)


def marked(text: str) -> str:
    """A line of plain text as Markdown that says just that."""
    return _marked_line(plain_line(text))


def _marked_line(text: str) -> str:
    """As `_marked`, for a text at the beginning of a line, where a number or a dash would begin a list."""
    return _LINE_START.sub(r"\1\\\2\3", _marked(text))


# --- for crawlers -----------------------------------------------------------------------------------


def highwire_tags(paper: Paper, base_url: str) -> list[tuple[str, str]]:
    """Names and contents of `<meta>` tags as Google Scholar and Zotero's Embedded Metadata read them.

    The contents are plain text, not yet escaped for HTML. https://scholar.google.com/intl/en/scholar/inclusion.html
    """
    published = _joined(_date(paper), "/")
    revised = paper.revised_at.astimezone(UTC).strftime("%Y/%m/%d") if paper.revised_at else published
    tags = [
        ("citation_title", _title(paper)),
        # A semicolon would part two authors.
        *(("citation_author", name.sorted.replace(";", " ")) for name in _names(paper)),
        ("citation_publication_date", published),
        ("citation_online_date", revised),
        ("citation_journal_title", text_plain(paper.journal_ref) if _kind(paper) is _ARTICLE else ""),
        ("citation_arxiv_id", paper.arxiv_id or ""),
        ("citation_doi", _doi(paper)),
        ("citation_pdf_url", identifiers.pdf_url(paper.identifier) or ""),
        ("citation_abstract_html_url", _page_url(paper, base_url)),
        *(("citation_keywords", category) for category in _categories(paper)),
        ("citation_abstract", _abstract(paper).replace("\n\n", " ")),
    ]
    return [(name, content) for name, content in tags if content]


# What ends a script element, begins a comment or an entity, or ends a line of JavaScript.
_SCRIPT: Final = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def json_ld(paper: Paper, base_url: str) -> str:
    """A schema.org `ScholarlyArticle` as JSON that can stand inside `<script type="application/ld+json">`."""
    return _json(_scholarly_article(paper, base_url)).translate(_SCRIPT)


def _scholarly_article(paper: Paper, base_url: str) -> dict[str, Any]:
    title, page, doi = _title(paper), _page_url(paper, base_url), _doi(paper)
    pdf, licence = identifiers.pdf_url(paper.identifier), plain_line(paper.licence)
    addresses = [
        identifiers.abstract_url(paper.identifier),
        doi and "https://doi.org/" + quote(doi, "/:;()._-"),
    ]
    item = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "@id": page,
        "url": page,
        "name": title,
        "headline": title,
        "author": [_schema_author(name) for name in _names(paper)],
        "datePublished": _joined(_date(paper), "-"),
        "dateModified": paper.revised_at.astimezone(UTC).date().isoformat() if paper.revised_at else "",
        "abstract": _abstract(paper),
        "description": text_plain(paper.abstract) if paper.abstract_is_ours else "",
        "keywords": _categories(paper),
        "license": licence if re.match("https?://", licence) else "",
        "identifier": [
            {"@type": "PropertyValue", "propertyID": name, "value": value}
            for name, value in (("arXiv", paper.arxiv_id), ("DOI", doi))
            if value
        ],
        "sameAs": list(dict.fromkeys(filter(None, addresses))),
        "encoding": {"@type": "MediaObject", "contentUrl": pdf, "encodingFormat": "application/pdf"}
        if pdf
        else None,
        "creativeWorkStatus": "Withdrawn" if paper.withdrawn else "",
        "interactionStatistic": {
            "@type": "InteractionCounter",
            "interactionType": "https://schema.org/LikeAction",
            "userInteractionCount": paper.upvotes,
        },
    }
    return _known(item)


def _schema_author(name: Name) -> dict[str, str]:
    if name.group:
        return {"@type": "Organization" if _GROUP.fullmatch(name.family) else "Person", "name": name.family}
    parts = {"givenName": name.given, "familyName": name.family, "honorificSuffix": name.suffix}
    return _known({"@type": "Person", "name": name.printed, **parts})


# --- formats ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Format:
    """One way out. `extension` has no dot; `write` yields pieces of UTF-8 text, paper by paper."""

    extension: str
    content_type: str
    label: str
    write: Callable[[Iterable[Paper], str], Iterator[str]]


# Papers in one file of a listing or a search.
MOST: Final = 1_000

_FORMATS: Final = (
    Format("bib", "application/x-bibtex; charset=utf-8", "BibTeX", bibtex),
    Format("ris", "application/x-research-info-systems", "RIS", ris),
    Format("csl.json", "application/vnd.citationstyles.csl+json", "CSL-JSON", csl_json),
    Format("rdf", "application/rdf+xml", "Zotero RDF", zotero_rdf),
    Format("md", "text/markdown; charset=utf-8", "Markdown", markdown),
)
FORMATS: Final[dict[str, Format]] = {format.extension: format for format in _FORMATS}


def filename(name: Paper | str, extension: str) -> str:
    """A file name for Content-Disposition: ASCII letters, digits, dots and dashes, at most 100 characters.

    `name` is a paper or the name of a listing. It never begins with a dot and is never a device's name.
    """
    stem = name if isinstance(name, str) else name.identifier
    ascii_stem = unicodedata.normalize("NFKD", stem[:200]).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9.]+|\.{2,}", "-", ascii_stem)[:80].strip("-.")
    return f"broadsheet-{words or 'papers'}.{re.sub('[^a-z.]', '', extension)[:8]}"
