"""The server that stands in for arXiv is itself held to arXiv's contract, by clients that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from tests.arxiv import Corpus, StandIn, invented, standing_in

MONDAY = date(2026, 8, 3)


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    corpus = Corpus.of(invented(60, MONDAY))
    with standing_in(StandIn(corpus, date(2026, 8, 20), size=25)) as running:
        yield running


def test_sickle_harvests_it_whole(stand_in: StandIn) -> None:
    from sickle import Sickle

    found = list(Sickle(f"{stand_in.url}/oai").ListRecords(metadataPrefix="oai_dc"))
    assert len(found) == len({record.header.identifier for record in found}) == 60
    assert found[0].metadata["creator"][0] == "Ada Lovelace"


def test_scythe_reads_one_set_and_the_sets(stand_in: StandIn) -> None:
    from oaipmh_scythe import Scythe

    with Scythe(f"{stand_in.url}/oai") as scythe:
        found = list(scythe.list_records(metadata_prefix="arXivRaw", set_="math:math:CO"))
        assert len(found) == 20
        assert "cs:cs:LG" in {getattr(one, "setSpec", "") for one in scythe.list_sets()}


def test_a_paper_is_filed_under_the_day_of_its_newest_version(stand_in: StandIn) -> None:
    corpus, row = stand_in.corpus, 4
    life = corpus.lives[row]
    assert life.announced < life.revised
    assert life.filed(life.announced) == life.announced
    assert life.filed(life.revised) == life.revised
    assert life.filed(life.announced - 1) == 0
    assert len(corpus.versions(row, life.announced)) == 1
    assert len(corpus.versions(row, life.revised)) == 2


def test_the_arxiv_client_looks_single_papers_up(stand_in: StandIn) -> None:
    import arxiv

    client = arxiv.Client(delay_seconds=0, num_retries=0)
    client.query_url_format = f"{stand_in.url}/api/query?{{}}"
    [paper] = client.results(arxiv.Search(id_list=["2608.00001"]))
    assert paper.title.startswith("On the news of 03 August")
