"""The laboratory: stages that train an encoder, recipes that chain them, runs that can be trusted.

It stands beside the house: it may use `identifiers`, `scoring`, `text`, `embedders` and the data of `evals`,
and PyTorch, which nothing else needs. Nothing in `broadsheet` imports it.
"""

from __future__ import annotations


class LabError(Exception):
    """A recipe or its data cannot be used. The message is a sentence that says what to do."""
