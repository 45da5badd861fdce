"""From an address typed into a form to an edition in the inbox, and out again with one press."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from broadsheet import catalog, community, digest, mail
from broadsheet.digest import Choices, choosing, composing, rhythms
from broadsheet.models import Edition, Hit, Paper, Subscription
from tests import factories, mail_rig, people
from tests.mail_rig import Rig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rig(tmp_path: Path, settings: Settings) -> Iterator[Rig]:
    composing.forget_what_is_set()
    with mail_rig.running(tmp_path) as running:
        mail_rig.configure(settings, running)
        yield running


def fresh(number: int, **changes: object) -> Paper:
    """A paper announced today."""
    today = timezone.now().astimezone(UTC).date()
    when = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=1)
    told = factories.record(number, announced_on=when.date(), published_at=when, **changes)
    catalog.take_in([told], now=timezone.now())
    return Paper.objects.get(title=told.title)


def subscribed(address: str = "alice@example.org", **wanted: object) -> Subscription:
    """An active subscription whose next edition is due now. Its hour is midnight, so a day later the next one
    is due as well, whatever the time of the test."""
    made = digest.ask(address, Choices(**{"hour": 0, **wanted}))  # type: ignore[arg-type]
    digest.subscribing.activate(made, timezone.now())
    due(made)
    return made


def due(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(next_at=timezone.now() - timedelta(minutes=1))


def links(message: EmailMessage) -> list[str]:
    body = message.get_body(("plain",))
    assert body is not None
    return re.findall(r"https?://\S+", body.get_content())


def test_the_whole_way_of_a_subscriber(rig: Rig, client: Client) -> None:
    for number in range(1, 6):
        fresh(number)
    page = client.get("/subscribe")
    assert "Your mail address" in page.content.decode()
    told = client.post("/subscribe", {"address": "Alice@Example.org", "hour": "0", "rhythm": "daily"})
    assert "Look into your mail" in told.content.decode()
    digest.send()
    [confirmation] = rig.messages()
    assert confirmation["To"] == "Alice@example.org"
    [link] = [each for each in links(confirmation) if "/confirm/" in each]
    path = link.removeprefix("https://papers.example.org")
    assert "One press is left" in client.get(path).content.decode()
    assert Subscription.objects.get().state == "unconfirmed"
    assert "You are subscribed" in client.post(path).content.decode()
    assert "You are subscribed" in client.post(path).content.decode()
    due(Subscription.objects.get())
    report = digest.send()
    assert (report.due, report.made, report.sending.counts) == (1, 1, {"accepted": 1})
    assert report.adds_up
    edition = rig.messages()[-1]
    assert str(edition["Subject"]).startswith("5 papers: A study of newspapers")
    assert edition["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    [stop] = re.findall(r"<https://papers\.example\.org([^>]+)>", str(edition["List-Unsubscribe"]))
    assert "Stop this mail?" in client.get(stop).content.decode()
    assert Subscription.objects.get().state == "active"
    done = Client(enforce_csrf_checks=True).post(stop, {"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert Subscription.objects.get().state == "stopped"
    due(Subscription.objects.get())
    assert digest.send().due == 0


def test_nothing_is_sent_twice_and_a_quiet_day_sends_nothing(rig: Rig, client: Client) -> None:
    for number in range(1, 4):
        fresh(number)
    alice = subscribed(how_many=2, rhythm="daily")
    tomorrow, later = (timezone.now() + timedelta(days=days) for days in (1, 2))
    Paper.objects.update(changed_at=timezone.now() - timedelta(hours=1))
    digest.send()
    # The third paper was there yesterday: it waits for a day with news.
    assert digest.send(now=tomorrow).quiet == 1
    page = client.get(digest.manage_path(alice)).content.decode()
    assert "there was nothing new of this kind" in page
    fresh(4)
    assert digest.send(now=later).made == 1
    sent = choosing.unpacked(Subscription.objects.get().sent).tolist()
    assert sorted(sent) == sorted(Paper.objects.values_list("pk", flat=True))


def test_a_day_has_one_edition_even_when_the_clock_goes_back(rig: Rig) -> None:
    fresh(1)
    alice = subscribed()
    assert digest.send().made == 1
    fresh(2)
    due(alice)
    report = digest.send()
    assert report.skipped == {"This day has had its edition.": 1}
    assert report.adds_up


def test_a_stored_search_gets_each_new_match_once(rig: Rig) -> None:
    alice = subscribed(what="search", key='title:"study of newspapers" -part9', rhythm="alert")
    bob = subscribed("bob@example.org", what="search", key="author:Lovelace cat:cs.CL")
    charlie = subscribed("charlie@example.org", what="search", key="zeppelins")
    digest.match_due()
    fresh(1)
    fresh(2, title="Nothing of the kind")
    digest.match_due()
    digest.match_due()
    assert Hit.objects.filter(subscription=alice).count() == 1
    assert Hit.objects.filter(subscription=bob).count() == 2
    assert not Hit.objects.filter(subscription=charlie).exists()
    for each in (alice, bob, charlie):
        due(each)
    report = digest.send()
    assert (report.made, report.quiet) == (2, 1)
    assert not Hit.objects.filter(edition=None).exists()


def test_an_interest_gets_what_is_near_it(rig: Rig) -> None:
    fresh(1, title="Diffusion models for image generation", abstract="We generate images by denoising.")
    fresh(2, title="A survey of medieval trade", abstract="Merchants and their ledgers.")
    subscribed(what="interest", key="generating images with diffusion")
    digest.send()
    [edition] = Edition.objects.all()
    assert len(edition.picks) == 1
    assert edition.picks[0][1].startswith("near “generating images")


@pytest.mark.parametrize("name", ["UTC", "Pacific/Kiritimati", "America/New_York", "Asia/Kathmandu"])
def test_a_day_in_any_zone_has_one_moment(name: str) -> None:
    moment, days = datetime(2026, 1, 1, 12, tzinfo=UTC), []
    for _ in range(400):
        moment = rhythms.next_at(moment, "daily", 2, name)
        days.append(rhythms.local_day(moment, name))
    assert days == [days[0] + timedelta(days=number) for number in range(400)]


def test_a_mail_posted_by_another_room_is_delivered_by_the_same_step(rig: Rig) -> None:
    mail.post("bob@example.org", "A code", "123456", urgent=True)
    assert digest.send_due() == 1
    assert rig.recipients() == {"bob@example.org": 1}


def test_what_a_reader_is_not_interested_in_comes_by_no_mail(rig: Rig) -> None:
    papers = [fresh(number) for number in range(1, 4)]
    alice = people.reader("alice")
    mine = subscribed(alice.email)
    Subscription.objects.filter(pk=mine.pk).update(reader=alice)
    mine.refresh_from_db()
    bobs = subscribed("bob@example.org")
    community.mark(alice, papers[0].pk, "refused")
    choices = choosing.Choosing(timezone.now()).choose([mine, bobs])
    assert {each.paper for each in choices[mine.pk].picks} == {paper.pk for paper in papers[1:]}
    assert len(choices[bobs.pk].picks) == 3
