"""One author's papers, newest first."""

from __future__ import annotations

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.views.decorators.http import require_safe

from broadsheet import identifiers, search
from broadsheet.models import Author
from broadsheet.web import errors, following, links
from broadsheet.web.asked import page_number
from broadsheet.web.pager import Pager


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
    pager = Pager.of(path_of(canonical), "", page, total)
    whose = ("author", found.slug, found.name[:200])
    return following.papers_of(request, "author.html", papers, pager, whose, author=found)
