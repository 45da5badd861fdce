"""How fresh the server says it is: the public page, /health and doctor, and what is watched for signals."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from broadsheet import catalog
from broadsheet.catalog import watching
from broadsheet.models import Paper, Signal, SourceState, Watch
from broadsheet.operations.checks import health, of_sources
from broadsheet.sources import LinkRecord, Wish
from tests import factories
from tests.answering import Reply, Request, answering

pytestmark = pytest.mark.django_db
FRIDAY = factories.FRIDAY
SAMPLES = Path(__file__).parent / "samples"


def state(source: str = "arxiv", **changes: object) -> SourceState:
    now = datetime.now(UTC)
    told = {"source": source, "succeeded_at": now, "due_at": now + timedelta(hours=1), "new": 7, "read": 1234}
    return SourceState.objects.create(**told | changes)


def test_without_sources_the_page_says_so(client: Client) -> None:
    assert b"follows no source by itself" in client.get("/sources").content


def test_the_page_says_what_each_source_brought_and_what_is_wrong(client: Client, settings: Settings) -> None:
    settings.SOURCES = ["arxiv", "huggingface", "feeds"]
    settings.FEEDS = ["https://journal.example.org/rss?key=hunter2"]
    factories.paper()
    state()
    long_ago = datetime.now(UTC) - timedelta(days=3)
    state("huggingface", problem="huggingface.co cannot be reached.", succeeded_at=long_ago)
    page = client.get("/sources").content.decode()
    assert "7 new, 0 changed, of 1,234 read" in page
    assert "huggingface.co cannot be reached." in page and "Not fresh." in page
    assert "2 of 3 sources are well" in page
    assert "journal.example.org" in page and "hunter2" not in page


def test_a_source_that_nobody_asks_any_more_is_not_called_well(client: Client, settings: Settings) -> None:
    settings.SOURCES = ["arxiv", "huggingface"]
    then = datetime.now(UTC) - timedelta(hours=30)
    state(succeeded_at=then, due_at=then + timedelta(hours=1))
    state("huggingface", due_at=datetime.now(UTC) - timedelta(minutes=10))
    page = client.get("/sources").content.decode()
    assert "1 of 2 sources" in page and "and nobody asked it." in page and "Not fresh." in page
    assert "nobody asked it" in health().facts["sources"][0]["problem"]
    assert "broadsheet worker" in of_sources()[0].do
    SourceState.objects.update(claim="x", claimed_until=datetime.now(UTC) + timedelta(minutes=5))
    assert "nobody asked it" not in client.get("/sources").content.decode(), "it is being read just now"


def test_the_page_costs_the_same_whatever_is_followed(
    client: Client, settings: Settings, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    settings.SOURCES = ["arxiv"]
    settings.ARXIV_SETS = [f"cs:cs:{letter}{letter}" for letter in "ABCDEFGHIJ"]
    for part in settings.ARXIV_SETS:
        state(part=part)
    client.get("/sources")
    with django_assert_max_num_queries(3):
        assert client.get("/sources").status_code == 200


def test_health_and_doctor_say_the_same(settings: Settings) -> None:
    settings.SOURCES = ["arxiv", "huggingface"]
    state(problem="oaipmh.arxiv.org cannot be reached.", succeeded_at=None)
    told = health().facts["sources"]
    assert [one["source"] for one in told] == ["arxiv", "huggingface"]
    assert told[0]["problem"] == "oaipmh.arxiv.org cannot be reached." and told[1]["succeeded"] is None
    broken, waiting = of_sources()
    assert broken.state == "warn" and "it has never succeeded" in broken.says
    assert (waiting.state, waiting.says) == ("ok", "not asked yet; the worker does it")
    settings.SOURCES = ["arxive"]
    assert of_sources()[0].state == "fail"
    settings.SOURCES = []
    assert "none is followed" in of_sources()[0].says


# Signals


def with_code(number: int = 1) -> Paper:
    return factories.paper(number, links=(LinkRecord("code", "https://github.com/Ada/Engine"),))


def test_stars_become_a_log_that_grows_only_when_they_do(settings: Settings) -> None:
    paper, other = with_code(), with_code(2)
    stars = iter([412, 412, 500])

    def answer(request: Request) -> Reply:
        return Reply(json.dumps({"stargazers_count": next(stars)}).encode(), headers={"ETag": '"a"'})

    with answering(answer) as stranger:
        settings.GITHUB_URL, settings.LOOPBACK_PAUSE = stranger.url, 0.0
        for expected in (1, 1, 2):
            harvest = catalog.fetch("github", Wish())
            assert not harvest.problem
            assert Signal.objects.filter(paper=paper, source="github").count() == expected
            Watch.objects.update(due_at=datetime.now(UTC))
            Signal.objects.update(seen_at=F("seen_at") - timedelta(days=1))
        assert len(stranger.asked) == 3, "one repository of two papers is asked about once"
    paper.refresh_from_db()
    other.refresh_from_db()
    assert paper.stars == other.stars == 500
    assert paper.source == "arxiv"


def test_a_watch_is_due_the_more_rarely_the_older_the_paper(settings: Settings) -> None:
    with_code()
    with answering(lambda request: Reply(b'{"stargazers_count": 1}')) as stranger:
        settings.GITHUB_URL, settings.LOOPBACK_PAUSE = stranger.url, 0.0
        catalog.fetch("github", Wish())
        catalog.fetch("github", Wish())
        assert len(stranger.asked) == 1
    due_at = Watch.objects.get().due_at
    assert due_at and due_at - datetime.now(UTC) > timedelta(days=watching.EVERY[-1][1] - 50)


def test_what_is_gone_is_not_asked_about_again(settings: Settings) -> None:
    with_code()
    with answering(lambda request: Reply(status=404)) as stranger:
        settings.GITHUB_URL, settings.LOOPBACK_PAUSE = stranger.url, 0.0
        catalog.fetch("github", Wish())
        catalog.fetch("github", Wish())
        assert len(stranger.asked) == 1
    assert Watch.objects.get().due_at is None and not Signal.objects.exists()


def test_a_counter_without_its_key_says_which_setting_is_missing(settings: Settings) -> None:
    settings.OPENALEX_KEY = ""
    assert "BROADSHEET_OPENALEX_KEY" in catalog.fetch("openalex", Wish()).problem


def test_the_questions_of_a_day_are_counted_and_the_rest_waits_for_the_next(
    client: Client, settings: Settings
) -> None:
    for number in range(1, 6):
        factories.paper(number, published_at=datetime.now(UTC) - timedelta(days=2))
    settings.SOURCES, settings.OPENALEX_KEY, settings.OPENALEX_DAILY = ["openalex"], "key", 2
    settings.LOOPBACK_PAUSE = 0.0
    with answering(lambda request: Reply(b'{"results": []}')) as stranger:
        settings.OPENALEX_URL = stranger.url
        settings.SOURCE_RHYTHM = ["openalex=0"]
        for _ in range(4):
            catalog.fetch_due()
            Watch.objects.update(due_at=datetime.now(UTC))
            SourceState.objects.filter(asked__lt=2).update(due_at=datetime.now(UTC))
        assert len(stranger.asked) == 2
        row = SourceState.objects.get()
        midnight = (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        assert row.due_at == midnight and not row.problem and not row.failures
        assert b"Its 2 questions of today are asked" in client.get("/sources").content
        assert "after midnight" in of_sources()[0].says
        by_hand = catalog.fetch("openalex", Wish("part", FRIDAY, FRIDAY))
        assert by_hand.finished and "after midnight" in by_hand.line()
        assert len(stranger.asked) == 2, "neither a part nor days are a way round it"
        SourceState.objects.update(asked_on=datetime.now(UTC).date() - timedelta(days=1))
        assert not catalog.fetch("openalex", Wish()).note
        assert len(stranger.asked) == 3
        assert b"of today are asked" not in client.get("/sources").content


# The watched folder


def test_files_put_into_the_folder_come_in_once_and_again_when_they_change(
    settings: Settings, tmp_path: Path
) -> None:
    settings.WATCHED_FOLDER = tmp_path / "incoming"
    assert "There is no folder incoming" in catalog.fetch("folder", Wish()).problem
    settings.WATCHED_FOLDER.mkdir()
    file = settings.WATCHED_FOLDER / "mine.ris"
    file.write_bytes((SAMPLES / "references.ris").read_bytes())
    assert catalog.fetch("folder", Wish()).read == 0, "it may still be being written"
    for moment in (100, 50):
        os.utime(file, (time.time() - moment,) * 2)
        harvest = catalog.fetch("folder", Wish())
        assert harvest.finished and harvest.read > 0
        assert catalog.fetch("folder", Wish()).read == 0
    (settings.WATCHED_FOLDER / "other.bin").write_bytes(b"\0nonsense")
    os.utime(settings.WATCHED_FOLDER / "other.bin", (1, 1))
    harvest = catalog.fetch("folder", Wish())
    assert harvest.finished and harvest.refused == 1
