"""The nouns: every table, its constraints and its adjectives. `from broadsheet.models import Paper`."""

from broadsheet.models.author import Author, Authorship
from broadsheet.models.ballot import CAUSES, Ballot, Unchangeable
from broadsheet.models.category import Category, PaperCategory
from broadsheet.models.invitation import Invitation
from broadsheet.models.paper import Alias, Link, Paper, Version
from broadsheet.models.reader import ROLES, Reader
from broadsheet.models.reading import FOLLOWED, MARKS, Follow, Mark, SavedSearch, Upvote
from broadsheet.models.run import Run
from broadsheet.models.session import Session
from broadsheet.models.signal import Signal
from broadsheet.models.tally import Tally

__all__ = [
    "CAUSES",
    "FOLLOWED",
    "MARKS",
    "ROLES",
    "Alias",
    "Author",
    "Authorship",
    "Ballot",
    "Category",
    "Follow",
    "Invitation",
    "Link",
    "Mark",
    "Paper",
    "PaperCategory",
    "Reader",
    "Run",
    "SavedSearch",
    "Session",
    "Signal",
    "Tally",
    "Unchangeable",
    "Upvote",
    "Version",
]
