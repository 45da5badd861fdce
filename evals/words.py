"""BM25 as its authors wrote it, over a few thousand texts: for questions as long as a paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import tantivy
from numpy.typing import NDArray

SATURATION, LENGTH = 1.2, 0.75  # k1 and b, the usual values


class Lexicon:
    """Texts to be ranked by words; stemmed, without English stop words."""

    def __init__(self, texts: Sequence[str]) -> None:
        builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        builder = builder.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.stopword("english"))
        self._analyzer = builder.filter(tantivy.Filter.stemmer("english")).build()
        self._size = len(texts)
        counted = [Counter(self._analyzer.analyze(text)) for text in texts]
        lengths = np.array([counts.total() for counts in counted], dtype=np.float64)
        norm = SATURATION * (1 - LENGTH + LENGTH * lengths / max(lengths.mean(), 1))
        found: dict[str, list[tuple[int, float]]] = {}
        for row, counts in enumerate(counted):
            for word, count in counts.items():
                weight = count * (SATURATION + 1) / (count + norm[row])
                found.setdefault(word, []).append((row, weight))
        self._postings = {word: self._posting(entries) for word, entries in found.items()}

    def scores(self, question: str) -> NDArray[np.float64]:
        """BM25 of every text, float64 [texts]; a word asked twice counts twice."""
        total = np.zeros(self._size)
        for word, count in Counter(self._analyzer.analyze(question)).items():
            if word in self._postings:
                rows, weights = self._postings[word]
                total[rows] += count * weights
        return total

    def _posting(self, entries: list[tuple[int, float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows that have a word, and its weight in each, rarity included."""
        rows, weights = zip(*entries, strict=True)
        rarity = np.log(1 + (self._size - len(rows) + 0.5) / (len(rows) + 0.5))
        return np.array(rows), rarity * np.array(weights)
