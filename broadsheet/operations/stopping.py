"""Ctrl-C and its relatives, as something that a loop can ask about and sleep on."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Self

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """While it is entered, Ctrl-C, SIGTERM and a closed terminal set `asked` instead of ending the process.

    `sleep` wakes at once when one arrives, and also when a child process ends. Main thread only.
    """

    def __init__(self) -> None:
        self.asked = 0

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before: dict[int, Any] = {name: signal.signal(name, self._note) for name in ENDING}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1

    def sleep(self, seconds: float) -> bool:
        """Waits, at most `seconds`; says whether the process was asked to stop."""
        if not self.asked:
            ready, _, _ = select.select([self._read], [], [], max(0.0, seconds))
            while ready and self._drained():
                pass
        return bool(self.asked)

    def _drained(self) -> bytes:
        try:
            return os.read(self._read, 512)
        except BlockingIOError:
            return b""
