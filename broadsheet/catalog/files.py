"""Takes whole files and folders in, with progress, a rejects file and a summary that adds up."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
from django.conf import settings
from django.db import connection

from broadsheet.catalog.batch import Taken
from broadsheet.catalog.taking import retire_builtin, take_in_batch
from broadsheet.models import Run
from broadsheet.sources import PaperRecord, Reject, SourceError
from broadsheet.sources.aside import portions
from broadsheet.sources.files import FileSource, open_path

# name of the file, share of it read (0 to 1; -1 when all is done), papers so far, papers a second
Progress = Callable[[str, float, int, float], None]

# Papers in one transaction. Larger batches touch each page of the indexes less often; a stop in the middle
# of one loses some seconds of work and nothing else.
BATCH = 5000

# A file that is nothing but bad lines must not fill the disk with complaints.
MOST_REJECTS = 100_000


@dataclass
class FileReport:
    """One file: its papers and its rejects. `rejects` is None when there were none."""

    name: str
    kind: str
    taken: Taken = field(default_factory=Taken)
    rejected: int = 0
    rejects: Path | None = None


@dataclass
class ImportReport:
    """What an import did. `problems` are sentences about files that could not be read at all."""

    files: list[FileReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    retired: int = 0
    seconds: float = 0.0
    stopped: bool = False

    @property
    def taken(self) -> Taken:
        total = Taken()
        for file in self.files:
            total.add(file.taken)
        return total

    @property
    def rejected(self) -> int:
        return sum(file.rejected for file in self.files)

    def lines(self) -> list[str]:
        """The summary: for each file, read = new + changed + unchanged + rejected."""
        lines = [_line(f"{file.name} ({file.kind})", file.taken, file.rejected) for file in self.files]
        if len(self.files) > 1:
            lines.append(_line("in all", self.taken, self.rejected))
        lines += [f"rejected lines with reasons: {file.rejects}" for file in self.files if file.rejects]
        if self.retired:
            lines.append(f"The built-in front page made room: {self.retired} of its papers were taken out.")
        rate = self.taken.read / self.seconds if self.seconds else 0
        lines.append(f"{self.seconds:,.1f} s, {rate:,.0f} papers/s")
        if self.stopped:
            lines.append("Stopped. What is counted above is kept; run the same command again to finish.")
        return lines


def _line(name: str, taken: Taken, rejected: int) -> str:
    return (
        f"{name}: {taken.read + rejected:,} read = {taken.new:,} new + {taken.changed:,} changed"
        f" + {taken.unchanged:,} unchanged + {rejected:,} rejected"
    )


def import_files(
    paths: Iterable[Path], rejects: Path | None = None, progress: Progress | None = None
) -> ImportReport:
    """Takes in every paper of every file; folders are walked.

    A file that cannot be read is a sentence in `problems` and does not stop the others. Ctrl-C stops
    between two papers: what was counted is kept, and running the same import again completes it.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    Run.objects.update_or_create(step="import", defaults={"started_at": started, "finished_at": None})
    report = ImportReport()
    folder = rejects or settings.HOME / "rejects"
    _make_room()
    try:
        for path in paths:
            _import_path(path, folder, progress or _silent, report, clock)
    except KeyboardInterrupt:
        report.stopped = True
    report.retired = retire_builtin()
    _tell_the_planner()
    report.seconds = time.monotonic() - clock
    (progress or _silent)("", -1, report.taken.read, 0)
    _remember(report)
    return report


def _import_path(path: Path, folder: Path, progress: Progress, report: ImportReport, clock: float) -> None:
    try:
        for source in open_path(path):
            file = FileReport(source.path.name, source.kind)
            report.files.append(file)
            _import_file(source, file, folder, progress, report, clock)
    except SourceError as error:
        report.problems.append(str(error))


def _import_file(
    source: FileSource, file: FileReport, folder: Path, progress: Progress, report: ImportReport, clock: float
) -> None:
    now = datetime.now(UTC)
    batch: list[PaperRecord] = []
    bad: list[Reject] = []

    def keep(fraction: float) -> None:
        if batch:
            file.taken.add(take_in_batch(batch, now))
            batch.clear()
        read = report.taken.read
        progress(file.name, fraction, read, read / max(time.monotonic() - clock, 0.001))

    try:
        for portion in portions(source):
            for item in portion.items:
                if isinstance(item, PaperRecord):
                    batch.append(item)
                    continue
                file.rejected += 1
                if len(bad) < MOST_REJECTS:
                    bad.append(item)
            if len(batch) >= BATCH:
                keep(portion.fraction)
    except SourceError:
        keep(source.fraction)
        raise
    finally:
        file.rejects = _write_rejects(folder, file.name, bad)
    keep(1.0)


def _write_rejects(folder: Path, name: str, bad: list[Reject]) -> Path | None:
    if not bad:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^\w.-]", "_", name)[:100] + ".rejects.jsonl")
    with path.open("wb") as out:
        for reject in bad:
            line = {"line": reject.line, "reason": reject.reason, "excerpt": reject.excerpt}
            out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return path


def _make_room() -> None:
    """A long import touches pages all over the indexes: with more of them in memory and rarer checkpoints,
    each is written once for many papers. For this connection alone; memory stays below 400 MB."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA mmap_size = 0")
            cursor.execute("PRAGMA cache_size = -48000")
            cursor.execute("PRAGMA wal_autocheckpoint = 24000")


def _tell_the_planner() -> None:
    """After a large change the database should know how many rows it has, or it may pick a poor index."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("PRAGMA optimize = 0x10002")
            if not connection.in_atomic_block:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            cursor.execute("ANALYZE")


def _remember(report: ImportReport) -> None:
    now = datetime.now(UTC)
    done = {"succeeded_at": now} if not report.problems and not report.stopped else {}
    Run.objects.filter(step="import").update(
        finished_at=now,
        summary=_line("import", report.taken, report.rejected),
        problem=" ".join(report.problems) or ("It was stopped before the end." if report.stopped else ""),
        **done,
    )


def _silent(name: str, fraction: float, papers: int, rate: float) -> None:
    """No progress wanted."""
