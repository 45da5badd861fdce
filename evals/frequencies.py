"""Counts how often the static encoder's tokens occur in the corpus, for their weights.

python -m evals.frequencies FILE.npy     writes what broadsheet/embedders/static_frequencies.npy holds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from broadsheet.embedders.static import StaticEmbedder
from evals.data import Corpus


def main(path: Path) -> None:
    corpus, embedder = Corpus(), StaticEmbedder.installed()
    counts = np.zeros(embedder.tokens, dtype=np.int64)
    for texts in (corpus.titles, corpus.abstracts):
        for text in texts:
            counts += np.bincount(embedder.read(text), minlength=embedder.tokens)
    np.save(path, (counts / counts.sum() * 1e6).astype(np.float16))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
