"""Text into vectors: what every embedder promises, and the door they stand behind.

An embedder knows nothing of papers, tables or settings. It turns a text into a direction, so that
texts about the same thing point the same way, and their nearness is a dot product.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class EmbedderUnavailable(Exception):
    """An embedder cannot be opened or cannot answer. The message is a sentence that says what to do."""


class Embedder(Protocol):
    """The door for everything that turns texts into vectors.

    `name` is stable and is stored beside every vector; two embedders have the same name only if they
    give the same vectors, so it contains a fingerprint of the weights and of how they are used (an
    endpoint, whose weights nobody here can see, is named by its address and model). It has no spaces.
    `dimensions` is the length d of every vector.

    `embed(texts)` gives float32 of shape [len(texts), d], in the order of the texts, each row of length
    1. A text gives the same row whatever its neighbours are (to 1e-6 for an endpoint). Any string is
    welcome: NUL, lone surrogates and emoji are read as best they can be, and a long text is read up
    to a length of the embedder's choosing. A text with nothing to read (empty, blank) gives a row of
    zeros, which is near to nothing. Give small batches (32 to 256) to stay interruptible.

    `embed_query(text)` gives float32 of shape [d], to be compared with the rows of `embed`; some
    models read a question differently from a document. Both may be called from several threads at once.
    Both raise `EmbedderUnavailable`, and nothing else, when the model cannot answer.
    """

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors: ...

    def embed_query(self, text: str) -> Vectors: ...


def open_embedder(setting: str, cache: Path, threads: int = 1, key: str = "") -> Embedder:
    """The embedder that a setting names.

    `setting` is "static" ("static:untrained" is what its training began with), "small" or "minilm" (what its
    training began with), "folder:/path/to/a/sentence-transformers/folder", or the address of an
    OpenAI-compatible endpoint with the model after "#": "https://host/v1/embeddings#model".
    `cache` is a folder for files that can be made again; it is created when first needed. `threads`
    counts the processor threads of a local transformer; `key` is sent to an endpoint and to nothing else.
    Raises `EmbedderUnavailable` if the setting names nothing or what it names cannot be opened.
    """
    setting = setting.strip()
    scheme, _, rest = setting.partition(":")
    if setting in ("static", "static:untrained"):
        from broadsheet.embedders.static import StaticEmbedder

        return StaticEmbedder.untrained() if rest == "untrained" else StaticEmbedder.installed()
    if setting == "small":
        from broadsheet.embedders.small import small

        return small(threads)
    if setting == "minilm":
        from broadsheet.embedders.transformer import minilm

        return minilm(cache, threads)
    if scheme == "folder" and rest:
        from broadsheet.embedders.folder import open_folder

        return open_folder(Path(rest), threads)
    if scheme in ("http", "https") and rest:
        from broadsheet.embedders.endpoint import EndpointEmbedder

        return EndpointEmbedder(setting, key)
    raise EmbedderUnavailable(
        f"There is no embedder {setting!r}. Choose static, small, minilm, folder:/path or https://host/v1/embeddings#model."
    )
