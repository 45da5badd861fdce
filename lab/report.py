"""docs/lab.md's table: what each recipe did, against the recipe that it names, query by query."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.measures import interval
from evals.report import Table
from lab import LabError
from lab.method import find

MEASURES = {
    "headings_test": "headings, recall@100",
    "libraries_test": "five known, recall@100",
    "csfcube": "CSFCube, nDCG%20",
}
# A transformer is judged in a smaller pool (lab/judging_texts.py), so its rows have a table of their own.
TEXT_MEASURES = {
    "headings_test": "headings, recall@50",
    "libraries_test": "five known, recall@50",
    "csfcube": "CSFCube, nDCG%20",
}
MARKS = {"table": "runs", "transformer": "transformers"}


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of one recipe. `measures`: for each measure, the mean over seeds of each query."""

    config: dict[str, Any]
    seeds: int
    cpu: float
    speed: float  # papers per second of one core, 0 where it was not measured
    measures: dict[str, NDArray[np.float64]]


def write(runs: Path, file: Path) -> str:
    """Puts the table between its marks in a file. LabError if there are no runs, or no marks."""
    rows = _rows(runs)
    if not rows:
        raise LabError(f"{runs} holds no finished run: python -m lab run lab/recipes/small.toml")
    text, tables = file.read_text(), []
    for encoder, mark in MARKS.items():
        begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
        some = {name: row for name, row in rows.items() if row.config.get("encoder", "table") == encoder}
        if not some:
            continue
        if begin not in text or end not in text:
            raise LabError(f"{file} has no place for the table: put {begin} and {end} into it.")
        before, after = text.split(begin)[0], text.split(end)[1]
        table = _table(some, encoder).text().partition("\n\n")[2]
        text = f"{before}{begin}\n{table.rstrip()}\n{end}{after}"
        tables.append(table)
    file.write_text(text)
    return "\n".join(tables)


def _rows(runs: Path) -> dict[str, Row]:
    found = defaultdict(list)
    for path in sorted(runs.glob("*/judged.json")):
        config = json.loads((path.parent / "config.json").read_text())
        found[config["recipe"]].append((config, json.loads(path.read_text())))
    return {
        name: Row(
            some[0][0],
            len(some),
            float(np.mean([judged["cpu_s"] for _, judged in some])),
            float(np.mean([judged.get("papers_per_s", 0.0) for _, judged in some])),
            {
                measure: np.mean([judged["measures"][measure] for _, judged in some], axis=0)
                for measure in some[0][1]["measures"]
            },
        )
        for name, some in found.items()
    }


def _table(rows: dict[str, Row], encoder: str) -> Table:
    measures = TEXT_MEASURES if encoder == "transformer" else MEASURES
    speed = ("papers/s",) if encoder == "transformer" else ()
    table = Table(
        "Runs", ("recipe", "paper", "against", *measures.values(), *speed, "seeds", "CPU s", "verdict")
    )
    for name, row in rows.items():
        tested, against = row.config["tests"], row.config["against"]
        other = rows.get(against)
        cells = [_cell(row, other, measure) for measure in measures]
        cells += [f"{row.speed:.0f}"] if speed else []
        paper = find(tested).paper if tested else None
        verdict = _verdict(row, other) if other else "the measure"
        table.rows.append((name, str(paper or ""), against, *cells, row.seeds, f"{row.cpu:.0f}", verdict))
    return table


def _cell(row: Row, other: Row | None, measure: str) -> str:
    """The mean, and how far above the other it is, with the interval of that."""
    mine = row.measures[measure]
    said = f"{100 * mine.mean():.1f}"
    if other is None:
        return said
    gain = mine - other.measures[measure]
    low, high = interval(gain)
    return f"{said} ({100 * gain.mean():+.1f}: {100 * low:+.1f} to {100 * high:+.1f})"


def _verdict(row: Row, other: Row) -> str:
    """By the development topics alone: an interval that lies clear of zero decides."""
    ends = [interval(row.measures[name] - other.measures[name]) for name in ("headings_dev", "libraries_dev")]
    better, worse = any(low > 0 for low, _ in ends), any(high < 0 for _, high in ends)
    if better and worse:
        return "helps one, harms the other"
    return "helps" if better else "harms" if worse else "no gain"
