"""Domain experts: one for each field, put together by what each knows of the texts at hand.

Paper 44 (Meta-DMoE). The idea: experts on their own domains are asked about unlabelled samples of the new
one, and their answers merged. Changed: experts are trained in earlier stages of the recipe (`archive` of
contrast), and their differences from where all began are summed with weights that follow their loss on a
sample of the whole corpus; no transformer merges them. Options: of (names of earlier stages), share (what
their sum weighs; 1 keeps the mean). Symbols: weights float32 [k], softmax of -loss / COOL.
"""

from __future__ import annotations

import torch

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method
from lab.probing import loss_on, probe_rows

COOL = 0.1


@method("stage", 44)
def domain_experts(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    names = options.get("of", [])
    if not names or any(name not in course.made for name in names):
        known = ", ".join(course.made)
        raise LabError(f"domain_experts: `of` must name earlier stages; it has {names}, there are {known}.")
    rows = probe_rows(library, course.rng())
    losses = [loss_on(course.made[name], library, "title_abstract", rows, course.seed) for name in names]
    weights = torch.softmax(-torch.tensor(losses) / COOL, dim=0)
    origin = course.made["untrained"].table.detach()
    moved = torch.stack([course.made[name].table.detach() - origin for name in names])
    merged = float(options.get("share", 1.0)) * (weights[:, None, None] * moved).sum(dim=0)
    return TableEncoder(origin + merged, encoder.weights)
