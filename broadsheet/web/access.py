"""Who may do what: every permission on pages is asked here, and every view that changes something says here
who may, how often, and under what name it is noted.

A function that asks for a permission returns what was asked for, or raises: `SignInFirst` becomes the way to
the sign-in page, Http404 a page that does not say whether the thing exists.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Final, Literal, ParamSpec, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from broadsheet.community import Refused
from broadsheet.models import Reader
from broadsheet.web import errors, limits
from broadsheet.web.limits import Limit

P = ParamSpec("P")
M = TypeVar("M", bound=models.Model)
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
Who = Literal["anyone", "reader", "curator", "operator"]

SIGN_IN: Final = "/account/sign-in"
READING: Final = ("GET", "HEAD")

NOT_YOURS: Final = "There is no page at this address, or it is not yours to see."

log = logging.getLogger("broadsheet.audit")


class SignInFirst(Exception):
    """This wants an account. Becomes a redirect to the sign-in page, which leads back to where one was."""


# --- who is there ----------------------------------------------------------------------------------------


def has_session(request: HttpRequest) -> bool:
    """Whether the browser brought a session. Without one nobody is signed in, and no query has to ask."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def reader_of(request: HttpRequest) -> Reader | None:
    """Who is signed in, or None. Costs a stranger nothing; a reader one query, once a request."""
    user = getattr(request, "user", None)
    # Somebody who has signed in by this very request has no cookie yet.
    if user is None or not (has_session(request) or hasattr(request, "_cached_user")):
        return None
    return cast(Reader, user) if user.is_authenticated else None


def demand_reader(request: HttpRequest) -> Reader:
    """Who is signed in. Raises SignInFirst."""
    if reader := reader_of(request):
        return reader
    raise SignInFirst


def demand_curator(request: HttpRequest) -> Reader:
    """The curator or operator who is signed in. Raises SignInFirst to strangers, Http404 to readers."""
    reader = demand_reader(request)
    if not reader.is_curator:
        raise Http404(NOT_YOURS)
    return reader


def demand_operator(request: HttpRequest) -> Reader:
    """The operator who is signed in. Raises SignInFirst to strangers, Http404 to everybody else."""
    reader = demand_reader(request)
    if not reader.is_staff:
        raise Http404(NOT_YOURS)
    return reader


def own(request: HttpRequest, rows: models.QuerySet[M], **which: object) -> M:
    """The reader's own row of `rows` (a table with a column `reader`). Raises SignInFirst, and Http404 for
    what is somebody else's just as for what does not exist."""
    found = rows.filter(reader=demand_reader(request), **which).first()
    if found is None:
        raise Http404(NOT_YOURS)
    return found


# --- where to go on --------------------------------------------------------------------------------------


def is_ours(path: str) -> bool:
    """Whether a `next=` leads to this server and nowhere else: one slash, no host, no tricks."""
    return (
        path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and path.isprintable()
        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    )


def next_of(request: HttpRequest, default: str = "/") -> str:
    """Where the form or link wants to go on to, if that is a page of ours; else `default`."""
    said = request.POST.get("next", "") or request.GET.get("next", "")
    return said if is_ours(said) else default


def came_from(request: HttpRequest, default: str = "/") -> str:
    """The page of ours on which the button was pressed, by its Referer."""
    referrer = urlsplit(request.headers.get("Referer", ""))
    path = referrer.path + (f"?{referrer.query}" if referrer.query else "")
    return path if referrer.netloc == request.get_host() and is_ours(path) else default


def to_sign_in(request: HttpRequest, default: str = "/") -> HttpResponse:
    """The way to the sign-in page and back. A form cannot be sent again by a link, so that its page is where
    one comes back to."""
    back = request.get_full_path() if request.method in READING else came_from(request, default)
    where = f"{SIGN_IN}?{urlencode({'next': back})}"
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = where
        return response
    return see(where)


def see(path: str) -> HttpResponse:
    """303: the deed is done, look there."""
    response = HttpResponseRedirect(path)
    response.status_code = 303
    return response


# --- views that change something -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deed:
    """What a view that changes something says of itself. A test walks every address and asks for it."""

    name: str
    by: Who
    limits: tuple[Limit, ...]
    reads: bool


def acts(
    name: str, *often: Limit, by: Who = "reader", reads: bool = False, back: str = "/"
) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Marks a view that changes something when it is sent a form (POST).

    `name` is what the audit log calls it; `often` how often one may; `by` who. `reads`: GET shows its form,
    which the view answers itself (`by` holds for that too). `back`: where a stranger comes back to who
    pressed a button on a page that we are not told of. Everything else is refused before the view runs.
    """
    if not often:
        raise ValueError(f"“{name}” needs a limit")
    asked = {
        "anyone": reader_of,
        "reader": demand_reader,
        "curator": demand_curator,
        "operator": demand_operator,
    }[by]
    deed = Deed(name, by, often, reads)

    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in ("POST", *(READING if reads else ())):
                return _refused(request, reads)
            try:
                reader = asked(request)
            except SignInFirst:
                return to_sign_in(request, back)
            if request.method in READING:
                return view(request, *args, **kwargs)
            who = str(reader.pk) if reader else ""
            try:
                limits.spend(name, often, who, limits.place_of(request))
            except limits.TooMany:
                note(request, name, who, 429)
                raise
            try:
                response = view(request, *args, **kwargs)
            except Refused as refusal:
                note(request, name, who, refusal.status)
                raise
            note(request, name, who, response.status_code)
            return response

        guarded.deed = deed  # type: ignore[attr-defined]
        return guarded

    return decorate


def _refused(request: HttpRequest, reads: bool) -> HttpResponse:
    response = errors.answer(
        request, 405, "This address takes a form, not a link. Use the button on its page."
    )
    response.headers["Allow"] = "GET, HEAD, POST" if reads else "POST"
    return response


def note(request: HttpRequest, name: str, who: str, status: int) -> None:
    """One line in the audit log: what, who, from which network (as a digest), where, with what outcome."""
    network = limits.digest("network", limits.network_of(limits.address_of(request)))[:12]
    log.info("%s by %s from %s at %s: %d", name, who or "a stranger", network, ascii(request.path), status)
