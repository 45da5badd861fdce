"""One line per event, in UTC, with what must stay secret taken out."""

from __future__ import annotations

import logging
import re
import time

# A capability in an address or a header: its name stays, its value goes.
_SECRET = re.compile(
    r"(?i)\b(token|key|secret|password|signature|authorization|confirm|manage|unsubscribe)([=:]\s*|/)[^\s&'\"]{4,}"
)


class UtcLine(logging.Formatter):
    """`2026-08-21T08:19:07Z WARNING broadsheet.catalog: message`, on one line whatever the message holds."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = ""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return time.strftime(self.default_time_format, time.gmtime(record.created))

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return _SECRET.sub(r"\1\2***", line).replace("\r", "\\r").replace("\n", "\n  ")
