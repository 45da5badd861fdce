"""Hands messages over so that a crash at any moment neither loses one nor sends it twice.

    pending --claim--> claimed --last line out--> closing --answer--> accepted | deferred | failed
                          |                          |
                    lease ran out                lease ran out, connection lost
                          v                          v
                       pending                    ambiguous  (sent again, or held: BROADSHEET_MAIL_AMBIGUOUS)

Each step is committed before the next thing is said to the server, and no transaction lasts while the
network is waited for. Up to the final dot the server has no message, so a claim that ran out is simply taken
again. After the dot and before the answer nobody knows (RFC 1047): that window is one message for each open
connection, it is recorded, and its copies carry the same Message-ID. Any number of senders may work on one
database: claims are made under the lock of one row.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from broadsheet.mail import addresses, messages, pacing, setup, tokens
from broadsheet.mail.messages import Content
from broadsheet.mail.pacing import BACKOFF
from broadsheet.mail.posting import suppress
from broadsheet.mail.smtp import Line, Lost, Refused, Reply, Unreachable
from broadsheet.models import Message, Outbox, Suppression
from broadsheet.models.mail import MessageQuerySet

log = logging.getLogger("broadsheet.mail")

BATCH = 20
LEASE = timedelta(minutes=5)
# So many for each connection in one of the worker's rounds: it is asked to stop between them.
MOST_AT_ONCE = 100
# A copy after this many unanswered hand-overs would be one too many.
MOST_UNCERTAIN = 3
MOST_ATTEMPTS = 40
# Seconds for which the database is waited for when the server has taken a message.
PATIENCE = 10.0
# How long a run waits for a domain's turn before it ends and leaves the rest to the next.
WAIT_FOR_TURN = 20.0
# After so many refusals for its content an issue is reported.
FLAG_AFTER = 5
# Codes of ours beside those of servers, for messages that were never handed over.
HELD, GIVEN_BACK = 409, 410
HELD_FOR = "It waited in a backup that was restored. To send it: broadsheet digest send --late"
BOUNCE, STOP_BY_MAIL = "bounce", "stop by mail"
_CLAIMABLE = ("pending", "deferred")
_random = SystemRandom()


class Writer(Protocol):
    """Composes the messages of one kind, whose words are not stored with them."""

    def ready(self, messages: Sequence[Message]) -> None:
        """These come next in this thread: what they need may be read for all of them at once."""

    def __call__(self, message: Message, share: float = 1.0) -> Content:
        """The words; `share` (0 to 1] says how much of them may stay where the whole was too long."""


class MailTrouble(Exception):
    """Sending cannot go on. The message is a sentence for the operator; nothing is lost."""


@dataclass
class Report:
    """What became of the messages that a run took in hand."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return sum(self.counts.values())

    def note(self, problem: str) -> None:
        if problem and problem not in self.problems and len(self.problems) < 50:
            self.problems.append(problem)

    def add(self, other: Report) -> None:
        self.counts.update(other.counts)
        for problem in other.problems:
            self.note(problem)

    def __str__(self) -> str:
        said = ", ".join(f"{self.counts[state]:,} {state}" for state in sorted(self.counts))
        return f"{self.taken:,} taken: {said}" if said else "nothing was due"


def reached(point: str) -> None:
    """Nothing. The crash tests put a SIGKILL in its place; `point` names where the sender is."""


def deliver(
    writers: Mapping[str, Writer] | None = None,
    *,
    connections: int = 1,
    late: bool = False,
    stop: Callable[[], bool] = lambda: False,
    most: int | None = None,
    kinds: Sequence[str] = (),
) -> Report:
    """Hands over what is due until nothing is left that can go now. Several at once are safe.

    `writers` compose the kinds whose words are not stored; `kinds` narrows to some kinds. `late` lets
    issues go whose time has passed.
    Raises MailTrouble when the server refuses encryption or log-in (before the first recipient), when
    sending is paused, or when the database is gone.
    """
    try:
        setup.sender(), setup.origin()
        if not settings.MAIL_PROVIDER:
            setup.server()
    except setup.NotSetUp as error:
        raise MailTrouble(str(error)) from error
    outbox = Outbox.objects.get_or_create(pk=1)[0]
    if outbox.paused_for:
        raise MailTrouble(f"Sending is paused: {outbox.paused_for} Resume with: broadsheet digest resume")
    recover()
    if not late:
        expire()
    whole = Report()
    runs = [_Run(writers or {}, late, stop, most, kinds) for _ in range(max(1, connections))]
    if len(runs) == 1:
        runs[0].go()
    else:
        threads = [threading.Thread(target=run.in_thread, daemon=True) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for run in runs:
        whole.add(run.report)
    for run in runs:
        if run.trouble:
            raise run.trouble
    return whole


def deliver_due(writers: Mapping[str, Writer] | None = None) -> int:
    """The worker's step: hands over what is due, where mail is set up, and says how many messages that
    were. Raises MailTrouble."""
    if not setup.is_set_up() or not Message.objects.waiting().exists():
        return 0
    return deliver(writers, connections=settings.MAIL_CONNECTIONS, most=MOST_AT_ONCE).taken


def recover() -> int:
    """Takes up what senders that are gone left behind; says how many messages that were."""
    now = timezone.now()
    held = Message.objects.filter(lease_until__lt=now)
    free = held.filter(state="claimed").update(state="pending", claimant="", lease_until=None)
    unknown = held.filter(state="closing").update(
        state="ambiguous",
        uncertain=F("uncertain") + 1,
        claimant="",
        lease_until=None,
        said="The sender was cut off between the last line and the server's answer.",
    )
    return free + unknown


def expire() -> int:
    """Settles what is too old to be news, whose first hand-over never came about."""
    now = timezone.now()
    return Message.objects.filter(expires_at__lt=now, state__in=_CLAIMABLE).update(
        state="expired", settled_at=now, text="", html="", said="It was too old to be sent."
    )


def hold_restored() -> int:
    """After a backup came back: whether what it holds as waiting was sent since, nobody knows. It is settled
    as HELD, which papers it carried stays remembered, and `revive` sends it after all."""
    return Message.objects.filter(
        state__in=("pending", "claimed", "closing", "deferred", "ambiguous")
    ).update(
        state="expired", code=HELD, settled_at=timezone.now(), claimant="", lease_until=None, said=HELD_FOR
    )


def revive(kind: str) -> int:
    """Lets messages of a kind go that were settled as too old or held; says how many. What was given back to
    be sent in another one (GIVEN_BACK) stays where it is."""
    found = Message.objects.filter(state="expired", kind=kind).exclude(code=GIVEN_BACK)
    return found.update(
        state="pending", code=None, settled_at=None, said="", expires_at=timezone.now() + timedelta(days=1)
    )


def backoff(attempts: int) -> timedelta:
    """How long a deferred message waits: doubling, and never the same for two messages."""
    seconds = min(BACKOFF.longest, BACKOFF.first * 2 ** min(max(0, attempts - 1), 20))
    return timedelta(seconds=seconds * _random.uniform(0.8, 1.2))


class _Run:
    """One sender: one connection at a time, one message in flight."""

    def __init__(
        self,
        writers: Mapping[str, Writer],
        late: bool,
        stop: Callable[[], bool],
        most: int | None,
        kinds: Sequence[str],
    ) -> None:
        self.writers = writers
        self.kinds = kinds
        self.late = late
        self.stop = stop
        self.most = most
        self.report = Report()
        self.trouble: MailTrouble | None = None
        self.name = secrets.token_hex(16)
        self._line: Line | None = None
        self._sent_on_line = 0
        self._streak = 0
        self._accepted_noted = 0.0
        self._over = False
        self._tables: int | None = None
        # Domains that have asked to wait, as of the last claim.
        self._waited: set[str] = set()

    def in_thread(self) -> None:
        try:
            self.go()
        except MailTrouble as trouble:
            self.trouble = trouble
        except Exception as error:
            log.exception("A sender stopped")
            self.trouble = MailTrouble(f"A sender stopped: {type(error).__name__}")
        finally:
            connection.close()

    def go(self) -> None:
        try:
            while not self.stop() and not self._over:
                batch = self._claim()
                if not batch:
                    if not self._wait_for_turn():
                        break
                    continue
                reached("claimed")
                self._take(batch)
        except DatabaseError as error:
            raise MailTrouble(
                f"The database cannot be used ({type(error).__name__}), so nothing more is sent. What was "
                "in flight is recorded as uncertain."
            ) from error
        finally:
            if self._line:
                self._line.quit()

    # Claiming

    def _claim(self) -> list[tuple[Message, datetime]]:
        """Up to BATCH messages with the moment at which each may be begun."""
        left = BATCH if self.most is None else min(BATCH, self.most - self.report.taken)
        if left <= 0:
            return []
        recover()
        with transaction.atomic():
            outbox = Outbox.objects.select_for_update().get(pk=1)
            self._demand_same_tables()
            if outbox.paused_for:
                self.report.note(f"Sending is paused: {outbox.paused_for}")
                return []
            now = timezone.now()
            paces = pacing.Paces(now)
            left = min(left, paces.batch)
            if not left:
                self.report.note(paces.problem)
                return []
            # With a rate for each domain, some of the first may have to wait for their turn.
            reach = 10 * left if settings.MAIL_DOMAIN_RATE else left
            rows = list(self._due(now).exclude(domain__in=paces.blocked())[:reach])
            turns = paces.turns(rows, left)
            keys = [message.pk for message, _ in turns]
            Message.objects.filter(pk__in=keys).update(
                state="claimed", claimant=self.name, lease_until=now + LEASE, attempts=F("attempts") + 1
            )
        for message, _ in turns:
            message.attempts += 1
        self._waited = paces.waited()
        return turns

    def _demand_same_tables(self) -> None:
        """After an upgrade in the middle of a run, what was claimed has been sent; the rest is the new
        version's."""
        last = MigrationRecorder.Migration.objects.order_by("-id").values_list("id", flat=True).first()
        if self._tables not in (None, last):
            raise MailTrouble(
                "The tables were upgraded while mail went out, so nothing more is sent from here. Nothing is "
                "lost: start anew to go on."
            )
        self._tables = last

    def _due(self, now: datetime) -> MessageQuerySet:
        may = Q(state__in=_CLAIMABLE)
        if settings.MAIL_AMBIGUOUS == "resend":
            may |= Q(state="ambiguous", uncertain__lt=MOST_UNCERTAIN)
        found = Message.objects.filter(may, due_at__lte=now)
        if self.kinds:
            found = found.filter(kind__in=self.kinds)
        if not self.late:
            found = found.filter(Q(expires_at__isnull=True) | Q(expires_at__gte=now) | Q(state="ambiguous"))
        return found.order_by("-urgent", "due_at", "pk")

    def _wait_for_turn(self) -> bool:
        """Whether it was worth waiting for a domain whose turn comes soon."""
        if self.most is not None and self.report.taken >= self.most:
            return False
        seconds = pacing.next_turn(self._due(timezone.now()))
        if seconds is None or seconds > WAIT_FOR_TURN:
            return False
        time.sleep(max(0.05, seconds))
        return True

    # One batch

    def _take(self, batch: list[tuple[Message, datetime]]) -> None:
        for kind, writer in self.writers.items():
            writer.ready([message for message, _ in batch if message.kind == kind])
        for index, (message, turn) in enumerate(batch):
            if self.stop() or self._over:
                self._put_back([each for each, _ in batch[index:]])
                return
            pause = (turn - timezone.now()).total_seconds()
            if pause > 0:
                time.sleep(pause)
            try:
                self._one(message)
            except Refused as error:
                self._put_back([each for each, _ in batch[index:]])
                self._over = True
                log.error("%s", error)
                raise MailTrouble(str(error)) from error
            except Unreachable as error:
                # No connection could be made: everything that was claimed waits.
                for each, _ in batch[index:]:
                    self._settle(each, "deferred", None, str(error), after=backoff(each.attempts))
                self.report.note(str(error))
                self._failed(str(error))
                self._over = True
                return

    def _put_back(self, rows: list[Message]) -> None:
        pacing.give_back(len(rows))
        Message.objects.filter(pk__in=[each.pk for each in rows], claimant=self.name, state="claimed").update(
            state="pending", claimant="", lease_until=None, attempts=F("attempts") - 1
        )

    def _one(self, message: Message) -> None:
        """Takes one message as far as it will go. Raises Refused, or Unreachable when no connection can be
        made at all."""
        line = None if settings.MAIL_PROVIDER else self._connected()
        try:
            body = self._composed(message, line)
        except setup.NotSetUp as error:
            raise Refused(str(error)) from error
        except Exception as error:
            # One bad paper or template is one message's misfortune.
            log.exception("Message %d could not be composed", message.pk)
            pacing.give_back(1)
            said = f"It could not be composed: {type(error).__name__}: {error}"
            self._settle(message, "failed", None, said)
            self.report.note(f"Message {message.pk}: {said}"[:300])
            return
        if body is None or not self._still_wanted(message):
            return
        if line is None:
            self._by_provider(message)
        else:
            self._hand_over(line, message, body)

    def _composed(self, message: Message, line: Line | None) -> bytes | None:
        """The message's bytes, shortened until the server takes them; None when that cannot be done and
        the message is settled."""
        limit = min(messages.LARGEST, (line and line.largest) or messages.LARGEST)
        writer = self.writers.get(message.kind)
        size = 0
        for share in (1.0, 0.7, 0.5, 0.3, 0.15, 0.05) if writer else (1.0,):
            content = writer(message, share) if writer else _stored(message)
            body = messages.build(
                content,
                to=message.address,
                key=message.key,
                when=message.posted_at,
                list_name=message.list_name,
                stop_path=message.stop_path,
                stop_mail=stop_address(message) if settings.MAIL_MAILDIR else "",
                report=seal_of(message),
            )
            size = len(body)
            # What is stored may be longer than what we would write ourselves.
            if size <= limit or (not writer and (not line or not line.largest or size <= line.largest)):
                return body
        pacing.give_back(1)
        self._settle(message, "failed", 552, f"It has {size:,} bytes; the server takes {limit:,}.")
        self.report.note(f"Message {message.pk} is too large for the server.")
        return None

    def _connected(self) -> Line:
        if self._line is None:
            reached("connecting")
            self._line = Line(
                setup.server(), setup.sender().domain, settings.MAIL_FINAL_WAIT, pacing.REPLY_WAIT
            )
            self._sent_on_line = 0
        return self._line

    def _still_wanted(self, message: Message) -> bool:
        """Whether the claim still holds and the address still wants mail, asked just before MAIL FROM."""
        silent = Exists(Suppression.objects.filter(pk=OuterRef("address_key")))
        found = list(self._mine(message).annotate(silent=silent).values_list("lease_until", "silent"))
        if not found:
            # Cancelled meanwhile, or the lease ran out and another sender has it.
            pacing.give_back(1)
            self.report.counts["left to others"] += 1
            return False
        [(lease, unwanted)] = found
        if unwanted:
            pacing.give_back(1)
            self._settle(message, "suppressed", None, "The address receives no mail.")
            return False
        if lease is None or lease - timezone.now() < LEASE / 2:
            return bool(self._mine(message).update(lease_until=timezone.now() + LEASE))
        return True

    def _mine(self, message: Message, state: str = "claimed") -> MessageQuerySet:
        return Message.objects.filter(pk=message.pk, claimant=self.name, state=state)

    def _hand_over(self, line: Line, message: Message, body: bytes) -> None:
        try:
            stage, reply = line.begin(return_path(message, setup.sender()), message.address, len(body))
            if stage == "mail" or not reply.ok:
                self._refused(message, stage, reply)
                return
            reached("recipient")
            answer = line.hand_over(body, lambda: self._closing(message), lambda: reached("half"))
        except Unreachable as error:
            self._drop_line()
            self._settle(message, "deferred", None, str(error), after=backoff(message.attempts))
            self._failed(str(error))
            return
        except Lost as error:
            self._drop_line()
            self._lost(message, str(error))
            return
        if answer is None:
            self._drop_line()
            pacing.give_back(1)
            self._withdrawn(message)
        elif answer.ok:
            reached("answered")
            self._accepted(message, answer)
        else:
            self._refused(message, "data", answer)

    def _closing(self, message: Message) -> bool:
        """Commits that the final dot is about to go out, unless the message was taken back meanwhile."""
        reached("body")
        wanted = ~Exists(Suppression.objects.filter(pk=OuterRef("address_key")))
        lease = timezone.now() + timedelta(seconds=settings.MAIL_FINAL_WAIT) + LEASE
        done = self._mine(message).filter(wanted).update(state="closing", lease_until=lease)
        reached("closing")
        return bool(done)

    # Outcomes

    def _settle(
        self, message: Message, state: str, code: int | None, said: str, after: timedelta | None = None
    ) -> bool:
        """Writes down what became of a message that this run holds; waits a while for a busy database."""
        now = timezone.now()
        written: dict[str, object] = {
            "state": state,
            "code": code,
            "said": addresses.without_addresses(said)[:300],
            "claimant": "",
            "lease_until": None,
        }
        if state == "deferred" and message.attempts >= MOST_ATTEMPTS:
            written["state"] = state = "failed"
        if after is not None and state in ("deferred", "ambiguous"):
            written["due_at"] = now + after
        if state in ("accepted", "failed", "suppressed"):
            # What was said to one person need not be kept once it is said.
            written |= {"settled_at": now, "text": "", "html": ""}
        if state == "ambiguous":
            written["uncertain"] = F("uncertain") + 1
        rows = Message.objects.filter(pk=message.pk, claimant=self.name, state__in=("claimed", "closing"))
        done = _patiently(lambda: rows.update(**written))
        self.report.counts[state if done else "left to others"] += 1
        return bool(done)

    def _accepted(self, message: Message, answer: Reply) -> None:
        self._settle(message, "accepted", answer.code, str(answer))
        reached("recorded")
        self._went_well(message.domain)
        self._sent_on_line += 1
        # Often enough for whoever asks when mail last went out, seldom enough to cost nothing.
        if self._streak or time.monotonic() - self._accepted_noted > 5:
            self._streak, self._accepted_noted = 0, time.monotonic()
            Outbox.objects.update(accepted_at=timezone.now(), failures=0)

    def _went_well(self, domain: str) -> None:
        if domain in self._waited:
            pacing.went_well(domain)
            self._waited.discard(domain)

    def _lost(self, message: Message, said: str) -> None:
        self._settle(
            message, "ambiguous", None, f"No answer after the last line: {said}", after=BACKOFF.unsure
        )
        self.report.note(f"Message {message.pk} is uncertain: the server gave no answer to its last line.")
        log.warning("Message %d is uncertain: no answer after its last line", message.pk)
        self._failed(said)

    def _withdrawn(self, message: Message) -> None:
        """The message was suppressed or cancelled while its lines went out; the server has dropped it."""
        if self._mine(message).exists():
            self._settle(message, "suppressed", None, "The address receives no mail.")
        else:
            self.report.counts["left to others"] += 1

    def _refused(self, message: Message, stage: str, reply: Reply) -> None:
        kind = judged(stage, reply)
        said = str(reply)
        if reply.code == 421:
            self._drop_line()
            if self._sent_on_line:
                # It only wants a new connection.
                self._put_back([message])
                return
        else:
            self._reset()
        if kind == "later":
            pacing.asked_to_wait(message.domain)
            self._waited.add(message.domain)
            self._settle(message, "deferred", reply.code, said, after=backoff(message.attempts))
            if reply.code == 421:
                self.report.note(said)
                self._over = True
        else:
            self._settle(message, "failed", reply.code, said)
            if kind == "dead" and suppress(message.address, "bounce", said):
                log.info("Message %d: the mailbox does not exist; it gets no more mail", message.pk)
            if kind == "full":
                from broadsheet.mail import returns

                returns.take("soft", message.address, f"{message.pk} soft at hand-over", said)
            if kind == "content":
                self._flag(message, said)
        self._failed(said)

    def _flag(self, message: Message, said: str) -> None:
        failed = Message.objects.filter(issue=message.issue, kind=message.kind, state="failed")
        refused = failed.filter(code__in=(550, 552, 554)).count()
        if refused >= FLAG_AFTER:
            name = message.issue or message.kind
            problem = f"Issue {name}: {refused} messages were refused for what they say: {said}"
            self.report.note(problem[:300])
            log.error("%s", problem)

    def _reset(self) -> None:
        if self._line:
            try:
                self._line.reset()
            except Unreachable:
                self._drop_line()

    def _drop_line(self) -> None:
        if self._line:
            self._line.close()
            self._line = None

    def _failed(self, said: str) -> None:
        """Counts a failure; after too many in a row everything stops until somebody has looked."""
        self._streak += 1
        Outbox.objects.update(failures=F("failures") + 1)
        reason = f"{settings.MAIL_PAUSE_AFTER} messages in a row failed, the last one with: {said}"
        paused = Outbox.objects.filter(failures__gte=settings.MAIL_PAUSE_AFTER, paused_for="").update(
            paused_for=addresses.without_addresses(reason)[:300], paused_at=timezone.now()
        )
        if paused:
            log.error("Sending is paused: %s", reason)
            self.report.note(f"Sending is paused: {reason}"[:300])
            self._over = True

    def _by_provider(self, message: Message) -> None:
        from broadsheet.mail import provider

        if not self._closing(message):
            return
        try:
            writer = self.writers.get(message.kind)
            content = writer(message) if writer else _stored(message)
            provider.send(message, content)
        except provider.ForGood as error:
            self._settle(message, "failed", None, str(error))
            self._failed(str(error))
        except provider.Unclear as error:
            self._lost(message, str(error))
        else:
            self._settle(message, "accepted", 250, "The provider took it.")
            self._went_well(message.domain)
            Outbox.objects.update(accepted_at=timezone.now(), failures=0)


def judged(stage: str, reply: Reply) -> str:
    """What a refusal means: "later" (ask again), "dead" (no such mailbox), "full" (soft), "content"
    (the message or its sender is unwanted).

    RFC 3463: x.1.x speaks of the address, x.2.x of the mailbox, x.7.x of policy. A bare 550, 551 or 553 at
    RCPT has always meant that there is nobody of that name.
    """
    if reply.later:
        return "later"
    if stage != "rcpt":
        return "content"
    status = reply.status
    if status.startswith("5.1.") and status not in ("5.1.7", "5.1.8"):
        return "dead"
    if status.startswith("5.2."):
        return "dead" if status == "5.2.1" else "full"
    if not status and reply.code in (550, 551, 553):
        return "dead"
    return "content"


def return_path(message: Message, sender: setup.Sender) -> str:
    """Where reports about this one message come back to: VERP with a seal, so that nobody can forge one."""
    if not settings.MAIL_BOUNCES:
        return sender.address
    name, _, domain = settings.MAIL_BOUNCES.rpartition("@")
    return f"{name}+{seal_of(message)}@{domain}"


def seal_of(message: Message) -> str:
    """What a report about this message must carry to be believed."""
    return tokens.seal(BOUNCE, _base36(message.pk))


def stop_address(message: Message) -> str:
    """The address at which one mail ends this subscription, "" where no mail is read."""
    if not settings.MAIL_BOUNCES or not message.part_of.startswith("subscription:"):
        return ""
    name, _, domain = settings.MAIL_BOUNCES.rpartition("@")
    subject = _base36(int(message.part_of.rpartition(":")[2]))
    return f"{name}+stop-{tokens.seal(STOP_BY_MAIL, subject)}@{domain}"


def message_of(token: str, purpose: str) -> Message | None:
    """The message that a sealed address speaks of, None for a forged one."""
    subject = tokens.subject_of(token)
    if subject is None or not tokens.is_sealed(token, purpose, subject):
        return None
    return Message.objects.filter(pk=int(subject, 36)).first()


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"


def _stored(message: Message) -> Content:
    return Content(message.subject, message.text, message.html)


def _patiently(write: Callable[[], int]) -> int:
    """A write that must not be lost to a moment's trouble. Raises DatabaseError when the trouble stays."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return write()
        except DatabaseError:
            if time.monotonic() > until or connection.in_atomic_block:
                raise
            time.sleep(0.5)
            if not connection.is_usable():
                connection.close()


def resume() -> bool:
    """Lets sending go on after a pause; says whether there was one."""
    return bool(Outbox.objects.exclude(paused_for="").update(paused_for="", paused_at=None, failures=0))


def pause(reason: str) -> None:
    """Stops all sending until `resume`. The reason is a sentence."""
    Outbox.objects.get_or_create(pk=1)
    Outbox.objects.update(paused_for=reason[:300], paused_at=datetime.now(UTC))
