"""A bar that fills while bytes are copied; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from broadsheet.operations.archive import Progress


@contextmanager
def bar(quiet: bool) -> Iterator[Progress]:
    """A `Progress` that draws; `quiet` or no terminal: draws nothing."""
    with tqdm(unit="B", unit_scale=True, leave=False, disable=quiet or None) as drawn:
        bars: tqdm[Any] = drawn

        def show(done: int, total: int) -> None:
            bars.total = total
            bars.update(done - bars.n)

        yield show
