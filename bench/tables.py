"""Rows of facts as an aligned table that is also Markdown, ready to be pasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A heading and the fact under it; `digits` after the decimal point, `scale` multiplies first."""

    heading: str
    fact: str
    digits: int = 0
    scale: float = 1.0

    def cell(self, row: dict[str, Any]) -> str:
        value = row.get(self.fact)
        if value is None:
            return "–"
        if isinstance(value, str):
            return value
        return f"{value * self.scale:,.{self.digits}f}"


PAGES = [
    Column("page", "kind"),
    Column("answers", "answers"),
    Column("errors", "errors"),
    Column("answers/s", "per_second", 1),
    Column("p50 ms", "p50_ms", 1),
    Column("p95 ms", "p95_ms", 1),
    Column("p99 ms", "p99_ms", 1),
    Column("max ms", "max_ms", 1),
    Column("kB", "bytes_p50", 1, 0.001),
]

INSIDE = [
    *(column for column in PAGES if column.fact not in ("errors", "per_second")),
    Column("processor p50 ms", "working_p50_ms", 1),
    Column("processor p99 ms", "working_p99_ms", 1),
    Column("largest kB", "bytes_max", 1, 0.001),
    Column("queries, median", "queries_p50"),
    Column("most", "queries_max"),
]

SEARCHES = [
    Column("what", "kind"),
    Column("answers", "answers"),
    *(column for column in PAGES if column.heading.endswith(" ms")),
    Column("processor p50 ms", "working_p50_ms", 1),
    Column("processor p99 ms", "working_p99_ms", 1),
]

IMPORTS = [
    Column("run", "run"),
    Column("papers read", "read"),
    Column("new", "new"),
    Column("changed", "changed"),
    Column("unchanged", "unchanged"),
    Column("rejected", "rejected"),
    Column("seconds", "seconds", 1),
    Column("papers/s", "per_second"),
    Column("peak MB, resident", "peak_mb"),
    Column("shared once", "peak_once_mb"),
    Column("largest process", "peak_process_mb"),
    Column("database MB", "database_mb"),
]

STARTS = [
    Column("start", "start"),
    Column("seconds to /health", "seconds", 2),
    Column("processes", "processes"),
    Column("MB, own", "own_mb"),
    Column("MB, resident", "resident_mb"),
]


def markdown(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> str:
    """The first column is words and stands left, the others are numbers and stand right."""
    cells = [[column.heading for column in columns]]
    cells += [[column.cell(row) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in cells
    ]
    rule = ["-" * width if not index else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])
