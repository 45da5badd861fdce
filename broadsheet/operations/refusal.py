"""Saying no in one sentence."""

from __future__ import annotations


class Refusal(Exception):
    """Something that cannot be done now. The message is a sentence that says why and what to do."""
