"""Addresses of the other faces of a page: its feeds, its citations, a search."""

from __future__ import annotations

from urllib.parse import urlencode

from broadsheet import exports

FEEDS = (
    ("rss", "application/rss+xml", "RSS"),
    ("atom", "application/atom+xml", "Atom"),
    ("json", "application/feed+json", "JSON Feed"),
)


def feeds(path: str, query: str = "") -> list[tuple[str, str, str]]:
    """(address, media type, name) of a listing's feeds."""
    tail = f"?{query}" if query else ""
    return [(f"{path}.{suffix}{tail}", kind, name) for suffix, kind, name in FEEDS]


def citations(path: str, query: str = "") -> list[tuple[str, str]]:
    """(address, name) of the files that hold a whole list as citations, or its first thousand papers."""
    tail = "&".join(pair for pair in (query, f"n={exports.MOST}") if pair)
    return [(f"{path}.{made.extension}?{tail}", made.label) for made in exports.FORMATS.values()]


def files(path: str) -> list[tuple[str, str, str]]:
    """(address, media type, name) of one paper in every format."""
    return [(f"{path}.{made.extension}", made.content_type, made.label) for made in exports.FORMATS.values()]


def search(words: str) -> str:
    return "/search?" + urlencode({"q": words})
