"""arxiv-sanity-lite's recipe, step by step as its author published it, to be measured beside ours.

Features: tf-idf of title, abstract and author names, one and two words, 20,000 of them. A click: a linear
support vector machine of the known papers against every other paper of the corpus.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from evals.data import Corpus


def features(corpus: Corpus, folder: Path) -> Any:
    """float32 CSR [papers, 20,000], made once and kept in `folder`; takes minutes."""
    path = folder / f"sanity-{len(corpus)}.npz"
    if path.is_file():
        return sparse.load_npz(path)
    vectorizer = TfidfVectorizer(
        input="content",
        encoding="utf-8",
        decode_error="replace",
        strip_accents="unicode",
        lowercase=True,
        analyzer="word",
        stop_words="english",
        token_pattern=r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b",
        ngram_range=(1, 2),
        max_features=20_000,
        norm="l2",
        use_idf=True,
        smooth_idf=True,
        sublinear_tf=True,
        max_df=0.1,
        min_df=5,
    )
    rows = zip(corpus.titles, corpus.abstracts, corpus.authors, strict=True)
    found = vectorizer.fit_transform(
        f"{title} {abstract} {' '.join(names)}" for title, abstract, names in rows
    )
    found = found.astype(np.float32).tocsr()
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.npz")
    sparse.save_npz(part, found, compressed=False)
    part.replace(path)
    return found


def click(matrix: Any, known: Sequence[int]) -> NDArray[np.float64]:
    """The score of every paper after one click: known papers against all others, [papers]."""
    labels = np.zeros(matrix.shape[0], dtype=np.float32)
    labels[list(known)] = 1.0
    machine = LinearSVC(class_weight="balanced", verbose=False, max_iter=10_000, tol=1e-6, C=0.01)
    machine.fit(matrix, labels)
    scores: NDArray[np.float64] = machine.decision_function(matrix)
    return scores
