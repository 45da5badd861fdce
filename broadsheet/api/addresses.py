"""Where each dialect lives. Paths are the clients' own; a prefix stands where a client lets us choose one."""

from __future__ import annotations

from django.urls import URLPattern, path

from broadsheet.api import arxiv, huggingface, mcp, oai, pwc, semantic_scholar, semantic_scholar_authors, v1

HUGGINGFACE: list[URLPattern] = [
    path("api/daily_papers", huggingface.daily_papers),
    path("api/papers", huggingface.everything),
    path("api/papers/search", huggingface.found),
    path("api/papers/<path:spelling>", huggingface.paper),
    path("api/arxiv/<path:spelling>/repos", huggingface.repositories),
    *(path(f"api/{kind}", huggingface.by_tag, {"kind": kind}) for kind in ("models", "datasets", "spaces")),
]

SEMANTIC_SCHOLAR: list[URLPattern] = [
    path("s2/graph/v1/paper/search", semantic_scholar.found),
    path("s2/graph/v1/paper/search/match", semantic_scholar.matched),
    path("s2/graph/v1/paper/search/bulk", semantic_scholar.in_bulk),
    path("s2/graph/v1/paper/batch", semantic_scholar.batch),
    path("s2/graph/v1/paper/autocomplete", semantic_scholar.completed),
    path("s2/graph/v1/snippet/search", semantic_scholar.snippets),
    *(
        path(f"s2/graph/v1/paper/<path:spelling>/{kind}", semantic_scholar.belonging, {"kind": kind})
        for kind in ("authors", "citations", "references")
    ),
    path("s2/graph/v1/author/search", semantic_scholar_authors.found),
    path("s2/graph/v1/author/batch", semantic_scholar_authors.batch),
    path("s2/graph/v1/author/<str:key>/papers", semantic_scholar_authors.papers),
    path("s2/graph/v1/author/<str:key>", semantic_scholar_authors.author),
    path("s2/graph/v1/paper/<path:spelling>", semantic_scholar.paper),
    path("s2/recommendations/v1/papers/forpaper/<path:spelling>", semantic_scholar.recommended),
    path("s2/recommendations/v1/papers/", semantic_scholar.recommended_from),
]

PAPERS_WITH_CODE: list[URLPattern] = [
    path("pwc/api/v1/papers/", pwc.listed),
    path("pwc/api/v1/papers", pwc.listed),
    path("pwc/api/v1/papers/search", pwc.found),
    path("pwc/api/v1/papers/recent", pwc.recent),
    path("pwc/api/v1/papers/trending", pwc.hot),
    path("pwc/api/v1/papers/<path:spelling>/related", pwc.related),
    path("pwc/api/v1/papers/<path:spelling>", pwc.paper),
    path("pwc/api/v1/research/papers/<path:spelling>/read", pwc.read),
    path("pwc/api/v1/research/papers/<path:spelling>/lineage", pwc.lineage),
    path("pwc/api/v1/evaluations/", pwc.evaluations),
    path("pwc/api/v1/<path:rest>", pwc.elsewhere),
]

addresses: list[URLPattern] = [
    path("api/query", arxiv.query),
    path("oai", oai.provider),
    path("mcp", mcp.endpoint),
    path("api/v1", v1.door),
    path("api/v1/", v1.door),
    path("api/v1/<path:rest>", v1.door),
    *HUGGINGFACE,
    *SEMANTIC_SCHOLAR,
    *PAPERS_WITH_CODE,
]
