"""How fast the embedded index is built and asked, on the arXiv corpus, and how much recall its codes keep.

    python bench/index_embedded.py build FOLDER --papers arxiv.parquet [--vectors vectors.npy] [--threads 2]
    taskset -c 0 python bench/index_embedded.py ask FOLDER --papers arxiv.parquet [--vectors vectors.npy]
    python bench/index_embedded.py weigh FOLDER
    taskset -c 0 python bench/index_embedded.py recall VECTORS.npy [--queries queries.npy]

`papers` has columns id, title, abstract, authors, categories and published; `vectors` are float32 [n, d]
in its order. Every line ends with the load of the machine, for it is rarely ours alone.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import psutil
import pyarrow.parquet as pq

from broadsheet.index import EVERYTHING, Document, Filter, Floats, Words
from broadsheet.index.codes import Frame, quantised, unit
from broadsheet.index.embedded import EmbeddedIndex

BATCH = 50_000
NAME = "static"
EPOCH = date(1970, 1, 1)
STOP = frozenset("a an the of for and in on to with by from is are we as at via its their this that".split())  # noqa: SIM905


def say(text: str) -> None:
    print(f"{text}   (load {os.getloadavg()[0]:.1f})", flush=True)


def documents(papers: Path) -> Iterator[list[Document]]:
    """Batches of papers; the key is the row's number from 1."""
    key = 0
    columns = ["id", "title", "abstract", "authors", "categories", "published"]
    for batch in pq.ParquetFile(papers).iter_batches(BATCH, columns=columns):
        rows = []
        for row in batch.to_pylist():
            key += 1
            rows.append(_document(key, row))
        yield rows


def _document(key: int, row: dict[str, Any]) -> Document:
    day = date.fromisoformat(row["published"]) if row["published"] else None
    return Document(
        key,
        row["title"] or "",
        row["abstract"] or "",
        row["id"],
        tuple(row["authors"] or ()),
        tuple(row["categories"] or ()),
        (day - EPOCH).days if day else 0,
        day.year if day else 0,
        has_code=key % 11 == 0,
    )


def build(folder: Path, papers: Path, vectors: Path | None, threads: int) -> None:
    index = EmbeddedIndex(folder, threads=threads)
    index.drop()
    rows = np.load(vectors, mmap_mode="r") if vectors else None
    start, cpu, commits = time.perf_counter(), time.process_time(), []
    done = 0
    for batch in documents(papers):
        index.put(batch, {} if rows is None else {NAME: np.asarray(rows[done : done + len(batch)])})
        done += len(batch)
        before = time.perf_counter()
        index.commit(str(done))
        commits.append(time.perf_counter() - before)
    wall = time.perf_counter() - start
    say(
        f"{done:,} papers in {wall:.1f} s ({time.process_time() - cpu:.1f} s of processor), "
        f"commits {sum(commits):.1f} s"
    )
    start = time.perf_counter()
    index.close()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    say(f"closed in {time.perf_counter() - start:.1f} s; {size / 1e6:,.0f} MB; peak {peak():,.0f} MB")


def peak() -> float:
    """Most memory this process ever held, in MB."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) / 1e3 if found else 0.0


def private() -> float:
    """Memory of this process that is not mapped files, in MB."""
    memory = psutil.Process().memory_info()
    return float(memory.rss - memory.shared) / 1e6


def weigh(folder: Path) -> None:
    """What a web process pays for the index: run in a process of its own, before and after 200 questions."""
    start = private()
    index = EmbeddedIndex(folder)
    index.count()
    opened = private()
    words = [word for word, count in index.terms() if count > 1000]
    listed = private()
    chance = random.Random(4)
    for _ in range(200):
        index.lexical(Words(" ".join(chance.sample(words, 3))))
        index.nearest(NAME, np.random.default_rng(5).standard_normal(256).astype(np.float32))
    say(
        f"private memory: {start:.0f} MB with libraries, {opened:.0f} opened, "
        f"{listed:.0f} after listing the vocabulary, {private():.0f} after 200 questions"
    )


def timed(label: str, calls: list[Callable[[], Any]]) -> None:
    """Wall time per question, and processor time, which other people's load touches less."""
    for call in calls[:20]:
        call()
    took, worked = [], []
    for call in calls:
        start, busy = time.perf_counter(), time.thread_time()
        call()
        took.append((time.perf_counter() - start) * 1e3)
        worked.append((time.thread_time() - busy) * 1e3)
    wall = "/".join(f"{each:.2f}" for each in np.percentile(took, [50, 95, 99]))
    processor = "/".join(f"{each:.2f}" for each in np.percentile(worked, [50, 95, 99]))
    say(f"{label:40} p50/p95/p99 {wall:>17} ms, of processor {processor:>17} ms ({len(took)})")


def questions(papers: Path, count: int) -> list[str]:
    """Runs of 2 to 6 words out of random abstracts, without the commonest words."""
    chance = random.Random(1)
    texts = pq.read_table(papers, columns=["abstract"])["abstract"].to_pylist()
    found: list[str] = []
    while len(found) < count:
        words = [
            word for word in re.findall(r"[a-z]+", (chance.choice(texts) or "").lower()) if word not in STOP
        ]
        length = chance.randint(2, 6)
        if len(words) > 20:
            start = chance.randrange(len(words) - length)
            found.append(" ".join(words[start : start + length]))
    return found


def ask(folder: Path, papers: Path, vectors: Path | None) -> None:
    asked = questions(papers, 1000)
    start = time.perf_counter()
    index = EmbeddedIndex(folder)
    index.count()
    say(f"opened in {time.perf_counter() - start:.2f} s, checking every byte")
    bare = EmbeddedIndex(folder, check=False)
    start = time.perf_counter()
    bare.count()
    say(f"opened in {time.perf_counter() - start:.3f} s without the check")
    bare.close()
    recent = Filter(categories=("cs.LG",), first_year=2023)
    wide = Filter(categories=("cs",))
    for label, filter in (("no filter", EVERYTHING), ("cs.LG since 2023", recent), ("cs", wide)):
        timed(f"words, top 100, {label}", [partial(index.lexical, Words(q), filter) for q in asked])
    timed("words, all must occur", [partial(index.lexical, Words(q, at_least=9)) for q in asked])
    timed("words, last one a beginning", [partial(index.lexical, Words(q[:-2], prefix=True)) for q in asked])
    timed("facets", [partial(index.facets, Words(q)) for q in asked[:200]])
    start = time.perf_counter()
    terms = sum(1 for _ in index.terms())
    say(f"vocabulary of {terms:,} words in {time.perf_counter() - start:.2f} s")
    if vectors:
        _ask_vectors(index, vectors, recent, wide, asked)
    _add(index, folder, papers, vectors)


def _ask_vectors(index: EmbeddedIndex, vectors: Path, recent: Filter, wide: Filter, asked: list[str]) -> None:
    rows = np.load(vectors, mmap_mode="r")
    chosen = np.random.default_rng(2).choice(len(rows), 1000, replace=False)
    some = [np.asarray(rows[each]) for each in chosen]
    for label, filter in (("no filter", EVERYTHING), ("cs.LG since 2023", recent), ("cs", wide)):
        timed(f"nearest, top 100, {label}", [partial(index.nearest, NAME, v, filter) for v in some])
    fresh = [Filter(categories=("cs.LG",), first_day=18_000 + day) for day in range(200)]
    timed("nearest, a filter never asked before", [partial(index.nearest, NAME, some[0], f) for f in fresh])
    both = zip(asked, some, strict=True)
    timed(
        "words and nearest",
        [partial(_both, index, q, v) for q, v in both],
    )


def _both(index: EmbeddedIndex, question: str, vector: Floats) -> None:
    index.lexical(Words(question))
    index.nearest(NAME, vector)


def _add(index: EmbeddedIndex, folder: Path, papers: Path, vectors: Path | None) -> None:
    """1,000 papers more, until another object finds the last of them."""
    writer = EmbeddedIndex(folder)
    start = time.perf_counter()
    writer.remove([2**30])
    say(f"writer's place taken, all files checked, in {time.perf_counter() - start:.2f} s")
    first = next(documents(papers))[:1000]
    rows = np.asarray(np.load(vectors, mmap_mode="r")[:1000]) if vectors else None
    for turn in range(5):
        keys = range(10_000_000 + 1000 * turn, 10_000_000 + 1000 * (turn + 1))
        word = f"zzadded{turn}"
        more = [
            Document(key, f"{word} {old.title}", old.abstract) for key, old in zip(keys, first, strict=True)
        ]
        start = time.perf_counter()
        writer.put(more, {} if rows is None else {NAME: rows})
        writer.commit(f"added {turn}")
        done = time.perf_counter()
        found = len(index.lexical(Words(word), limit=2000))
        seen = time.perf_counter()
        say(
            f"1,000 papers put in {done - start:.2f} s, "
            f"{found} of them found {1e3 * (seen - done):.0f} ms later"
        )
    writer.remove(list(range(10_000_000, 10_005_000)))
    writer.commit("as before")
    writer.close()


def recall(vectors: Path, queries: Path | None) -> None:
    """Recall@100 and @10 against exact cosines, by how many one-bit candidates are ranked by their bytes."""
    rows = unit(np.load(vectors))
    chance = np.random.default_rng(3)
    asked = unit(np.load(queries)) if queries else rows[chance.choice(len(rows), 300, replace=False)]
    asked = asked[:300]
    truth = np.argsort(-(asked @ rows.T), axis=1)[:, :100]
    codes, scales = quantised(rows)
    frame = Frame.random(rows.shape[1]).centred(rows[:: max(1, len(rows) // 20_000)])
    bits = np.vstack([frame.bits(rows[first : first + BATCH]) for first in range(0, len(rows), BATCH)])
    say(
        f"{len(rows):,} vectors of {rows.shape[1]} dimensions, {bits.shape[1] * 8} bits; "
        f"{len(asked)} questions"
    )
    for wanted in (500, 1000, 2000, 3000, 5000, 10_000, 20_000):
        _recall_at(wanted, asked, truth, frame.question(asked), bits, codes, scales)


def _recall_at(
    wanted: int,
    asked: Floats,
    truth: npt.NDArray[np.int64],
    questions_bits: npt.NDArray[np.uint8],
    bits: npt.NDArray[np.uint8],
    codes: npt.NDArray[np.int8],
    scales: Floats,
) -> None:
    start = time.perf_counter()
    hundred, ten = [], []
    for row, question in enumerate(asked):
        found = np.sort(faiss.knn_hamming(questions_bits[row : row + 1], bits, wanted, variant="mc")[1][0])
        best = found[np.argsort(-(codes[found] @ question) * scales[found])[:100]]
        hundred.append(len(np.intersect1d(best, truth[row])) / 100)
        ten.append(len(np.intersect1d(best[:10], truth[row][:10])) / 10)
    took = (time.perf_counter() - start) / len(asked) * 1e3
    say(f"k = {wanted:6,}: recall@100 {np.mean(hundred):.4f}, @10 {np.mean(ten):.4f}, {took:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("deed", choices=["build", "ask", "weigh", "recall"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--papers", type=Path)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.deed == "build":
        build(given.path, given.papers, given.vectors, given.threads)
    elif given.deed == "ask":
        ask(given.path, given.papers, given.vectors)
    elif given.deed == "weigh":
        weigh(given.path)
    else:
        recall(given.path, given.queries)


if __name__ == "__main__":
    main()
