"""Attention pooling: how much each token counts is learned.

Paper 41 (NV-Embed), whose latent attention decides what of a text enters its vector, and paper 92 (Pooling
And Attention), which compares ways to pool. Changed: a bag has no context, so a token's weight is the same
in every text: one number a token, trained along (`weights = true` of contrast). Nothing else is added for
it.
"""

from __future__ import annotations

from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method
from lab.methods.contrast import contrast


@method("stage", 41)
def attention_pooling(
    encoder: TableEncoder, library: Library, options: Options, course: Course
) -> TableEncoder:
    return contrast(encoder, library, options | {"weights": True}, course)
