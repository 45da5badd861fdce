"""Harvests the stand-in for arXiv whole: how fast, and whether anything is lost through faults and kills.

`python -m bench.harvest` (a quarter of an hour): twice without faults, the second time with answers that are
ready, then once more through faults in 30 % of all answers, the harvesting process killed again and again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from bench import machine

CHECKOUT = Path(__file__).resolve().parent.parent
# The ids that are here, one a line; the built-in page does not count.
_IDS = """
from broadsheet.models import Paper
for name in Paper.objects.exclude(source="builtin").values_list("identifier", flat=True).iterator():
    print(name)
"""


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Standing:
    """A stand-in in a process of its own."""

    def __init__(self, *options: str) -> None:
        self.port = _free_port()
        command = [sys.executable, "-m", "tests.arxiv", f"--port={self.port}", *options]
        self.process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.papers = int(self.process.stdout.readline().split()[0].replace(",", ""))
        words = self.process.stdout.readline().split()
        self.environ = {name: value for name, _, value in (word.partition("=") for word in words)}

    def report(self) -> dict[str, Any]:
        with urlopen(f"http://127.0.0.1:{self.port}/report") as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def _broadsheet(home: Path, stand: Standing, *words: str) -> subprocess.Popen[str]:
    environ = {**os.environ, **stand.environ, "BROADSHEET_HOME": str(home), "BROADSHEET_SOURCES": "none"}
    command = [sys.executable, "-m", "broadsheet", *words]
    return subprocess.Popen(
        command, env=environ, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _said(process: subprocess.Popen[str]) -> str:
    said, complained = process.communicate()
    if process.returncode:
        print(complained[-1500:], file=sys.stderr)
    return said.strip()


def _stored(home: Path, stand: Standing) -> str:
    """What is here beside what should be, in words."""
    here = _said(_broadsheet(home, stand, "shell", "--verbosity=0", "-c", _IDS)).split()
    with urlopen(f"http://127.0.0.1:{stand.port}/ids") as answer:
        there = set(answer.read().decode().split())
    return (
        f"{len(here):,} stored of {len(there):,} that stand, {len(there - set(here)):,} missing, "
        f"{len(here) - len(set(here)):,} twice, {len(set(here) - there):,} that should not be"
    )


def whole(folder: Path, stand: Standing, name: str, since: str) -> None:
    home = folder / name
    _said(_broadsheet(home, stand, "migrate", "--verbosity=0"))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    said = _said(_broadsheet(home, stand, "fetch", "arxiv", f"--since={since}", "--quiet"))
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{name}: {said}; {stand.papers / seconds:,.0f} records/s, {stand.papers / used:,.0f} for each "
        f"second of a core; {_stored(home, stand)}",
        flush=True,
    )


def _outlives(process: subprocess.Popen[str], seconds: float) -> bool:
    """Waits until the process has ended or has used so many seconds of a core, which, unlike seconds on a
    clock, bring it just as far on a busy machine."""
    running = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            used = running.cpu_times()
        except psutil.NoSuchProcess:
            break
        if used.user + used.system > seconds:
            return True
        time.sleep(0.1)
    return False


def _progress(home: Path, stand: Standing, began: float, kills: int) -> None:
    """How far it has come, read from the file beside the process that is killed."""
    with closing(sqlite3.connect(f"file:{home / 'broadsheet.sqlite3'}?mode=ro", uri=True)) as file:
        papers = file.execute("SELECT count(*) FROM broadsheet_paper").fetchone()[0]
        row = file.execute("SELECT cursor FROM broadsheet_sourcestate").fetchone()
    place = json.loads(row[0])["first"] if row and row[0] else "the beginning"
    seconds = time.perf_counter() - began
    print(
        f"  {seconds:,.0f} s: at {place}, {papers:,} of {stand.papers:,} papers, {kills} kills",
        file=sys.stderr,
        flush=True,
    )


def killed(folder: Path, stand: Standing, since: str, every: float) -> None:
    """Kills the harvest after a random while, again and again, until one run gets to the end."""
    home, lot, kills, runs = folder / "killed", random.Random(7), 0, 0
    _said(_broadsheet(home, stand, "migrate", "--verbosity=0"))
    began = time.perf_counter()
    said = ""
    while runs < 1_000:
        runs += 1
        process = _broadsheet(home, stand, "fetch", "arxiv", f"--since={since}", "--quiet")
        if runs % 5 == 0:
            _progress(home, stand, began, kills)
        if _outlives(process, lot.uniform(0.3, 1.7) * every):
            process.kill()
            process.communicate()
            kills += 1
            continue
        said = _said(process)
        if process.returncode == 0:
            break
    seconds = time.perf_counter() - began
    report = stand.report()
    print(
        f"through faults: {_stored(home, stand)}; {seconds:,.0f} s, {runs} runs, {kills} kills, "
        f"{report['requests']:,} requests, faults {report['faults']}, impolite {len(report['impolite'])}; "
        f"last run {said}"
    )
    for sentence in report["impolite"][:5]:
        print("  impolite:", sentence)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.harvest", description=__doc__)
    parser.add_argument("--since", default="2005-09-16", help="harvest from this day on")
    parser.add_argument("--corpus", default="", help="papers from this month on alone, such as 2026-06")
    parser.add_argument("--today", default="2026-09-30")
    parser.add_argument(
        "--kill-every", type=float, default=10.0, help="seconds of a core between kills, on average"
    )
    parser.add_argument("--only", choices=("speed", "faults"))
    given = parser.parse_args()
    print(machine.sentence(machine.facts()), flush=True)
    narrow = [f"--since={given.corpus}"] if given.corpus else []
    with tempfile.TemporaryDirectory(prefix="bench-harvest-") as folder:
        if given.only != "faults":
            stand = Standing(f"--today={given.today}", "--keep", *narrow)
            try:
                whole(Path(folder), stand, "first", given.since)
                whole(Path(folder), stand, "with ready answers", given.since)
            finally:
                stand.end()
        if given.only != "speed":
            options = ["--faults=0.3", "--pause=0.02", "--deleted=0.001"]
            stand = Standing(f"--today={given.today}", *options, *narrow)
            try:
                killed(Path(folder), stand, given.since, given.kill_every)
            finally:
                stand.end()


if __name__ == "__main__":
    main()
