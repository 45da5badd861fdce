"""What a reader chose about the look of pages. It lives in one cookie; there is nothing to log in to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from django.conf import settings
from django.http import HttpRequest, HttpResponse

COOKIE = "look"
YEAR = 365 * 24 * 3600

Layout = Literal["cards", "lines"]
Theme = Literal["system", "light", "dark"]
Keys = Literal["on", "off"]


@dataclass(frozen=True, slots=True)
class Look:
    layout: Layout = "cards"
    theme: Theme = "system"
    keys: Keys = "on"

    @property
    def lines(self) -> bool:
        return self.layout == "lines"


def look(request: HttpRequest) -> Look:
    """What the cookie says. Anything that is not a choice of ours counts as no choice."""
    words = request.COOKIES.get(COOKIE, "").split(".")
    return chosen(*words) if len(words) == 3 else Look()


def chosen(layout: str, theme: str, keys: str) -> Look:
    plain = Look()
    return Look(
        layout=next((word for word in get_args(Layout) if word == layout), plain.layout),
        theme=next((word for word in get_args(Theme) if word == theme), plain.theme),
        keys=next((word for word in get_args(Keys) if word == keys), plain.keys),
    )


def remember(response: HttpResponse, look: Look) -> None:
    response.set_cookie(
        COOKIE,
        f"{look.layout}.{look.theme}.{look.keys}",
        max_age=YEAR,
        secure=settings.CSRF_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
