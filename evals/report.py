"""What an evaluation says: tables for people, JSON for whoever compares."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from evals.measures import Floats, interval

Cell = str | int | float


@dataclass
class Table:
    """One table: a title, the heads of its columns, and rows of as many cells."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def text(self) -> str:
        """The table in Markdown, columns aligned, so that it can be pasted into the docs."""
        lines = [self.heads, *(tuple(_shown(cell) for cell in row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.heads))]
        padded = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([f"### {self.title}", "", padded[0], rule, *padded[1:], ""])


def percent(values: Sequence[float] | Floats) -> str:
    """The mean of shares as points of a hundred, with its 95% interval: "59.4 (55.1–63.2)"."""
    low, high = interval(values)
    return f"{100 * sum(values) / len(values):.1f} ({100 * low:.1f}–{100 * high:.1f})"


def write(folder: Path, name: str, tables: Sequence[Table], seconds: float) -> Path:
    """The tables of one evaluation as JSON, with what is needed to read them later."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content: Mapping[str, object] = {
        "evaluation": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "load": os.getloadavg()[0],
        "tables": [{"title": table.title, "heads": table.heads, "rows": table.rows} for table in tables],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def _shown(cell: Cell) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
