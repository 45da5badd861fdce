"""Exactly once, outside the one moment when nobody can know: kills, crowds, clocks, missed days."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from pytest_django import Settings

from broadsheet import digest, mail, trending
from broadsheet.digest import choosing, rhythms
from broadsheet.mail import delivery, messages
from broadsheet.models import Edition, Hit, Message, Paper, Subscription
from tests import mail_rig
from tests.conftest import PROJECT
from tests.mail_places import due, fresh, put_off_is_due, queued, states, subscribed
from tests.mail_rig import CUT, Rig

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def crashes(furnished: dict[str, str]) -> Run:
    """Runs tests/mail_crashes.py on a database of its own; what it counted, a row for each scenario."""

    def run(*words: object) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.mail_crashes", *map(str, words)],
            env=furnished,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    return run


@pytest.mark.mail_check(1)
@pytest.mark.mail_check(3)
def test_each_gets_one_whether_one_two_or_five_send(crashes: Run) -> None:
    for senders in (1, 2, 5):
        [found] = crashes("--recipients", 120, "--senders", senders, "--policy", "resend")
        assert found["exit_statuses"] == [0]
        wrong = ("lost", "held", "duplicates", "uncertain", "believed_but_not_arrived", "unsettled")
        assert {name: found[name] for name in wrong} == dict.fromkeys(wrong, 0)
        assert found["distinct_ids"] == 120


@pytest.mark.mail_check(2)
def test_a_second_run_sends_nothing(post_office: Rig) -> None:
    queued(*(f"reader{number}@example.org" for number in range(30)))
    assert mail.deliver().counts == {"accepted": 30}
    assert mail.deliver().counts == {}
    assert set(post_office.recipients().values()) == {1}
    assert len(post_office.accepted()) == 30


@pytest.mark.mail_check(4)
@pytest.mark.mail_check(5)
@pytest.mark.mail_check(6)
@pytest.mark.mail_check(7)
def test_a_kill_at_each_point_of_the_conversation(crashes: Run) -> None:
    points = ("claimed", "recipient", "half", "body", "answered")
    found = crashes(
        "--recipients", 20, "--kills", 2, *(word for point in points for word in ("--point", point))
    )
    assert [(row["policy"], row["point"]) for row in found] == [
        (policy, point) for policy in ("resend", "hold") for point in points
    ]
    for row in found:
        assert row["kills"] == 2, row
        assert row["lost"] == row["copies_differ"] == row["unsettled"] == 0, row
        assert row["believed_but_not_arrived"] == 0, row
        if row["point"] != "answered":
            # Until the final dot the server has nothing, so nothing is uncertain.
            assert row["duplicates"] == row["held"] == row["uncertain"] == 0, row
        elif row["policy"] == "resend":
            assert row["duplicates"] == 2, row
            assert row["held"] == 0, row
        else:
            assert row["duplicates"] == 0, row
            assert row["held"] == 2, row


@pytest.mark.mail_check(11)
def test_random_kills_lose_nobody_and_double_no_more_than_they_must(crashes: Run) -> None:
    """Scaled down; `python -m tests.mail_crashes --recipients 10000 --kills 100` is the whole run."""
    for row in crashes("--recipients", 80, "--kills", 8):
        assert row["kills"] == 8
        assert row["lost"] == row["copies_differ"] == row["believed_but_not_arrived"] == row["unsettled"] == 0
        assert row["duplicates"] <= row["uncertain"] <= 8
        if row["policy"] == "hold":
            assert row["duplicates"] == 0
            assert row["held"] == row["uncertain"]


@pytest.mark.mail_check(8)
@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_no_answer_after_the_dot_is_uncertain_and_neither_sent_nor_failed(
    post_office: Rig, settings: Settings, policy: str
) -> None:
    settings.MAIL_AMBIGUOUS = policy
    post_office.script = lambda stage, to, number: CUT if (stage, number) == ("taken", 1) else None
    queued("alice@example.org", "bob@example.org")
    report = mail.deliver()
    assert report.counts == {"ambiguous": 1, "accepted": 1}
    assert states() == {"alice@example.org": "ambiguous", "bob@example.org": "accepted"}
    assert "uncertain" in report.problems[0]
    assert digest.status().uncertain == 1
    put_off_is_due()
    mail.deliver()
    copies = [line for line in post_office.accepted() if line["to"] == "alice@example.org"]
    assert len(copies) == (2 if policy == "resend" else 1)
    # Whoever gets two gets the same one twice.
    assert len({(line["id"], line["hash"]) for line in copies}) == 1


@pytest.mark.mail_check(9)
def test_an_answer_later_than_we_wait_is_no_answer(post_office: Rig, settings: Settings) -> None:
    from broadsheet.config import settings as defaults

    assert defaults.MAIL_FINAL_WAIT >= 600
    settings.MAIL_FINAL_WAIT = 1
    post_office.slow = 3
    queued("alice@example.org")
    assert mail.deliver().counts == {"ambiguous": 1}
    assert len(post_office.accepted()) == 1


@pytest.mark.mail_check(10)
def test_without_the_database_nothing_more_is_sent(post_office: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away while the server's 250 is under way."""
    queued(*(f"reader{number}@example.org" for number in range(5)))
    gone = False

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if gone:
            raise DatabaseError("the database has gone away")
        return execute(sql, params, many, context)

    def reached(point: str) -> None:
        nonlocal gone
        gone = gone or point == "answered"

    monkeypatch.setattr(delivery, "reached", reached)
    monkeypatch.setattr(delivery, "PATIENCE", 0.0)
    with connection.execute_wrapper(refuse), pytest.raises(mail.MailTrouble, match="nothing more is sent"):
        mail.deliver()
    assert len(post_office.accepted()) == 1
    # What was in flight is on record as perhaps sent.
    assert Message.objects.filter(state="closing").count() == 1


@pytest.mark.mail_check(12)
def test_an_old_issue_from_a_backup_is_not_sent_without_being_asked_for(post_office: Rig) -> None:
    fresh(1)
    subscribed()
    digest.make_due()
    yesterday = list(Message.objects.values())
    digest.send()
    assert len(post_office.accepted()) == 1
    # The backup comes back, and its day has passed.
    Message.objects.all().delete()
    for row in yesterday:
        Message.objects.create(**row | {"expires_at": timezone.now() - timedelta(hours=1)})
    assert digest.send().sending.counts == {}
    assert set(states().values()) == {"expired"}
    assert len(post_office.accepted()) == 1
    Message.objects.update(state="pending", settled_at=None)
    assert digest.send(late=True).sending.counts == {"accepted": 1}


@pytest.mark.mail_check(12)
def test_a_restored_backup_sends_nothing_again_that_went_out_since(crashes: Run) -> None:
    """A real backup, taken with editions waiting and due, comes back within their hours."""
    [found] = crashes("--restored", "--recipients", 6)
    assert found == {"recipients": 6, "before": 6, "after": 6, "late": 12}


@pytest.mark.mail_check(13)
def test_what_comes_in_while_an_edition_is_made_is_in_the_next(post_office: Rig) -> None:
    fresh(1)
    alice = subscribed(rhythm="daily")
    bob = subscribed("bob@example.org", what="search", key="newspaper", rhythm="daily")
    digest.match_due()
    fresh(2)
    moment = timezone.now()
    digest.make_due(moment)
    # A slow import began before the edition and is seen after it.
    late = fresh(3)
    Paper.objects.filter(pk=late.pk).update(changed_at=moment - timedelta(seconds=5))
    Hit.objects.get_or_create(subscription=bob, paper=late)
    digest.make_due(moment + timedelta(days=1))
    for each in (alice, bob):
        each.refresh_from_db()
        assert late.pk in choosing.unpacked(each.sent)
    editions = Edition.objects.filter(subscription=alice)
    assert [len(each.picks) for each in editions.order_by("pk")] == [2, 1]


@pytest.mark.mail_check(14)
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Europe/Berlin"])
@pytest.mark.parametrize("hour", [0, 2, 23])
def test_each_local_day_has_one_edition_through_every_change_of_the_clock(zone: str, hour: int) -> None:
    moment, days = datetime(2027, 12, 30, 12, tzinfo=UTC), list[date]()
    for _ in range(800):
        following = rhythms.next_at(moment, "daily", hour, zone)
        assert timedelta(hours=1) < following - moment <= timedelta(hours=49)
        moment = following
        days.append(rhythms.local_day(moment, zone))
    assert days == [days[0] + timedelta(days=number) for number in range(800)]
    assert date(2028, 2, 29) in days


@pytest.mark.mail_check(14)
def test_a_month_without_that_day_has_its_last_one(post_office: Rig) -> None:
    day, found = date(2027, 1, 31), list[date]()
    for _ in range(4):
        day = rhythms.next_day(day, "monthly", 0, 31)
        found.append(day)
    assert found == [date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30), date(2027, 5, 31)]
    assert rhythms.next_day(date(2028, 2, 1), "monthly", 0, 30) == date(2028, 2, 29)
    # A clock that goes back an hour right after an edition makes no second one.
    fresh(1)
    alice = subscribed(time_zone="Europe/Berlin")
    now = timezone.now()
    assert digest.make_due(now).made == 1
    Subscription.objects.filter(pk=alice.pk).update(next_at=now - timedelta(hours=2))
    assert digest.make_due(now - timedelta(minutes=1)).made == 0


@pytest.mark.mail_check(15)
def test_three_missed_days_are_one_edition_with_every_paper(post_office: Rig) -> None:
    start = timezone.now() - timedelta(days=4)
    alice = subscribed(rhythm="daily", how_many=50)
    Subscription.objects.filter(pk=alice.pk).update(
        next_at=start + timedelta(days=1), until=start, created_at=start
    )
    wanted = {fresh(number).pk for number in range(1, 10)}
    for days, pk in enumerate(sorted(wanted)):
        moment = timezone.now() - timedelta(days=days % 3, hours=1)
        Paper.objects.filter(pk=pk).update(changed_at=moment, listed_on=trending.listing_day(moment))
    report = digest.send()
    assert (report.due, report.made) == (1, 1)
    alice.refresh_from_db()
    assert set(choosing.unpacked(alice.sent).tolist()) == wanted
    assert alice.next_at and alice.next_at > timezone.now()
    assert len(post_office.accepted()) == 1


def test_a_message_is_the_same_bytes_whenever_it_is_built(post_office: Rig) -> None:
    content = mail.Content("Subject", "Text", "<p>HTML</p>")
    when = datetime(2026, 11, 25, tzinfo=UTC)
    one, two = (messages.build(content, to="a@example.org", key="k", when=when) for _ in range(2))
    assert one == two
    due(subscribed())
    assert mail_rig.well_behaved("dot", "", 1) is None
