"""Fetching from a live arXiv that stands in: whole, once, resumed, healed, and never impolite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from pytest_django import Settings

from broadsheet import catalog, doors
from broadsheet.catalog import fetching
from broadsheet.models import Paper, SourceState
from broadsheet.sources import SourceError, Wish
from tests.answering import Reply, answering
from tests.arxiv import Corpus, Faults, StandIn, invented, standing_in
from tests.arxiv.corpus import to_day

MONDAY = date(2026, 8, 3)
LATER = date(2026, 8, 28)
pytestmark = pytest.mark.django_db


def follow(settings: Settings, stand_in: StandIn, *names: str) -> None:
    settings.SOURCES = list(names or ["arxiv"])
    settings.SOURCE_RHYTHM = [f"{name}=0" for name in settings.SOURCES]
    settings.ARXIV_OAI_URL = f"{stand_in.url}/oai"
    settings.ARXIV_RSS_URL = f"{stand_in.url}/rss"
    settings.LOOPBACK_PAUSE = stand_in.manners.pause


@pytest.fixture
def calm(settings: Settings) -> Iterator[StandIn]:
    """60 papers of six days, each fifth revised a week later; nothing goes wrong."""
    with standing_in(StandIn(Corpus.of(invented(60, MONDAY)), LATER, size=8)) as stand_in:
        follow(settings, stand_in)
        yield stand_in


def stored() -> set[str]:
    return set(Paper.objects.values_list("identifier", flat=True))


def since(day: date, part: str = "", until: date | None = None) -> Wish:
    return Wish(part, day, until)


def test_a_harvest_brings_every_paper_once_with_its_versions(calm: StandIn) -> None:
    harvest = catalog.fetch("arxiv", since(MONDAY))
    assert harvest.finished and not harvest.problem
    assert stored() == set(calm.corpus.ids)
    assert harvest.taken.new == 60 and harvest.refused == 0
    revised = Paper.objects.get(identifier="2608.00005")
    assert [version.number for version in revised.versions.all()] == [1, 2]
    assert Paper.objects.get(identifier="2608.00004").has_code
    again = catalog.fetch("arxiv", since(MONDAY))
    assert (again.taken.new, again.taken.changed, again.taken.unchanged) == (0, 0, 60)


def test_one_set_is_one_set_and_an_unknown_one_a_sentence(calm: StandIn) -> None:
    catalog.fetch("arxiv", since(MONDAY, "math:math:CO"))
    assert len(stored()) == 20
    assert "does not know the set cs:cs:NO" in catalog.fetch("arxiv", since(MONDAY, "cs:cs:NO")).problem
    with pytest.raises(SourceError, match="no source named arxive"):
        catalog.fetch("arxive", Wish())


def test_a_span_with_a_last_day_is_a_harvest_of_its_own(calm: StandIn) -> None:
    harvest = catalog.fetch("arxiv", since(MONDAY, until=MONDAY + timedelta(days=1)))
    assert harvest.finished
    assert stored() == {name for name in calm.corpus.ids if int(name[-5:]) <= 10 and int(name[-5:]) % 5}
    assert not SourceState.objects.exists()


def test_a_harvest_that_is_cut_off_goes_on_where_it_was(calm: StandIn) -> None:
    class Killed(BaseException):
        pass

    def kill(harvest: catalog.Harvest) -> None:
        if harvest.pages == 3:
            raise Killed

    with pytest.raises(Killed):
        catalog.fetch("arxiv", since(MONDAY), kill)
    before, asked = len(stored()), calm.manners.requests
    assert 0 < before < 60
    # The killed process left its claim, which runs out by itself.
    with pytest.raises(SourceError, match="being fetched already"):
        catalog.fetch("arxiv", since(MONDAY))
    SourceState.objects.update(claimed_until=datetime.now(UTC) - timedelta(seconds=1))
    harvest = catalog.fetch("arxiv", since(MONDAY))
    assert stored() == set(calm.corpus.ids)
    assert harvest.taken.new == 60 - before and harvest.taken.unchanged == 0, "nothing is read twice"
    assert calm.manners.requests > asked


def test_ctrl_c_keeps_what_was_read_and_gives_the_claim_back(calm: StandIn) -> None:
    def interrupt(harvest: catalog.Harvest) -> None:
        if harvest.pages == 2:
            raise KeyboardInterrupt

    harvest = catalog.fetch("arxiv", since(MONDAY), interrupt)
    assert harvest.stopped and 0 < len(stored()) < 60
    assert catalog.fetch("arxiv", since(MONDAY)).finished
    assert stored() == set(calm.corpus.ids)


def test_the_worker_shows_each_mornings_papers_within_one_round(calm: StandIn, settings: Settings) -> None:
    calm.morning(MONDAY)
    catalog.fetch("arxiv", since(MONDAY - timedelta(days=3)))
    assert stored() == set()
    for days in range(1, 10):
        calm.morning(MONDAY + timedelta(days=days))
        catalog.fetch_due()
        expected = {
            name
            for name, life in zip(calm.corpus.ids, calm.corpus.lives, strict=True)
            if life.announced <= to_day(calm.now.date())
        }
        assert stored() == expected
    assert len(stored()) == 60


def test_late_revised_and_deleted_papers_come_right(settings: Settings) -> None:
    corpus = Corpus.of(invented(60, MONDAY), late=0.3, deleted=0.3)
    late = [
        name for name, life in zip(corpus.ids, corpus.lives, strict=True) if life.visible > life.announced
    ]
    gone = [name for name, life in zip(corpus.ids, corpus.lives, strict=True) if life.deleted]
    assert late and gone
    with standing_in(StandIn(corpus, MONDAY, size=8)) as stand_in:
        follow(settings, stand_in)
        catalog.fetch("arxiv", since(MONDAY))
        for days in range(26):
            stand_in.morning(MONDAY + timedelta(days=days))
            catalog.fetch_due()
    assert stored() == set(corpus.ids)
    assert set(Paper.objects.filter(withdrawn=True).values_list("identifier", flat=True)) == set(gone)
    assert Paper.objects.get(identifier="2608.00005").versions.count() == 2


def test_nothing_is_lost_or_doubled_through_faults_and_nobody_is_impolite(settings: Settings) -> None:
    faults = Faults(0.3, retry_after=0)
    with standing_in(StandIn(Corpus.of(invented(60, MONDAY)), LATER, 8, 0.005, faults)) as stand_in:
        follow(settings, stand_in)
        for _ in range(20):
            if catalog.fetch("arxiv", since(MONDAY)).finished:
                break
        assert stored() == set(stand_in.corpus.ids)
        assert len(stand_in.manners.faults) >= 4, stand_in.manners.faults
        assert stand_in.manners.impolite == []


def test_two_workers_at_once_fetch_once(calm: StandIn) -> None:
    row = SourceState.objects.create(source="arxiv", part="")
    mine = fetching._claim(row.pk)
    assert mine and fetching._claim(row.pk) is None
    assert catalog.fetch_due() == 0
    assert calm.manners.requests == 0


def test_a_worker_that_lost_its_claim_keeps_nothing(calm: StandIn) -> None:
    def take_over(harvest: catalog.Harvest) -> None:
        SourceState.objects.update(claim="somebody else")

    catalog.fetch("arxiv", since(MONDAY), take_over)
    state = SourceState.objects.get()
    assert state.claim == "somebody else"
    assert state.in_all == len(stored()), "the page after the first was not kept"


def test_a_broken_source_stops_no_other_and_says_why(settings: Settings) -> None:
    settings.ARXIV_SETS = ["cs", "math"]
    with standing_in(StandIn(Corpus.of(invented(30, MONDAY)), LATER)) as stand_in:
        follow(settings, stand_in)
        SourceState.objects.create(source="arxiv", part="math", read_upto=MONDAY)
        SourceState.objects.create(source="arxiv", part="cs", read_upto=MONDAY)
        stand_in.corpus._sets["cs"] = frozenset()
        catalog.fetch_due()
    broken, well = SourceState.objects.order_by("part")
    assert broken.failures == 1 and "does not know the set cs" in broken.problem
    assert broken.due_at and broken.due_at > datetime.now(UTC) + timedelta(seconds=50)
    assert not broken.claim
    assert well.succeeded_at and well.problem == "" and well.new == 10


def test_a_source_that_cannot_be_reached_is_tried_ever_more_rarely(settings: Settings) -> None:
    settings.SOURCES, settings.ARXIV_OAI_URL = ["arxiv"], "http://127.0.0.1:1/oai"
    settings.LOOPBACK_PAUSE = 0.0
    waits = []
    for _ in range(3):
        catalog.fetch_due()
        state = SourceState.objects.get()
        assert state.problem == "127.0.0.1 cannot be reached." and state.due_at
        waits.append((state.due_at - datetime.now(UTC)).total_seconds())
        SourceState.objects.update(due_at=datetime.now(UTC))
    assert waits[0] < waits[1] < waits[2]


def test_tokens_without_end_are_given_up(settings: Settings) -> None:
    page = (
        b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        b"<responseDate>2026-08-28T00:00:00Z</responseDate>"
        b"<ListRecords><resumptionToken>again</resumptionToken></ListRecords></OAI-PMH>"
    )
    with answering(lambda request: Reply(page)) as stranger:
        settings.ARXIV_OAI_URL, settings.LOOPBACK_PAUSE = stranger.url, 0.0
        harvest = catalog.fetch("arxiv", since(MONDAY))
        assert "has no end" in harvest.problem
        assert len(stranger.asked) == 2


def test_a_server_that_forgets_every_token_is_given_up(settings: Settings) -> None:
    with standing_in(
        StandIn(Corpus.of(invented(60, MONDAY)), LATER, 8, faults=Faults(1.0, ("token",)))
    ) as stand_in:
        follow(settings, stand_in)
        assert "forgets" in catalog.fetch("arxiv", since(MONDAY)).problem
        assert stand_in.manners.requests < 80


# What settings say


def test_a_name_that_is_no_source_is_refused_in_one_sentence(settings: Settings) -> None:
    from django.core.exceptions import ImproperlyConfigured

    settings.SOURCES = ["arxive"]
    with pytest.raises(ImproperlyConfigured, match="arxive"):
        doors.followed()
    settings.SOURCES, settings.SOURCE_RHYTHM = ["arxiv"], ["arxiv=often"]
    with pytest.raises(ImproperlyConfigured, match="arxiv=120"):
        doors.followed()


def test_nobody_is_asked_more_often_than_every_five_minutes_but_this_machine(settings: Settings) -> None:
    settings.SOURCES, settings.SOURCE_RHYTHM = ["arxiv"], ["arxiv=1"]
    assert doors.followed()[0].every == timedelta(minutes=5)
    settings.LOOPBACK_PAUSE = 0.0
    assert doors.followed()[0].every == timedelta(minutes=5), "arXiv itself is not on this machine"
    settings.ARXIV_OAI_URL = "http://127.0.0.1:8055/oai"
    assert doors.followed()[0].every == timedelta(minutes=1)


def test_each_feed_is_hurried_by_its_own_address_alone(settings: Settings) -> None:
    settings.SOURCES, settings.SOURCE_RHYTHM, settings.LOOPBACK_PAUSE = ["feeds"], ["feeds=0"], 0.0
    settings.FEEDS = [
        "https://journal.example.org/rss",
        "http://localhost:8123/rss",
        "http://127.0.0.1.nip.example/",
    ]
    assert [one.every for one in doors.followed()] == [timedelta(minutes=many) for many in (5, 0, 5)]
