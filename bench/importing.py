"""How fast papers come in: `broadsheet import` in a process of its own, twice."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.household import BenchError, Household, stop
from bench.memory import Watch

_SUM = re.compile(
    r"^(?P<name>.*): (?P<read>[\d,]+) read = (?P<new>[\d,]+) new \+ (?P<changed>[\d,]+) changed"
    r" \+ (?P<unchanged>[\d,]+) unchanged \+ (?P<rejected>[\d,]+) rejected$",
    re.MULTILINE,
)


def counts(said: str) -> dict[str, int]:
    """What the command says of all files together; that stands last. Raises BenchError when it is no sum."""
    sums = list(_SUM.finditer(said))
    if not sums:
        raise BenchError(f"The import did not say what it did: {said[-500:]}")
    names = ("read", "new", "changed", "unchanged", "rejected")
    found = {name: int(sums[-1][name].replace(",", "")) for name in names}
    if found["read"] != sum(found[name] for name in names[1:]):
        raise BenchError(f"The import's sum is wrong: {sums[-1][0]}")
    return found


def run(household: Household, files: Sequence[Path], name: str) -> dict[str, Any]:
    """One import: counts, wall seconds of the whole command, papers a second, peak MB, MB of the database."""
    begun = time.perf_counter()
    process = household.start("import", "--quiet", *map(str, files))
    try:
        with Watch(process.pid) as watch:
            said = _listen(process, name)
        seconds = time.perf_counter() - begun
    finally:
        stop(process)
    if process.returncode:
        raise BenchError(f"The import failed: {household.log.read_text()[-2000:]}")
    found = counts(said)
    return {
        "run": f"{household.database}, {name}",
        **found,
        "seconds": round(seconds, 2),
        "per_second": round(found["read"] / seconds),
        "peak_mb": round(watch.together / 1e6, 1),
        "peak_once_mb": round(watch.once / 1e6, 1) or None,
        "peak_process_mb": round(max(watch.alone.values(), default=0) / 1e6, 1),
        "peaks_mb": sorted((round(held / 1e6, 1) for held in watch.alone.values()), reverse=True),
        "database_mb": round(household.database_bytes() / 1e6, 1),
    }


def _listen(process: subprocess.Popen[str], name: str) -> str:
    """What the import prints; meanwhile its seconds tick, since the work is done elsewhere."""
    with tqdm(desc=f"import, {name}", bar_format="{desc}: {elapsed}", disable=None, leave=False) as bar:
        while True:
            try:
                said, _ = process.communicate(timeout=1)
                return said
            except subprocess.TimeoutExpired:
                bar.update()


def measure(household: Household, files: Sequence[Path]) -> list[dict[str, Any]]:
    """A first run into an empty house, then the same again."""
    household.prepare()
    first = run(household, files, "first run")
    second = run(household, files, "second run")
    second["faster"] = round(first["seconds"] / second["seconds"], 2)
    return [first, second]


def remark(rows: list[dict[str, Any]]) -> str:
    faster = [
        f"{row['run']}: {row['faster']:.1f} times as fast as the first" for row in rows if "faster" in row
    ]
    return "; ".join(faster) + "." if faster else ""
