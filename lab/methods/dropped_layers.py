"""Dropped layers: some of a transformer's layers go, the others stay as they are.

Papers 3 and 4 (HESSO, OTOv3), and 37 (stages shared by encoders of many sizes). The idea: a trained network
holds smaller ones, which whole groups of weights can leave at once. Changed: the group is a layer, named in
the recipe; what is left is poor until it is taught (`distilled_states`). Options: layers (those that stay,
from 0).
"""

from __future__ import annotations

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.method import Options, method
from lab.transformer import TransformerEncoder

LAYER = "encoder.layer."


@method("transformer", 3)
def dropped_layers(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    kept = options.get("layers")
    if not kept or kept != sorted(set(kept)) or not 0 <= kept[0] <= kept[-1] < encoder.layers:
        raise LabError(
            f"dropped_layers: layers must be some of 0 to {encoder.layers - 1} in order, not {kept}."
        )
    weights = {name: encoder[name] for name in encoder.names if not name.startswith(LAYER)}
    for place, layer in enumerate(kept):
        before = f"{LAYER}{layer}."
        weights |= {
            f"{LAYER}{place}.{name.removeprefix(before)}": encoder[name]
            for name in encoder.names
            if name.startswith(before)
        }
    return TransformerEncoder(weights, encoder.words)
