"""The thorough encoder that ships: a small transformer, made by the laboratory of all-MiniLM-L6-v2.

Five of six layers, the tokens that papers use, and of every text only the words that say something
(weights/README.md, docs/lab.md). Two files: the graph with 8-bit weights, and how texts are read for it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.embedders import packages
from broadsheet.embedders.reading import tokenizer_from
from broadsheet.embedders.transformer import TransformerEmbedder, open_session

GRAPH = Path(__file__).with_name("weights") / "small.onnx"
READING = GRAPH.with_suffix(".json")
GRAPH_SHA256 = "8d6069a304d5f6392fbb571f364f2579fb04110e3e5150049ef7bf1194549e46"
READING_SHA256 = "95ef09ed1b15b40d205cd4531510611f90658914536f3a082cd80aae8365abd9"


def small(threads: int = 1) -> TransformerEmbedder:
    """The encoder of the two files. EmbedderUnavailable if one is missing or altered."""
    graph = packages.verified(GRAPH, GRAPH_SHA256)
    reading = packages.verified(READING, READING_SHA256)
    return opened(f"broadsheet-small-{GRAPH_SHA256[:8]}-{READING_SHA256[:8]}", graph, reading, threads)


def opened(name: str, graph: bytes, reading: bytes, threads: int) -> TransformerEmbedder:
    """An encoder from the bytes of its files.

    `graph` maps `tokens` int64 [1, n] to `vector` float32 [1, d]; `reading` is JSON: `tokenizer` (a
    tokenizer.json), `skipped` (tokens not read), `limit` (tokens of a text), `title` (how much of the vector
    of a first line is added).
    """
    how = json.loads(reading)
    tokenizer = tokenizer_from(json.dumps(how["tokenizer"]).encode(), READING)
    session = open_session(graph, threads)

    def run(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = session.run(None, {"tokens": ids})[0][0]
        return vector

    numbers = (tokenizer.token_to_id(token) for token in how["skipped"])
    skipped = [number for number in numbers if number is not None]
    dimensions = int(session.get_outputs()[0].shape[-1])
    return TransformerEmbedder(
        name, dimensions, tokenizer, run, how["limit"], skipped=skipped, first_line=how["title"]
    )
