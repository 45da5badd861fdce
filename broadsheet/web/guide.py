"""The pages about this place: what it is, how to follow it, which keys it knows, how it should look."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import trending
from broadsheet.web import access, links
from broadsheet.web.context import address
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.preferences import chosen, look, remember

# Listings whose address does not change from day to day, so that a feed of them never runs dry.
LASTING = (
    ("/papers", "The newest day"),
    ("/papers/week", "This week"),
    ("/papers/month", "This month"),
    ("/papers/trending", "Trending"),
    ("/papers/all", "All time"),
)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "about.html",
        {
            "weights": trending.weights(),
            "reserved_every": trending.RESERVED_EVERY,
            "canonical": address(request, "/about"),
        },
    )


@require_safe
def subscriptions(request: HttpRequest) -> HttpResponse:
    """OPML 2.0: all feeds in one file, for a feed reader to import."""
    every = feeds()
    outlines = [
        (address(request, f"{path}.atom{query}"), address(request, f"{path}{query}"), name)
        for path, query, name, _ in [*every["listings"], *every["fields"]]
    ]
    response = render(request, "subscriptions.opml", {"outlines": outlines}, "text/x-opml; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="broadsheet.opml"'
    return response


Row = tuple[str, str, str, list[tuple[str, str, str]]]


def feeds() -> dict[str, list[Row]]:
    """(path, query with its question mark, name, feeds) of the lasting listings and of the larger fields."""
    listings = [(path, "", name, links.feeds(path)) for path, name in LASTING]
    fields = []
    for field in trending.fields(trending.TRENDING, most=40):
        query = trending.Filters(field.code).query
        name = f"{field.name} ({field.code})" if field.name else field.code
        fields.append(("/papers", f"?{query}", name, links.feeds("/papers", query)))
    return {"listings": listings, "fields": fields}


@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    return render(request, "keys.html", {"canonical": address(request, "/keys")})


@access.acts("look", Limit(600, HOUR), Limit(600, HOUR, "address"), by="anyone", reads=True)
def settings(request: HttpRequest) -> HttpResponse:
    """The look of pages, kept in a cookie: a form that needs no account."""
    if request.method == "POST":
        wanted = chosen(*(request.POST.get(name, "") for name in ("layout", "theme", "keys", "social")))
        response = HttpResponseRedirect("/settings?saved=yes")
        response.status_code = 303
        remember(request, response, wanted)
        return response
    page = render(request, "settings.html", {"saved": "saved" in request.GET, "look": look(request)})
    # The form carries a token of this reader's own.
    page.headers["Cache-Control"] = "private, no-store"
    return page
