"""Canonical correlation: what texts and category codes agree on is made stronger.

Paper 11 (Multi-View Joint Learning Framework for Embedding Clinical Codes and Text), whose views meet by
canonical correlation. Changed: both views are linear and solved at once, without a graph network: arXiv's
category graph is two levels deep. Options: share (how much stronger). See text_codes for the same paper by
contrast.
Symbols: X float32 [n, d] texts, Y [n, c] codes; Cxx^(-1/2) Cxy Cyy^(-1/2) = P S Qᵀ; the table is
multiplied with Cxx^(-1/2) (I + share P S Pᵀ) Cxx^(1/2).
"""

from __future__ import annotations

import numpy as np
import torch

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.encoder import Bags, TableEncoder
from lab.method import Options, method

SAMPLE, RIDGE = 40_000, 1e-3


@method("stage", 11)
def canonical_correlation(
    encoder: TableEncoder, library: Library, options: Options, course: Course
) -> TableEncoder:
    rows = course.rng().choice(library.training_rows, min(SAMPLE, len(library.training_rows)), replace=False)
    rows = np.array([row for row in rows if library.papers.categories[row]], dtype=np.int64)
    if not len(rows):
        raise LabError("canonical_correlation: no paper of the corpus has a category.")
    names = sorted({code for row in rows for code in library.papers.categories[row]})
    place = {name: number for number, name in enumerate(names)}
    codes = torch.zeros(len(rows), len(names))
    for number, row in enumerate(rows):
        codes[number, [place[code] for code in library.papers.categories[row]]] = 1.0
    with torch.no_grad():
        texts = encoder(
            Bags.of(
                [([library.titles[row] for row in rows], 2.0), ([library.abstract(row) for row in rows], 1.0)]
            )
        )
    change = stronger(texts, codes, float(options.get("share", 1.0)))
    return TableEncoder(encoder.table.detach() @ change, encoder.weights)


def stronger(texts: torch.Tensor, codes: torch.Tensor, share: float) -> torch.Tensor:
    """The map [d, d] that strengthens what both views agree on."""
    x, y = (side - side.mean(dim=0) for side in (texts, codes))
    whiten_x, colour_x = _roots(x.T @ x / len(x))
    whiten_y, _ = _roots(y.T @ y / len(y))
    left, values, _ = torch.linalg.svd(whiten_x @ (x.T @ y / len(x)) @ whiten_y, full_matrices=False)
    return whiten_x @ (torch.eye(len(left)) + share * left * values @ left.T) @ colour_x


def _roots(covariance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Its inverse root and its root."""
    values, vectors = torch.linalg.eigh(covariance)
    root = (values.clamp(min=0) + RIDGE * values.mean()).sqrt()
    return vectors / root @ vectors.T, vectors * root @ vectors.T
