"""Several readers at the same moment, on a real database: every scene of `tests.together` holds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests import together

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.security_check(13)
def test_nothing_is_lost_or_doubled_when_readers_act_together(in_furnished: Run) -> None:
    done = in_furnished("shell", "-v0", "-c", "from tests.together import main; main()")
    assert done.returncode == 0, done.stderr[-3_000:]
    held = [line.split()[0] for line in done.stdout.splitlines() if line.endswith(" holds")]
    assert held == [scene.__name__ for scene in together.SCENES]
