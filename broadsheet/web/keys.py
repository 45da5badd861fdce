"""The account's page of keys for one's own programs: made, shown once, looked through, revoked."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from broadsheet import community
from broadsheet.community import keys
from broadsheet.models import SCOPES
from broadsheet.web import access
from broadsheet.web.context import base
from broadsheet.web.limits import DAY, HOUR, Limit

# What a key may be let do, as the form says it.
MAY: Final = {
    "read": "Read what only you can: your votes, library, private collections, submissions",
    "vote": "Vote for you, and take votes back",
    "comment": "Write, change and take back comments in your name",
    "submit": "Bring papers in your name",
    "library": "Change your library, collections and saved searches",
    "webhooks": "Make, change and delete your webhooks, and read their secrets",
}
HOLDS: Final = {30: "30 days", 90: "90 days", 365: "A year", 0: "Until I revoke it"}


@access.acts("key.make", Limit(20, HOUR), Limit(100, DAY), reads=True)
def page(request: HttpRequest) -> HttpResponse:
    """One's keys, and the form that makes one; with POST, the new key, this once."""
    reader = access.demand_reader(request)
    known: dict[str, Any] = {"chosen": ["read"], "days": 90}
    status = 200
    if request.method == "POST":
        name, chosen = request.POST.get("name", ""), request.POST.getlist("scope")
        days = request.POST.get("days", "")
        try:
            made, told = keys.make(reader, name, chosen, int(days) if days in _DAYS else -1)
            known |= {"made": made, "told": told, "here": base(request)}
        except community.Refused as refusal:
            status = refusal.status
            known |= {"name": name[:200], "chosen": chosen, "refusal": str(refusal)}
            known["days"] = int(days) if days in _DAYS else 90
    known |= {
        "rows": keys.of_reader(reader),
        "may": [(scope, MAY[scope], scope in known["chosen"]) for scope in SCOPES],
        "holds": HOLDS.items(),
        "now": timezone.now(),
    }
    response = render(request, "account/keys.html", known, status=status)
    response.headers["Cache-Control"] = "private, no-store"
    return response


_DAYS: Final = {str(days) for days in HOLDS}


@access.acts("key.revoke", Limit(100, HOUR), back="/account/keys")
def revoke(request: HttpRequest, key: int) -> HttpResponse:
    gone = keys.revoke(access.demand_reader(request), key)
    messages.success(request, f"“{gone.name}” is revoked: it opens nothing any more.")
    return access.see("/account/keys")
