"""The link in mail about talk that stops that mail: it shows a button, and the button does the deed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from broadsheet.community import notices
from broadsheet.web import access
from broadsheet.web.guard import as_capability
from broadsheet.web.limits import HOUR, Limit


@csrf_exempt
@access.acts("notices.stop", Limit(120, HOUR, "address"), by="anyone", reads=True)
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Mail programs post here without a page (RFC 8058), so there is no form's token; the link's own is the
    permission, and it permits this alone. Whoever is signed in does not matter."""
    reader = notices.reader_of_stop(token)
    if request.method == "POST":
        notices.wish(reader, False)
    response = render(request, "community/stop.html", {"stopped": request.method == "POST"})
    return as_capability(response)
