"""What a mail provider reports about our mail: bounces, complaints, people who left there.

django-anymail knows every provider's format and checks the shared secret; here its events become ours.
"""

from __future__ import annotations

import importlib
import logging
import re
from typing import Any

from anymail.exceptions import AnymailConfigurationError
from anymail.signals import tracking
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from broadsheet import digest, mail
from broadsheet.web import access
from broadsheet.web.limits import HOUR, Limit

log = logging.getLogger("broadsheet.mail")

KINDS = {"bounced": "hard", "complained": "complaint", "deferred": "", "rejected": ""}


@csrf_exempt
@access.acts("mail.event", Limit(100_000, HOUR, "address"), by="anyone")
def event(request: HttpRequest, provider: str) -> HttpResponseBase:
    """Takes a provider's report; 404 where no secret is set or the provider is unknown."""
    if not settings.MAIL_WEBHOOK_SECRET or not re.fullmatch(r"[a-z_]{2,40}", provider):
        raise Http404
    try:
        module = importlib.import_module(f"anymail.webhooks.{provider}")
    except ImportError as error:
        raise Http404 from error
    views = [
        found
        for name, found in vars(module).items()
        if name.endswith("TrackingWebhookView") and name[0] != "_"
    ]
    own = [each for each in views if each.__module__ == module.__name__]
    if not own:
        raise Http404
    try:
        answer: HttpResponseBase = own[0].as_view()(request)
    except SuspiciousOperation:
        raise
    except (AnymailConfigurationError, ImproperlyConfigured) as error:
        log.warning("Events of %s cannot be read: %s", provider, error)
        raise Http404 from error
    except Exception as error:
        # Whatever was sent, it is no report of theirs; they would only send it again.
        log.info("An event of %s cannot be read: %s", provider, type(error).__name__)
        return HttpResponse("This is no report that can be read here.", status=400)
    return answer


def _take(sender: object, event: Any, esp_name: str, **others: object) -> None:
    """One event as django-anymail tells it."""
    try:
        address = mail.parse(str(event.recipient or ""))
    except mail.BadAddress:
        return
    kind = KINDS.get(event.event_type, "")
    if kind == "hard" and str(event.reject_reason) in ("timed_out", "other", "spam", "blocked"):
        kind = "soft"
    name = f"{esp_name} {event.event_id or event.message_id or ''} {event.event_type} {address}"
    if event.event_type == "unsubscribed":
        digest.stop_all(address, "You left at the mail provider.")
    elif kind and address:
        mail.take(kind, address, name, str(event.description or event.mta_response or ""))


tracking.connect(_take, dispatch_uid="broadsheet mail events")
