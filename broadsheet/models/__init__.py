"""The nouns: every table, its constraints and its adjectives. `from broadsheet.models import Paper`."""

from broadsheet.models.author import Author, Authorship
from broadsheet.models.category import Category, PaperCategory
from broadsheet.models.paper import Alias, Link, Paper, Version
from broadsheet.models.reader import ROLES, Reader
from broadsheet.models.reading import FOLLOWED, MARKS, Follow, Mark, SavedSearch, Upvote
from broadsheet.models.run import Run
from broadsheet.models.signal import Signal

__all__ = [
    "FOLLOWED",
    "MARKS",
    "ROLES",
    "Alias",
    "Author",
    "Authorship",
    "Category",
    "Follow",
    "Link",
    "Mark",
    "Paper",
    "PaperCategory",
    "Reader",
    "Run",
    "SavedSearch",
    "Signal",
    "Upvote",
    "Version",
]
