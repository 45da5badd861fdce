"""Fewer tokens: a text is read up to a shorter length than the model was made for.

Paper 84 (Dataset Decomposition), the idea turned from training to use: cost goes with the number of tokens,
and an abstract says what it is about at its beginning. Options: limit (tokens read, both marks included).
"""

from __future__ import annotations

from dataclasses import replace

from broadsheet.embedders.transformer import TOKENS
from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.method import Options, method
from lab.transformer import TransformerEncoder


@method("transformer", 84)
def fewer_tokens(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    limit = int(options.get("limit", 128))
    if not 8 <= limit <= TOKENS:
        raise LabError(f"fewer_tokens: limit must be 8 to {TOKENS}, not {limit}.")
    weights = {name: encoder[name] for name in encoder.names}
    return TransformerEncoder(weights, replace(encoder.words, limit=limit))
