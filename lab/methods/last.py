"""The encoder as training left it. What every recipe begins with."""

from __future__ import annotations

from collections.abc import Sequence

from lab.encoder import TableEncoder
from lab.method import method


@method("keep")
def last(encoders: Sequence[TableEncoder]) -> TableEncoder:
    return encoders[-1]
