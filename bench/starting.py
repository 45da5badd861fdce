"""How soon `broadsheet up` answers, and what it holds while nobody asks."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench import memory
from bench.household import Household, copy_home, stop

# Seconds after the first answer until memory is looked at.
REST = 5.0


def once(household: Household, name: str) -> dict[str, Any]:
    """Seconds from the command to a 200 on /health, then MB of all its processes at rest."""
    begun = time.perf_counter()
    process = household.start("up", said=subprocess.DEVNULL)
    try:
        household.await_answer(process, fit=True)
        seconds = time.perf_counter() - begun
        time.sleep(REST)
        held = memory.now(process.pid)
    finally:
        stop(process)
    return {"start": name, "seconds": round(seconds, 2), **vars(held)}


def measure(folder: Path, full: Path | None = None) -> list[dict[str, Any]]:
    """First and second start in an empty data folder; then one with the papers of `full`, if given."""
    fresh = Household(folder / "fresh")
    plan = [(fresh, "first, empty data folder"), (fresh, "second")]
    if full:
        copy_home(full, folder / "full")
        loaded = Household(folder / "full")
        plan += [(loaded, "first, all papers"), (loaded, "second, all papers")]
    return [once(*one) for one in tqdm(plan, "start", disable=None, leave=False)]
