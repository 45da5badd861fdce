"""Rates that hold, runs that can be counted, logs that tell no secrets."""

from __future__ import annotations

import io
import logging
from collections import Counter

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from broadsheet import digest, mail, operations
from broadsheet.config.logs import UtcLine
from broadsheet.mail import delivery
from broadsheet.models import Edition, Message, Pace, Subscription
from broadsheet.operations.checks import of_mail
from tests.mail_places import fresh, queued, states, subscribed
from tests.mail_rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.mail_check(27)
def test_a_rate_of_messages_a_second_is_never_exceeded(post_office: Rig, settings: Settings) -> None:
    settings.MAIL_RATE = 20
    queued(*(f"reader{number}@example.org" for number in range(41)))
    assert mail.deliver().counts == {"accepted": 41}
    # Measured where it counts: any 20 in a row took a second, but for the noise of a busy machine.
    times = post_office.times
    assert times[-1] - times[0] >= 40 / 20 * 0.95
    for first, last in zip(times, times[20:], strict=False):
        assert last - first >= 1 / 1.05 - 0.1


@pytest.mark.mail_check(27)
def test_a_rate_for_each_domain_holds_that_domain_alone(post_office: Rig, settings: Settings) -> None:
    settings.MAIL_DOMAIN_RATE = 120
    queued(*(f"r{number}@slow.example" for number in range(5)))
    queued(*(f"r@d{number}.example" for number in range(20)))
    mail.deliver()
    got = [line["to"] for line in post_office.accepted()]
    arrived = list(zip(got, post_office.times, strict=True))
    slow = [when for to, when in arrived if to.endswith("@slow.example")]
    others = [when for to, when in arrived if not to.endswith("@slow.example")]
    assert len(slow) == 5
    assert slow[-1] - slow[0] >= 4 * 0.5 * 0.95
    assert max(others) < slow[-1]


@pytest.mark.mail_check(27)
def test_a_daily_quota_stops_and_the_next_day_goes_on_with_nobody_skipped(
    post_office: Rig, settings: Settings
) -> None:
    settings.MAIL_DAILY = 12
    everybody = [f"reader{number}@example.org" for number in range(30)]
    queued(*everybody)
    report = mail.deliver()
    assert report.counts == {"accepted": 12}
    assert "used up" in report.problems[0]
    assert mail.deliver().counts == {}
    for _ in range(2):
        # Midnight: the count of the day before is another row.
        Pace.objects.filter(scope__startswith="day:").delete()
        mail.deliver()
    assert post_office.recipients() == Counter(everybody)


@pytest.mark.mail_check(29)
def test_a_run_holds_a_few_messages_at_a_time_however_many_wait(
    post_office: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make bench` prints messages a second and the memory of long runs."""
    queued(*(f"reader{number}@example.org" for number in range(150)))
    held = []

    def reached(point: str) -> None:
        if point == "recipient":
            held.append(Message.objects.filter(state="claimed").count())

    monkeypatch.setattr(delivery, "reached", reached)
    assert mail.deliver().counts == {"accepted": 150}
    assert max(held) <= delivery.BATCH


@pytest.mark.mail_check(51)
def test_a_dry_run_composes_and_counts_and_opens_no_connection(post_office: Rig) -> None:
    fresh(1)
    for number in range(3):
        subscribed(f"reader{number}@example.org")
    before = list(Subscription.objects.order_by("pk").values_list("next_at", flat=True))
    out = io.StringIO()
    call_command("digest", "send", "--dry-run", stdout=out)
    assert "3 due, 3 made" in out.getvalue()
    assert "3 composed, 0 could not be" in out.getvalue()
    assert post_office.seen["connect"] == 0
    assert not Message.objects.exists()
    assert not Edition.objects.exists()
    assert list(Subscription.objects.order_by("pk").values_list("next_at", flat=True)) == before


@pytest.mark.mail_check(52)
def test_a_test_mail_goes_to_the_operator_and_to_nobody_else(post_office: Rig, settings: Settings) -> None:
    fresh(1)
    subscribed()
    queued("bob@example.org")
    with pytest.raises(CommandError, match="BROADSHEET_MAIL_OPERATOR"):
        call_command("digest", "test")
    settings.MAIL_OPERATOR = "operator@example.org"
    with pytest.raises(CommandError, match="nowhere else"):
        call_command("digest", "test", "alice@example.org")
    call_command("digest", "test", stdout=io.StringIO())
    assert post_office.recipients() == {"operator@example.org": 1}
    assert str(post_office.messages()[0]["Subject"]).startswith("Test: 1 paper")
    assert states()["bob@example.org"] == "pending"


@pytest.mark.mail_check(53)
def test_the_report_of_a_run_adds_up(post_office: Rig) -> None:
    fresh(1)
    names = [f"reader{number}" for number in range(8)]
    made = [subscribed(f"{name}@{name}.example") for name in names]
    subscribed("quiet@example.org", what="search", key="zeppelins")
    subscribed("gone@example.org")
    mail.suppress("gone@example.org", "bounce")
    replies = {"reader0": "550 5.1.1 no", "reader1": "450 4.2.0 later", "reader2": "554 5.7.1 spam"}
    post_office.script = lambda stage, to, number: (
        replies.get(to.partition("@")[0]) if stage == "rcpt" else None
    )
    report = digest.send()
    assert (report.due, report.made, report.quiet, report.suppressed) == (10, 8, 1, 1)
    assert report.adds_up
    assert report.sending.counts == {"accepted": 5, "failed": 2, "deferred": 1}
    assert report.sending.taken == report.made == len(made)
    assert "10 due, 8 made, 1 quiet, 1 to addresses that get no mail, 0 skipped" in report.lines()[0]
    assert Counter(states().values()) == report.sending.counts


@pytest.mark.mail_check(54)
def test_a_sender_does_not_work_on_tables_of_another_version(post_office: Rig) -> None:
    """A long-running command holds the data's lock and refuses tables that are not its own."""
    from django.db.migrations.recorder import MigrationRecorder

    recorder = MigrationRecorder.Migration.objects.create(app="broadsheet", name="9999_from_the_future")
    try:
        with pytest.raises((SystemExit, CommandError, operations.Refusal, mail.MailTrouble)):
            call_command("digest", "send")
        assert post_office.seen["connect"] == 0
    finally:
        recorder.delete()


@pytest.mark.mail_check(54)
def test_an_upgrade_during_a_run_lets_it_end_its_batch_and_no_more(
    post_office: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    queued(*(f"reader{number}@example.org" for number in range(12)))
    monkeypatch.setattr(delivery, "BATCH", 5)
    steps = MigrationRecorder.Migration.objects.filter(name="9999_new")

    def reached(point: str) -> None:
        if point == "recipient" and not steps.exists():
            MigrationRecorder.Migration.objects.create(app="broadsheet", name="9999_new")

    monkeypatch.setattr(delivery, "reached", reached)
    try:
        with pytest.raises(mail.MailTrouble, match="upgraded while mail went out"):
            mail.deliver()
        assert Counter(states().values()) == {"accepted": 5, "pending": 7}
    finally:
        steps.delete()
    monkeypatch.setattr(delivery, "reached", lambda point: None)
    assert mail.deliver().counts == {"accepted": 7}
    assert set(post_office.recipients().values()) == {1}


@pytest.mark.mail_check(55)
def test_logs_hold_no_token_and_no_address(
    post_office: Rig, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fresh(1)
    alice = subscribed("alice.liddell@example.org")
    post_office.script = lambda stage, to, number: (
        f"550 5.1.1 <{to}> unknown" if stage == "rcpt" and number == 1 else None
    )
    digest.send()
    client.post(digest.manage_path(alice), {"do": "stop"})
    client.post(digest.stop_path(alice))
    client.post("/subscription/confirm/" + "x" * 40)
    line = UtcLine()
    said = "\n".join(line.format(record) for record in caplog.records if record.name.startswith("broadsheet"))
    assert said
    assert "alice.liddell" not in said
    for path in (digest.manage_path(alice), digest.stop_path(alice)):
        assert path.rpartition("/")[2] not in said
    assert "x" * 40 not in said


def test_health_and_doctor_say_when_mail_went_out_and_what_is_stuck(post_office: Rig) -> None:
    queued("alice@example.org")
    mail.deliver()
    facts = operations.health().facts["mail"]
    assert facts["last_out"]
    assert not facts["paused"]
    mail.pause("The operator looks into something.")
    assert operations.health().facts["mail"]["paused"]
    [found] = of_mail()
    assert found.state == "fail"
    assert "The operator looks into something." in found.says
