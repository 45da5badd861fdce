"""Answers to what a reader typed, and the file that teaches browsers to ask here."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import identifiers, search
from broadsheet.trending import PageOutOfRange
from broadsheet.web import authors, cards
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.context import address
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look


@require_safe
def results(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("q", "")
    page = page_number(request)
    found = search.search(asked, page)
    if page > found.pages:
        raise PageOutOfRange(found.pages)
    pager = Pager("/search", urlencode({"q": found.query}), found.page, found.pages, found.total)
    known = {
        "found": found,
        "asked_for": found.query,
        "cards": cards.of_papers(found.papers, look(request).lines),
        "pager": pager,
        "path": "/papers/all",
        "total": found.total,
        "shown": pager.shown,
        "start": pager.start,
    }
    if wants_fragment(request):
        return render(request, "_more.html", known)
    known["author_path"] = authors.path_of(found.author.slug) if found.author else ""
    if said := identifiers.parse(found.query):
        known |= {"identifier": said.identifier, "home": identifiers.abstract_url(said.identifier)}
    return render(request, "search.html", known)


@require_safe
def description(request: HttpRequest) -> HttpResponse:
    """OpenSearch 1.1: lets a browser offer this server among its search engines."""
    known = {"search": address(request, "/search"), "icon": address(request, "/favicon.svg")}
    return render(request, "opensearch.xml", known, "application/opensearchdescription+xml; charset=utf-8")
