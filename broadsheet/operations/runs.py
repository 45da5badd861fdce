"""Writes down what a step or command did, so that health and doctor can say it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from broadsheet.models import Run


@contextmanager
def recorded(step: str) -> Iterator[Run]:
    """Keeps the `Run` of `step`; the caller fills in its `summary`. Whatever is raised inside is written
    down as its problem and raised on. Killed in between, the run stays without an end."""
    run = Run.objects.filter(pk=step).first() or Run(step=step)
    run.started_at, run.finished_at, run.problem, run.summary = datetime.now(UTC), None, "", ""
    run.save()
    try:
        yield run
    except BaseException as error:
        run.finished_at = datetime.now(UTC)
        run.problem = in_a_line(error)
        run.save()
        raise
    run.finished_at = run.succeeded_at = datetime.now(UTC)
    run.save()


def in_a_line(error: BaseException) -> str:
    """What went wrong, on one line of at most 300 characters."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}"[:300] if said else type(error).__name__
