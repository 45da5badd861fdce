"""Where each dialect lives. Paths are the clients' own; a prefix stands where a client lets us choose one."""

from __future__ import annotations

from django.urls import URLPattern, path

from broadsheet.api import arxiv, huggingface, oai

HUGGINGFACE: list[URLPattern] = [
    path("api/daily_papers", huggingface.daily_papers),
    path("api/papers", huggingface.everything),
    path("api/papers/search", huggingface.found),
    path("api/papers/<path:spelling>", huggingface.paper),
    path("api/arxiv/<path:spelling>/repos", huggingface.repositories),
    *(path(f"api/{kind}", huggingface.by_tag, {"kind": kind}) for kind in ("models", "datasets", "spaces")),
]

addresses: list[URLPattern] = [path("api/query", arxiv.query), path("oai", oai.provider), *HUGGINGFACE]
