"""Common directions out: what all texts share tells none apart.

Not of the front page: Mu and Viswanath 2018 ("All-but-the-top") and Arora et al. 2017, here as the simple
thing that a trained table must beat. The mean of the corpus's papers and its first principal directions are
taken out of every row. Options: directions.
"""

from __future__ import annotations

import torch

from lab.corpus import Library
from lab.course import Course
from lab.encoder import Bags, TableEncoder
from lab.method import Options, method

SAMPLE = 20_000


@method("stage")
def common_directions(
    encoder: TableEncoder, library: Library, options: Options, course: Course
) -> TableEncoder:
    rows = course.rng().choice(library.training_rows, min(SAMPLE, len(library.training_rows)), replace=False)
    with torch.no_grad():
        texts = encoder(Bags.of([([library.abstract(row) for row in rows], 1.0)]))
        values, vectors = torch.linalg.eigh(texts.T @ texts)
        top = vectors[:, values.argsort(descending=True)[: int(options.get("directions", 1))]]
        table = encoder.table.detach()
        return TableEncoder(table - table @ top @ top.T, encoder.weights)
