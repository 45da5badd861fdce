"""How the verbs of the community say no: with a sentence for the reader, and the status that fits."""

from __future__ import annotations

from typing import Final

# What a reader who acts may be told: 400 not understood, 403 not allowed, 404 not there, 409 not as things
# stand, 410 taken out, 429 too often.
STATUSES: Final = frozenset({400, 403, 404, 409, 410, 429})


class Refused(Exception):
    """The community says no, and nothing was changed. The message is a sentence for the reader."""

    def __init__(self, sentence: str, status: int = 409, retry_after: int = 0) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after = retry_after
