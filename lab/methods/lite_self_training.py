"""Lite self-training: the model labels for itself, and only a few parameters learn from it.

Paper 56 (LiST). The idea: self-training with a small set of added parameters, the large model standing
still. Changed: what stands still is the table, what learns is one number a token, how much it tells
(32,000 instead of 8 million numbers); doubtful labels are left out, not weighed. Options: those of
contrast.
"""

from __future__ import annotations

from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method
from lab.methods.contrast import contrast


@method("stage", 56)
def lite_self_training(
    encoder: TableEncoder, library: Library, options: Options, course: Course
) -> TableEncoder:
    lite = {"weights": True, "table": False, "pairs": {"title_abstract": 0.5, "self_training": 0.5}}
    return contrast(encoder, library, options | lite, course)
