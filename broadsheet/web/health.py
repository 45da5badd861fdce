"""Tells machines whether this server is fit to serve. People ask `broadsheet doctor`, which says more."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from broadsheet import operations


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 with what ran last, or 503 with the reasons."""
    found = operations.health()
    headers = {"Cache-Control": "no-store"}
    return JsonResponse(found.facts, status=200 if found.ok else 503, headers=headers)
