"""The measured data, read from the folder that BROADSHEET_DATA names (default: ../shared/data)."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

CHECKOUT = Path(__file__).resolve().parent.parent
FRONT_PAGE = CHECKOUT / "broadsheet" / "data" / "front_page.jsonl"

# Lists whose topics may be looked at while choosing; the others only judge the choice. Split by list, since
# topics of one list share papers and words; chosen once to give both halves about as many topics.
DEVELOPMENT = {
    "cmhungsteve/Awesome-Transformer-Attention",
    "WooooDyy/LLM-Agent-Paper-List",
    "hymie122/RAG-Survey",
}


class DataMissing(Exception):
    """A data file is not there. The message says where it was looked for."""


def data_folder() -> Path:
    return Path(os.environ.get("BROADSHEET_DATA") or CHECKOUT.parent / "shared" / "data")


def data_file(name: str) -> Path:
    """A file of the data folder. DataMissing if it is not there."""
    path = data_folder() / name
    if not path.is_file():
        raise DataMissing(f"{path} is missing: set BROADSHEET_DATA to the folder that holds it.")
    return path


@dataclass(frozen=True, slots=True)
class Topic:
    """A heading of a curated list and the papers under it. `relevant` are rows of the corpus, never empty."""

    query: str
    context: tuple[str, ...]
    relevant: frozenset[int]
    development: bool
    repo: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """A query paper and its judged candidates, ids of `csfcube_texts`; grades 0 to 3, one for each."""

    query: str
    candidates: tuple[str, ...]
    grades: tuple[int, ...]


class Corpus:
    """The 300,000 papers, column by column; a paper is known by its row, from 0."""

    def __init__(self, limit: int | None = None) -> None:
        """`limit`: only so many papers, the first ones; for trying things out."""
        columns = ["id", "title", "abstract", "authors", "categories", "month", "primary_category"]
        table = parquet.read_table(data_file("arxiv.parquet"), columns=columns)
        self._table = table if limit is None else table.slice(0, limit)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @cached_property
    def ids(self) -> list[str]:
        return self._strings("id")

    @cached_property
    def titles(self) -> list[str]:
        return self._strings("title")

    @cached_property
    def abstracts(self) -> list[str]:
        return self._strings("abstract")

    @cached_property
    def months(self) -> list[str]:
        """ "2024-05"; "" if unknown."""
        return [str(month or "")[:7] for month in self._table["month"].to_pylist()]

    @cached_property
    def authors(self) -> list[list[str]]:
        return [list(names or ()) for names in self._table["authors"].to_pylist()]

    @cached_property
    def categories(self) -> list[list[str]]:
        return [list(codes or ()) for codes in self._table["categories"].to_pylist()]

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each arXiv id."""
        return {name: row for row, name in enumerate(self.ids)}

    def text(self, row: int) -> str:
        """What embedders read of a paper: its title as the first line, then the abstract."""
        return f"{self.titles[row]}\n{self.abstracts[row]}"

    def _strings(self, column: str) -> list[str]:
        return [value or "" for value in self._table[column].to_pylist()]


def topics(corpus: Corpus) -> list[Topic]:
    """The topics that have at least one paper in the corpus."""
    found = []
    for line in lines("topics.jsonl.gz"):
        relevant = frozenset(corpus.rows[name] for name in line["relevant"] if name in corpus.rows)
        if relevant:
            development = line["repo"] in DEVELOPMENT
            found.append(Topic(line["query"], tuple(line["context"]), relevant, development, line["repo"]))
    return found


def csfcube_texts() -> dict[str, tuple[str, str]]:
    """Title and abstract of each CSFCube paper."""
    return {line["id"]: (line["title"], line["abstract"]) for line in lines("csfcube_docs.jsonl.gz")}


def csfcube_pools() -> list[Pool]:
    """The judged pools. Two hold their own query, which is left out as the official scores do."""
    pools = []
    for line in lines("csfcube_queries.jsonl.gz"):
        judged = [
            (paper, grade)
            for paper, grade in zip(line["cands"], line["relevance"], strict=True)
            if paper != line["qid"]
        ]
        papers, grades = zip(*judged, strict=True)
        pools.append(Pool(line["qid"], papers, grades))
    return pools


def front_page() -> list[tuple[str, str]]:
    """Title and summary of each paper on the built-in front page, in its order."""
    lines = FRONT_PAGE.read_text().splitlines()
    return [(paper["title"], paper["summary"]) for paper in map(json.loads, lines)]


def lines(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(data_file(name), "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
