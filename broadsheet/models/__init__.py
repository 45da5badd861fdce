"""The nouns: every table, its constraints and its adjectives. `from broadsheet.models import Paper`."""

from broadsheet.models.author import Author, Authorship
from broadsheet.models.category import Category, PaperCategory
from broadsheet.models.paper import Alias, Link, Paper, Version
from broadsheet.models.run import Run
from broadsheet.models.signal import Signal

__all__ = [
    "Alias",
    "Author",
    "Authorship",
    "Category",
    "Link",
    "Paper",
    "PaperCategory",
    "Run",
    "Signal",
    "Version",
]
