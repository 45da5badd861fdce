"""Fetches what is due from the live sources: claimed, taken in a page at a time, stamped.

Each page is one transaction together with the place where the next one is, so that a harvest that was cut
off goes on where it was, and two workers never fetch the same. A source that breaks is tried again later,
after growing pauses, and stops nobody else.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from broadsheet import doors
from broadsheet.catalog import watching
from broadsheet.catalog.batch import Taken
from broadsheet.catalog.files import import_files
from broadsheet.catalog.taking import retire_builtin, take_in
from broadsheet.models import Paper, SourceState
from broadsheet.sources import (
    Gone,
    PaperRecord,
    Reject,
    SourceError,
    Wish,
    moments,
)

log = logging.getLogger("broadsheet.fetch")

# Longer than the longest answer takes; renewed with each page.
LEASE = timedelta(minutes=10)
# Seconds of one turn of the worker.
PORTION = 20.0
_FIRST_WAIT, _LONGEST_WAIT = 60.0, 6 * 3600.0

# Told after each page.
OnPage = Callable[["Harvest"], None]


@dataclass
class Harvest:
    """What one run over one part of a source brought. `problem` is a sentence, empty when all went well;
    `note` says why it ended before its end, where that was no trouble."""

    source: str
    part: str
    taken: Taken = field(default_factory=Taken)
    refused: int = 0
    pages: int = 0
    total: int | None = None
    at: str = ""
    finished: bool = False
    stopped: bool = False
    problem: str = ""
    note: str = ""
    seconds: float = 0.0

    @property
    def read(self) -> int:
        return self.taken.read + self.refused

    def line(self) -> str:
        """The summary: read = new + changed + unchanged + refused."""
        taken = self.taken
        return (
            f"{self.source}{f' {self.part}' if self.part else ''}: {self.read:,} read = {taken.new:,} new"
            f" + {taken.changed:,} changed + {taken.unchanged:,} unchanged + {self.refused:,} refused"
            f" ({self.pages:,} answers, {self.seconds:,.1f} s){f'. {self.note}' if self.note else ''}"
        )


class _Lost(Exception):
    """Somebody else holds the claim now: what this page brought is not kept."""


# --- the worker's step -----------------------------------------------------------------------------------


def fetch_due(seconds: float = PORTION) -> int:
    """Fetches from every followed source that is due, for about so long. Returns how many entries it read
    or, at the end of a harvest, learned from."""
    enrol()
    _let_go_of_the_dead()
    end, read = time.monotonic() + seconds, 0
    for key in due():
        read += _have_turn(key, end)
        if time.monotonic() > end:
            break
    return read


def enrol() -> None:
    """Gives every followed part of every followed source a row; what is new there is due at once."""
    known = {(source, part): due_at for source, part, due_at in _rows()}
    followed = doors.followed()
    for one in followed:
        if known.get((one.source, one.part), 0) is None:
            rows = SourceState.objects.filter(source=one.source, part=one.part, due_at__isnull=True)
            rows.update(due_at=datetime.now(UTC))
    missing = [one for one in followed if (one.source, one.part) not in known]
    SourceState.objects.bulk_create(
        [SourceState(source=one.source, part=one.part) for one in missing], ignore_conflicts=True
    )


def _rows() -> Iterable[tuple[str, str, datetime | None]]:
    return SourceState.objects.values_list("source", "part", "due_at")


def due() -> list[int]:
    """Keys of the rows that are followed, due and claimed by nobody, the longest due first."""
    now = datetime.now(UTC)
    followed = {(one.source, one.part) for one in doors.followed()}
    rows = SourceState.objects.filter(_free(now), due_at__lte=now).order_by("due_at", "pk")
    return [key for key, *which in rows.values_list("pk", "source", "part") if tuple(which) in followed]


def _have_turn(key: int, end: float) -> int:
    claim = _claim(key)
    if claim is None:
        return 0
    state = SourceState.objects.get(pk=key)
    harvest = Harvest(state.source, state.part)
    _run(state, claim, harvest, lambda: time.monotonic() > end)
    # Reading the last days again without learning anything is no reason to hurry on.
    return harvest.taken.new + harvest.taken.changed if harvest.finished else harvest.read


# --- by hand ---------------------------------------------------------------------------------------------


def fetch(source: str, wish: Wish, progress: OnPage | None = None) -> Harvest:
    """Fetches one part of one source to its end, whether or not it is followed.

    With a last day it is a harvest of its own; without, the worker goes on from where this one ends. The
    same call after one that was cut off goes on in the middle. Ctrl-C stops between two pages. Raises
    SourceError when the source is unknown or somebody else is fetching it.
    """
    if source == "folder" or source in doors.WATCHERS:
        wish = Wish()  # what is due there has neither parts nor days
    else:
        doors.live_source(source)  # says at once when there is no such source
    part = wish.part if wish.until is None else f"{wish.part} {wish.since or ''}..{wish.until}".strip()
    _let_go_of_the_dead()
    state, _ = SourceState.objects.get_or_create(source=source, part=part, defaults={"due_at": None})
    claim = _claim(state.pk)
    if claim is None:
        raise SourceError(f"{source} is being fetched already. Try again when that has ended.")
    state.refresh_from_db()
    if wish.since and state.since != wish.since:
        state.cursor = ""
    harvest = Harvest(source, part)
    _run(state, claim, harvest, lambda: False, progress, wish)
    if wish.until is not None and harvest.finished:
        SourceState.objects.filter(pk=state.pk).delete()
    return harvest


# --- one run ---------------------------------------------------------------------------------------------


def _claim(key: int) -> str | None:
    """Takes the row for this process alone; None if another one has it."""
    now, claim = datetime.now(UTC), f"{_here()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    rows = SourceState.objects.filter(_free(now), pk=key)
    return claim if rows.update(claim=claim, claimed_until=now + LEASE, tried_at=now) else None


def _here() -> str:
    """What tells this machine from others that share the database."""
    return blake2b(socket.gethostname().encode(), digest_size=4).hexdigest()


def _let_go_of_the_dead() -> None:
    """A process of this machine that was killed left its claims; nobody need wait until they run out."""
    for key, claim in SourceState.objects.exclude(claim="").values_list("pk", "claim"):
        host, _, rest = claim.partition("-")
        pid = rest.partition("-")[0]
        if host == _here() and pid.isdecimal() and not _is_alive(int(pid)):
            SourceState.objects.filter(pk=key, claim=claim).update(claim="", claimed_until=None)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _free(now: datetime) -> Q:
    return Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)


def _run(
    state: SourceState,
    claim: str,
    harvest: Harvest,
    enough: Callable[[], bool],
    progress: OnPage | None = None,
    asked: Wish | None = None,
) -> None:
    """Reads pages until the harvest ends, breaks or has had `enough`, and gives the claim back."""
    began = time.monotonic()
    try:
        step = _steps(state, asked)
        while True:
            portion = step()
            _keep(state, claim, portion, harvest)
            if progress:
                progress(harvest)
            if not portion.more:
                harvest.finished = True
                break
            if enough():
                break
        _give_back(state, claim)
    except _Lost:
        log.warning("%s: another process has taken over", state)
    except KeyboardInterrupt:
        harvest.stopped = True
        _give_back(state, claim)
    except SourceError as error:
        harvest.problem = str(error)
        _failed(state, claim, harvest.problem, getattr(error, "wait", 0.0))
    except Exception as error:
        log.exception("%s: an answer could not be taken in", state)
        harvest.problem = f"Its answer could not be taken in ({type(error).__name__}); the log says more."
        _failed(state, claim, harvest.problem, 0.0)
    finally:
        harvest.seconds = time.monotonic() - began
    if harvest.taken.new:
        retire_builtin()


@dataclass
class _Portion:
    """Some of what a source has. `take` writes it and says what became of it, inside the transaction that
    also keeps `cursor`. `more`: the harvest has not ended with it. `until`: it ends before its end and goes
    on then, for the reason that `note` tells."""

    take: Callable[[datetime], tuple[Taken, int]]
    cursor: str
    more: bool
    upto: date | None = None
    total: int | None = None
    at: str = ""
    until: datetime | None = None
    note: str = ""


def _steps(state: SourceState, asked: Wish | None) -> Callable[[], _Portion]:
    """What brings the next portion. Nothing is asked of anybody before it is called."""
    if state.source == "folder":
        return _files(state)
    if state.source in doors.WATCHERS:
        return _counts(state)
    return _pages(state, asked)


def _pages(state: SourceState, asked: Wish | None) -> Callable[[], _Portion]:
    source = doors.live_source(state.source)
    wish = _begin(state, asked)

    def step() -> _Portion:
        page = source.page(wish, state.cursor)
        return _Portion(
            lambda now: take_in_page(page.items, now, str(state)),
            page.cursor,
            bool(page.cursor),
            page.upto,
            page.total,
            page.at,
        )

    return step


def _counts(state: SourceState) -> Callable[[], _Portion]:
    watcher, budget = doors.watcher(state.source), doors.daily(state.source)
    state.new = state.changed = state.read = state.refused = 0
    asked = 0

    def step() -> _Portion:
        nonlocal asked
        bookmark, more = watching.enrol(state.source, state.cursor)
        if more:
            return _Portion(lambda now: (Taken(), 0), bookmark, more=True)
        keys = watching.due_keys(watcher)
        if not keys:
            return _Portion(lambda now: (Taken(), 0), bookmark, more=False)
        if budget is not None and not _spent_one(state, budget):
            return _Portion(
                lambda now: (Taken(), 0), bookmark, more=False, until=_tomorrow(), note=spent(budget)
            )
        seen = watching.ask(watcher, keys)
        asked += 1
        more = asked < watching.MOST_QUESTIONS
        return _Portion(lambda now: (watching.write(watcher, seen), 0), bookmark, more)

    return step


def _spent_one(state: SourceState, budget: int) -> bool:
    """Counts one more question of today before it is asked, so that a kill gives none away; False when
    today's are used up."""
    today, row = moments.today(), SourceState.objects.filter(pk=state.pk)
    row.exclude(asked_on=today).update(asked_on=today, asked=0)
    return bool(row.filter(asked_on=today, asked__lt=budget).update(asked=F("asked") + 1))


def spent(budget: int) -> str:
    """A sentence for everybody."""
    return f"Its {budget:,} question{'s' * (budget != 1)} of today are asked; it goes on after midnight, UTC."


def _tomorrow() -> datetime:
    return datetime.combine(moments.today() + timedelta(days=1), datetime.min.time(), UTC)


def _files(state: SourceState) -> Callable[[], _Portion]:
    waiting = watching.changed_files()
    state.new = state.changed = state.read = state.refused = 0

    def step() -> _Portion:
        if not waiting:
            return _Portion(lambda now: (Taken(), 0), "", more=False)
        path, mark = waiting.pop(0)
        report = import_files([path])
        if report.stopped:
            raise KeyboardInterrupt
        for problem in report.problems:
            log.warning("folder: %s", problem)

        def take(now: datetime) -> tuple[Taken, int]:
            watching.remember_file(path, mark)
            return report.taken, report.rejected + len(report.problems)

        return _Portion(take, "", bool(waiting), at=path.name)

    return step


def _begin(state: SourceState, asked: Wish | None) -> Wish:
    """What this run asks for: what an interrupted one did, else everything since some days before the end of
    the last one."""
    if not state.cursor:
        again = state.read_upto - timedelta(days=settings.SOURCE_DAYS) if state.read_upto else None
        state.since = (asked.since if asked else None) or again
        state.until = asked.until if asked else None
        state.new = state.changed = state.read = state.refused = 0
    return Wish(asked.part if asked else state.part, state.since, state.until)


def _keep(state: SourceState, claim: str, portion: _Portion, harvest: Harvest) -> None:
    """One transaction: what the portion holds, where the next one is, and that the claim is still ours."""
    now = datetime.now(UTC)
    with transaction.atomic():
        taken, refused = portion.take(now)
        state.cursor = portion.cursor
        state.new += taken.new
        state.changed += taken.changed
        state.read += taken.read + refused
        state.refused += refused
        if portion.upto and (state.read_upto is None or portion.upto > state.read_upto):
            state.read_upto = portion.upto
        changes = {
            name: getattr(state, name)
            for name in ("cursor", "since", "until", "new", "changed", "read", "refused", "read_upto")
        }
        if not portion.more:
            again = _next(state, now)
            changes |= {
                "succeeded_at": now,
                "failures": 0,
                "problem": "",
                "due_at": max(again, portion.until) if again and portion.until else again,
            }
        mine = SourceState.objects.filter(pk=state.pk, claim=claim)
        if not mine.update(claimed_until=now + LEASE, in_all=F("in_all") + taken.read, **changes):
            raise _Lost
    harvest.taken.add(taken)
    harvest.refused += refused
    harvest.pages += 1
    harvest.total, harvest.at, harvest.note = portion.total, portion.at, portion.note


def _next(state: SourceState, now: datetime) -> datetime | None:
    """When the row is due again; never, if it is not followed."""
    for one in doors.followed():
        if (one.source, one.part) == (state.source, state.part):
            return now + one.every
    return None


def _give_back(state: SourceState, claim: str) -> None:
    SourceState.objects.filter(pk=state.pk, claim=claim).update(claim="", claimed_until=None)


def _failed(state: SourceState, claim: str, problem: str, wait: float) -> None:
    """Writes down what went wrong; the source is due again after a pause that doubles with each failure."""
    failures = state.failures + 1
    pause = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(failures - 1, 20)) * random.uniform(1.0, 1.25)  # noqa: S311
    again = datetime.now(UTC) + timedelta(seconds=max(wait, pause))
    changes = {"due_at": again} if state.due_at is not None else {}
    SourceState.objects.filter(pk=state.pk, claim=claim).update(
        claim="", claimed_until=None, failures=failures, problem=problem[:500], **changes
    )
    log.info("%s: %s It is tried again at %s UTC.", state, problem, f"{again:%H:%M}")


# --- what a page holds -----------------------------------------------------------------------------------


def take_in_page(
    items: Iterable[PaperRecord | Gone | Reject], now: datetime, what: str = "source"
) -> tuple[Taken, int]:
    """Takes records in, withdraws what is gone, and says how many entries were refused, with a log line."""
    records: list[PaperRecord] = []
    gone: list[Gone] = []
    refused: list[Reject] = []
    doubted = 0
    for item in items:
        if isinstance(item, PaperRecord):
            believed = moments.believable(item, now.date())
            doubted += believed is not item
            records.append(believed)
        elif isinstance(item, Gone):
            gone.append(item)
        else:
            refused.append(item)
    withdrawn = _withdrawals(gone)
    if doubted:
        log.warning("%s: %d entries had dates that cannot be; the dates were left out", what, doubted)
    if refused:
        first = refused[0]
        log.warning("%s: %d entries refused; first: %s %s", what, len(refused), first.reason, first.excerpt)
    taken = take_in([*records, *withdrawn], now)
    # Papers that are gone and were never here have been read, too.
    taken.unchanged += len(gone) - len(withdrawn)
    return taken, len(refused)


def _withdrawals(gone: Sequence[Gone]) -> list[PaperRecord]:
    """A record that withdraws each known paper; a deleted record has no words of its own."""
    sources = {one.identifier: one.source for one in gone}
    known = Paper.objects.filter(identifier__in=sources).values_list("identifier", "title")
    return [
        PaperRecord(sources[identifier], title, (identifier,), withdrawn=True) for identifier, title in known
    ]
