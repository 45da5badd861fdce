"""The OAI-PMH provider, harvested by `sickle`, by `oaipmh-scythe` and by our own source for arXiv."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from lxml import etree
from oaipmh_scythe import Scythe
from oaipmh_scythe.models import Record
from pytest_django.live_server_helper import LiveServer
from sickle import Sickle
from sickle.oaiexceptions import NoRecordsMatch

from broadsheet.api import oai
from broadsheet.models import Paper
from broadsheet.sources import Gone, PaperRecord, VersionRecord, Wish
from broadsheet.sources.arxiv_oai import ArxivOai
from broadsheet.sources.asking import Asker, Pace
from broadsheet.sources.turns import FileTurns
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

ELSEWHERE = "oai:broadsheet:doi:10.5555/12345678"
NAMES = {
    "o": "http://www.openarchives.org/OAI/2.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "a": "http://arxiv.org/OAI/arXiv/",
    "r": "http://arxiv.org/OAI/arXivRaw/",
}


def asked(client: Client, query: str) -> etree._Element:
    response = client.get(f"/oai?{query}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    return etree.fromstring(response.content)


def texts(root: etree._Element, path: str) -> list[str]:
    return [str(each.text) for each in root.iterfind(path, NAMES)]


def shelf() -> None:
    first, third = datetime(2025, 3, 12, 9, tzinfo=UTC), datetime(2025, 3, 20, 9, tzinfo=UTC)
    factories.paper(
        1, versions=(VersionRecord(1, first), VersionRecord(2, third)), revised_at=third, comment="12 pages",
        licence="http://creativecommons.org/licenses/by/4.0/",
    )  # fmt: skip
    factories.paper(2, categories=("hep-th",), title="Cats & <b>dogs</b> \x07")
    factories.paper(3, identifiers=("doi:10.5555/12345678",), categories=("math.CO",))


def test_sickle_and_scythe_walk_all_verbs(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf()
    monkeypatch.setattr(oai, "PAGE", 2)
    url = f"{live_server.url}/oai"
    sickle = Sickle(url)
    records = list(sickle.ListRecords(metadataPrefix="oai_dc"))
    assert [record.header.identifier for record in records] == [
        "oai:arXiv.org:2503.00001",
        "oai:arXiv.org:2503.00002",
        "oai:broadsheet:doi:10.5555/12345678",
    ]
    assert records[0].metadata["creator"] == ["Lovelace, Ada", "Number1, Reader"]
    assert sickle.Identify().granularity == "YYYY-MM-DDThh:mm:ssZ"
    assert [each.metadataPrefix for each in sickle.ListMetadataFormats()] == ["oai_dc", "arXiv", "arXivRaw"]
    assert {"cs", "cs:cs", "cs:cs:LG", "physics", "physics:hep-th"} <= {
        each.setSpec for each in sickle.ListSets()
    }
    one = sickle.GetRecord(identifier="oai:arXiv.org:2503.00002", metadataPrefix="arXiv")
    assert one.header.setSpecs == ["physics:hep-th"]
    assert len(list(sickle.ListIdentifiers(metadataPrefix="arXivRaw"))) == 2
    with pytest.raises(NoRecordsMatch):
        sickle.ListRecords(metadataPrefix="oai_dc", **{"from": "2999-01-01"})

    with Scythe(url) as scythe:
        assert len(list(scythe.list_records(metadata_prefix="oai_dc"))) == 3
        assert len(list(scythe.list_identifiers(metadata_prefix="oai_dc", set_="cs:cs"))) == 1
        assert scythe.identify().protocolVersion == "2.0"
        assert len(list(scythe.list_sets())) >= 5
        assert len(list(scythe.list_metadata_formats(identifier="oai:broadsheet:doi:10.5555/12345678"))) == 1
        found = scythe.get_record(identifier="oai:arXiv.org:2503.00001", metadata_prefix="arXivRaw")
        assert isinstance(found, Record)
        assert found.header.identifier == "oai:arXiv.org:2503.00001"


def test_one_broadsheet_harvests_another(live_server: LiveServer, tmp_path: Path) -> None:
    shelf()
    Paper.objects.filter(identifier="2503.00002").update(hidden=True)
    changed = Paper.objects.values_list("changed_at", flat=True)
    days = {moment.date() for moment in changed}
    source = ArxivOai(Asker(FileTurns(tmp_path), "Broadsheet/test", Pace(0.0)), f"{live_server.url}/oai")
    items: list[object] = []
    cursor = ""
    wish = Wish(since=min(days), until=max(days))
    while True:
        page = source.page(wish, cursor)
        items += page.items
        cursor = page.cursor
        if not cursor:
            break
    records = [each for each in items if isinstance(each, PaperRecord)]
    assert [each.identifiers for each in records] == [("2503.00001",)]
    told, asked_for = records[0], factories.record(1)
    assert (told.title, told.abstract, told.authors) == (
        asked_for.title,
        asked_for.abstract,
        asked_for.authors,
    )
    assert told.categories == asked_for.categories
    assert told.published_at == datetime(2025, 3, 12, 9, tzinfo=UTC)
    assert [version.number for version in told.versions] == [1, 2]
    assert Gone("arxiv", "2503.00002") in items


def test_formats_tell_what_they_are_for(client: Client) -> None:
    shelf()
    root = asked(client, "verb=GetRecord&identifier=oai:arXiv.org:2503.00001&metadataPrefix=arXiv")
    assert texts(root, ".//a:keyname") == ["Lovelace", "Number1"]
    assert texts(root, ".//a:created") == ["2025-03-12"]
    assert texts(root, ".//a:updated") == ["2025-03-20"]
    root = asked(client, "verb=GetRecord&identifier=oai:arXiv.org:2503.00001&metadataPrefix=arXivRaw")
    assert texts(root, ".//r:date") == ["Wed, 12 Mar 2025 09:00:00 GMT", "Thu, 20 Mar 2025 09:00:00 GMT"]
    root = asked(client, "verb=GetRecord&identifier=oai:arXiv.org:2503.00002&metadataPrefix=oai_dc")
    assert texts(root, ".//dc:title") == ["Cats & <b>dogs</b> "]


def test_every_answer_has_the_shape_of_the_protocol(client: Client) -> None:
    """The elements and their order, as section 3 of the protocol lists them."""
    shelf()
    whole = ("responseDate", "request")
    for query, verb in (
        ("verb=Identify", "Identify"),
        ("verb=ListSets", "ListSets"),
        ("verb=ListMetadataFormats", "ListMetadataFormats"),
        ("verb=ListRecords&metadataPrefix=arXiv", "ListRecords"),
        ("verb=ListIdentifiers&metadataPrefix=oai_dc", "ListIdentifiers"),
        ("verb=nothing", "error"),
    ):
        root = asked(client, query)
        assert [etree.QName(each).localname for each in root] == [*whole, verb]
        assert root.find("o:request", NAMES) is not None
    identify = asked(client, "verb=Identify").find("o:Identify", NAMES)
    assert identify is not None
    assert [etree.QName(each).localname for each in identify] == [
        "repositoryName", "baseURL", "protocolVersion", "adminEmail", "earliestDatestamp", "deletedRecord",
        "granularity",
    ]  # fmt: skip
    for header in asked(client, "verb=ListIdentifiers&metadataPrefix=oai_dc").iterfind(".//o:header", NAMES):
        names = [etree.QName(each).localname for each in header]
        assert names[:2] == ["identifier", "datestamp"]
        assert set(names[2:]) <= {"setSpec"}


def test_a_paper_taken_out_is_a_deleted_record(client: Client) -> None:
    shelf()
    Paper.objects.filter(identifier="2503.00001").update(hidden=True)
    root = asked(client, "verb=GetRecord&identifier=oai:arXiv.org:2503.00001&metadataPrefix=oai_dc")
    header = root.find(".//o:header", NAMES)
    assert header is not None
    assert header.get("status") == "deleted"
    assert root.find(".//o:metadata", NAMES) is None


def test_harvests_follow_tokens_and_dates_each_paper_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oai, "PAGE", 2)
    factories.papers(5)
    query, seen = "verb=ListIdentifiers&metadataPrefix=oai_dc", []
    while query:
        root = asked(client, query)
        seen += texts(root, ".//o:identifier")
        token = root.find(".//o:resumptionToken", NAMES)
        assert token is not None
        assert token.get("completeListSize") == "5"
        query = f"verb=ListIdentifiers&resumptionToken={token.text}" if token.text else ""
    assert len(seen) == len(set(seen)) == 5
    Paper.objects.filter(identifier="2503.00003").update(changed_at=datetime(2020, 1, 1, 12, tzinfo=UTC))
    for span in (
        "until=2020-01-01",
        "from=2020-01-01&until=2020-01-01",
        "from=2020-01-01T12:00:00Z&until=2020-01-01T12:00:00Z",
    ):
        root = asked(client, f"verb=ListIdentifiers&metadataPrefix=oai_dc&{span}")
        assert texts(root, ".//o:identifier") == ["oai:arXiv.org:2503.00003"]
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    root = asked(client, f"verb=ListIdentifiers&metadataPrefix=oai_dc&from={tomorrow}")
    assert root.find("o:error", NAMES) is not None


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "badVerb"),
        ("verb=Harvest", "badVerb"),
        ("verb=Identify&verb=Identify", "badVerb"),
        ("verb=Identify&until=2020-01-01", "badArgument"),
        ("verb=ListRecords", "badArgument"),
        ("verb=GetRecord&metadataPrefix=oai_dc", "badArgument"),
        ("verb=ListRecords&metadataPrefix=oai_dc&metadataPrefix=oai_dc", "badArgument"),
        ("verb=ListRecords&metadataPrefix=a%20b", "badArgument"),
        ("verb=ListRecords&metadataPrefix=oai_dc&set=cs::LG", "badArgument"),
        ("verb=ListRecords&metadataPrefix=oai_dc&from=yesterday", "badArgument"),
        ("verb=ListRecords&metadataPrefix=oai_dc&from=2020-01-02&until=2020-01-01", "badArgument"),
        ("verb=ListRecords&metadataPrefix=oai_dc&from=2020-01-01&until=2020-01-02T00:00:00Z", "badArgument"),
        ("verb=ListRecords&metadataPrefix=oai_dc&from=0001-01-01", "badArgument"),
        ("verb=ListRecords&metadataPrefix=oai_dc&resumptionToken=x", "badArgument"),
        ("verb=ListRecords&resumptionToken=x", "badResumptionToken"),
        ("verb=ListRecords&resumptionToken=W10.é", "badResumptionToken"),
        ("verb=ListSets&resumptionToken=x", "badResumptionToken"),
        ("verb=ListRecords&metadataPrefix=marc", "cannotDisseminateFormat"),
        (f"verb=GetRecord&identifier={ELSEWHERE}&metadataPrefix=arXiv", "cannotDisseminateFormat"),
        ("verb=GetRecord&identifier=oai:arXiv.org:2503.09999&metadataPrefix=oai_dc", "idDoesNotExist"),
        ("verb=ListMetadataFormats&identifier=nothing", "idDoesNotExist"),
        ("verb=ListRecords&metadataPrefix=oai_dc&set=nowhere", "noRecordsMatch"),
        ("verb=ListRecords&metadataPrefix=oai_dc&from=2999-01-01", "noRecordsMatch"),
    ],
)  # fmt: skip
def test_errors_have_the_protocols_codes(client: Client, query: str, code: str) -> None:
    shelf()
    error = asked(client, query).find("o:error", NAMES)
    assert error is not None
    assert error.get("code") == code
    assert error.text


def test_any_arguments_are_answered_in_the_protocol(client: Client) -> None:
    shelf()
    names = st.sampled_from(
        ["verb", "metadataPrefix", "identifier", "from", "until", "set", "resumptionToken", "x"]
    )
    values = st.sampled_from(
        ["ListRecords", "ListSets", "GetRecord", "Identify", "ListIdentifiers", "oai_dc", "arXivRaw", "é", "",
         "2025-01-01", "2025-13-01", "2025-01-01T00:00:00Z", "cs", "cs:cs:LG", ":", "e30.x",
         "oai:arXiv.org:2503.00001"]
    )  # fmt: skip

    @effort(max_examples=120, database=None)
    @given(st.lists(st.tuples(names, values | st.text(max_size=8)), max_size=5))
    def ask(pairs: list[tuple[str, str]]) -> None:
        told: dict[str, list[str]] = {}
        for name, value in pairs:
            told.setdefault(name, []).append(value.encode(errors="replace").decode())
        response = client.get("/oai", told)
        assert response.status_code in (200, 400), pairs
        assert etree.QName(etree.fromstring(response.content)).localname == "OAI-PMH"

    ask()


def test_queries_of_a_page_do_not_grow(client: Client, django_assert_max_num_queries: object) -> None:
    factories.papers(30)
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        root = asked(client, "verb=ListRecords&metadataPrefix=arXivRaw")
    assert len(root.findall(".//o:record", NAMES)) == 30
