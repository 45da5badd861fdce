"""Keeps the index in step with the papers, and answers what a reader typed.

found = search.search('author:"Ada Lovelace" engine -loom', sort="date")
more = search.related(paper)
search.index_due(), search.embed_due()          the worker's steps
"""

from broadsheet.search.answering import search, warm_up
from broadsheet.search.background import embed_due
from broadsheet.search.filters import EPOCH, Narrowing
from broadsheet.search.found import SORTS, Found, Reason, Sort, Suggestion
from broadsheet.search.indexing import index_due, rebuild
from broadsheet.search.lookup import author_named, by_identifier, by_title, papers_by
from broadsheet.search.matching import Matcher, rows_of
from broadsheet.search.nearby import MOST_PAPERS, like, related
from broadsheet.search.query import LONGEST_QUERY, BadQuery, check
from broadsheet.search.ranking import RECIPE, Recipe
from broadsheet.search.saved import MOST_SAVED, as_text, forget, is_saved, rename, save, saved_by
from broadsheet.search.upkeep import IndexStatus, status, verify

__all__ = [
    "EPOCH",
    "LONGEST_QUERY",
    "MOST_PAPERS",
    "MOST_SAVED",
    "RECIPE",
    "SORTS",
    "BadQuery",
    "Found",
    "IndexStatus",
    "Matcher",
    "Narrowing",
    "Reason",
    "Recipe",
    "Sort",
    "Suggestion",
    "as_text",
    "author_named",
    "by_identifier",
    "by_title",
    "check",
    "embed_due",
    "forget",
    "index_due",
    "is_saved",
    "like",
    "papers_by",
    "rebuild",
    "related",
    "rename",
    "rows_of",
    "save",
    "saved_by",
    "search",
    "status",
    "verify",
    "warm_up",
]
