"""Zotero: its RDF files as it and we write them, and a library fetched with a key."""

from __future__ import annotations

import io
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django import Settings

from broadsheet import community, exports
from broadsheet.community import importing
from broadsheet.models import LibraryImport, Paper
from broadsheet.sources import PaperRecord, Reject, SourceError
from broadsheet.sources.zotero import ZoteroRdfSource
from tests import factories, people
from tests.answering import Reply, Request, answering

# As Zotero 7 writes an article with a journal, a preprint, and what hangs on them.
RDF = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:z="http://www.zotero.org/namespaces/export#" xmlns:dcterms="http://purl.org/dc/terms/"
 xmlns:bib="http://purl.org/net/biblio#" xmlns:foaf="http://xmlns.com/foaf/0.1/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:prism="http://prismstandard.org/namespaces/1.2/basic/">
  <bib:Article rdf:about="#item_1">
    <z:itemType>journalArticle</z:itemType>
    <dcterms:isPartOf><bib:Journal><dc:title>Notes on Engines</dc:title><prism:volume>7</prism:volume>
      <prism:number>2</prism:number><dc:identifier>DOI 10.1000/engines.7</dc:identifier>
      </bib:Journal></dcterms:isPartOf>
    <bib:authors><rdf:Seq><rdf:li><foaf:Person><foaf:surname>Lovelace</foaf:surname>
      <foaf:givenName>Ada</foaf:givenName></foaf:Person></rdf:li></rdf:Seq></bib:authors>
    <dc:title>On an engine that weaves</dc:title>
    <dcterms:abstract>It weaves &amp; counts.</dcterms:abstract>
    <dc:date>1843-09-01</dc:date>
    <bib:pages>691-731</bib:pages>
  </bib:Article>
  <z:Attachment rdf:about="#item_2"><z:itemType>attachment</z:itemType><dc:title>PDF</dc:title></z:Attachment>
  <rdf:Description rdf:about="#item_3">
    <z:itemType>preprint</z:itemType>
    <dc:title>A preprint on looms</dc:title>
    <dc:identifier><dcterms:URI><rdf:value>http://arxiv.org/abs/2503.01234v2</rdf:value></dcterms:URI></dc:identifier>
  </rdf:Description>
  <bib:Memo rdf:about="#item_4"><z:itemType>note</z:itemType><rdf:value>mine</rdf:value></bib:Memo>
  <rdf:Description rdf:about="#item_5"><z:itemType>book</z:itemType></rdf:Description>
</rdf:RDF>
"""


def read(written: str | bytes) -> list[PaperRecord | Reject]:
    data = written.encode() if isinstance(written, str) else written
    return list(ZoteroRdfSource(io.BufferedReader(io.BytesIO(data))).fetch())


def test_items_are_read_with_what_belongs_to_them_and_nothing_else() -> None:
    article, preprint, untitled = read(RDF)
    assert isinstance(article, PaperRecord)
    assert isinstance(preprint, PaperRecord)
    assert (article.title, article.authors) == ("On an engine that weaves", ("Ada Lovelace",))
    assert article.identifiers == ("doi:10.1000/engines.7",)
    assert article.abstract == "It weaves & counts."
    assert article.journal_ref == "Notes on Engines 7.2 (1843) 691-731"
    assert preprint.identifiers == ("2503.01234",)
    assert isinstance(untitled, Reject)
    assert "no title" in untitled.reason


@pytest.mark.django_db
def test_what_we_write_for_zotero_is_read_again() -> None:
    papers = factories.papers(2)
    found = read("".join(exports.zotero_rdf(papers, "https://example.org")))
    assert [each.title for each in found if isinstance(each, PaperRecord)] == [each.title for each in papers]
    assert [each.identifiers[0] for each in found if isinstance(each, PaperRecord)] == [
        each.identifier for each in papers
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (RDF[: RDF.index("<bib:Memo")], 2),
        (RDF.replace("It weaves &amp; counts.", "&weave;"), 0),
        (RDF.encode().replace(b"weaves</dc", b"\xff\xfe</dc"), 0),
        ("", 0),
    ],
)
def test_broken_files_are_told_and_what_stands_before_is_kept(written: str | bytes, kept: int) -> None:
    found = read(written)
    assert sum(isinstance(each, PaperRecord) for each in found) == kept
    assert isinstance(found[-1], Reject)


def test_entities_are_not_followed() -> None:
    declared = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    with pytest.raises(SourceError, match="document type"):
        read(RDF.replace("?>", f"?>{declared}", 1).replace("It weaves &amp; counts.", "&f;"))


KEY = "abcdefghijklmnop12345678"


def library(items: list[dict[str, object]], access: dict[str, object]) -> object:
    """A Zotero with one key and one library."""

    def answer(request: Request) -> Reply:
        if request.headers.get("zotero-api-key") != KEY:
            return Reply(b"Invalid key", 403)
        parts = urlsplit(request.path)
        if parts.path == "/keys/current":
            return Reply(json.dumps({"userID": 9, "access": {"user": access}}).encode())
        start = int(parse_qs(parts.query)["start"][0])
        said = json.dumps({"items": items[start : start + 100]}).encode()
        return Reply(said, headers={"Total-Results": str(len(items))})

    return answering(answer)


@pytest.mark.django_db
def test_a_library_is_fetched_page_by_page_and_the_key_is_forgotten(settings: Settings) -> None:
    settings.LOOPBACK_PAUSE = 0.0
    alice = people.reader("alice")
    (one,) = factories.papers(1)
    items: list[dict[str, object]] = [
        {"id": f"9/{number}", "type": "book", "title": f"Book {number}"} for number in range(120)
    ]
    home = f"https://arxiv.org/abs/{one.identifier}"
    items.append({"id": "9/x", "type": "article", "title": "Another title", "URL": home})
    items.append({"id": "9/y", "type": "article"})
    with library(items, {"library": True, "write": False}) as zotero:  # type: ignore[attr-defined]
        settings.ZOTERO_URL = zotero.url
        browser = people.signed_in(alice)
        answer = browser.post("/library/import", {"key": KEY})
        assert answer.status_code == 303
        assert community.import_due() == 1
    made = LibraryImport.objects.get()
    assert (made.state, made.form, made.known, made.kept, made.broken) == ("done", "Zotero", 1, 120, 1)
    assert not list(importing.folder().iterdir())
    assert len([each for each in zotero.asked if "/items/top" in each.path]) == 2
    assert list(Paper.objects.filter(marks__reader=alice)) == [one]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "access", "sentence"),
    [
        ("z" * 24, {"library": True}, "does not know this key"),
        (KEY, {"library": False}, "may not read a library"),
        (KEY, {"library": True, "write": True}, "may write as well"),
    ],
)
def test_a_key_that_does_not_only_read_is_refused_with_a_sentence(
    settings: Settings, key: str, access: dict[str, object], sentence: str
) -> None:
    settings.LOOPBACK_PAUSE = 0.0
    with library([], access) as zotero:  # type: ignore[attr-defined]
        settings.ZOTERO_URL = zotero.url
        importing.take_zotero(people.reader("alice"), key)
        community.import_due()
    made = LibraryImport.objects.get()
    assert made.state == "failed"
    assert sentence in made.why
