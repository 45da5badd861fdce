"""What the numbers were measured on: processor, memory, versions, and how busy the machine was."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil


def facts() -> dict[str, Any]:
    """The machine now. `load` is the mean number of waiting processes over the last 1, 5 and 15 minutes."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu(),
        "memory_mb": round(psutil.virtual_memory().total / 1e6),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "django": version("django"),
        "granian": version("granian"),
        "sqlite": sqlite3.sqlite_version,
        "load": load(),
    }


def load() -> list[float]:
    return [round(value, 2) for value in psutil.getloadavg()]


def sentence(found: dict[str, Any]) -> str:
    """The facts in one line, as docs/benchmarks.md gives them."""
    return (
        f"{found['cores']} cores of {found['cpu']}, {found['memory_mb'] / 1000:.0f} GB, {found['system']}, "
        f"Python {found['python']}, Django {found['django']}, Granian {found['granian']}, "
        f"SQLite {found['sqlite']}; {found['at'][:16].replace('T', ' ')} UTC; "
        f"load before: {found['load'][0]} (1 min), {found['load'][1]} (5 min)"
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
