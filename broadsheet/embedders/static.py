"""The static encoder: a text's vector is the weighted sum of its tokens' vectors. Thousands a second.

The table was trained on the titles and abstracts of arXiv by the laboratory (`lab/`, docs/lab.md), from
wordllama's L2-supercat, whose tokenizer it keeps: that is read from its Python package, whose own code is
never imported. Four things were added because they find more (docs/benchmarks.md): capitals are ignored,
rare tokens count more (smooth inverse frequency), repetition counts by its square root, and a first line
counts twice, as a title should.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from broadsheet.embedders import Vectors, packages
from broadsheet.embedders.reading import readable, tokenizer_from

# int8 [tokens, d] and a float32 scale for each row; weights/README.md tells how it is made.
SHIPPED = Path(__file__).with_name("weights") / "static.npz"
SHIPPED_SHA256 = "6f61d94e9e698451c92582405d3cfa991ddcf25bb9712b4eaeca2808bee508f7"

# Where the training began, and the tokenizer of both.
PACKAGE = "wordllama"
TABLE = "wordllama/weights/l2_supercat_256.safetensors"
TABLE_SHA256 = "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"
VOCABULARY = "wordllama/tokenizers/l2_supercat_tokenizer_config.json"
VOCABULARY_SHA256 = "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68"

# How often each token occurs among the titles and abstracts of 302,555 arXiv papers in lower case (metadata
# is CC0), in parts per million, float16. `python -m evals.frequencies` counts them.
FREQUENCIES = Path(__file__).with_name("static_frequencies.npy")

# Tokens this frequent weigh half as much as the rarest (a of Arora et al. 2017, smooth inverse frequency).
HALF_WEIGHT = 1000.0  # parts per million
FIRST_LINE = 2.0  # how much more a token of the first line counts

LETTERS = 20_000  # read of a text; an abstract has 1,000 to 2,000
WORD_LETTERS = 64  # a longer run without a space is read in pieces
KEPT_WORDS = 100_000  # words whose tokens are remembered; 9 of 10 words of an abstract are among them


class StaticEmbedder:
    """Sums the rows of a table, one row a token, each scaled by how much its token tells."""

    def __init__(self, name: str, table: NDArray[np.float32], tokenizer: Tokenizer) -> None:
        """`table` float32 [tokens, d], weights of the tokens already multiplied in."""
        self.name = name
        self.tokens, self.dimensions = table.shape
        self._table = table
        self._tokenizer = tokenizer
        self._words: dict[str, list[int]] = {}

    @classmethod
    def installed(cls) -> StaticEmbedder:
        """The encoder that ships. EmbedderUnavailable if its table or its tokenizer is missing or altered."""
        weights, mark = token_weights()
        with np.load(io.BytesIO(packages.verified(SHIPPED, SHIPPED_SHA256))) as kept:
            table = kept["table"] * (kept["scale"] * weights)[:, None]
        return cls(f"broadsheet-static-{SHIPPED_SHA256[:8]}-{mark}", table, _tokenizer())

    @classmethod
    def untrained(cls) -> StaticEmbedder:
        """The encoder that training began with, to measure against. EmbedderUnavailable as `installed`."""
        stored = packages.tensors(packages.verified(packages.data_file(PACKAGE, TABLE), TABLE_SHA256))
        weights, mark = token_weights()
        table = stored["embedding.weight"].astype(np.float32) * weights[:, None]
        return cls(f"wordllama-l2-{TABLE_SHA256[:8]}-{mark}", table, _tokenizer())

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._sum(text)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed([text])[0]
        return vector

    def _sum(self, text: str) -> Vectors:
        """The sum of a text's rows, float32 [d]: each token once in either part, by the root of its count."""
        first, _, rest = readable(text.lstrip(), LETTERS).partition("\n")
        head, head_counts = np.unique(self.read(first), return_counts=True)
        body, body_counts = np.unique(self.read(rest), return_counts=True)
        weights = np.sqrt(np.concatenate([head_counts, body_counts]), dtype=np.float32)
        weights[: len(head)] *= FIRST_LINE
        rows = self._table.take(np.concatenate([head, body]), axis=0)
        # Not a matrix product: BLAS would wake all its threads for it, and they cost more than they save.
        total: Vectors = np.einsum("i,ij->j", weights, rows)
        return total

    def read(self, text: str) -> NDArray[np.int64]:
        """The tokens of a text. No token spans a space, so words are read, and remembered, singly."""
        words, tokens = self._words, list[int]()
        for word in text.lower().replace("\0", " ").split():
            known = words.get(word)
            tokens += self._learn(word) if known is None else known
        return np.array(tokens, dtype=np.int64)

    def _learn(self, word: str) -> list[int]:
        pieces = (word[start : start + WORD_LETTERS] for start in range(0, len(word), WORD_LETTERS))
        tokens = [t for piece in pieces for t in self._tokenizer.encode(piece, add_special_tokens=False).ids]
        if len(word) <= WORD_LETTERS:
            if len(self._words) >= KEPT_WORDS:
                self._words = {}
            self._words[word] = tokens
        return tokens


def _tokenizer() -> Tokenizer:
    file = packages.data_file(PACKAGE, VOCABULARY)
    return tokenizer_from(packages.verified(file, VOCABULARY_SHA256), file)


def token_weights() -> tuple[NDArray[np.float32], str]:
    """The weight of each token, float32 [tokens], 0 to 1, and a mark that changes whenever weighting does."""
    frequencies = np.load(FREQUENCIES).astype(np.float32)
    weights: NDArray[np.float32] = HALF_WEIGHT / (HALF_WEIGHT + frequencies)
    recipe = weights.tobytes() + f"lower sqrt {FIRST_LINE} {LETTERS} {WORD_LETTERS}".encode()
    return weights, hashlib.sha256(recipe).hexdigest()[:8]
