"""One-time links: a page with a button, so that whatever else opens the link uses nothing up."""

from __future__ import annotations

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from broadsheet import community
from broadsheet.web import access
from broadsheet.web.guard import as_capability
from broadsheet.web.limits import HOUR, Limit

# Where the token waits while somebody makes an account: in the session, never in an address.
KEPT = "invitation"
OFTEN = (Limit(20, HOUR), Limit(60, HOUR, "address"))


@access.acts("one-time link", *OFTEN, by="anyone", reads=True)
def by_token(request: HttpRequest, token: str) -> HttpResponse:
    """The address that is printed. Its button signs in, or gives the role, or leads to an account first."""
    invitation = community.invitation_of(token)
    reader = access.reader_of(request)
    if request.method == "POST":
        if invitation.reader is None and reader is None:
            request.session[KEPT] = token
            return access.see("/account/sign-up?next=/account/link")
        return _accept(request, token)
    return _page(request, invitation)


@access.acts("one-time link, signed in", *OFTEN, reads=True)
def by_session(request: HttpRequest) -> HttpResponse:
    """Back from making an account."""
    token = request.session.get(KEPT, "")
    invitation = community.invitation_of(token)
    return _accept(request, token) if request.method == "POST" else _page(request, invitation)


def _page(request: HttpRequest, invitation: community.Invitation) -> HttpResponse:
    return as_capability(render(request, "account/link.html", {"invitation": invitation}))


def _accept(request: HttpRequest, token: str) -> HttpResponse:
    by_link = community.invitation_of(token).reader is not None
    reader = community.accept(token, access.reader_of(request))
    request.session.pop(KEPT, None)
    if by_link:
        login(request, reader, backend="allauth.account.auth_backends.AuthenticationBackend")
        # Who needed the link has no password that works, so the next page sets one.
        reader.set_unusable_password()
        reader.save(update_fields=["password"])
        login(request, reader, backend="allauth.account.auth_backends.AuthenticationBackend")
        return access.see("/account/password/set")
    return access.see("/account")
