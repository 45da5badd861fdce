"""The encoder of a run as the files that Broadsheet ships.

A table: int8, each row with a scale of its own. A transformer: a graph with 8-bit weights for onnxruntime,
and a JSON file that says how texts are read for it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from broadsheet.embedders import bert
from broadsheet.embedders.small import opened
from broadsheet.embedders.transformer import HEADS, TransformerEmbedder
from lab import LabError
from lab.encoder import TableEncoder
from lab.transformer import PLACES, TransformerEncoder

LEVELS = 127
WIDEST = 256  # dimensions: what keeps the file below 8 MB


def ship(encoder: TableEncoder, path: Path) -> None:
    """Writes `table` int8 [tokens, d] and `scale` float32 [tokens]: a row of the table is their product.

    Trained token weights are part of the rows, relative to the weights that the static encoder brings itself.
    """
    from broadsheet.embedders.static import token_weights

    known = len(token_weights()[0])
    if len(encoder.table) != known or encoder.table.shape[1] > WIDEST:
        raise LabError(
            f"A table of {tuple(encoder.table.shape)} cannot ship: it must have {known:,} tokens and at "
            f"most {WIDEST} dimensions. End the recipe with structured_pruning."
        )
    rows = encoder.rows() / token_weights()[0][:, None]
    scale = np.maximum(np.abs(rows).max(axis=1), 1e-12) / LEVELS
    table = np.round(rows / scale[:, None]).astype(np.int8)
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, table=table, scale=scale.astype(np.float32))
    part.replace(path)


def transformer_files(encoder: TransformerEncoder) -> tuple[bytes, bytes]:
    """The graph, and the JSON beside it, as `broadsheet.embedders.small` opens them."""
    words, weights = encoder.words, dict(encoder.arrays())
    # No text is longer than the limit, so no later position is ever asked for.
    weights[PLACES] = weights[PLACES][: words.limit]
    known = set(words.tokens)
    how = {
        "tokenizer": json.loads(words.content),
        "skipped": sorted(set(words.skipped) & known),
        "limit": words.limit,
        "title": words.title,
    }
    reading = json.dumps(how, ensure_ascii=False, separators=(",", ":")).encode()
    return bert.encoder(weights, encoder.layers, HEADS), reading


def as_it_ships(encoder: TransformerEncoder, name: str) -> TransformerEmbedder:
    """What readers would get of this encoder, on one core."""
    return opened(name, *transformer_files(encoder), threads=1)
