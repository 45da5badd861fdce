"""Width growth: a wider table that begins as the narrower one.

Paper 39 (bert2BERT), with the same thought in 109 (AquilaMoE). The idea: a larger model starts from a
smaller one so that it computes the same, and trains on from there. Changed: what grows is the table's
width, to twice as many dimensions, and a pruning stage brings it back to what ships. Half of each row is
the row plus, half the row minus a little noise, lest both halves learn the same. Options: noise, as a
share of the table's spread.
"""

from __future__ import annotations

import torch

from lab.corpus import Library
from lab.course import Course
from lab.encoder import TableEncoder
from lab.method import Options, method


@method("stage", 39)
def width_growth(encoder: TableEncoder, library: Library, options: Options, course: Course) -> TableEncoder:
    """Table [tokens, d] to [tokens, 2 d]; cosines stay as they were up to the square of the noise."""
    table = encoder.table.detach()
    chance = torch.Generator().manual_seed(int(course.rng().integers(2**31)))
    noise = torch.randn(table.shape, generator=chance) * table.std() * float(options.get("noise", 0.1))
    return TableEncoder(torch.cat([table + noise, table - noise], dim=1) / 2**0.5, encoder.weights)
