"""One address in several forms: what `Accept` asks for is what comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from broadsheet import community, doors, search
from broadsheet.community import collecting
from tests import factories, people

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
BIBTEX = "application/x-bibtex; charset=utf-8"
CSL = "application/vnd.citationstyles.csl+json"


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    doors.close()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        (CHROME, "text/html; charset=utf-8"),
        ("application/x-bibtex", BIBTEX),
        ("APPLICATION/X-BIBTEX", BIBTEX),
        ("text/x-bibtex, */*;q=0.1", BIBTEX),
        ("application/bibtex, */*", BIBTEX),
        ("application/x-research-info-systems", "application/x-research-info-systems"),
        ("application/citeproc+json", CSL),
        ("application/x-bibtex;q=0.5, application/vnd.citationstyles.csl+json;q=0.7", CSL),
        ("application/rdf+xml;q=0.9, text/html;q=0.3", "application/rdf+xml"),
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("text/*", "text/html; charset=utf-8"),
        ("application/x-bibtex;q=0, text/*;q=0.1", "text/html; charset=utf-8"),
        ("application/xml;q=0.9, */*;q=0.8", "text/html; charset=utf-8"),
    ],
)
def test_a_paper_comes_as_it_is_asked_for(client: Client, accept: str, kind: str) -> None:
    factories.paper(1)
    answer = client.get("/papers/2503.00001", headers={"accept": accept} if accept else {})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == kind
    assert "Accept" in answer.headers["Vary"].replace("Accept-Encoding", "")
    if "html" not in kind:
        located = client.get(answer.headers["Content-Location"])
        assert located.content == answer.content


@pytest.mark.parametrize("accept", ["image/png", "text/plain, text/html;q=0", "nonsense", ";", "a/b;q=x"])
def test_what_there_is_not_is_said(client: Client, accept: str) -> None:
    factories.paper(1)
    for path in ("/papers/2503.00001", "/papers/date/2025-03-14"):
        answer = client.get(path, headers={"accept": accept})
        assert answer.status_code == 406
        assert "Accept" in answer.headers["Vary"]


def test_json_is_our_own_json(client: Client) -> None:
    factories.papers(2)
    search.rebuild()
    ask = {"accept": "application/json"}
    one = client.get("/papers/2503.00001v2", headers=ask, follow=True).json()
    assert one["identifier"] == "2503.00001"
    listed = client.get("/papers/date/2025-03-14?category=cs.CL", headers=ask, follow=True).json()
    assert (listed["key"], listed["total"]) == ("2025-03-14", 2)
    assert client.get("/papers", headers=ask, follow=True).json()["total"] == 2
    found = client.get("/search?q=newspaper&category=cs.CL", headers=ask, follow=True).json()
    assert found["total"] == 2


def test_lists_come_whole_in_every_form(client: Client) -> None:
    papers = factories.papers(40)
    search.rebuild()
    alice = people.reader("alice")
    kept = collecting.make(alice, "Kept", visibility="public")
    for paper in papers[:3]:
        collecting.put(alice, kept.pk, paper.pk)
        community.mark(alice, paper.pk, "saved")
    assert len(client.get("/papers/date/2025-03-14.csl.json").json()) == 30
    assert len(client.get("/papers/date/2025-03-14.csl.json?n=1000").json()) == 40
    assert len(client.get("/papers/date/2025-03-14.csl.json?n=25&p=2").json()) == 15
    assert client.get("/papers/date/2025-03-14.csl.json?n=1001").status_code == 400
    assert len(client.get("/search.csl.json?q=newspaper&n=1000").json()) == 40
    for suffix, start in (("bib", "@misc"), ("ris", "TY  - "), ("rdf", "<?xml"), ("md", "#")):
        for path in ("/papers/date/2025-03-14", "/search", "/similar", f"/collections/{kept.pk}"):
            asked = {"/search": "?q=newspaper", "/similar": "?like=2503.00001"}.get(path, "")
            text = client.get(f"{path}.{suffix}{asked}").content.decode()
            assert text.startswith(start), (path, suffix)
    as_csl = {"accept": CSL}
    assert len(client.get(f"/collections/{kept.pk}", headers=as_csl).json()) == 3
    assert len(people.signed_in(alice).get("/library", headers=as_csl).json()) == 3
    assert client.get("/search?q=newspaper", headers=as_csl).json()
    page = client.get("/papers/date/2025-03-14").content.decode()
    assert "/papers/date/2025-03-14.bib?n=1000" in page
