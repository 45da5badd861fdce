"""Added title: of the vector of a paper's title a part is added to that of title and abstract together.

Paper 92 (Pooling And Attention), which finds no pooling best for everything. The idea: a title says in a
dozen words what the mean over an abstract's hundred dilutes; a second, short run brings it back. Nothing is
trained.

Symbols: v, t float32 [d] of length 1; the paper's vector is v + weight · t, of length 1. Options: weight.
"""

from __future__ import annotations

from dataclasses import replace

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.method import Options, method
from lab.transformer import TransformerEncoder


@method("transformer", 92)
def added_title(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    weight = float(options.get("weight", 0.5))
    if not 0 <= weight <= 10:
        raise LabError(f"added_title: weight must be 0 to 10, not {weight}.")
    weights = {name: encoder[name] for name in encoder.names}
    return TransformerEncoder(weights, replace(encoder.words, title=weight))
