"""Model merging: trained apart on different tasks, then added together.

Paper 86 (Improving General Text Embedding Model: Tackling Task Conflict and Data Imbalance through Model
Merging). The idea: tasks trained together disturb each other; trained apart from one start, their differences
from it ("task vectors") can be added, each with a weight. Changed: weights are equal and given in the recipe,
not searched for. Options: of (names of earlier stages), share (what their sum weighs; 1 keeps the mean).
"""

from __future__ import annotations

import torch

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method


@method("stage", 86)
def model_merging(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    names = options.get("of", [])
    if not names or any(name not in course.made for name in names):
        known = ", ".join(course.made)
        raise LabError(f"model_merging: `of` must name earlier stages; it has {names}, there are {known}.")
    origin = course.made["untrained"]
    moved = torch.stack([course.made[name].table.detach() - origin.table.detach() for name in names])
    return TableEncoder(
        origin.table.detach() + float(options.get("share", 1.0)) * moved.mean(dim=0), origin.weights
    )
