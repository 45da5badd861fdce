"""What programs read to find their way: robots.txt, the sitemap, the icon."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from broadsheet.models import Paper
from broadsheet.web.context import address, base

# The newest changes: a crawler that comes weekly misses nothing, and the file stays under a megabyte.
SITEMAP_PAPERS = 5_000
PLACES = (
    "/papers",
    "/papers/week",
    "/papers/month",
    "/papers/trending",
    "/papers/all",
    "/subscribe",
    "/about",
)

ICON = Path(__file__).resolve().parent.parent / "static" / "favicon.svg"

ROBOTS = """\
User-agent: *
Disallow: /search
Disallow: /settings
Disallow: /calendar
Disallow: /unapi
Disallow: /*?has=
Disallow: /*&has=

Sitemap: {sitemap}
"""


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    text = ROBOTS.format(sitemap=address(request, "/sitemap.xml"))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:
    """https://www.sitemaps.org/protocol.html"""
    here = base(request)
    newest = Paper.objects.listed().only("identifier", "changed_at").order_by("-changed_at", "-id")
    places = [f"<url><loc>{escape(here + path)}</loc></url>" for path in PLACES]
    papers = [
        f"<url><loc>{escape(here + paper.get_absolute_url())}</loc>"
        f"<lastmod>{paper.changed_at:%Y-%m-%d}</lastmod></url>"
        for paper in newest[:SITEMAP_PAPERS]
    ]
    response = HttpResponse(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join([*places, *papers])
        + "\n</urlset>\n",
        content_type="application/xml; charset=utf-8",
    )
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(_icon(), content_type="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@cache
def _icon() -> bytes:
    return ICON.read_bytes()
