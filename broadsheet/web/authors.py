"""One author's papers, newest first."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import identifiers, search
from broadsheet.models import Author
from broadsheet.web import access, cards, errors, following, links
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.context import address
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look


def path_of(slug: str) -> str:
    return "/author/" + quote(slug, safe="")


@require_safe
def author(request: HttpRequest, slug: str) -> HttpResponse:
    canonical = identifiers.author_slug(slug)
    found = Author.objects.filter(pk=identifiers.author_key(canonical)).first()
    if found is None:
        return errors.answer(
            request,
            404,
            "Nobody of that name has written a paper that is here.",
            [(links.search(slug.replace("-", " ")[:100]), "Search for the name")],
        )
    if slug != canonical:
        return HttpResponsePermanentRedirect(path_of(canonical))
    page = page_number(request)
    papers, total = search.papers_by(found, page)
    path = path_of(canonical)
    pager = Pager.of(path, "", page, total)
    known = {
        "author": found,
        "cards": cards.of_papers(papers, look(request).lines),
        "pager": pager,
        "path": "/papers/all",
        "total": total,
        "shown": pager.shown,
        "start": pager.start,
    }
    if wants_fragment(request):
        return render(request, "_more.html", known)
    known |= {
        "canonical": address(request, pager.href(page)),
        "feeds": links.feeds(path),
        "follow": following.button(access.reader_of(request), "author", found.slug, found.name[:200]),
    }
    return render(request, "author.html", known)
