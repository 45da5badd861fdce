"""Makes editions that are due: chosen, frozen, queued and remembered in one transaction, then sent.

    subscriptions whose `next_at` has come -> claim (locked) -> choose -> clip -> Edition + Message + next_at

A crash in between leaves nothing half made: either the edition exists with its one message, or the
subscription is still due. A host that was down for days makes one combined edition, since the next one always
begins where the last one ended.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from broadsheet import mail, trending
from broadsheet.digest import alerts, choosing, clippings, composing, links, rhythms, subscribing
from broadsheet.digest.choosing import Choice, Choosing
from broadsheet.digest.subscribing import Choices
from broadsheet.mail import Content
from broadsheet.models import Clipping, Edition, Hit, Message, Paper, Subscription

log = logging.getLogger("broadsheet.digest")

BATCH = 250
# A restore leaves this file in the data folder until the first sender has seen it.
RESTORED = "restored"
# How long an edition may wait to be sent before it is no news any more.
SEND_WITHIN = {
    "alert": timedelta(hours=24), "weekdays": timedelta(hours=18), "daily": timedelta(hours=18),
    "weekly": timedelta(days=3), "monthly": timedelta(days=7),
}  # fmt: skip


@dataclass
class Report:
    """What a run did. `due` = made + quiet + suppressed + skipped."""

    due: int = 0
    made: int = 0
    quiet: int = 0
    suppressed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    sending: mail.Report = field(default_factory=mail.Report)

    @property
    def adds_up(self) -> bool:
        return self.due == self.made + self.quiet + self.suppressed + sum(self.skipped.values())

    def add(self, other: Report) -> None:
        self.due += other.due
        self.made += other.made
        self.quiet += other.quiet
        self.suppressed += other.suppressed
        self.skipped.update(other.skipped)
        self.sending.add(other.sending)

    def lines(self) -> list[str]:
        said = [
            f"editions: {self.due:,} due, {self.made:,} made, {self.quiet:,} quiet, "
            f"{self.suppressed:,} to addresses that get no mail, {sum(self.skipped.values()):,} skipped"
        ]
        said += [f"  skipped {many:,}: {why}" for why, many in self.skipped.most_common(20)]
        said.append(f"messages: {self.sending}")
        said += [f"  {problem}" for problem in self.sending.problems]
        return said


def send_due() -> int:
    """The worker's step: greets, matches, makes editions, hands over; says how much it did."""
    if not mail.is_set_up():
        return 0
    after_restore()
    done = mail.read_due(subscribing.stop_by_mail) + subscribing.greet_due() + alerts.match_due()
    made = make_due()
    sent = mail.deliver_due({composing.KIND: composing.compose})
    return done + made.due + sent + tidy_due() + subscribing.forget_due()


def send(
    *,
    late: bool = False,
    connections: int | None = None,
    now: datetime | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Everything that is due, until nothing is left: what `broadsheet digest send` does. Raises
    MailTrouble."""
    whole = after_restore()
    if late:
        mail.revive(composing.KIND)
    while mail.read_due(subscribing.stop_by_mail):
        pass
    subscribing.greet_due()
    while alerts.match_due():
        pass
    while not stop() and (made := make_due(now)).due:
        whole.add(made)
    whole.sending.add(
        mail.deliver(
            {composing.KIND: composing.compose},
            connections=connections or settings.MAIL_CONNECTIONS,
            late=late,
            stop=stop,
        )
    )
    return whole


def after_restore() -> Report:
    """When a backup has just come back: what it holds as waiting or due may have been sent before it was
    needed, so all of it is settled without being sent, its papers remembered as if it had been."""
    mark = Path(settings.HOME) / RESTORED
    report = Report()
    if not mark.exists():
        return report
    held = mail.hold_restored()
    while alerts.match_due():
        pass
    while (made := make_due(held=True)).due:
        report.add(made)
    mark.unlink(missing_ok=True)
    if held or report.made:
        said = (
            f"A backup was restored: {held:,} messages and {report.made:,} editions that may have been sent "
            "before are held. To send them: broadsheet digest send --late"
        )
        report.sending.note(said)
        log.warning("%s", said)
    return report


def make_due(now: datetime | None = None, limit: int = BATCH, held: bool = False) -> Report:
    """Makes one batch of the editions that are due; `held` ones are not sent. Several at once are safe."""
    moment = now or timezone.now()
    try:
        return _make(moment, limit, held)
    except Exception:
        if limit == 1:
            raise
        log.exception("A batch of editions failed; they are made one by one")
    # One subscription that cannot be served must not keep the others from it.
    report = Report()
    while report.due < limit:
        try:
            one = _make(moment, 1, held)
        except Exception as error:
            one = _skip(moment, error)
        if not one.due:
            break
        report.add(one)
    return report


def _make(now: datetime, limit: int, held: bool) -> Report:
    with transaction.atomic():
        due = _claimed(now, limit)
        report = Report(due=len(due))
        if not due:
            return report
        silent = mail.suppressed_among({each.address_key for each in due})
        heard = [each for each in due if each.address_key not in silent]
        for each in due:
            if each.address_key in silent:
                report.suppressed += 1
                subscribing.end(each, "Mail to this address came back, or it was reported as unwanted.")
        heard = _without_edition(heard, now, report)
        choices = Choosing(now).choose(heard)
        wanted = {pick.paper for choice in choices.values() for pick in choice.picks}
        cut, wrong = clippings.clip(wanted)
        for paper, problem in wrong.items():
            report.sending.note(f"Paper {paper} was left out: {problem}")
        _write(heard, choices, cut, now, report, held)
        return report


def _claimed(now: datetime, limit: int) -> list[Subscription]:
    due = Subscription.objects.filter(state="active", next_at__lte=now).order_by("next_at", "pk")
    # SQLite has one writer at a time; on PostgreSQL a second sender takes other rows.
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, of=("self",))
    return list(due.select_related("reader")[:limit])


def _without_edition(due: list[Subscription], now: datetime, report: Report) -> list[Subscription]:
    """Those without an edition on this local day: a clock or zone that went back makes no second one."""
    days = {each.pk: (rhythms.local_day(now, each.time_zone), _number(each, now)) for each in due}
    had = set(
        Edition.objects.filter(
            subscription__in=list(days), issue_on__in={day for day, _ in days.values()}
        ).values_list("subscription_id", "issue_on", "number")
    )
    left = []
    for each in due:
        if (each.pk, *days[each.pk]) in had:
            report.skipped["This day has had its edition."] += 1
            _wait(each, now)
            Subscription.objects.filter(pk=each.pk).update(next_at=each.next_at)
        else:
            left.append(each)
    return left


def _wait(each: Subscription, now: datetime) -> None:
    each.next_at = rhythms.next_at(now, each.rhythm, each.hour, each.time_zone, each.weekday, each.monthday)


def _number(each: Subscription, now: datetime) -> int:
    """Which edition of its day: alerts have one an hour."""
    return now.hour + 1 if each.rhythm == "alert" else 0


def _write(
    due: Sequence[Subscription],
    choices: dict[int, Choice],
    cut: dict[int, int],
    now: datetime,
    report: Report,
    held: bool,
) -> None:
    editions, messages = [], []
    taken: dict[int, list[int]] = {}
    for each in due:
        choice = choices[each.pk]
        day = rhythms.local_day(now, each.time_zone)
        picks = [(cut[pick.paper], pick.reason) for pick in choice.picks if pick.paper in cut]
        if picks:
            edition = _edition(each, choice, picks, day, now)
            editions.append(edition)
            messages.append(_message(each, edition))
            papers = [pick.paper for pick in choice.picks if pick.paper in cut]
            each.sent = choosing.packed([*choosing.unpacked(each.sent).tolist(), *papers])
            each.until, each.quiet_on = now, None
            taken[each.pk] = papers
            report.made += 1
        else:
            each.quiet_on = day
            report.quiet += 1
        _wait(each, now)
    # The rows are locked, so writing them over changes nothing else; one statement for all of them.
    Subscription.objects.bulk_create(
        due,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["sent", "until", "quiet_on", "next_at"],
    )
    if held:
        for message in messages:
            message.state, message.code, message.said = "expired", mail.HELD, mail.HELD_FOR
            message.settled_at = now
    made = Edition.objects.bulk_create(editions)
    Message.objects.bulk_create(messages)
    for edition in made:
        if edition.subscription.what == "search":
            hits = Hit.objects.filter(subscription_id=edition.subscription_id, edition=None)
            hits.filter(paper_id__in=taken[edition.subscription_id]).update(edition=edition)


def _edition(
    each: Subscription, choice: Choice, picks: list[tuple[int, str]], day: date, now: datetime
) -> Edition:
    return Edition(
        subscription=each,
        issue_on=day,
        number=_number(each, now),
        since=each.until or each.confirmed_at or each.created_at,
        until=now,
        picks=picks,
        digest=composing.frozen(picks),
        left_out=len(choice.picks) - len(picks),
    )


def _message(each: Subscription, edition: Edition) -> Message:
    return Message(
        key=key_of(edition),
        kind=composing.KIND,
        address=each.address,
        address_key=each.address_key,
        domain=each.address.rpartition("@")[2],
        list_name=f"{each.what}-{each.rhythm}",
        stop_path=links.stop(each),
        part_of=f"subscription:{each.pk}",
        issue=f"{edition.issue_on}",
        expires_at=edition.until + SEND_WITHIN[each.rhythm],
    )


def _skip(now: datetime, error: Exception) -> Report:
    """The first due subscription cannot be served: it is noted and waits for its next turn."""
    with transaction.atomic():
        due = _claimed(now, 1)
        if not due:
            return Report()
        each = due[0]
        log.error("Subscription %d could not be served: %s", each.pk, type(error).__name__)
        _wait(each, now)
        each.save(update_fields=["next_at"])
        return Report(due=1, skipped=Counter([f"{type(error).__name__}: {error}"[:200]]))


def sample(choices: Choices, now: datetime, subscription: Subscription | None = None) -> Content | None:
    """What an edition would say now; None where there is nothing to say. Writes nothing."""
    asked = subscription or Subscription(address="you@example.org", created_at=now, **vars(choices))
    # On a server whose papers are old, an edition as it would have been then.
    newest = trending.newest_day()
    then = datetime.combine(newest, time(12), UTC) if newest else now
    choice = Choosing(min(now, then)).choose([asked]).get(asked.pk) or Choice()
    papers = Paper.objects.cards().in_bulk([pick.paper for pick in choice.picks])
    chosen = [(papers[pick.paper], pick.reason) for pick in choice.picks if pick.paper in papers]
    if not chosen:
        return None
    return composing.shown(chosen, asked, rhythms.local_day(now, asked.time_zone))


def key_of(edition: Edition) -> str:
    """The key of the message that carries an edition."""
    issue = f"{edition.issue_on}/{edition.number}" if edition.number else f"{edition.issue_on}"
    return f"{composing.KIND}:{edition.subscription_id}:{issue}"


def tidy_due() -> int:
    """Gives papers back whose edition was never sent, and forgets old editions and messages."""
    given = _give_back()
    old = timezone.now() - timedelta(days=90)
    gone = list(Message.objects.filter(settled_at__lt=old).values_list("pk", flat=True)[:500])
    Message.objects.filter(pk__in=gone).delete()
    editions = list(Edition.objects.filter(made_at__lt=old).values_list("pk", flat=True)[:500])
    Edition.objects.filter(pk__in=editions).delete()
    return given + len(gone) + len(editions)


def _give_back() -> int:
    """An edition that expired in the queue was not received: its papers are candidates again."""
    lost = list(Message.objects.filter(kind=composing.KIND, state="expired", code=None)[:200])
    for message in lost:
        subscription_key, _, issue = message.key.removeprefix(f"{composing.KIND}:").partition(":")
        day, _, number = issue.partition("/")
        with transaction.atomic():
            edition = (
                Edition.objects.select_related("subscription")
                .filter(subscription_id=int(subscription_key), issue_on=day, number=int(number or 0))
                .first()
            )
            if edition:
                _return(edition)
            # A code says that this has been done.
            Message.objects.filter(pk=message.pk).update(code=mail.GIVEN_BACK)
    return len(lost)


def _return(edition: Edition) -> None:
    papers = set(
        Clipping.objects.filter(pk__in=[key for key, _ in edition.picks]).values_list("paper_id", flat=True)
    )
    each = edition.subscription
    kept = [paper for paper in choosing.unpacked(each.sent).tolist() if paper not in papers]
    each.sent = choosing.packed(kept)
    # What was new then is still new to this reader.
    if each.until and each.until >= edition.until:
        each.until = edition.since
    each.save(update_fields=["sent", "until"])
    Hit.objects.filter(edition=edition).update(edition=None, found_at=F("found_at"))
