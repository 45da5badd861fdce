"""Skill graph: what helps the other skills most is practised most.

Paper 30 (Skill-it). The idea: skills have an order; a matrix says how much practice of one helps another,
and sampling follows it. Changed: skills are ways to make pairs; the matrix is measured once, by a short
training of each and the loss of all on papers apart, and shares stay as they are then. What the trials
cost is taken off the steps. Options: those of contrast, whose `pairs` name the skills.
Symbols: gains float32 [k, k]: by how much, as a share, practice of i lowers the loss of j; share of i is
proportional to exp(sharpness x mean over j of gains).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method
from lab.methods.contrast import contrast
from lab.probing import loss_on, probe_rows

SKILLS = ("title_abstract", "inverse_cloze", "body_first", "title_keywords")
TRIAL, SHARPNESS = 10, 20.0


@method("stage", 30)
def skill_graph(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    skills = list(options.get("pairs", SKILLS))
    left = int(options.get("steps", 150)) - TRIAL * len(skills)
    if left < 1:
        raise LabError(f"skill_graph: {TRIAL * len(skills)} steps go to the trials; give more steps.")
    rows = probe_rows(library, course.rng(1_000_003))
    before = np.array([loss_on(encoder, library, skill, rows, course.seed) for skill in skills])
    gains = np.zeros((len(skills), len(skills)))
    for place, skill in enumerate(skills):
        tried = contrast(
            encoder.copy(),
            library,
            options | {"pairs": {skill: 1.0}, "steps": TRIAL},
            course.within(f"try-{skill}"),
        )
        after = np.array([loss_on(tried, library, other, rows, course.seed) for other in skills])
        gains[place] = (before - after) / before
    chosen = shares(gains)
    course.note(**dict(zip(skills, chosen.round(3).tolist(), strict=True)))
    pairs = dict(zip(skills, chosen.tolist(), strict=True))
    return contrast(encoder, library, options | {"pairs": pairs, "steps": left}, course)


def shares(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of the practice each skill gets, float64 [k], summing to 1."""
    helpful = gains.mean(axis=1)
    likely = np.exp(SHARPNESS * (helpful - helpful.max()))
    return likely / likely.sum()
