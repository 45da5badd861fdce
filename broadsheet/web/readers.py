"""A reader's own account: what it is, who is signed in to it."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import digest, mail
from broadsheet.models import ApiKey, Reader, Session, Webhook
from broadsheet.web import access, joining, sessions
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.words import counted


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """One page from which everything about one's account can be reached."""
    reader = access.demand_reader(request)
    known = {
        "verified": EmailAddress.objects.filter(user=reader, email=reader.email, verified=True).exists(),
        "has_password": reader.has_usable_password(),
        "passkeys": Authenticator.objects.filter(user=reader, type=Authenticator.Type.WEBAUTHN).count(),
        "sessions": Session.objects.filter(reader=reader).count(),
        "keys": ApiKey.objects.filter(reader=reader).count(),
        "webhooks": Webhook.objects.filter(reader=reader).count(),
        "elsewhere": joining.providers(),
        "silence": mail.why_silent(reader.email) if reader.email else "",
        "mails": _mails(reader),
    }
    return render(request, "account/account.html", known)


def _mails(reader: Reader) -> list[tuple[str, str]]:
    """(what comes by mail, where it is changed or stopped) of the reader's own subscriptions."""
    return [(digest.in_words(each), digest.manage_path(each)) for each in digest.of_reader(reader)]


@access.acts("end sessions", Limit(20, HOUR))
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Signs the reader out everywhere but here."""
    ended = sessions.end_others(access.demand_reader(request), request)
    messages.success(request, f"Signed out in {counted(ended, 'other browser')}.")
    return access.see("/account")
