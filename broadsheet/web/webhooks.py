"""The account's pages of webhooks: made, tried out, looked into, paused, deleted."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from broadsheet import community, search, webhooks
from broadsheet.models import Webhook
from broadsheet.web import access, links
from broadsheet.web.asked import wants_fragment
from broadsheet.web.limits import DAY, HOUR, Limit

OFTEN: Final = Limit(200, HOUR)


@access.acts("webhook.make", Limit(30, HOUR), Limit(100, DAY), reads=True)
def page(request: HttpRequest) -> HttpResponse:
    """One's webhooks, and the form that makes one."""
    reader = access.demand_reader(request)
    known: dict[str, Any] = {"query": request.GET.get("q", "")[: search.LONGEST_QUERY]}
    status = 200
    if request.method == "POST":
        url, query = request.POST.get("url", ""), request.POST.get("query", "")
        try:
            made = webhooks.make(reader, url, query)
            messages.success(request, "Made. Keep its secret, then send a test.")
            return access.see(made.get_absolute_url())
        except community.Refused as refusal:
            if refusal.status == 403:
                raise
            status = refusal.status
            known = {"url": url[:1_000], "query": query[:4_000], "refusal": str(refusal)}
    known |= {
        "rows": webhooks.of_reader(reader),
        "kept": search.saved_by(reader),
        "most": webhooks.MOST_WEBHOOKS,
        "longest": webhooks.LONGEST_URL,
        "longest_query": search.LONGEST_QUERY,
    }
    return _own(render(request, "account/webhooks.html", known, status=status))


@require_safe
def webhook(request: HttpRequest, key: int) -> HttpResponse:
    """One webhook with its secret and its log; while something waits the log asks again by itself."""
    return _shown(request, webhooks.own(access.demand_reader(request), key))


def _shown(request: HttpRequest, found: Webhook, status: int = 200, **more: Any) -> HttpResponse:
    rows = webhooks.deliveries_of(found)
    now = timezone.now()
    known = {
        "hook": found,
        "rows": rows,
        "soon": any(row.state == "waiting" and (row.due_at - now).total_seconds() < 30 for row in rows),
        "search": links.search(found.query),
        "longest": webhooks.LONGEST_URL,
        "longest_query": search.LONGEST_QUERY,
        "url": found.url,
        "query": found.query,
    }
    template = "account/_deliveries.html" if wants_fragment(request) else "account/webhook.html"
    return _own(render(request, template, known | more, status=status))


@access.acts("webhook.change", OFTEN)
def change(request: HttpRequest, key: int) -> HttpResponse:
    """Address and search; or `on`: 1 switches on, 0 pauses."""
    reader = access.demand_reader(request)
    on = {"1": True, "0": False}.get(request.POST.get("on", ""))
    url, query = request.POST.get("url"), request.POST.get("query")
    try:
        found = webhooks.change(reader, key, url=url, query=query, on=on)
    except community.Refused as refusal:
        if refusal.status != 400:
            raise
        said = {"url": (url or "")[:1_000], "query": (query or "")[:4_000], "refusal": str(refusal)}
        return _shown(request, webhooks.own(reader, key), 400, **said)
    said_so = {True: "Switched on.", False: "Paused. Nothing is sent until you switch it on again."}
    messages.success(request, "Saved." if on is None else said_so[on])
    return access.see(found.get_absolute_url())


@access.acts("webhook.secret", Limit(60, HOUR))
def renew(request: HttpRequest, key: int) -> HttpResponse:
    found = webhooks.renew_secret(access.demand_reader(request), key)
    messages.success(request, "This is the new secret. The old one signs nothing any more.")
    return access.see(found.get_absolute_url())


@access.acts("webhook.test", Limit(60, HOUR))
def test(request: HttpRequest, key: int) -> HttpResponse:
    found = webhooks.test(access.demand_reader(request), key).webhook
    messages.success(request, "A test is on its way; what came of it stands below in a moment.")
    return access.see(f"{found.get_absolute_url()}#log")


@access.acts("webhook.again", OFTEN)
def again(request: HttpRequest, key: int, delivery: int) -> HttpResponse:
    found = webhooks.send_again(access.demand_reader(request), key, delivery)
    return access.see(f"/account/webhooks/{found.webhook_id}#log")


@access.acts("webhook.delete", OFTEN, back="/account/webhooks")
def delete(request: HttpRequest, key: int) -> HttpResponse:
    gone = webhooks.remove(access.demand_reader(request), key)
    messages.success(request, f"The webhook to {gone.url[:80]} is gone.")
    return access.see("/account/webhooks")


def _own(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "private, no-store"
    return response
