"""What a larger model holds of some papers: MiniLM's vectors of titles and opening sentences, kept in the
cache.

The teacher is the transformer that Broadsheet itself can use (`broadsheet.embedders.transformer`,
all-MiniLM-L6-v2 as int8). It reads some 30 abstracts a second and core, so it is asked about short texts,
once. Only papers that training may see are given to it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.embedders import EmbedderUnavailable, Vectors, open_embedder
from lab import LabError
from lab.corpus import SENTENCE_END

if TYPE_CHECKING:
    from lab.corpus import Library

TAUGHT, SEED = 40_000, 11
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Teacher:
    """`rows` int64 [n], sorted: the papers; `titles` and `openings` float32 [n, d] of length 1."""

    rows: NDArray[np.int64]
    titles: Vectors
    openings: Vectors

    def places(self, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Where these papers stand among the taught ones, int64 [k]; None unless all of them do."""
        found = np.searchsorted(self.rows, rows).clip(max=len(self.rows) - 1)
        return found if np.array_equal(self.rows[found], rows) else None


def read(library: Library, folder: Path) -> Teacher:
    """The teacher of a corpus, from the cache, or asked and put there."""
    path = folder / f"teacher-{library.fingerprint}.npz"
    if not path.is_file():
        _ask(library, folder, path)
    with np.load(path) as kept:
        return Teacher(kept["rows"], kept["titles"].astype(np.float32), kept["openings"].astype(np.float32))


def _ask(library: Library, folder: Path, path: Path) -> None:
    allowed, papers = library.training_rows, library.papers
    chance = np.random.default_rng(SEED)
    rows = np.sort(chance.choice(allowed, min(TAUGHT, len(allowed)), replace=False))
    try:
        model = open_embedder("minilm", folder)
    except EmbedderUnavailable as error:
        raise LabError(f"There is no teacher: {error}") from error
    vectors = {}
    for name in ("titles", "openings"):
        texts = [
            papers.titles[row] if name == "titles" else SENTENCE_END.split(papers.abstracts[row].strip())[0]
            for row in rows
        ]
        # Of like length together: a batch is padded to its longest text.
        order = np.argsort([len(text) for text in texts], kind="stable")
        kept = np.zeros((len(rows), model.dimensions), dtype=np.float16)
        for start in range(0, len(rows), CHUNK):
            some = order[start : start + CHUNK]
            kept[some] = model.embed([texts[place] for place in some])
            if not (start // CHUNK + 1) % 100:
                said = f"the teacher read {start + CHUNK:,} of {len(rows):,} {name}"
                print(said, file=sys.stderr, flush=True)
        vectors[name] = kept
    part = path.with_suffix(".part.npz")
    arrays: dict[str, Any] = {"rows": rows, **vectors}
    np.savez(part, **arrays)
    part.replace(path)
