"""Learning curve: short trainings foretell where a long one would end, and when it may stop.

Paper 58 (Modeling of learning curves). The idea: from the first part of a curve the rest can be foretold,
so training stops when what is left to gain is small. Changed: the points of the curve are trainings of
their own (each with its own warming up), measured by the loss on papers apart; the curve is a + b n^-c.
Options: near (the loss that may be left to gain, as a share), and those of contrast; steps is the most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import curve_fit

from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method
from lab.methods.contrast import contrast
from lab.probing import loss_on, probe_rows

POINTS = (5, 10, 20, 40)  # steps


@method("stage", 58)
def learning_curve(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    rest = {name: value for name, value in options.items() if name != "near"}
    rows, most = probe_rows(library, course.rng(1_000_002)), int(options.get("steps", 150))
    losses = []
    for steps in POINTS:
        tried = contrast(encoder.copy(), library, rest | {"steps": steps}, course.within(f"try-{steps}"))
        losses.append(loss_on(tried, library, "title_abstract", rows, course.seed))
    steps = enough(POINTS, losses, most, float(options.get("near", 0.02)))
    course.note(chosen=steps)
    course.say(f"{steps} of {most} steps are enough")
    return contrast(encoder, library, rest | {"steps": steps}, course)


def enough(points: Sequence[int], losses: Sequence[float], most: int, near: float) -> int:
    """The fewest steps whose foretold loss is within a share `near` of that of `most` steps."""

    def curve(n: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
        return a + b * n**-c

    fitted, _ = curve_fit(
        curve,
        np.array(points, float),
        np.array(losses),
        (min(losses) / 2, losses[0], 0.5),
        bounds=([0, 0, 0.05], [np.inf, np.inf, 3]),
        maxfev=10_000,
    )
    foretold = curve(np.arange(1, most + 1, dtype=float), *fitted)
    return int(np.argmax(foretold <= foretold[-1] * (1 + near))) + 1
