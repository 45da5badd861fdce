"""Score factorisation: the teacher's table of all scores from its scores with a few anchors.

Paper 85 (Efficient Nearest Neighbor Search for Cross-Encoder Models using Matrix Factorization). The idea:
score everything against a few anchors only, and estimate the rest by CUR decomposition. Changed: the
teacher is MiniLM (a dual encoder, since no cross-encoder is small enough here), and the static encoder
learns to give the scores with the anchors by a linear map (ridge regression), so that nothing is trained
step by step.
Symbols: X float32 [n, d], titles by the encoder; S [n, a], their scores with the anchors; U [a, a],
anchors among themselves; M = argmin |X M - S|²; scores of all with all are X (M U⁺ Mᵀ) Xᵀ, and its root
goes into the table.
"""

from __future__ import annotations

import torch

from lab.corpus import Library
from lab.course import Course
from lab.encoder import Bags, TableEncoder
from lab.method import Options, method

ANCHORS, RIDGE = 512, 1e-2


@method("stage", 85)
def score_factorisation(
    encoder: TableEncoder, library: Library, options: Options, course: Course
) -> TableEncoder:
    teacher = library.teacher
    titles = torch.from_numpy(teacher.titles)
    with torch.no_grad():
        mine = encoder(Bags.of([([library.titles[row] for row in teacher.rows], 1.0)]))
    chosen = course.rng().choice(len(titles), min(ANCHORS, len(titles)), replace=False)
    anchors = titles[torch.from_numpy(chosen)]
    return TableEncoder(
        encoder.table.detach() @ root(mine, titles @ anchors.T, anchors @ anchors.T), encoder.weights
    )


def root(mine: torch.Tensor, scores: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
    """The symmetric root of M U⁺ Mᵀ, float32 [d, d]."""
    gram = mine.T @ mine
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
    fitted = torch.linalg.solve(gram, mine.T @ scores)
    kernel = fitted @ torch.linalg.pinv(among, rtol=1e-3, hermitian=True) @ fitted.T
    values, vectors = torch.linalg.eigh((kernel + kernel.T) / 2)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T
