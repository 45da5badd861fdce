"""How long the search itself takes: `search()` and its parts, called in this process on one core.

Run as a process of its own (`python -m bench.asking`) on the data folder in BROADSHEET_HOME, whose index is
built. Reads a plan as JSON from standard input and prints facts as JSON. Papers that the thorough model has
not read get invented vectors, the quick ones turned by chance into its dimensions: that changes which papers
are found, and not how long it takes.
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.timings import Timings

SEED = 20250314
WARM = 20
BATCH = 20_000
PAGE = 30
# Words that no question is made of: as a reader leaves them out, so do the peers.
STOP = frozenset("a an the of for and in on to with by from is are we as at via its their this that".split())  # noqa: SIM905

Ask = Callable[[str], object]


def series(kind: str, ask: Ask, questions: Sequence[str]) -> Timings:
    """Asks everything once, after a few to warm up."""
    for question in questions[:WARM]:
        ask(question)
    found = Timings(kind)
    begun = time.perf_counter()
    for question in tqdm(questions, kind, disable=None, leave=False):
        before, worked = time.perf_counter(), time.process_time()
        ask(question)
        found.seconds.append(time.perf_counter() - before)
        found.working.append(time.process_time() - worked)
    found.elapsed = time.perf_counter() - begun
    return found


def questions_of(abstracts: Sequence[str], count: int, seed: int = SEED) -> list[str]:
    """Runs of 2 to 6 words out of abstracts chosen by lot, without the commonest words."""
    lot = random.Random(seed)
    found: list[str] = []
    while len(found) < count:
        words = [word for word in re.findall(r"[a-z]+", lot.choice(abstracts).lower()) if word not in STOP]
        length = lot.randint(2, 6)
        if len(words) > 2 * length:
            start = lot.randrange(len(words) - length)
            found.append(" ".join(words[start : start + length]))
    return found


def memory_mb() -> float:
    """Memory of this process that is no mapped file."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return int(found[1]) / 1e3 if found else 0.0


def abstracts(most: int = 5_000) -> list[str]:
    from broadsheet.models import Paper

    keys = list(Paper.objects.listed().order_by("pk").values_list("pk", flat=True))
    chosen = random.Random(SEED).sample(keys, min(most, len(keys)))
    found: list[str] = []
    for start in range(0, len(chosen), 500):
        found += Paper.objects.filter(pk__in=chosen[start : start + 500]).values_list("abstract", flat=True)
    return sorted(text for text in found if text)


def read_all() -> str:
    """Gives every paper a vector by the thorough model's name, and returns that name."""
    import numpy as np

    from broadsheet import doors
    from broadsheet.models import Paper

    index, model = doors.index(), doors.reranker()
    assert model is not None
    quick = doors.embedder().name
    turn = np.random.default_rng(SEED).standard_normal((doors.embedder().dimensions, model.dimensions))
    keys = list(Paper.objects.listed().order_by("pk").values_list("pk", flat=True))
    for start in tqdm(range(0, len(keys), BATCH), "invented vectors", disable=None, leave=False):
        some = keys[start : start + BATCH]
        index.put_vectors(model.name, some, (index.vectors(quick, some) @ turn).astype(np.float32))
    index.commit(index.bookmark() or "")
    index.close()
    return model.name


def seen_after(papers: int) -> dict[str, Any]:
    """Seconds until so many changed papers are found by a word that is new in them."""
    from django.db.models import Value
    from django.db.models.functions import Concat, Now

    from broadsheet import doors, search
    from broadsheet.index import Words
    from broadsheet.models import Paper

    while search.index_due():
        pass
    keys = list(Paper.objects.listed().order_by("pk").values_list("pk", flat=True)[:papers])
    for start in range(0, len(keys), 500):
        some = Paper.objects.filter(pk__in=keys[start : start + 500])
        some.update(title=Concat(Value("zzbench "), "title"), changed_at=Now())
    before, worked = time.perf_counter(), time.process_time()
    done = 0
    while done < len(keys) and (count := search.index_due()):
        done += count
    found = len(doors.index().lexical(Words("zzbench"), limit=2 * papers))
    return {
        "kind": f"{papers:,} changed papers visible",
        "answers": found,
        "p50_ms": (time.perf_counter() - before) * 1e3,
        "working_p50_ms": (time.process_time() - worked) * 1e3,
    }


def ours(questions: Sequence[str]) -> list[dict[str, Any]]:
    """The index's parts, then the whole, without and with a thorough model."""
    from django.conf import settings

    from broadsheet import doors, search
    from broadsheet.index import Words
    from broadsheet.models import Paper

    index, quick = doors.index(), doors.embedder()
    paper = Paper.objects.listed().order_by("-hotness", "pk")
    some = list(paper[: len(questions) // 4])
    rows = []
    settings.RERANKER, reranker = "", settings.RERANKER
    vectors = {question: quick.embed_query(question) for question in questions}
    for kind, ask in (
        ("words alone, 200 papers", lambda asked: index.lexical(Words(asked), limit=200)),
        ("nearness alone, 200 papers", lambda asked: index.nearest(quick.name, vectors[asked], limit=200)),
        ("search(), no re-ranking", lambda asked: search.search(asked)),
        ("the same with facets", lambda asked: search.search(asked, facets=True)),
        ("by date, with facets", lambda asked: search.search(asked, sort="date", facets=True)),
        ("while one types", lambda asked: search.search(asked[:-1], typing=True, facets=True)),
    ):
        rows.append(series(kind, ask, questions).facts())
    near = {str(each.pk): each for each in some}
    rows.append(series("related()", lambda key: search.related(near[key]), list(near)).facts())
    settings.RERANKER = reranker
    if reranker:
        read_all()
        # A question asked twice would be remembered.
        search.warm_up()
        fresh = [f"{question} {number}" for number, question in enumerate(questions)]
        rows.append(series("search(), re-ranked", lambda asked: search.search(asked), fresh).facts())
        fresh = [f"{number} {question}" for number, question in enumerate(questions)]
        kind = "re-ranked, with facets"
        rows.append(series(kind, lambda asked: search.search(asked, facets=True), fresh).facts())
    rows.append({"kind": "memory that is no mapped file, MB", "p50_ms": memory_mb()})
    rows.append(seen_after(1_000))
    return rows


# --- peers: the same papers in the full-text search that comes with the databases


def _texts() -> Any:
    from broadsheet.models import Paper

    columns = ("pk", "title", "abstract", "authors")
    return Paper.objects.listed().order_by("pk").values_list(*columns).iterator(BATCH)


def fts5(folder: Path, questions: Sequence[str]) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / "fts5.sqlite3") as database:
        begun = time.perf_counter()
        database.execute(
            "CREATE VIRTUAL TABLE papers USING fts5(title, abstract, authors, content='', "
            "tokenize='porter unicode61')"
        )
        database.executemany(
            "INSERT INTO papers(rowid, title, abstract, authors) VALUES (?, ?, ?, ?)",
            ((key, title, abstract, "\n".join(names)) for key, title, abstract, names in _texts()),
        )
        database.execute("INSERT INTO papers(papers) VALUES ('optimize')")
        database.commit()
        built = time.perf_counter() - begun
        rows = []
        for kind, joint in (("any word", " OR "), ("every word", " AND ")):

            def ask(asked: str, joint: str = joint) -> list[Any]:
                match = joint.join(f'"{word}"' for word in asked.split())
                wanted = "SELECT rowid FROM papers WHERE papers MATCH ? ORDER BY rank LIMIT ?"
                return database.execute(wanted, (match, PAGE)).fetchall()

            rows.append(series(f"SQLite FTS5, {kind}", ask, questions).facts())
    return [*rows, {"kind": "SQLite FTS5, building", "p50_ms": built * 1e3}]


def postgres(url: str, questions: Sequence[str]) -> list[dict[str, Any]]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as database:
        begun = time.perf_counter()
        database.execute("CREATE TABLE bench_texts (id bigint, words tsvector)")
        insert = (
            "INSERT INTO bench_texts VALUES (%s, setweight(to_tsvector('english', %s), 'A') || "
            "to_tsvector('english', %s))"
        )
        with database.cursor() as cursor:
            cursor.executemany(
                insert,
                [
                    (key, title.replace("\0", ""), f"{abstract} {' '.join(names)}".replace("\0", ""))
                    for key, title, abstract, names in _texts()
                ],
            )
        database.execute("CREATE INDEX ON bench_texts USING gin (words)")
        database.execute("ANALYZE bench_texts")
        built = time.perf_counter() - begun
        rows = []
        for kind, joint in (("any word", " | "), ("every word", " & ")):

            def ask(asked: str, joint: str = joint) -> list[Any]:
                query = joint.join(asked.split())
                wanted = (
                    "SELECT id FROM bench_texts, to_tsquery('english', %s) asked WHERE words @@ asked "
                    "ORDER BY ts_rank(words, asked) DESC LIMIT %s"
                )
                return database.execute(wanted, (query, PAGE)).fetchall()

            rows.append(series(f"PostgreSQL full text, {kind}", ask, questions).facts())
    return [*rows, {"kind": "PostgreSQL full text, building", "p50_ms": built * 1e3}]


def main() -> None:
    import django

    django.setup()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    plan = json.load(sys.stdin)
    questions = questions_of(abstracts(), plan["questions"])
    rows = ours(questions)
    rows += fts5(Path(plan["folder"]), questions)
    if plan["postgres"]:
        rows += postgres(plan["postgres"], questions)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
