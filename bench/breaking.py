"""Breaks the index of a running site in every way that a disk can, and watches pages meanwhile.

    python -m bench.breaking [--papers 6000] [--home FOLDER] [--seed 1]

A site of its own, web server and worker, on invented papers or on a copy of FOLDER's. One fault after the
other is done to its index while a client asks pages without pause: the folder deleted, each kind of file with
one bit turned, cut in half, or gone, the list of words for correcting damaged, a disk that has no room left
(as root: a small one in memory). Told of each: how many pages were answered with what, the slowest, and after
how many seconds searches answered as before and `index verify` found nothing. The worker is started again
after each fault, as its look at every byte would else come up to ten minutes later.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.asking import questions_of
from bench.household import BenchError, Household, copy_home, stop, workplace
from bench.material import choose
from bench.tables import Column, markdown

# Seconds that a site is given to mend itself.
PATIENCE = 600
# Seconds within which a worker says that its disk is full.
TELLING = 60
QUESTIONS = 8
# The share of a question's papers that must be the same again: a new index sorts equals otherwise.
ALIKE = 0.8
# The word by which a process of its own is asked to change all papers.
TOUCH = "touch"
# MB of the small disk, beyond what the index takes there.
ROOM = 3

COLUMNS = (
    Column("what was done", "fault"),
    Column("pages asked", "pages"),
    Column("answers", "statuses"),
    Column("slowest ms", "slowest_ms"),
    Column("whole again after s", "healed_s", 1),
)


class Quiet(Household):
    """A household that asks no other server for papers."""

    def environ(self) -> dict[str, str]:
        return super().environ() | {"BROADSHEET_SOURCES": "none", "BROADSHEET_RERANKER": ""}


@dataclass
class Visitor:
    """Asks pages in turn, one at a time, and keeps what came."""

    port: int
    paths: Sequence[str]
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def __enter__(self) -> Visitor:
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _visit(self) -> None:
        while not self._left.is_set():
            for path in self.paths:
                begun = time.perf_counter()
                try:
                    status = str(ask(self.port, path)[0])
                except (OSError, http.client.HTTPException):
                    status = "none"
                self.statuses[status] += 1
                self.slowest = max(self.slowest, time.perf_counter() - begun)
                if self._left.wait(0.02):
                    return


def ask(port: int, path: str) -> tuple[int, bytes]:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(asked):
        asked.request("GET", path)
        answer = asked.getresponse()
        return answer.status, answer.read()


class Site:
    """A web server and a worker on one data folder."""

    def __init__(self, household: Household) -> None:
        self.household = household
        self.index = household.home / "index"
        self._worker: subprocess.Popen[str] | None = None
        self.questions: list[str] = []
        self.before: list[Any] = []

    def start_worker(self) -> None:
        self.stop_worker()
        self._worker = self.household.start("worker", said=subprocess.DEVNULL)

    def stop_worker(self) -> None:
        if self._worker:
            stop(self._worker)
        self._worker = None

    def answers(self) -> list[Any]:
        """The papers of each question, in order; None where the search does without its index."""
        found = []
        for question in self.questions:
            path = f"/api/v1/search?q={quote(question)}&limit=20"
            status, body = ask(self.household.port, path)
            told = json.loads(body) if status == 200 else {}
            found.append([paper["identifier"] for paper in told.get("papers", [])])
        return found

    def told_of_no_room(self) -> bool:
        """Whether the log says within a minute that the disk is full."""
        begun = time.perf_counter()
        while time.perf_counter() - begun < TELLING:
            if "make room" in self.household.log.read_text().lower():
                return True
            time.sleep(0.5)
        return False

    def whole(self) -> bool:
        """Whether searches find what they found before, but for equals that change places."""
        now = self.answers()
        for papers, known in zip(now, self.before, strict=True):
            if len(papers) != len(known) or len(set(papers) & set(known)) < ALIKE * len(known):
                return False
        try:
            self.household.run("index", "verify")
        except BenchError:
            return False
        return True

    def await_whole(self) -> float:
        """Seconds until everything is as before. Raises BenchError."""
        begun = time.perf_counter()
        while time.perf_counter() - begun < PATIENCE:
            if self._worker and self._worker.poll() is not None:
                raise BenchError(f"The worker ended: {self.household.log.read_text()[-2000:]}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.whole():
                    return time.perf_counter() - begun
            time.sleep(0.2)
        raise BenchError(f"Not whole again after {PATIENCE} s: {self.household.log.read_text()[-2000:]}")


def files_of(index: Path) -> list[Path]:
    """One file of each kind that the index consists of, the largest of its kind."""
    kinds: dict[str, Path] = {}
    for path in sorted(index.rglob("*")):
        if path.is_file() and path.stat().st_size and path.suffix != ".lock":
            kind = path.suffix or path.name.split("-")[0]
            if kind not in kinds or path.stat().st_size > kinds[kind].stat().st_size:
                kinds[kind] = path
    return list(kinds.values())


def turn_a_bit(path: Path, lot: random.Random) -> None:
    with path.open("r+b") as file:
        place = lot.randrange(path.stat().st_size)
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ (1 << lot.randrange(8))]))


def cut(path: Path, _: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def remove(path: Path, _: random.Random) -> None:
    path.unlink()


def faults(site: Site, lot: random.Random) -> Iterator[tuple[str, Callable[[], None]]]:
    yield "the folder deleted", lambda: shutil.rmtree(site.index)
    ways: tuple[tuple[str, Callable[[Path, random.Random], None]], ...] = (
        ("one bit turned in", turn_a_bit),
        ("cut in half:", cut),
        ("removed:", remove),
    )
    for word, way in ways:
        # Looked for anew: whatever was broken before has grown back, perhaps in the other room.
        kinds = len(files_of(site.index))
        for number in range(kinds):
            some = files_of(site.index)
            path = some[min(number, len(some) - 1)]

            def done(path: Path = path, way: Callable[[Path, random.Random], None] = way) -> None:
                way(path, lot)

            yield f"{word} {path.relative_to(site.index).name}", done
    words = site.household.home / "vocabulary.npy"
    yield "vocabulary.npy damaged", lambda: turn_a_bit(words, lot)
    yield "vocabulary.npy removed", lambda: words.unlink(missing_ok=True)


def measure(site: Site, name: str, deed: Callable[[], None], paths: Sequence[str]) -> dict[str, Any]:
    with Visitor(site.household.port, paths) as visitor:
        deed()
        site.start_worker()
        healed = site.await_whole()
    came = ", ".join(f"{number:,} × {status}" for status, number in sorted(visitor.statuses.items()))
    return {
        "fault": name,
        "pages": visitor.statuses.total(),
        "statuses": came,
        "slowest_ms": visitor.slowest * 1e3,
        "healed_s": healed,
    }


@contextmanager
def small_disk(site: Site) -> Iterator[Path | None]:
    """The index moved to a disk in memory with a little room; None where this user may not make one."""
    site.stop_worker()
    size = sum(path.stat().st_size for path in site.index.rglob("*") if path.is_file()) // 2**20 + ROOM
    kept = site.index.with_name("index.kept")
    site.index.rename(kept)
    site.index.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}m", "broadsheet", str(site.index)],
        check=False,
        capture_output=True,
    )
    try:
        shutil.copytree(kept, site.index, dirs_exist_ok=True)
        yield site.index if not made.returncode else None
    finally:
        site.stop_worker()
        if not made.returncode:
            subprocess.run(["umount", "--lazy", str(site.index)], check=False)
        shutil.rmtree(site.index, ignore_errors=True)
        kept.rename(site.index)


def full_disk(site: Site, paths: Sequence[str]) -> dict[str, Any] | None:
    """Fills the index's disk, changes papers until nothing more can be written, and makes room again."""
    with small_disk(site) as disk:
        if disk is None:
            return None
        filler = disk / "filler"
        with Visitor(site.household.port, paths) as visitor:
            with contextlib.suppress(OSError), filler.open("wb") as file:
                while True:
                    file.write(bytes(2**16))
            site.household.run(TOUCH, module="bench.breaking")
            site.start_worker()
            said = site.told_of_no_room()
            filler.unlink()
            site.start_worker()
            healed = site.await_whole()
        came = ", ".join(f"{number:,} × {status}" for status, number in sorted(visitor.statuses.items()))
        told = "said" if said else "not said"
        return {
            "fault": f"no room on the index's disk ({told} in the log)",
            "pages": visitor.statuses.total(),
            "statuses": came,
            "slowest_ms": visitor.slowest * 1e3,
            "healed_s": healed,
        }


def touch() -> int:
    """Run with the site's settings: all its papers are to be read again."""
    import django

    django.setup()
    from django.utils import timezone

    from broadsheet.models import Paper

    Paper.objects.update(changed_at=timezone.now())
    return 0


def _abstracts(household: Household) -> list[str]:
    import sqlite3

    with contextlib.closing(sqlite3.connect(household.home / "broadsheet.sqlite3")) as database:
        rows = database.execute("SELECT abstract FROM broadsheet_paper ORDER BY id LIMIT 5000")
        return [text for (text,) in rows if text]


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main(given: Sequence[str] | None = None) -> int:
    # Whoever ends us must not leave a site and a small disk behind.
    signal.signal(signal.SIGTERM, _interrupted)
    parser = argparse.ArgumentParser(prog="python -m bench.breaking", description=__doc__)
    parser.add_argument("--papers", type=int, default=6_000)
    parser.add_argument("--home", type=Path, help="a copy of this data folder's papers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="faults whose words hold this")
    asked = parser.parse_args(given)
    lot, rows = random.Random(asked.seed), list[dict[str, Any]]()
    with workplace() as folder:
        household = Quiet(folder / "home")
        if asked.home:
            copy_home(asked.home, household.home)
            household.prepare()
        else:
            files, _ = choose(None, asked.papers, folder)
            household.prepare()
            household.run("import", "--quiet", *map(str, files))
        household.run("index", "rebuild")
        site = Site(household)
        site.questions = questions_of(_abstracts(household), QUESTIONS, asked.seed)
        paths = ["/papers/all", "/about", *(f"/search?q={quote(each)}" for each in site.questions)]
        with household.running():
            try:
                site.start_worker()
                site.before = site.answers()
                if not all(site.before):
                    raise BenchError("A question has no answer before anything was broken.")
                for name, deed in faults(site, lot):
                    if asked.only in name:
                        rows.append(measure(site, name, deed, paths))
                        print(rows[-1], file=sys.stderr, flush=True)
                if asked.only in "no room on the disk" and (row := full_disk(site, paths)):
                    rows.append(row)
                    print(row, file=sys.stderr, flush=True)
            finally:
                site.stop_worker()
    print(markdown(COLUMNS, rows))
    bad = [row["fault"] for row in rows if "× 5" in row["statuses"] or "none" in row["statuses"]]
    print("Pages failed in: " + "; ".join(bad) if bad else "No page failed.")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(touch() if sys.argv[1:] == [TOUCH] else main())
