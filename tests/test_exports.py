"""Citations go out whole, and no title can break out of any format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import rispy
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import LatexDecodingMiddleware
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from broadsheet import exports, identifiers

if TYPE_CHECKING:
    from broadsheet.models import Paper

BASE = "https://papers.example.org"
Z = "{http://www.zotero.org/namespaces/export#}"
DC = "{http://purl.org/dc/elements/1.1/}"
FOAF = "{http://xmlns.com/foaf/0.1/}"


@dataclass(frozen=True)
class PaperLike:
    """A paper without a database: the attributes that exports may read."""

    identifier: str = "2503.01234"
    title: str = "On the Front Page of Science"
    abstract: str = "We read papers.\n\nThen we rank them."
    authors: list[str] = field(default_factory=lambda: ["Ada Lovelace", "Jan van der Berg"])
    categories: list[str] = field(default_factory=lambda: ["cs.CL", "stat.ML"])
    published_at: datetime | None = datetime(2025, 3, 4, 23, 30, tzinfo=UTC)
    known_month: date | None = None
    listed_on: date | None = date(2025, 3, 5)
    revised_at: datetime | None = None
    comment: str = ""
    journal_ref: str = ""
    licence: str = ""
    organization: str = ""
    withdrawn: bool = False
    upvotes: int = 7
    abstract_is_ours: bool = False
    own_doi: str | None = None

    @property
    def arxiv_id(self) -> str | None:
        return identifiers.arxiv_id(self.identifier)

    @property
    def doi(self) -> str | None:
        return self.identifier[4:] if self.identifier.startswith("doi:") else self.own_doi

    @property
    def primary_category(self) -> str:
        return self.categories[0] if self.categories else ""

    @property
    def month_date(self) -> date | None:
        return self.published_at.date().replace(day=1) if self.published_at else self.known_month

    def get_absolute_url(self) -> str:
        return "/papers/" + quote(self.identifier, safe="/:")


def paper(**attributes: object) -> Paper:
    return cast("Paper", PaperLike(**attributes))  # type: ignore[arg-type]


def written(extension: str, *papers: Paper) -> str:
    return "".join(exports.FORMATS[extension].write(papers, BASE))


def bibtex_fields(text: str) -> dict[str, str]:
    library = parse_string(text)
    assert not library.failed_blocks
    assert len(library.entries) == 1
    return {entry.key: entry.value for entry in library.entries[0].fields}


def decoded(text: str) -> dict[str, str]:
    """As a reference manager sees it: LaTeX decoded, braces gone."""
    middleware = LatexDecodingMiddleware(keep_math_mode=True, keep_braced_groups=False)
    entries = parse_string(text, append_middleware=[middleware]).entries
    assert len(entries) == 1
    return {entry.key: entry.value for entry in entries[0].fields}


def ris_record(text: str) -> dict[str, object]:
    records = rispy.loads(text.replace("\r\n", "\n"))
    assert len(records) == 1
    return cast("dict[str, object]", records[0])


def csl_item(*papers: Paper) -> dict[str, object]:
    items = json.loads(written("csl.json", *papers))
    assert len(items) == len(papers)
    return cast("dict[str, object]", items[0])


def description(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    found = root.find("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert found is not None
    return found


def test_bibtex_of_a_preprint_looks_as_arxiv_writes_it() -> None:
    assert written("bib", paper(abstract="Short.", comment="5 pages, 100% new")) == (
        "@misc{lovelace2025front,\n"
        "  title = {{On the Front Page of Science}},\n"
        "  author = {Lovelace, Ada and van der Berg, Jan},\n"
        "  year = {2025},\n"
        "  month = mar,\n"
        "  eprint = {2503.01234},\n"
        "  archivePrefix = {arXiv},\n"
        "  primaryClass = {cs.CL},\n"
        "  doi = {10.48550/arXiv.2503.01234},\n"
        "  url = {https://arxiv.org/abs/2503.01234},\n"
        "  note = {5 pages, 100\\% new},\n"
        "  abstract = {Short.},\n"
        "}\n\n"
    )


def test_ris_is_written_line_by_line_with_crlf() -> None:
    assert written("ris", paper()).split("\r\n") == [
        "TY  - UNPB",
        "ID  - lovelace2025front",
        "TI  - On the Front Page of Science",
        "AU  - Lovelace, Ada",
        "AU  - van der Berg, Jan",
        "PY  - 2025",
        "DA  - 2025/03/04",
        "DB  - arXiv",
        "AN  - arXiv:2503.01234",
        "DO  - 10.48550/arXiv.2503.01234",
        "UR  - https://arxiv.org/abs/2503.01234",
        "KW  - cs.CL",
        "KW  - stat.ML",
        "AB  - We read papers. Then we rank them.",
        "ER  - ",
        "",
        "",
    ]


def test_csl_says_preprint_in_the_words_zotero_reads() -> None:
    item = csl_item(paper())
    assert item["type"] == "article"
    assert item["genre"] == "preprint"
    assert item["number"] == "arXiv:2503.01234"
    assert item["publisher"] == item["archive"] == "arXiv"
    assert item["issued"] == {"date-parts": [[2025, 3, 4]]}
    assert item["author"] == [
        {"family": "Lovelace", "given": "Ada"},
        {"family": "van der Berg", "given": "Jan"},
    ]


def test_zotero_rdf_says_preprint_and_links_the_pdf() -> None:
    text = written("rdf", paper())
    node = description(text)
    assert node.findtext(f"{Z}itemType") == "preprint"
    assert node.findtext(f"{Z}repository") == "arXiv"
    assert node.findtext(f"{Z}archiveID") == "arXiv:2503.01234"
    assert node.findtext(f"{DC}title") == "On the Front Page of Science"
    assert [person.text for person in node.iter(f"{FOAF}surname")] == ["Lovelace", "van der Berg"]
    assert "https://arxiv.org/pdf/2503.01234" in text


def test_the_markdown_page_holds_title_authors_facts_and_abstract() -> None:
    page = written("md", paper())
    assert page.startswith(
        "# On the Front Page of Science\n\nAda Lovelace, Jan van der Berg\n\n- Identifier: "
    )
    assert "- PDF: <https://arxiv.org/pdf/2503.01234>\n" in page
    assert page.endswith("## Abstract\n\nWe read papers.\n\nThen we rank them.\n")


def test_crawlers_get_one_tag_per_author_last_name_first() -> None:
    tags = exports.highwire_tags(paper(), BASE)
    assert [content for name, content in tags if name == "citation_author"] == [
        "Lovelace, Ada",
        "van der Berg, Jan",
    ]
    rest = dict(tags)
    assert rest["citation_publication_date"] == rest["citation_online_date"] == "2025/03/04"
    assert rest["citation_pdf_url"] == "https://arxiv.org/pdf/2503.01234"
    assert rest["citation_abstract_html_url"] == f"{BASE}/papers/2503.01234"
    assert rest["citation_arxiv_id"] == "2503.01234"


def test_json_ld_describes_a_scholarly_article() -> None:
    item = json.loads(exports.json_ld(paper(revised_at=datetime(2025, 4, 1, tzinfo=UTC)), BASE + "/"))
    assert item["@type"] == "ScholarlyArticle"
    assert item["url"] == f"{BASE}/papers/2503.01234"
    assert item["author"][1] == {
        "@type": "Person",
        "name": "Jan van der Berg",
        "givenName": "Jan",
        "familyName": "van der Berg",
    }
    assert item["datePublished"] == "2025-03-04"
    assert item["dateModified"] == "2025-04-01"
    assert item["sameAs"] == [
        "https://arxiv.org/abs/2503.01234",
        "https://doi.org/10.48550/arXiv.2503.01234",
    ]


@pytest.mark.parametrize(
    ("printed", "family", "given", "suffix"),
    [
        ("Ada Lovelace", "Lovelace", "Ada", ""),
        ("Jan van der Berg", "van der Berg", "Jan", ""),
        ("Simone de Beauvoir", "de Beauvoir", "Simone", ""),
        ("Martin Luther King, Jr.", "King", "Martin Luther", "Jr."),
        ("William H. Press III", "Press", "William H.", "III"),
        ("Byron, Ada", "Byron", "Ada", ""),
        ('Kurt G\\"odel', "Gödel", "Kurt", ""),
        ("Plato", "Plato", "", ""),
        ("李明", "李明", "", ""),
        ("ATLAS Collaboration", "ATLAS Collaboration", "", ""),
        ("The LIGO Scientific Collaboration", "The LIGO Scientific Collaboration", "", ""),
        ("Qwen Team", "Qwen Team", "", ""),
    ],
)
def test_names_come_apart_as_their_owners_would(printed: str, family: str, given: str, suffix: str) -> None:
    name = exports.name_parts(printed)
    assert (name.family, name.given, name.suffix) == (family, given, suffix)


def test_a_collaboration_stays_in_one_piece() -> None:
    group = paper(authors=["ATLAS Collaboration"])
    assert "author = {{ATLAS Collaboration}}," in written("bib", group)
    assert csl_item(group)["author"] == [{"literal": "ATLAS Collaboration"}]
    assert json.loads(exports.json_ld(group, BASE))["author"][0]["@type"] == "Organization"


def test_a_junior_stands_where_bibtex_wants_him() -> None:
    assert "author = {King, Jr., Martin Luther}," in written(
        "bib", paper(authors=["Martin Luther King, Jr."])
    )


def test_only_the_month_is_said_when_only_the_month_is_known() -> None:
    old = paper(published_at=None, known_month=date(2025, 3, 1))
    assert "  month = mar,\n" in written("bib", old)
    assert "DA  - 2025/03//\r\n" in written("ris", old)
    assert csl_item(old)["issued"] == {"date-parts": [[2025, 3]]}
    assert dict(exports.highwire_tags(old, BASE))["citation_publication_date"] == "2025/03"
    assert json.loads(exports.json_ld(old, BASE))["datePublished"] == "2025-03"


def test_no_date_is_invented() -> None:
    undated = paper(published_at=None, listed_on=None)
    assert "year" not in bibtex_fields(written("bib", undated))
    assert "PY  -" not in written("ris", undated)
    assert "issued" not in csl_item(undated)
    assert "citation_publication_date" not in dict(exports.highwire_tags(undated, BASE))
    assert "First published" not in written("md", undated)
    assert written("bib", undated).startswith("@misc{lovelacefront,")


def test_a_summary_of_ours_is_never_passed_off_as_the_abstract() -> None:
    ours = paper(abstract="What we think it says.", abstract_is_ours=True)
    for extension in ("bib", "ris", "csl.json", "rdf"):
        assert "What we think" not in written(extension, ours)
    assert "citation_abstract" not in dict(exports.highwire_tags(ours, BASE))
    assert "## Summary (ours, not the authors')" in written("md", ours)
    item = json.loads(exports.json_ld(ours, BASE))
    assert "abstract" not in item
    assert item["description"] == "What we think it says."


def test_a_withdrawn_paper_says_so() -> None:
    gone = paper(withdrawn=True)
    assert "note = {Withdrawn by its authors.}" in written("bib", gone)
    assert "**Withdrawn by its authors.**" in written("md", gone)


def test_a_published_article_is_one() -> None:
    article = paper(identifier="doi:10.1000/xyz_1", journal_ref="Ann. Phys. 5 (2025) 1")
    text = written("bib", article)
    assert text.startswith("@article{")
    assert bibtex_fields(text)["doi"] == "10.1000/xyz_1"
    assert bibtex_fields(text)["journal"] == "Ann. Phys. 5 (2025) 1"
    assert csl_item(article)["type"] == "article-journal"
    assert "TY  - JOUR\r\n" in written("ris", article)
    assert "genre" not in csl_item(article)


def test_a_local_paper_points_to_our_page() -> None:
    local = paper(identifier="local:abcdefghijklmnop")
    assert f"UR  - {BASE}/papers/local:abcdefghijklmnop\r\n" in written("ris", local)
    assert "DO  -" not in written("ris", local)


def test_keys_are_stable_and_unique_in_a_file() -> None:
    twins = [paper(), paper(identifier="2503.09999"), paper(identifier="2503.09999")]
    keys = re.findall(r"@misc\{(.*),", written("bib", *twins))
    assert keys == ["lovelace2025front", "lovelace2025front-250309999", "lovelace2025front-250309999x"]
    assert [item["id"] for item in json.loads(written("csl.json", *twins))] == keys
    assert exports.citation_key(paper(authors=["李明"], title="深度学习")) == "paper250301234"


def test_bibtexparser_reads_back_what_we_wrote() -> None:
    original = paper(
        title="Costs of 100% $x^2$ & _more_: {BERT} ~ α",
        authors=["Émile Borel", "Jan van der Berg", "CMS Collaboration"],
        abstract="A # of $5 <things> in C:\\dir.",
    )
    fields = decoded(written("bib", original))
    assert fields["title"] == "Costs of 100% $x^2$ & _more_: {BERT} ~ α"
    assert fields["author"] == "Borel, Émile and van der Berg, Jan and CMS Collaboration"
    assert fields["abstract"] == "A # of $5 <things> in C:\\dir."


def test_rispy_reads_back_what_we_wrote() -> None:
    record = ris_record(written("ris", paper(title="Costs of 100% $x^2$ & more: α")))
    assert record["title"] == "Costs of 100% x² & more: α"
    assert record["authors"] == ["Lovelace, Ada", "van der Berg, Jan"]
    assert record["doi"] == "10.48550/arXiv.2503.01234"
    assert record["year"] == "2025"


def test_an_empty_listing_is_a_valid_file() -> None:
    assert written("bib") == written("ris") == written("md") == ""
    assert json.loads(written("csl.json")) == []
    assert len(ElementTree.fromstring(written("rdf"))) == 0


def test_files_are_written_paper_by_paper() -> None:
    def papers() -> Iterator[Paper]:
        yield paper()
        raise AssertionError("a second paper was asked for before the first was written")

    for extension in ("bib", "ris", "csl.json", "md"):
        assert next(exports.FORMATS[extension].write(papers(), BASE))


HOSTILE = [
    "}, evil={",
    "}}, evil = {{x",
    "\\}, evil={",
    "{{{{",
    "@article{evil, title={x}}",
    "$}, evil={$ and $\\input{/etc/passwd}$",
    "$\\def\\x{y}$ \\write18{rm} $x$",
    "TY  - JOUR\r\nER  - ",
    "x\r\nER  - \r\n\r\nTY  - JOUR\r\nTI  - evil",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]> &lt;&#x3c; <b onclick=x>",
    "\u202eevil\u2066\u2028\u2029\ufeff",
    "nul\x00bell\x07esc\x1b[31m",
    "\ud800 lone",
    "# heading\n\n![x](https://evil.example/x.png) [y](javascript:alert(1)) <img src=x onerror=y>",
    "1. list - and * and > and `code`",
    "x" * 100_000,
    "{" * 5_000 + "$" * 5_000,
    "\\" * 5_000,
    "",
]


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text[:24]))
def hostile(request: pytest.FixtureRequest) -> Paper:
    text: str = request.param
    return paper(
        title=text,
        abstract=text,
        authors=[text, f"{text} and {text}", "Ada Lovelace"],
        categories=[text or "cs.CL"],
        comment=text,
        journal_ref=text,
        licence=text,
        organization=text,
    )


@pytest.mark.security_check(27)
def test_a_hostile_title_adds_nothing_to_bibtex(hostile: Paper) -> None:
    text = written("bib", hostile)
    assert_one_clean_entry(text)


def assert_one_clean_entry(text: str) -> None:
    allowed = {"title", "author", "year", "month", "eprint", "archivePrefix", "primaryClass", "doi", "url"}
    fields = bibtex_fields(text)
    assert set(fields) <= allowed | {"note", "abstract", "journal", "booktitle"}
    for value in fields.values():
        depth = 0
        for character in value:
            depth += (character == "{") - (character == "}")
            assert depth >= 0
        assert depth == 0
    assert not re.search(r"\\(?:input|write|def|include|openin|csname)(?![a-z])", text)


@pytest.mark.security_check(27)
def test_a_hostile_title_adds_nothing_to_ris(hostile: Paper) -> None:
    text = written("ris", hostile)
    assert text.count("TY  - ") == text.count("ER  - ") == 1
    assert all(re.match("[A-Z][A-Z0-9]  - ", line) for line in text.split("\r\n")[:-2])
    assert "\n" not in text.replace("\r\n", "")
    ris_record(text)


@pytest.mark.security_check(27)
def test_a_hostile_title_stays_a_string_in_json(hostile: Paper) -> None:
    assert csl_item(hostile)["id"]


@pytest.mark.security_check(1)
def test_a_hostile_title_stays_text_in_rdf(hostile: Paper) -> None:
    node = description(written("rdf", hostile))
    assert node.findtext(f"{Z}itemType") == "preprint"


@pytest.mark.security_check(5)
def test_json_ld_cannot_end_its_script_element(hostile: Paper) -> None:
    text = exports.json_ld(hostile, BASE)
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text)["@type"] == "ScholarlyArticle"


@pytest.mark.security_check(1)
def test_a_hostile_title_makes_no_html_link_or_image_in_markdown(hostile: Paper) -> None:
    html = MarkdownIt("commonmark", {"html": True}).render(written("md", hostile))
    tags = set(re.findall(r"<([a-z][a-z0-9]*)", html))
    assert tags <= {"h1", "h2", "p", "ul", "li", "a", "strong"}
    assert html.count("<h1") <= 1
    assert all(url.startswith(("https://arxiv.org/", BASE)) for url in re.findall('href="([^"]*)"', html))


@pytest.mark.security_check(29)
def test_a_hostile_title_leaves_nothing_unseen_in_any_format(hostile: Paper) -> None:
    everything = [written(extension, hostile) for extension in exports.FORMATS]
    everything += [content for _, content in exports.highwire_tags(hostile, BASE)]
    everything.append(exports.json_ld(hostile, BASE))
    for text in everything:
        text.encode()
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]", text)


@pytest.mark.security_check(27)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hep-th/9901001", "broadsheet-hep-th-9901001.bib"),
        ("../../etc/passwd", "broadsheet-etc-passwd.bib"),
        ('x"; filename="evil.exe', "broadsheet-x-filename-evil.exe.bib"),
        ("a\r\nSet-Cookie: b", "broadsheet-a-Set-Cookie-b.bib"),
        ("日本", "broadsheet-papers.bib"),
        ("con", "broadsheet-con.bib"),
        ("", "broadsheet-papers.bib"),
    ],
)
def test_file_names_are_tame(name: str, expected: str) -> None:
    assert exports.filename(name, "bib") == expected


def test_a_paper_names_its_file_after_its_identifier() -> None:
    assert exports.filename(paper(identifier="doi:10.1/x"), "csl.json") == "broadsheet-doi-10.1-x.csl.json"


ANY_TEXT = st.text(
    st.one_of(st.characters(), st.sampled_from("{}\\$%&#_~^\"'<>[]()@=,;\r\n\t-`*!|TYER \u202e\u2028\x00")),
    max_size=120,
)


@given(title=ANY_TEXT, author=ANY_TEXT, abstract=ANY_TEXT)
def test_whatever_the_words_every_format_can_be_read_back(title: str, author: str, abstract: str) -> None:
    any_paper = paper(title=title, authors=[author], abstract=abstract)
    assert_one_clean_entry(written("bib", any_paper))
    text = written("ris", any_paper)
    assert text.count("\nTY  - ") == 0
    assert text.count("\nER  - ") == 1
    assert csl_item(any_paper)["type"] == "article"
    assert description(written("rdf", any_paper)) is not None
    assert "<" not in exports.json_ld(any_paper, BASE)
    assert exports.highwire_tags(any_paper, BASE)
    assert written("md", any_paper).startswith("#")


@pytest.mark.parametrize("write", [exports.bibtex, exports.ris, exports.csl_json])
def test_a_long_listing_is_fast(write: Callable[..., Iterator[str]]) -> None:
    papers = [paper(identifier=f"2503.{number:05}") for number in range(1, 1001)]
    assert sum(map(len, write(papers, BASE))) > 300_000
