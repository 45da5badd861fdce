"""The background worker: one loop over steps of one shape, *find what is due, do it, stamp it*."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import DatabaseError, close_old_connections, connection

from broadsheet.models import Run
from broadsheet.operations.runs import in_a_line
from broadsheet.operations.stopping import Stop

log = logging.getLogger("broadsheet.worker")

# Does one batch of what is due and says how many that were.
Step = Callable[[], int]

PAUSE = 15.0
HEARTBEAT = 30.0
_LONGEST_WAIT = 600.0


@dataclass
class _Turn:
    """A step's place in the round: a failing step waits longer each time, the others go on."""

    name: str
    step: Step
    failures: int = 0
    not_before: float = 0.0


def work(
    steps: Mapping[str, Step], stop: Stop, pause: float = PAUSE, aside: Sequence[Mapping[str, Step]] = ()
) -> None:
    """Works until asked to stop, which the step under way finishes first. Sleeps `pause` seconds when nothing
    was due.

    The steps `aside` wait for other servers: each group has a loop of its own in a thread, so that nothing
    waits for them. At the end they are given a moment and then left where they are; what they had not written
    down is done again by the next worker.
    """
    turns = [_Turn(name, step) for name, step in steps.items()]
    ended = threading.Event()
    beside = [threading.Thread(target=_beat, args=(datetime.now(UTC), ended), name="heartbeat", daemon=True)]
    for group in aside:
        waiting = [_Turn(name, step) for name, step in group.items()]
        beside.append(
            threading.Thread(target=_aside, args=(waiting, ended, pause), name="aside", daemon=True)
        )
    for thread in beside:
        thread.start()
    try:
        while not stop.asked:
            done = 0
            for turn in turns:
                if not stop.asked and time.monotonic() >= turn.not_before:
                    done += _take(turn)
            stop.sleep(0 if done else pause)
    finally:
        ended.set()
        for thread in beside:
            thread.join(2)


def _aside(turns: list[_Turn], ended: threading.Event, pause: float) -> None:
    while not ended.is_set():
        done = 0
        for turn in turns:
            if not ended.is_set() and time.monotonic() >= turn.not_before:
                done += _take(turn)
        ended.wait(0 if done else pause)
    connection.close()


def _take(turn: _Turn) -> int:
    close_old_connections()
    started = datetime.now(UTC)
    try:
        done = turn.step()
        if done or turn.failures:
            _note(turn.name, started, f"{done} done", "")
        turn.failures = 0
        return done
    except Exception as error:
        turn.failures += 1
        wait = min(_LONGEST_WAIT, 15.0 * 2 ** (turn.failures - 1))
        turn.not_before = time.monotonic() + wait
        log.exception("The step %s failed; it is tried again in %d s", turn.name, wait)
        _note(turn.name, started, "", in_a_line(error))
        return 0


def _note(step: str, started: datetime, summary: str, problem: str) -> None:
    now = datetime.now(UTC)
    found = {"started_at": started, "finished_at": now, "problem": problem}
    if not problem:
        found |= {"succeeded_at": now, "summary": summary}
    try:
        if not connection.is_usable():
            connection.close()
        Run.objects.update_or_create(step=step, defaults=found)
    except DatabaseError as error:
        log.warning("The run of %s could not be written down: %s", step, in_a_line(error))


def _beat(started: datetime, ended: threading.Event) -> None:
    """Says every half minute that the worker lives, in a thread because a step may take longer than that."""
    while True:
        try:
            close_old_connections()
            beat = {
                "started_at": started,
                "succeeded_at": datetime.now(UTC),
                "finished_at": None,
                "problem": "",
            }
            Run.objects.update_or_create(step="worker", defaults=beat)
        except DatabaseError:
            log.debug("The database was busy; the next heartbeat will say it")
        if ended.wait(HEARTBEAT):
            break
    with suppress(DatabaseError):
        Run.objects.filter(step="worker").update(finished_at=datetime.now(UTC))
    connection.close()
