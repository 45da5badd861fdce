"""What is imported: the real data where it is, all or some of it, else invented papers."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ARXIV = "arxiv.parquet"
DAILY = "hf_daily.jsonl.gz"

INVENTED = 20_000
_FIRST_DAY = date(2024, 1, 1)
_A_DAY = 120
_CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "math.CO", "stat.ML", "hep-th", "quant-ph", "astro-ph.GA")
_WORDS = (
    "attention", "bound", "cluster", "code", "compiler", "convex", "detection", "diffusion", "distance",
    "dynamics", "energy", "entropy", "estimation", "evidence", "field", "flow", "galaxy", "gradient",
    "graph", "group", "inference", "kernel", "language", "lattice", "learning", "limit", "matrix",
    "measure", "memory", "method", "model", "network", "newspaper", "noise", "operator", "parallel",
    "particle", "phase", "planning", "policy", "proof", "quantum", "query", "random", "retrieval", "robust",
    "sampling", "search", "sparse", "spectral", "spin", "stochastic", "structure", "symmetry", "tensor",
    "theorem", "training", "transfer", "transformer", "tree", "universal", "vector", "vision",
)  # fmt: skip


def choose(data: Path | None, papers: int, folder: Path) -> tuple[list[Path], str]:
    """The files to import and what they are, in words. `papers`: at most about so many; 0 means all.

    `data` is the folder of real papers; without it, papers are invented and written to `folder`.
    """
    if data is None:
        return [_invent(folder, papers or INVENTED)], "invented papers"
    real = [data / DAILY, data / ARXIV]
    if not papers:
        return real, f"{DAILY} and {ARXIV}"
    return _some(real, papers, folder), f"every so many papers of {DAILY} and {ARXIV}"


def _some(real: list[Path], papers: int, folder: Path) -> list[Path]:
    """Rows at even distances, so that a small sample has all years too."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    daily, arxiv = folder / DAILY, folder / ARXIV
    with parquet.ParquetFile(real[1]) as file:
        step = max(1, file.metadata.num_rows // papers)
        with parquet.ParquetWriter(arxiv, file.schema_arrow) as out:
            position = 0
            for batch in file.iter_batches(batch_size=4096):
                start = -position % step
                out.write_batch(batch.take(arrow.array(range(start, batch.num_rows, step), arrow.int64())))
                position += batch.num_rows
    with gzip.open(real[0], "rb") as lines, gzip.open(daily, "wb") as kept:
        kept.writelines(line for number, line in enumerate(lines) if number % step == 0)
    return [daily, arxiv]


def _invent(folder: Path, papers: int) -> Path:
    path = folder / "invented.jsonl"
    with path.open("w") as out:
        out.writelines(json.dumps(row) + "\n" for row in invented(papers))
    return path


def invented(papers: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Papers with the fields of the real tables: 120 a weekday, every tenth on a daily list with votes."""
    lot = random.Random(seed)
    people = [f"{lot.choice(_WORDS).title()} {lot.choice(_WORDS).title()}son" for _ in range(papers // 2 + 2)]
    numbers: dict[str, int] = {}
    for index in range(papers):
        weeks, weekday = divmod(index // _A_DAY, 5)
        day = _FIRST_DAY + timedelta(days=7 * weeks + weekday)
        month = f"{day:%y%m}"
        numbers[month] = numbers.get(month, 0) + 1
        row: dict[str, Any] = {
            "id": f"{month}.{numbers[month]:05d}",
            "title": " ".join(lot.choices(_WORDS, k=7)).capitalize() + f" {index}",
            "abstract": ". ".join(" ".join(lot.choices(_WORDS, k=14)).capitalize() for _ in range(9)) + ".",
            "authors": list(dict.fromkeys(lot.choices(people, k=lot.randint(1, 8)))),
            "categories": list(dict.fromkeys(lot.choices(_CATEGORIES, k=2))),
            "published_at": datetime(day.year, day.month, day.day, 15, tzinfo=UTC).isoformat(),
        }
        if index % 10 == 0:
            seen = datetime(day.year, day.month, day.day, 23, tzinfo=UTC).isoformat()
            row |= {"day": day.isoformat(), "rank": index % _A_DAY // 10, "snapshot_at": seen}
            row |= {
                "upvotes": int(lot.paretovariate(1.2)),
                "github_repo": f"https://github.com/bench/p{index}",
            }
        else:
            row |= {"published": row.pop("published_at"), "announced": day.isoformat()}
        yield row
