"""What every page knows: the name on the masthead, the reader's look, and where things are. No queries."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest

from broadsheet import trending
from broadsheet.web import access, joining
from broadsheet.web.preferences import look

# The pages named in the navigation, in order. Only what exists stands here.
PLACES = (
    ("/papers", "Papers"),
    ("/papers/trending", "Trending"),
    ("/for-you", "For you"),
    ("/subscribe", "Subscribe"),
    ("/about", "About"),
    ("/settings", "Settings"),
)


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "site_name": settings.SITE_NAME,
        "site_motto": settings.SITE_MOTTO,
        "look": look(request),
        "places": [(path, word, path == _place(request.path)) for path, word in PLACES],
        "today": trending.today(),
        "reader": access.reader_of(request),
        "sign_in": _sign_in(request),
        "mail_works": settings.MAIL_IS_CONFIGURED,
        "elsewhere": joining.providers(),
    }


def _sign_in(request: HttpRequest) -> str:
    """The way to the sign-in page and back here."""
    if request.path.startswith("/account/") or request.method not in access.READING:
        return access.SIGN_IN
    return f"{access.SIGN_IN}?{urlencode({'next': request.get_full_path()})}"


def _place(path: str) -> str:
    """The entry of the navigation that a path belongs to."""
    if any(path == there for there, _ in PLACES):
        return path
    return "/papers" if path == "/" or path.startswith("/papers/") else ""


def base(request: HttpRequest) -> str:
    """Where this server is, as the outside world spells it, without a slash at the end."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"


def address(request: HttpRequest, path: str) -> str:
    """The whole address of a path of ours."""
    return base(request) + path
