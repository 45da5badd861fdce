"""How the index does with ten times the papers: each again and again, with other words and other vectors.

    BROADSHEET_HOME=FOLDER python -m bench.large build TARGET [--times 10]
    BROADSHEET_HOME=FOLDER python -m bench.large ask TARGET

`build` reads the papers and quick vectors of a data folder whose index is built, and writes an index of its
own to TARGET: the papers as they are, then copies in which every sixth word is a word of another paper and
whose vectors are turned by chance (cosine to the original about 0.8). `ask` ranks questions over it on one
core as `search()` does, with facets, and reads a page of rows from the data folder's table, where each copy
has the row of its original.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from bench.asking import PAGE, abstracts, memory_mb, questions_of, series
from bench.machine import load
from bench.tables import SEARCHES, markdown

if TYPE_CHECKING:
    from broadsheet.index import Document, Floats

BATCH = 20_000
# Every so many words is another one in a copy.
EVERY = 6
NOISE = 0.75
# Copies have the keys of their originals and so many times this. Tables are as long as the largest key, so
# wide gaps would be measured as memory.
STRIDE = 500_000


def _batches() -> Iterator[list[Document]]:
    from broadsheet.models import Paper
    from broadsheet.search import documents

    keys = list(Paper.objects.listed().order_by("pk").values_list("pk", flat=True))
    if keys and keys[-1] >= STRIDE:
        raise SystemExit(
            f"The copies of paper {keys[-1]} need more room: raise STRIDE of {__name__}, now {STRIDE}."
        )
    for start in range(0, len(keys), BATCH):
        yield [documents.document(row) for row in documents.with_keys(keys[start : start + BATCH])]


def perturbed(documents: Sequence[Document], copy: int) -> list[Document]:
    """The same papers with other words in places. Copy 0 is the original."""
    from dataclasses import replace

    if not copy:
        return list(documents)
    lot = random.Random(copy)
    strange = [
        word
        for each in lot.sample(list(documents), min(500, len(documents)))
        for word in each.abstract.split()
    ]

    def other(text: str) -> str:
        words = text.split()
        start = lot.randrange(EVERY)
        places = range(start, len(words), EVERY)
        at = lot.randrange(max(1, len(strange) - len(places)))
        words[start::EVERY] = (strange[at : at + len(places)] or words)[: len(places)]
        return " ".join(words)

    return [
        replace(each, key=each.key + copy * STRIDE, title=other(each.title), abstract=other(each.abstract))
        for each in documents
    ]


def turned(vectors: Floats, copy: int) -> Floats:
    """Unit vectors as far from their originals as papers of one small field are from one another."""
    import numpy as np

    if not copy:
        return vectors
    chance = np.random.default_rng(copy).standard_normal(vectors.shape, dtype=np.float32)
    return np.asarray(vectors + NOISE * chance / np.float32(vectors.shape[1] ** 0.5), np.float32)


def build(target: Path, times: int) -> None:
    from broadsheet import doors
    from broadsheet.index.embedded import EmbeddedIndex

    source, name = doors.index(), doors.embedder().name
    index = EmbeddedIndex(target, memory=256_000_000)
    index.drop()
    begun, done = time.perf_counter(), 0
    with tqdm(total=times * source.count(), unit=" papers", disable=None) as bar:
        for documents in _batches():
            vectors = source.vectors(name, [each.key for each in documents])
            for copy in range(times):
                index.put(perturbed(documents, copy), {name: turned(vectors, copy)})
                done += len(documents)
                bar.update(len(documents))
            index.commit(str(done))
    index.close()
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    took = time.perf_counter() - begun
    print(f"{done:,} papers in {took:.0f} s, {size / 1e6:,.0f} MB on disk, load after {load()[0]}")


def ask(target: Path, count: int) -> None:
    from broadsheet import doors
    from broadsheet.index import Words
    from broadsheet.index.embedded import EmbeddedIndex
    from broadsheet.models import Paper
    from broadsheet.search import filters, ranking
    from broadsheet.search.query import parse

    index, quick = EmbeddedIndex(target, check=False), doors.embedder()
    questions = questions_of(abstracts(), count)
    vectors = {question: quick.embed_query(question) for question in questions}

    def rank(question: str, facets: bool = False) -> list[Paper]:
        asked = filters.asked(parse(question))
        near = ranking.Understood(quick.name, quick.embed_query(question))
        found = ranking.rank(index, asked, near)
        if facets:
            index.facets(asked.strict, asked.filter)
        rows = Paper.objects.listed().cards().in_bulk([key % STRIDE for key in found.keys[:PAGE]])
        return [rows[key % STRIDE] for key in found.keys[:PAGE] if key % STRIDE in rows]

    rows: list[dict[str, Any]] = [
        series(
            "words alone, 200 papers", lambda asked: index.lexical(Words(asked), limit=200), questions
        ).facts(),
        series(
            "nearness alone, 200 papers",
            lambda asked: index.nearest(quick.name, vectors[asked], limit=200),
            questions,
        ).facts(),
        series("ranked, and a page of rows", rank, questions).facts(),
        series("the same with facets", lambda asked: rank(asked, facets=True), questions).facts(),
        {"kind": "memory that is no mapped file, MB", "p50_ms": memory_mb()},
    ]
    print(f"{index.count():,} papers, one core, load {load()[0]}\n\n{markdown(SEARCHES, rows)}")
    print(json.dumps(rows))


def main() -> None:
    import django

    parser = argparse.ArgumentParser(
        prog="python -m bench.large",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("deed", choices=["build", "ask"])
    parser.add_argument("target", type=Path)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--questions", type=int, default=500)
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broadsheet.config.settings")
    django.setup()
    if given.deed == "build":
        build(given.target, given.times)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    ask(given.target, given.questions)


if __name__ == "__main__":
    main()
