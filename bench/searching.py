"""Builds the index of a household's papers and measures the search in a process of its own."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import psutil

from bench.household import BenchError, Household, postgres
from bench.memory import Watch


def build(household: Household) -> dict[str, Any]:
    """The index from nothing, as `broadsheet index rebuild` makes it: seconds, processor seconds, memory."""
    begun = time.perf_counter()
    process = household.start("index", "rebuild")
    working = 0.0
    with Watch(process.pid) as watch:
        while process.poll() is None:
            try:
                spent = psutil.Process(process.pid).cpu_times()
                working = max(working, spent.user + spent.system)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
    said = process.stdout.read() if process.stdout else ""
    if process.wait():
        raise BenchError(f"The index was not built: {household.log.read_text()[-2000:]}")
    return {
        "papers": int("".join(filter(str.isdigit, said.strip().splitlines()[-1]))),
        "seconds": time.perf_counter() - begun,
        "working": working,
        "peak_mb": watch.together / 1e6,
    }


def measure(household: Household, folder: Path, questions: int) -> list[dict[str, Any]]:
    plan = {"questions": questions, "folder": str(folder), "postgres": ""}
    if server := os.environ.get("DATABASE_URL_BENCH"):
        with postgres(server) as url:
            return _asked(household, plan | {"postgres": url})
    return _asked(household, plan)


def fuzz(household: Household, questions: int) -> dict[str, Any]:
    household.run("collectstatic", "--noinput", "--verbosity=0")
    told = json.dumps({"questions": questions})
    row: dict[str, Any] = json.loads(household.run(module="bench.fuzzing", told=told))
    return row


def _asked(household: Household, plan: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(household.run(module="bench.asking", told=json.dumps(plan)))
    return rows
