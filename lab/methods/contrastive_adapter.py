"""Contrastive adapter: the encoder stays as it is; one matrix behind it learns what belongs together.

Paper 95 (adapters for retrieval), with the negatives of 96. The idea: a small part that is added to a frozen
encoder learns a new task from few examples, in seconds, because the encoder itself is run once. Changed: the
part is a single matrix behind the mean of the states, the same for questions and papers, and begins as the
identity, so that nothing is lost before something is learned.

Symbols: W float32 [d, d]; a, b float32 [n, d], vectors of titles and of their abstracts without W; scores
are cosines of aW and bW over the temperature. Pair j is no negative of i if the encoder holds it for nearer
than i's own. What is kept is I + share · (W - I), between what was and what was learned (as model merging
does, paper 86). Options: papers (how many are read), steps, size (pairs a step), rate, temperature, share.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from broadsheet.embedders import Vectors
from lab import LabError
from lab.corpus import Library
from lab.course import Course
from lab.lessons import drawn
from lab.method import Options, method
from lab.shipping import as_it_ships
from lab.transformer import TransformerEncoder

SAID_EVERY = 512  # papers between two lines of progress
HEAD = "head.weight"


@method("transformer", 95)
def contrastive_adapter(
    encoder: TransformerEncoder, library: Library, options: Options, course: Course
) -> TransformerEncoder:
    number, size = int(options.get("papers", 4_000)), int(options.get("size", 1_024))
    if size > number:
        raise LabError(f"contrastive_adapter: a step of {size} pairs needs more than {number} papers.")
    rows = drawn(library, course.rng(), number).tolist()
    # Read as readers will have it: with 8-bit weights, which is quicker, too.
    reader, papers = as_it_ships(encoder, course.folder.name), library.papers
    titles, abstracts = list[Vectors](), list[Vectors]()
    for start in range(0, number, SAID_EVERY):
        some = rows[start : start + SAID_EVERY]
        titles.append(reader.embed([papers.titles[row] for row in some]))
        abstracts.append(reader.embed([papers.abstracts[row] for row in some]))
        course.say(f"read {start + len(some):,} of {number:,} papers")
    left, right = (torch.from_numpy(np.concatenate(vectors)) for vectors in (titles, abstracts))
    head = _learn(left, right, size, options, course)
    head = torch.lerp(torch.eye(len(head)), head, float(options.get("share", 1.0)))
    weights = {name: encoder[name] for name in encoder.names}
    weights[HEAD] = encoder[HEAD] @ head if HEAD in encoder else head
    return TransformerEncoder(weights, encoder.words)


def _learn(titles: Tensor, abstracts: Tensor, size: int, options: Options, course: Course) -> Tensor:
    steps, temperature = int(options.get("steps", 100)), float(options.get("temperature", 0.05))
    head = torch.eye(titles.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([head], lr=float(options.get("rate", 3e-4)))
    for step in range(steps):
        chosen = torch.from_numpy(course.rng(step).choice(len(titles), size, replace=False))
        left, right = titles[chosen], abstracts[chosen]
        guide = left @ right.T
        own = guide.diagonal()
        false = ((guide > own[:, None]) | (guide > own[None, :])).fill_diagonal_(False)
        scores = functional.normalize(left @ head, dim=1) @ functional.normalize(right @ head, dim=1).T
        scores = (scores / temperature).masked_fill(false, -torch.inf)
        aim = torch.arange(size)
        loss = (functional.cross_entropy(scores, aim) + functional.cross_entropy(scores.T, aim)) / 2
        if not torch.isfinite(loss):
            raise LabError(
                f"contrastive_adapter: the loss of step {step + 1} is not a number: lower the rate."
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        course.note(step=step + 1, loss=round(float(loss.detach()), 5))
    return head.detach()
