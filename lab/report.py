"""docs/lab.md's tables: what each recipe did, against the recipe that it names, query by query; and what no
recipe tries.

An interval covers queries and seeds: each resampling draws queries and seeds, the same ones for both
recipes, since the same seed is the same chance. Of few seeds it can know little: three that happen to agree
make it too narrow.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.measures import DRAWS
from evals.report import Table
from lab import LabError
from lab.method import find, names

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
DEVELOPMENT = {"headings_dev": "headings", "libraries_dev": "five known"}  # what verdicts are made by
RUNS, TRANSFORMERS, LEFT_OUT = (
    "runs",
    "transformers",
    "left out",
)  # the marks in a file, between which the tables go
REASONS = Path(__file__).with_name("left_out.toml")


Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """All runs of one recipe. `measures`: for each measure float64 [seeds, queries]."""

    config: dict[str, Any]
    seeds: list[int]
    cpu: float
    speed: float  # papers per second of one core, 0 where it was not measured
    measures: dict[str, Scores]


def write(runs: Path, file: Path) -> str:
    """Puts the tables between their marks in a file. LabError if there are no runs, or no marks."""
    rows = _rows(runs)
    if not rows:
        raise LabError(f"{runs} holds no finished run: python -m lab run lab/recipes/baseline.toml")
    if not file.is_file():
        raise LabError(f"{file} is not there: name the file that the tables go into.")
    text = file.read_text()
    tables = []
    for encoder, mark in (("table", RUNS), ("transformer", TRANSFORMERS)):
        some = {name: row for name, row in rows.items() if row.config.get("encoder", "table") == encoder}
        if some:
            tables.append(_table(some, encoder).text().partition("\n\n")[2])
            text = _between(text, mark, tables[-1], file)
    text = _between(text, LEFT_OUT, _left_out().text().partition("\n\n")[2], file)
    file.write_text(text)
    return "\n".join(tables)


def _between(text: str, mark: str, table: str, file: Path) -> str:
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if begin not in text or end not in text:
        raise LabError(f"{file} has no place for a table: put {begin} and {end} into it.")
    before, after = text.split(begin)[0], text.split(end)[1]
    return f"{before}{begin}\n{table.rstrip()}\n{end}{after}"


def left_out() -> dict[int, str]:
    """Numbers of the front page that no recipe tries, or only in part, and why."""
    return {int(number): str(why) for number, why in tomllib.loads(REASONS.read_text()).items()}


def _left_out() -> Table:
    tried = defaultdict(list)
    for name in names():
        if number := find(name).paper:
            tried[number].append(name)
    table = Table("Left out", ("paper", "verdict", "why"))
    for number, why in sorted(left_out().items()):
        table.rows.append((str(number), "in part" if number in tried else "not applicable", why))
    return table


def _rows(runs: Path) -> dict[str, Row]:
    found = defaultdict(list)
    for path in sorted(runs.glob("*/judged.json")):
        config = json.loads((path.parent / "config.json").read_text())
        found[config["recipe"]].append((config, json.loads(path.read_text())))
    return {
        name: Row(
            some[0][0],
            [config["seed"] for config, _ in some],
            float(np.mean([judged["cpu_s"] for _, judged in some])),
            float(np.mean([judged.get("papers_per_s", 0.0) for _, judged in some])),
            {
                measure: np.array([judged["measures"][measure] for _, judged in some], dtype=np.float64)
                for measure in some[0][1]["measures"]
            },
        )
        for name, some in found.items()
    }


def _table(rows: dict[str, Row], encoder: str) -> Table:
    measures, speed = (TEXT_MEASURES, ("papers/s",)) if encoder == "transformer" else (MEASURES, ())
    development = [f"{name}, development half" for name in DEVELOPMENT.values()]
    heads = (
        "recipe",
        "paper",
        "against",
        "verdict",
        *development,
        *measures.values(),
        *speed,
        "seeds",
        "CPU s",
    )
    table = Table("Runs", heads)
    for name, row in rows.items():
        tested, against = row.config["tests"], row.config["against"]
        other = rows.get(against)
        cells = [_gain(row, other, measure) if other else "" for measure in DEVELOPMENT]
        cells += [_cell(row, other, measure) for measure in measures]
        cells += [f"{row.speed:.0f}"] if speed else []
        paper = find(tested).paper if tested else None
        verdict = _verdict(row, other) if other else "the measure"
        said = (name, str(paper or ""), against, verdict)
        table.rows.append((*said, *cells, len(row.seeds), f"{row.cpu:.0f}"))
    return table


def _cell(row: Row, other: Row | None, measure: str) -> str:
    """The mean, and how far above the other it is, with the interval of that."""
    mine = row.measures[measure]
    said = f"{100 * mine.mean():.1f}"
    if other is None:
        return said
    return f"{said} ({_gain(row, other, measure)})"


def _gain(row: Row, other: Row, measure: str) -> str:
    gain = gains(row, other, measure)
    low, high = interval(gain)
    return f"{100 * gain.mean():+.1f}: {100 * low:+.1f} to {100 * high:+.1f}"


def _verdict(row: Row, other: Row) -> str:
    """By the development topics alone: an interval that lies clear of zero decides."""
    ends = [interval(gains(row, other, name)) for name in DEVELOPMENT]
    better, worse = any(low > 0 for low, _ in ends), any(high < 0 for _, high in ends)
    if better and worse:
        return "helps one, harms the other"
    return "helps" if better else "harms" if worse else "no gain"


def gains(row: Row, other: Row, measure: str) -> Scores:
    """How much better each query came out, float64 [seeds, queries], for the seeds that both have."""
    common = [seed for seed in row.seeds if seed in other.seeds]
    if not common:
        names = f"{row.config['recipe']} and {other.config['recipe']}"
        raise LabError(f"{names} have no seed in common: run both with the same.")
    mine, its = (one.measures[measure][[one.seeds.index(seed) for seed in common]] for one in (row, other))
    return mine - its


def interval(gain: Scores) -> tuple[float, float]:
    """Where the mean of float64 [seeds, queries] lies in 95 of 100 samples of both (percentile bootstrap)."""
    chance = np.random.default_rng(0)
    seeds, queries = gain.shape
    means = [
        gain[chance.integers(0, seeds, seeds)].mean(axis=0)[chance.integers(0, queries, queries)].mean()
        for _ in range(DRAWS)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
