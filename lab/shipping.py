"""The table of a run as the file that Broadsheet ships: int8, each row with a scale of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lab import LabError
from lab.encoder import TableEncoder

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
