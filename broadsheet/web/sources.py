"""How fresh this server is, for everybody to see."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import catalog
from broadsheet.web.context import address


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """A row for each source, a sentence where something is wrong. One query of its own."""
    found = catalog.freshness()
    page = render(
        request,
        "sources.html",
        {
            "sources": found,
            "well": sum(1 for one in found if not one.problem),
            "canonical": address(request, "/sources"),
        },
    )
    page.headers["Cache-Control"] = "no-cache"
    return page
