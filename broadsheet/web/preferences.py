"""What a reader chose about the look of pages. It lives in one cookie, and nobody need log in to choose; how
much points count is kept with an account, where there is one, and so holds on every device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from broadsheet.models import Reader
from broadsheet.web import access

COOKIE = "look"
YEAR = 365 * 24 * 3600

Layout = Literal["cards", "lines"]
Theme = Literal["system", "light", "dark"]
Keys = Literal["on", "off"]
# How much of a paper's points counts in listings, in per cent.
Social = Literal["100", "50", "0"]


@dataclass(frozen=True, slots=True)
class Look:
    layout: Layout = "cards"
    theme: Theme = "system"
    keys: Keys = "on"
    social: Social = "100"

    @property
    def share(self) -> float:
        """How much points count, 0 to 1."""
        return int(self.social) / 100

    @property
    def lines(self) -> bool:
        return self.layout == "lines"


def look(request: HttpRequest) -> Look:
    """What the cookie says, and the account of who is signed in. Anything that is not a choice of ours counts
    as no choice."""
    words = request.COOKIES.get(COOKIE, "").split(".")
    found = chosen(*words) if len(words) in (3, 4) else Look()
    reader = access.reader_of(request)
    if reader is None or reader.social is None:
        return found
    return chosen(found.layout, found.theme, found.keys, str(reader.social))


def chosen(layout: str, theme: str, keys: str, social: str = "") -> Look:
    plain = Look()
    return Look(
        layout=next((word for word in get_args(Layout) if word == layout), plain.layout),
        theme=next((word for word in get_args(Theme) if word == theme), plain.theme),
        keys=next((word for word in get_args(Keys) if word == keys), plain.keys),
        social=next((word for word in get_args(Social) if word == social), plain.social),
    )


def remember(request: HttpRequest, response: HttpResponse, look: Look) -> None:
    """Keeps what was chosen: in the cookie, and with the account of who is signed in."""
    if reader := access.reader_of(request):
        Reader.objects.filter(pk=reader.pk).update(social=int(look.social))
    response.set_cookie(
        COOKIE,
        f"{look.layout}.{look.theme}.{look.keys}.{look.social}",
        max_age=YEAR,
        secure=settings.CSRF_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
