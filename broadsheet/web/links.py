"""Addresses of the other faces of a page: its feeds, its citations, a search."""

from __future__ import annotations

from urllib.parse import urlencode

from broadsheet import exports

FEEDS = (
    ("rss", "application/rss+xml", "RSS"),
    ("atom", "application/atom+xml", "Atom"),
    ("json", "application/feed+json", "JSON Feed"),
)
# Formats that make sense for many papers at once.
CITATIONS = ("bib", "ris", "csl.json")


def feeds(path: str, query: str = "") -> list[tuple[str, str, str]]:
    """(address, media type, name) of a listing's feeds."""
    tail = f"?{query}" if query else ""
    return [(f"{path}.{suffix}{tail}", kind, name) for suffix, kind, name in FEEDS]


def citations(path: str, query: str = "", page: int = 1) -> list[tuple[str, str]]:
    """(address, name) of the files that hold a page's papers as citations."""
    pairs = [pair for pair in (query, f"p={page}" if page > 1 else "") if pair]
    tail = f"?{'&'.join(pairs)}" if pairs else ""
    return [(f"{path}.{suffix}{tail}", exports.FORMATS[suffix].label) for suffix in CITATIONS]


def files(path: str) -> list[tuple[str, str, str]]:
    """(address, media type, name) of one paper in every format."""
    return [(f"{path}.{made.extension}", made.content_type, made.label) for made in exports.FORMATS.values()]


def search(words: str) -> str:
    return "/search?" + urlencode({"q": words})
