"""Counts what arXiv's words are like, for the weights of bags of words.

python -m evals.bags FILE.npz     writes what broadsheet/data/bags.npz holds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from broadsheet.recommendations import bags
from evals.data import Corpus
from evals.measures import Floats


def main(path: Path) -> None:
    corpus = Corpus()
    held = np.zeros(bags.BUCKETS, np.float64)
    mean = np.zeros(bags.BUCKETS, np.float64)
    found = []
    for title, abstract in zip(corpus.titles, corpus.abstracts, strict=True):
        counts = bags.counts(title, abstract)
        places = np.array([bags.place_of(word) for word in counts], np.int32)
        damped = 1 + np.log(np.array(list(counts.values()), np.float32))
        found.append((places, damped.astype(np.float16)))
        held[np.unique(places)] += 1
    _keep(path, held, mean, len(corpus))
    bags.COUNTED = path
    bags.counted.cache_clear()
    for places, damped in found:
        where, weights = bags.weighed(places.astype(np.int64), damped.astype(np.float64))
        np.add.at(mean, where, weights)
    _keep(path, held, mean / len(corpus), len(corpus))


def _keep(path: Path, held: Floats, mean: Floats, papers: int) -> None:
    np.savez_compressed(
        path, held=bags.coded(held, 0), mean=bags.coded(mean, bags.SMALLEST), papers=np.array(papers)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
