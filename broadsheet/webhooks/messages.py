"""What a webhook is told: JSON, made once and sent the same at every try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings

from broadsheet.models import Paper, Webhook


def matched(webhook: Webhook, papers: Sequence[Paper]) -> str:
    """New papers that match the search."""
    return _made("papers.matched", webhook, {"papers": [_paper(paper) for paper in papers]})


def test(webhook: Webhook) -> str:
    return _made("test", webhook, {"papers": []})


def _made(kind: str, webhook: Webhook, data: dict[str, Any]) -> str:
    told = {
        "type": kind,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"webhook": webhook.pk, "query": webhook.query, **data},
    }
    return orjson.dumps(told).decode()


def _paper(paper: Paper) -> dict[str, Any]:
    """As `/api/v1/papers` tells it, by the same names, without counts: they would be old before they came."""
    return {
        "identifier": paper.identifier,
        "url": _origin() + paper.get_absolute_url(),
        "title": paper.title,
        "abstract": paper.abstract,
        "abstract_is_ours": paper.abstract_is_ours,
        "authors": list(paper.authors),
        "categories": list(paper.categories),
        "published_at": paper.published_at,
        "listed_on": paper.listed_on,
        "organization": paper.organization,
        "has_code": paper.has_code,
        "has_models": paper.has_models,
    }


def _origin() -> str:
    return str(settings.PUBLIC_URL) or f"http://127.0.0.1:{settings.PORT}"
