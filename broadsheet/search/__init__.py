"""Keeps the index in step with the papers, and answers what a reader typed."""

from broadsheet.search.background import embed_due
from broadsheet.search.indexing import index_due, rebuild
from broadsheet.search.lookup import author_named, by_identifier, by_title, papers_by

__all__ = ["author_named", "by_identifier", "by_title", "embed_due", "index_due", "papers_by", "rebuild"]
