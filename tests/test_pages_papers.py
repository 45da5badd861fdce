"""The page of a paper, its other names, its files, and what reference managers and crawlers read in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from django.test import Client

from broadsheet.models import Paper, Signal
from broadsheet.sources import LinkRecord, VersionRecord
from tests import factories
from tests.pages import strangers
from tests.pages.reading import get, read

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

ONE = "/papers/2503.00001"


def test_a_paper_has_a_page_with_everything_that_is_known(client: Client) -> None:
    factories.paper(
        1,
        abstract="First.\n\nSecond with $x^2$.",
        comment="12 pages",
        journal_ref="Annals 7",
        licence="http://creativecommons.org/licenses/by/4.0/",
        organization="Analytical Society",
        links=(
            LinkRecord("code", "https://github.com/ada/press"),
            LinkRecord("dataset", "https://huggingface.co/datasets/ada/papers"),
        ),
        versions=(
            VersionRecord(1, datetime(2025, 3, 12, 9, tzinfo=UTC)),
            VersionRecord(2, datetime(2025, 3, 20, 9, tzinfo=UTC)),
        ),
    )
    page = get(client, ONE)
    assert page.words("h1") == ["A study of newspapers, part 1"]
    assert page.words("div", class_="abstract")[0].startswith("First. Second with")
    assert len(page.all("math")) == 1
    links = page.links()
    assert links["Abstract at arXiv"] == "https://arxiv.org/abs/2503.00001"
    assert links["PDF"] == "https://arxiv.org/pdf/2503.00001"
    assert links["github.com/ada/press"] == "https://github.com/ada/press"
    assert links["v2"] == "https://arxiv.org/abs/2503.00001v2"
    assert links["CC BY 4.0"].endswith("/by/4.0/")
    about = page.words("dl", class_="about")[0]
    for words in ("arXiv:2503.00001", "12 pages", "Annals 7", "Analytical Society", "cs.LG", "14 March 2025"):
        assert words in about


def test_authors_are_linked_and_the_many_are_folded_away(client: Client) -> None:
    factories.paper(1, authors=("Ada Lovelace", *(f"Collaborator Number{n}" for n in range(299))))
    page = get(client, ONE)
    assert page.links()["Ada Lovelace"] == "/author/ada-lovelace"
    assert "and 280 more authors" in page.words("summary")
    assert len(page.all("a")) > 300


def test_a_withdrawn_paper_says_so_first(client: Client) -> None:
    factories.paper(1, withdrawn=True)
    assert get(client, ONE).words("p", class_="banner")[0].startswith("Withdrawn.")


def test_a_summary_of_ours_is_never_passed_off_as_the_authors_abstract(client: Client) -> None:
    factories.paper(1)
    Paper.objects.update(abstract_is_ours=True)
    page = get(client, ONE)
    assert "Summary by Broadsheet" in page.words("span", class_="ours")[0]
    assert not page.all("meta", name="citation_abstract")


@pytest.mark.parametrize(
    "spelling",
    [
        "2503.00001v3",
        "arXiv:2503.00001",
        "ARXIV:2503.00001v1",
        "doi:10.48550/arXiv.2503.00001",
        "2503.00001v2.pdf",
    ],
)
def test_every_other_spelling_leads_to_the_one_page(client: Client, spelling: str) -> None:
    factories.paper(1)
    response = client.get(f"/papers/{spelling}")
    assert (response.status_code, response.headers["Location"]) == (301, ONE)


def test_an_alias_leads_to_the_paper_and_keeps_the_suffix(client: Client) -> None:
    factories.paper(1, identifiers=("2503.00001", "doi:10.1000/abc"))
    assert client.get("/papers/doi:10.1000/ABC").headers["Location"] == ONE
    assert client.get("/papers/doi:10.1000/abc.bib").headers["Location"] == f"{ONE}.bib"


def test_old_identifiers_and_dois_have_pages(client: Client) -> None:
    factories.paper(1, identifiers=("hep-th/9901001",))
    factories.paper(2, identifiers=("doi:10.1000/a.b(c)<d>",))
    assert get(client, "/papers/hep-th/9901001").words("h1") == ["A study of newspapers, part 1"]
    address = Paper.objects.get(identifier__startswith="doi:").get_absolute_url()
    assert get(client, address).words("h1") == ["A study of newspapers, part 2"]


def test_a_doi_that_ends_like_a_file_is_still_a_paper(client: Client) -> None:
    factories.paper(1, identifiers=("doi:10.1000/notes.bib",))
    assert get(client, "/papers/doi:10.1000/notes.bib").words("h1") == ["A study of newspapers, part 1"]
    assert client.get("/papers/doi:10.1000/notes.bib.bib").content.startswith(b"@")


@pytest.mark.parametrize(
    ("suffix", "content_type", "start"),
    [
        ("bib", "application/x-bibtex", b"@misc{"),
        ("ris", "application/x-research-info-systems", b"TY  - "),
        ("csl.json", "application/vnd.citationstyles.csl+json", b"["),
        ("rdf", "application/rdf+xml", b"<?xml"),
        ("md", "text/markdown", b"# A study"),
    ],
)
def test_a_paper_comes_in_every_format(client: Client, suffix: str, content_type: str, start: bytes) -> None:
    factories.paper(1)
    response = client.get(f"{ONE}.{suffix}")
    assert response.headers["Content-Type"].startswith(content_type)
    assert response.content.startswith(start)
    assert f"2503.00001.{suffix}" in response.headers["Content-Disposition"]
    assert get(client, ONE).all("link", rel="alternate", href=f"{ONE}.{suffix}")


def test_an_unknown_paper_is_not_found_and_the_way_to_it_is_shown(client: Client) -> None:
    page = get(client, "/papers/2503.99999", 404)
    assert "No paper 2503.99999 here." in page.words("p", class_="lead-in")
    assert "https://arxiv.org/abs/2503.99999" in page.links().values()


def test_a_name_that_is_no_identifier_offers_a_search(client: Client) -> None:
    page = get(client, "/papers/attention is all", 404)
    assert page.links()["Search for “attention is all”"] == "/search?q=attention+is+all"


def test_a_hidden_paper_is_gone(client: Client) -> None:
    factories.paper(1)
    Paper.objects.update(hidden=True)
    for path in (ONE, f"{ONE}.bib"):
        assert client.get(path).status_code == 410
    assert client.get("/unapi?id=2503.00001").status_code == 404


def test_crawlers_find_citation_tags_and_a_canonical_address(client: Client) -> None:
    factories.paper(1)
    page = get(client, ONE)
    assert page.one("meta", name="citation_title").attributes["content"] == "A study of newspapers, part 1"
    assert [tag.attributes["content"] for tag in page.all("meta", name="citation_author")] == [
        "Lovelace, Ada",
        "Number1, Reader",
    ]
    assert page.one("link", rel="canonical").attributes["href"] == f"http://testserver{ONE}"
    assert page.one("meta", property="og:title").attributes["content"] == "A study of newspapers, part 1"


def test_json_ld_is_json_and_cannot_end_its_element(client: Client) -> None:
    factories.paper(1, title="</script><script>alert(1)</script>")
    html = client.get(ONE).content.decode()
    (script,) = [
        one for one in read(html).all("script") if one.attributes.get("type") == "application/ld+json"
    ]
    assert json.loads(script.text)["headline"] == "</script><script>alert(1)</script>"


def test_unapi_tells_zotero_that_this_is_a_preprint(client: Client) -> None:
    factories.paper(1)
    page = get(client, ONE)
    identifier = page.one("abbr", class_="unapi-id").attributes["title"]
    server = page.one("link", rel="unapi-server").attributes["href"]
    formats = client.get(server, {"id": identifier})
    assert formats.status_code == 300
    names = [one.attrib["name"] for one in ElementTree.fromstring(formats.content)]
    assert names[0] == "rdf_zotero"
    rdf = client.get(server, {"id": identifier, "format": "rdf_zotero"}).content.decode()
    assert "<z:itemType>preprint</z:itemType>" in rdf
    assert client.get(server).status_code == 200
    assert client.get(server, {"id": "2503.99999", "format": "bibtex"}).status_code == 404
    assert client.get(server, {"id": identifier, "format": "docx"}).status_code == 406


def test_signals_are_drawn_with_a_table_for_those_who_cannot_see_the_drawing(client: Client) -> None:
    paper = factories.paper(1)
    for day in (15, 16, 18):
        Signal.objects.create(
            paper=paper,
            source="huggingface",
            kind="upvotes",
            value=day,
            seen_at=datetime(2025, 3, day, tzinfo=UTC),
        )
    page = get(client, ONE)
    drawing = page.one("svg", role="img")
    assert drawing.attributes["aria-label"] == "From 15 on 15 March 2025 to 18 on 18 March 2025"
    assert page.words("figcaption") == ["18 upvotes on Hugging Face"]
    assert page.one("path").attributes["d"].startswith("M0 ")
    assert "16 Mar 2025, 00:00 UTC 16" in " ".join(page.words("tr"))


def test_one_sighting_is_told_in_words(client: Client) -> None:
    factories.paper(1, signals=(factories.votes(30),))
    page = get(client, ONE)
    assert page.words("figcaption")[0].startswith("30 upvotes on")
    assert not page.all("svg")


# Strangers


@pytest.mark.security_check(1)
def test_hostile_papers_are_shown_harmlessly_on_every_page(client: Client) -> None:
    paths = [paper.get_absolute_url() for paper in strangers.put_all()]
    for path in [*paths, "/papers/date/2025-03-14", "/papers/all", "/search?q=stranger", "/author/mallory"]:
        response = client.get(path)
        assert response.status_code == 200, path
        html = response.content.decode()
        assert strangers.SCRIPT not in html, path
        assert "<img" not in html, path
        assert "\u202e" not in html, path
        page = read(html)
        assert all(
            one.attributes.get("src", "").startswith("/static/")
            or one.attributes.get("type") == "application/ld+json"
            for one in page.all("script")
        ), path
        for element in page.elements:
            assert not any(name.startswith("on") or name == "style" for name in element.attributes), (
                path,
                element,
            )
            for name in ("href", "src", "action"):
                assert not element.attributes.get(name, "").lower().startswith(("javascript:", "data:")), path


@pytest.mark.security_check(27)
@pytest.mark.parametrize("suffix", ["bib", "ris", "csl.json", "rdf", "md"])
def test_hostile_papers_leave_in_every_format(client: Client, suffix: str) -> None:
    for paper in strangers.put_all():
        response = client.get(f"{paper.get_absolute_url()}.{suffix}")
        assert response.status_code == 200
        assert "\n" not in response.headers["Content-Disposition"]


def test_a_huge_title_and_abstract_do_not_make_a_huge_listing(client: Client) -> None:
    strangers.put_all()
    assert len(client.get("/papers/date/2025-03-14").content) < 40_000
