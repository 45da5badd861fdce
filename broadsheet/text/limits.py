"""How much is read, built and shown, since a text may come from an enemy."""

from __future__ import annotations

from typing import Final

TITLE_LIMIT: Final = 2_000
ABSTRACT_LIMIT: Final = 20_000
COMMENT_LIMIT: Final = 20_000
FORMULA_LIMIT: Final = 1_000
FORMULAS_LIMIT: Final = 60
NESTING_LIMIT: Final = 30
