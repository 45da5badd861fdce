"""What is expected of a paper before anybody has voted on it, and what growth is worth."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from broadsheet import catalog, doors, outlook, scoring, trending
from broadsheet.models import Paper
from broadsheet.sources import SignalRecord
from tests.conftest import PROJECT
from tests.factories import FRIDAY, NOW, paper, record, votes

JANUARY = date(2025, 1, 10)


def stars(*levels: tuple[int, int]) -> tuple[SignalRecord, ...]:
    """(day of March, stars)."""
    return tuple(votes(value, day, kind="stars") for day, value in levels)


def test_the_published_coefficients_name_every_trait_and_every_number_of_a_vector() -> None:
    told = json.loads((PROJECT / "broadsheet" / "data" / "outlook.json").read_text())
    assert list(told["traits"]) == list(outlook.TRAITS)
    assert len(told["words"]) == 256
    assert told["learned_from"].endswith("picked")
    assert "2026-02-21" in told["learned_from"]


def test_the_coefficients_are_read_with_the_encoder_that_they_were_learned_on() -> None:
    assert doors.static_embedder().name == outlook.model().embedder


def test_what_speaks_for_a_paper_adds_up_to_its_chance() -> None:
    from math import exp, log

    model = outlook.model()
    traits = outlook.traits("NewsNet: reading", "Code: https://github.com/a/b", "", [3, 0, 5], 3)
    (found,) = model.read([traits], None)
    odds = model.bias + log(2) * sum(found.terms.values())
    assert found.chance == pytest.approx(1 / (1 + exp(-odds)), rel=1e-5)
    assert found.terms["text"] == 0


def test_picked_authors_and_code_speak_for_a_paper() -> None:
    model = outlook.model()
    plain = outlook.traits("A study", "We read.", "", [0, 0], 2)
    known = outlook.traits("A study", "We read.", "", [4, 4], 2)
    linked = outlook.traits("A study", "We read. https://github.com/a/b", "", [0, 0], 2)
    low, high, code = (found.chance for found in model.read([plain, known, linked], None))
    assert high > low
    assert code > low


@pytest.mark.parametrize("picks", [[], [0], [10**6] * 101])
def test_any_number_of_authors_gives_a_chance(picks: list[int]) -> None:
    (found,) = outlook.model().read([outlook.traits("", "", "", picks, len(picks))], None)
    assert 0 <= found.chance <= 1


def test_pages_do_not_wait_for_the_model() -> None:
    """numpy and the coefficients are read by the worker, not by a web process that starts."""
    code = "import sys, broadsheet.outlook; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


@pytest.mark.django_db
def test_a_paper_of_well_liked_authors_stands_first_while_nobody_has_voted() -> None:
    paper(1, authors=("Grace Hopper",), signals=(votes(9, day=3),), announced_on=date(2025, 3, 3))
    paper(2, authors=("Nobody Yet",))
    paper(3, authors=("Grace Hopper",))
    assert trending.foresee_due() == 3
    listing = trending.listing(trending.day_window(FRIDAY))
    assert [one.authors for one in listing.papers] == [["Grace Hopper"], ["Nobody Yet"]]
    assert "Outlook" in [reason.label for reason in listing.entries[0].reasons]
    assert trending.foresee_due() == 0
    assert trending.rescore() == 0


@pytest.mark.django_db
def test_the_built_in_page_keeps_the_order_of_its_source() -> None:
    catalog.take_in_builtin()
    assert trending.foresee_due() == 0
    listing = trending.listing(trending.day_window(trending.newest_day() or FRIDAY), per_page=111)
    assert [one.place for one in listing.papers] == sorted(one.place or 0 for one in listing.papers)


@pytest.mark.django_db
def test_votes_that_come_later_speak_for_nobodys_earlier_paper() -> None:
    paper(1, authors=("Grace Hopper",), announced_on=date(2025, 3, 3))
    paper(2, authors=("Grace Hopper",))
    trending.foresee_due()
    before = Paper.objects.get(identifier=record(2).identifiers[0]).outlook
    catalog.take_in([record(1, announced_on=date(2025, 3, 3), signals=(votes(50, day=20),))], NOW)
    trending.forget_outlooks()
    trending.foresee_due()
    assert Paper.objects.get(identifier=record(2).identifiers[0]).outlook == before


@pytest.mark.django_db
def test_an_import_keeps_the_outlook_a_paper_has() -> None:
    paper(1)
    trending.foresee_due()
    before = Paper.objects.values_list("outlook", "outlook_terms", "score").get()
    catalog.take_in([record(1, title="A study of newspapers, revised")], NOW)
    assert Paper.objects.values_list("outlook", "outlook_terms", "score").get() == before


@pytest.mark.django_db
def test_a_page_says_why_with_the_outlook(client: Client) -> None:
    paper(1, abstract="We read. https://github.com/a/b")
    trending.foresee_due()
    said = client.get("/papers/date/2025-03-14").content.decode()
    assert "Outlook" in said and "chance to be picked" in said


# Growth


def at(day: int) -> datetime:
    return datetime(2025, 3, day, 8, tzinfo=UTC)


def test_one_sighting_is_no_growth() -> None:
    assert scoring.growth({"stars": [[(at(1), 90_000)]]}, at(1)) is None


def test_growth_is_measured_over_a_week_and_against_the_usual() -> None:
    line = [(at(day), 10.0 * day) for day in range(1, 20)]
    old = scoring.growth({"stars": [line]}, at(1) - timedelta(days=900))
    young = scoring.growth({"stars": [line]}, at(1))
    assert old is not None and old.seen_on == at(19).date()
    assert young is None or young.points < old.points


def test_stars_that_are_lost_are_no_growth() -> None:
    assert scoring.growth({"stars": [[(at(1), 900), (at(9), 3)]]}, at(1)) is None


def test_an_old_paper_that_grows_gets_a_second_wind_and_keeps_its_score() -> None:
    grown = scoring.Growth(3.0, FRIDAY)
    assert scoring.hotness(2, JANUARY, grown) > scoring.hotness(2, JANUARY)
    assert scoring.hotness(2, JANUARY, grown) == pytest.approx(scoring.hotness(2.807, FRIDAY), abs=0.01)
    assert scoring.hotness(2, JANUARY, scoring.Growth(0, FRIDAY)) == scoring.hotness(2, JANUARY)


@pytest.mark.django_db
def test_a_repository_that_takes_off_brings_its_paper_back() -> None:
    paper(1, announced_on=JANUARY, published_at=datetime(2025, 1, 9, 9, tzinfo=UTC))
    paper(2)
    assert trending.listing(trending.TRENDING).papers[0].title.endswith("2")
    told = record(1, announced_on=JANUARY, signals=stars((5, 100), (12, 4_000)))
    catalog.take_in([told], NOW)
    first = trending.listing(trending.TRENDING).entries[0]
    assert first.paper.title.endswith("1")
    assert "Growth" in [reason.label for reason in first.reasons]
    assert trending.rescore() == 0
    Paper.objects.update(growth=None, grew_on=None)
    assert trending.rescore() == 1


# Fields, and what an operator may set


def test_votes_of_a_quiet_field_count_more_but_never_more_than_four_times() -> None:
    quiet, loud = scoring.Facts(upvotes=3, custom=0.05), scoring.Facts(upvotes=3, custom=1.0)
    assert scoring.score(quiet) > scoring.score(loud)
    even = scoring.Weights(even=1.0)
    assert scoring.score(quiet, even) <= scoring.score(scoring.Facts(upvotes=12), even)
    assert scoring.score(scoring.Facts(custom=0.05)) == 0


@pytest.mark.parametrize("said", ["stars=much", "wings=1", "half_life=0", "even=2", "comment", "comment=nan"])
def test_a_weight_that_means_nothing_is_refused_with_a_sentence(said: str, environ: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import broadsheet.config.settings"],
        cwd=PROJECT,
        env=environ | {"BROADSHEET_RANK": said},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode and "BROADSHEET_RANK" in done.stderr.splitlines()[-1]


@pytest.mark.django_db
def test_a_setting_changes_what_counts(settings: Any) -> None:
    one = paper(1, signals=(votes(100, kind="stars"),))
    settings.RANK = scoring.Weights(stars=1.0)
    assert trending.rescore() == 1
    assert (Paper.objects.get().score or 0) > (one.score or 0)
