"""Nothing is done: the transformer that training begins with, as a measure. What every recipe begins with."""

from __future__ import annotations

from lab.corpus import Library
from lab.course import Course
from lab.method import Options, method
from lab.transformer import TransformerEncoder


@method("transformer")
def unchanged(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    return encoder
