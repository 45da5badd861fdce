"""Structured pruning: whole directions of the table go, those that carry least.

Papers 3 and 4 (HESSO, OTOv3). The idea: groups of weights that belong together are removed at once, by a
measure of their worth, without a second training. Changed: the table is first turned to its principal axes,
weighted by how often tokens occur, so that what goes is least. Options: dimensions (what stays).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from broadsheet.embedders.static import FREQUENCIES
from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method


@method("stage", 3)
def structured_pruning(
    encoder: TableEncoder, library: Library, options: Options, course: Course
) -> TableEncoder:
    kept = axes(encoder, int(options.get("dimensions", 128)), "structured_pruning")
    return TableEncoder(encoder.table.detach() @ kept, encoder.weights)


def axes(encoder: TableEncoder, wanted: int, asking: str) -> Tensor:
    """The directions that carry most, float32 [d, wanted], of length 1 and at right angles.

    LabError, in the name of who asks, if so many are not to be had.
    """
    table = encoder.table.detach()
    if not 0 < wanted <= table.shape[1]:
        raise LabError(f"{asking}: dimensions must be 1 to {table.shape[1]}, not {wanted}.")
    often = torch.from_numpy(np.load(FREQUENCIES).astype(np.float32)).sqrt() * encoder.weights
    weighted = table * often[:, None]
    values, vectors = torch.linalg.eigh(weighted.T @ weighted)
    kept: Tensor = vectors[:, values.argsort(descending=True)[:wanted]]
    return kept
