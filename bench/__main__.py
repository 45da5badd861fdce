"""Measures Broadsheet: `python -m bench [WORD ...]`; without words, all of them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import importing, machine, mailing, material, pages, searching, starting
from bench.household import (
    CHECKOUT,
    BenchError,
    Household,
    copy_home,
    postgres,
    workplace,
)
from bench.pages import Effort, Peer
from bench.tables import IMPORTS, INSIDE, PAGES, SEARCHES, STARTS, Column, markdown

WORDS = ("import", "pages", "search", "fuzz", "mail", "start")
RESULTS = CHECKOUT / ".cache" / "bench"


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="import, pages, search, fuzz, mail, start")
    parser.add_argument("--papers", type=int, default=_papers(), help="import about so many papers (0: all)")
    parser.add_argument("--invented", action="store_true", help="invented papers, even where real ones are")
    parser.add_argument("--home", type=Path, help="measure pages on a copy of this data folder")
    parser.add_argument("--inside", action="store_true", help="pages: only the server's own time, in process")
    parser.add_argument("--peer", type=_peer, action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--questions", type=int, default=1_000, help="search, fuzz: how many (default 1000)")
    parser.add_argument("--editions", type=int, default=2_000, help="mail: how many (default 2000)")
    parser.add_argument("--clients", type=int, default=16, help="clients at once (default 16)")
    parser.add_argument("--seconds", type=float, default=5, help="of each series of requests (default 5)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results as JSON")
    asked = parser.parse_args(given)
    if unknown := set(asked.words) - set(WORDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(WORDS)}")
    asked.words = asked.words or list(WORDS)
    return asked


def _peer(text: str) -> Peer:
    try:
        return Peer.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _papers() -> int:
    return int(os.environ.get("BROADSHEET_BENCH_PAPERS") or 0)


def _data() -> Path | None:
    """The folder of real papers, if it is there."""
    folder = Path(os.environ.get("BROADSHEET_DATA") or CHECKOUT.parent / "shared" / "data")
    return folder if (folder / material.ARXIV).exists() else None


class Bench:
    """One run of the benchmarks: what was asked, and the results so far."""

    def __init__(self, asked: argparse.Namespace, folder: Path) -> None:
        self.asked = asked
        self.folder = folder
        self.effort = Effort(asked.seconds, clients=asked.clients)
        self.results: dict[str, Any] = {"machine": machine.facts()}

    def run(self) -> None:
        print(machine.sentence(self.results["machine"]))
        with contextlib.ExitStack() as held:
            households = [Household(self.folder / "home")]
            if url := os.environ.get("DATABASE_URL_BENCH"):
                households.append(Household(self.folder / "postgres", held.enter_context(postgres(url))))
            if self.asked.home:
                copy_home(self.asked.home, households[0].home)
                households = households[:1]
                households[0].prepare()
            elif {"import", "pages", "search", "fuzz"} & set(self.asked.words):
                self._fill(households)
            if "pages" in self.asked.words:
                for household in households:
                    self._pages(household)
            if {"search", "fuzz"} & set(self.asked.words):
                built = searching.build(households[0])
                if "fuzz" in self.asked.words:
                    self._fuzz(households[0])
                if "search" in self.asked.words:
                    self._search(households[0], built)
            if "mail" in self.asked.words:
                self._mail()
            if "start" in self.asked.words:
                self._start(households[0])
        self.results["load_after"] = machine.load()

    def _fill(self, households: list[Household]) -> None:
        data = None if self.asked.invented else _data()
        files, what = material.choose(data, self.asked.papers, self.folder)
        self.results["data"] = what
        rows = [row for household in households for row in importing.measure(household, files)]
        self.results["import"] = rows
        self._tell(f"Import of {what}", IMPORTS, rows, importing.remark(rows))

    def _pages(self, household: Household) -> None:
        kinds = pages.kinds_of(household)
        name = f"pages_{household.database.lower()}"
        if not self.asked.inside:
            found = pages.served(household, kinds, self.asked.peer, self.effort)
            self.results[name] = found
            held = found["memory"]
            remark = (
                f"The server's {held['processes']} processes hold {held['own_mb']:.0f} MB of their own, "
                f"{held['resident_mb']:.0f} MB resident with shared pages and the mapped database."
            )
            for clients in dict.fromkeys(row["clients"] for row in found["rows"]):
                rows = [row for row in found["rows"] if row["clients"] == clients]
                title = f"Pages over loopback, {household.database}, {clients} at once"
                self._tell(title, PAGES, rows, remark if clients > 1 else "")
        rows = pages.inside(household, kinds, self.effort)
        self.results[f"{name}_inside"] = rows
        self._tell(f"The server's own time, {household.database}", INSIDE, rows)

    def _fuzz(self, household: Household) -> None:
        row = searching.fuzz(household, self.asked.questions)
        self.results["fuzz"] = row
        came = ", ".join(f"{number:,} × {status}" for status, number in row["statuses"].items())
        self._tell("Hostile queries, in process, one core", PAGES, [row], f"Answers: {came}.")
        print(*row["bad"][:20], sep="\n")

    def _search(self, household: Household, built: dict[str, Any]) -> None:
        rows = searching.measure(household, self.folder, self.asked.questions)
        self.results["index"], self.results["search"] = built, rows
        remark = (
            f"The index of {built['papers']:,} papers was built in {built['seconds']:.0f} s, "
            f"{built['working']:.0f} s of processor time, at most {built['peak_mb']:,.0f} MB resident."
        )
        self._tell("Search in process, one core", SEARCHES, rows, remark)

    def _mail(self) -> None:
        data = None if self.asked.invented else _data()
        found = mailing.measure(self.folder / "mail", self.asked.editions, self.asked.editions, 2, data)
        self.results["mail"] = found
        print("\n### Mail\n")
        print(*mailing.said(found), f"Load after: {machine.load()[0]}.", sep="\n", flush=True)

    def _start(self, household: Household) -> None:
        full = household.home if household.home.exists() else None
        rows = starting.measure(self.folder, full)
        self.results["start"] = rows
        self._tell("Start", STARTS, rows)

    def _tell(
        self, title: str, columns: Sequence[Column], rows: Sequence[dict[str, Any]], remark: str = ""
    ) -> None:
        busy = machine.load()[0]
        print(f"\n### {title}\n\n{markdown(columns, rows)}\n")
        print(f"{remark}{' ' * bool(remark)}Load after: {busy}.", flush=True)
        for row in rows:
            if row.get("first_error"):
                print(f"First error of “{row['kind']}”: {row['first_error']}")

    def write(self) -> Path:
        self.asked.out.mkdir(parents=True, exist_ok=True)
        path: Path = self.asked.out / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
        path.write_text(json.dumps(self.results, indent=1) + "\n")
        return path


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    # Whoever ends us otherwise than with Ctrl-C must not leave servers and folders behind either.
    signal.signal(signal.SIGTERM, _interrupted)
    # `make bench BENCH="pages --seconds 10"` hands its words over in the environment.
    asked = _arguments([*shlex.split(os.environ.get("BENCH", "")), *sys.argv[1:]])
    begun = time.monotonic()
    try:
        with workplace() as folder:
            bench = Bench(asked, folder)
            bench.run()
            path = bench.write()
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    with contextlib.suppress(ValueError):
        path = path.relative_to(Path.cwd())
    print(f"\n{time.monotonic() - begun:.0f} s. All numbers: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
