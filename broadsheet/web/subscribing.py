"""Subscribing by mail: the form, the page behind the confirmation, the page that changes or stops it.

Whoever opens a link from a mail may be a scanner: opening changes nothing, only a button does. The one-click
address of RFC 8058 takes a POST without cookies and answers it without a redirect.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from broadsheet import digest, mail
from broadsheet.digest import BadChoice, Choices
from broadsheet.models import Edition, Message, Reader, Subscription
from broadsheet.web import access, guide
from broadsheet.web.context import address
from broadsheet.web.guard import as_capability
from broadsheet.web.limits import DAY, HOUR, Limit

RHYTHMS: Final = (
    ("weekdays", "Every weekday"),
    ("daily", "Every day"),
    ("weekly", "Once a week"),
    ("monthly", "Once a month"),
    ("alert", "As soon as something is new"),
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WHATS: Final = (
    ("trending", "Trending papers"),
    ("search", "New papers that match a search"),
    ("author", "New papers by an author"),
    ("interest", "New papers near an interest"),
    ("foryou", "Papers chosen for you"),
    ("following", "Papers of whatever you follow"),
    ("taught", "Papers for an interest of yours"),
    ("organization", "New papers from an organisation"),
    ("reader", "Papers that a reader votes for"),
    ("collection", "Papers put into a collection"),
)
# These are chosen on the page of what they are about, which leads here with the key filled in.
ELSEWHERE: Final = ("taught", "organization", "reader", "collection")
WRONG_LINK: Final = (
    "This link is too old or not complete. Copy the whole address from the newest mail, or subscribe again."
)
ASKED: Final = (Limit(20, HOUR), Limit(30, HOUR, "address"), Limit(100, DAY, "address"))
OFTEN: Final = (Limit(300, HOUR), Limit(600, HOUR, "address"))


@access.acts("subscribe", *ASKED, by="anyone", reads=True)
def subscribe(request: HttpRequest) -> HttpResponse:
    """The form with every feed below it. The answer to a sign-up is the same for every address."""
    if request.method != "POST":
        return _form(request, _prefilled(request), {})
    if not mail.is_set_up():
        return _form(request, _prefilled(request), {"": "Mail is not set up on this server."}, 404)
    reader = access.reader_of(request)
    typed = request.POST.get("address", "")
    own = reader if reader and _is_own(reader, typed) else None
    try:
        made = digest.ask(typed, chosen(request), own)
    except mail.BadAddress as error:
        return _form(request, request.POST.dict(), {"address": str(error)}, 400)
    except BadChoice as error:
        return _form(request, request.POST.dict(), {error.field: str(error)}, 400)
    page: dict[str, Any] = {"own": own is not None, "days": 3}
    if own is not None:
        page["manage"] = digest.manage_path(made)
        page["words"] = digest.in_words(made)
    return render(request, "subscription/asked.html", page)


def chosen(request: HttpRequest) -> Choices:
    """What the form says. Raises BadChoice."""
    said = request.POST
    plain = Choices()
    return Choices(
        what=said.get("what", plain.what),
        key=said.get("key", ""),
        rhythm=said.get("rhythm", plain.rhythm),
        weekday=_number(said.get("weekday", "0"), "rhythm"),
        monthday=_number(said.get("monthday", "1"), "rhythm"),
        hour=_number(said.get("hour", str(plain.hour)), "hour"),
        time_zone=said.get("time_zone", "") or settings.LISTING_TIME_ZONE,
        how_many=_number(said.get("how_many", str(plain.how_many)), "how_many"),
        form=said.get("form", plain.form),
    )


def _number(said: str, field: str) -> int:
    if not (said.isascii() and said.isdecimal() and len(said) <= 3):
        raise BadChoice(field, "That is not a number that can be chosen here.")
    return int(said)


def _is_own(reader: Reader, typed: str) -> bool:
    """Whether this is the reader's own address, which they have shown to be theirs."""
    from allauth.account.models import EmailAddress

    known = EmailAddress.objects.filter(user=reader, verified=True).values_list("email", flat=True)
    return typed.strip().lower() in {each.lower() for each in known}


def _prefilled(request: HttpRequest) -> dict[str, str]:
    """What a link to the form already says: `?what=search&key=diffusion`."""
    said = {
        name: request.GET.get(name, "")[:2000] for name in ("what", "key", "rhythm") if name in request.GET
    }
    reader = access.reader_of(request)
    return {"address": reader.email if reader else "", **said}


def _in_words(said: dict[str, Any], reader: Reader | None) -> str:
    """What a link to the form asks for, as a line above it; empty for the usual and for nonsense."""
    if not said.get("what") or (said["what"] == "trending" and not said.get("key")):
        return ""
    try:
        asked = Choices(what=str(said["what"]), key=str(said.get("key", ""))).checked(reader)
    except BadChoice:
        return ""
    return digest.in_words(Subscription(what=asked.what, key=asked.key))


def _form(
    request: HttpRequest, said: dict[str, Any], wrong: dict[str, str], status: int = 200
) -> HttpResponse:
    """The page with the form as it was filled in and what is wrong with it."""
    page: dict[str, Any] = {
        **guide.feeds(),
        "canonical": address(request, "/subscribe"),
        "mail_is_set_up": mail.is_set_up(),
        "words": _in_words(said, access.reader_of(request)) if not wrong else "",
        **_fields(said, wrong),
    }
    response = render(request, "subscribe.html", page, status=status)
    if mail.is_set_up():
        # The form carries a token of this reader's own.
        response.headers["Cache-Control"] = "private, no-store"
    return response


def _fields(said: dict[str, str], wrong: dict[str, str]) -> dict[str, Any]:
    """The choices as a form shows them, with what was said before."""
    plain = vars(Choices()) | {"time_zone": settings.LISTING_TIME_ZONE}
    return {
        "said": {**plain, "address": "", **said},
        # Nobody has said where they live: the browser may.
        "guess_zone": not said.get("time_zone"),
        "wrong": wrong,
        "whats": [each for each in WHATS if each[0] not in ELSEWHERE or each[0] == said.get("what")],
        "rhythms": RHYTHMS,
        "weekdays": list(enumerate(WEEKDAYS)),
        "hours": [(hour, f"{hour:02}:00") for hour in range(24)],
        "monthdays": range(1, 32),
        "zones": digest.zones(),
        "most": digest.MOST_PAPERS,
    }


@access.acts("subscription.confirm", *OFTEN, by="anyone", reads=True)
@never_cache
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A button on GET; on POST the subscription begins. A second time says the same."""
    found = digest.confirm(token) if request.method == "POST" else digest.to_confirm(token)
    if found is None:
        raise Http404(WRONG_LINK)
    page = {"subscription": found, "words": digest.in_words(found), "token": token, "when": _when(found)}
    if found.state == "active":
        page["manage"] = digest.manage_path(found)
    return as_capability(render(request, "subscription/confirm.html", page))


@access.acts("subscription.manage", *OFTEN, by="anyone", reads=True)
@never_cache
def manage(request: HttpRequest, token: str) -> HttpResponse:
    """One subscription: how it stands, its choices, and the button that stops it."""
    found = digest.opened(digest.MANAGE, token)
    if found is None:
        raise Http404(WRONG_LINK)
    wrong: dict[str, str] = {}
    told = ""
    said = {name: str(getattr(found, name)) for name in vars(Choices())}
    if request.method == "POST":
        if request.POST.get("do") == "stop":
            digest.stop(found)
            told = "Stopped. No more mail of this kind will come."
        elif found.state == "active":
            try:
                digest.change(found, chosen(request))
                told = "Saved."
            except BadChoice as error:
                wrong = {error.field: str(error)}
            said = request.POST.dict() if wrong else {n: str(getattr(found, n)) for n in vars(Choices())}
        found.refresh_from_db()
    page = {
        "subscription": found,
        "words": digest.in_words(found),
        "when": _when(found),
        "next_at": _on_the_wall(found),
        "told": told,
        "token": token,
        "editions": _editions(found),
        "silence": mail.why_silent(found.address),
        **_fields(said, wrong),
    }
    return as_capability(render(request, "subscription/manage.html", page, status=400 if wrong else 200))


@csrf_exempt
@access.acts("subscription.stop", Limit(2000, HOUR, "address"), by="anyone", reads=True)
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button; POST stops it, whoever sends it and with whatever cookies (RFC 8058)."""
    found = digest.opened(digest.STOP, token)
    if found is None:
        raise Http404(WRONG_LINK)
    if request.method == "POST":
        digest.stop(found)
        found.refresh_from_db()
    page = {"subscription": found, "words": digest.in_words(found), "token": token}
    return as_capability(render(request, "subscription/unsubscribe.html", page))


@require_safe
def preview(request: HttpRequest) -> HttpResponse:
    """How an edition looks, made of today's papers for nobody."""
    form = "text" if request.GET.get("form") == "text" else "html"
    category = request.GET.get("category", "")
    try:
        choices = Choices(key=category, form=form).checked()
    except BadChoice as error:
        raise BadRequest(str(error)) from error
    content = digest.sample(choices, datetime.now(UTC))
    if content is None:
        raise Http404("There are no papers yet, so there is no edition to show.")
    if form == "text":
        return HttpResponse(content.text, content_type="text/plain; charset=utf-8")
    response = HttpResponse(content.html)
    response.headers["Content-Security-Policy"] = _policy_for(content.html)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _policy_for(html: str) -> str:
    """A mail carries its styles in itself: exactly these are allowed, by their hashes, and nothing else."""
    styles = {
        *re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL),
        *(
            each.replace("&quot;", '"').replace("&amp;", "&")
            for each in re.findall(r' style="([^"]*)"', html)
        ),
    }
    hashes = " ".join(sorted(f"'sha256-{_sha256(style)}'" for style in styles))
    return (
        f"default-src 'none'; style-src 'unsafe-hashes' {hashes}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _sha256(words: str) -> str:
    return base64.b64encode(hashlib.sha256(words.encode()).digest()).decode()


def _editions(found: Subscription) -> list[dict[str, Any]]:
    """The newest editions with what became of each."""
    editions = list(Edition.objects.filter(subscription=found).order_by("-pk")[:10])
    states = dict(
        Message.objects.filter(part_of=f"subscription:{found.pk}", kind="edition").values_list("key", "state")
    )
    return [
        {
            "day": each.issue_on,
            "papers": len(each.picks),
            "state": _STATES.get(states.get(digest.key_of(each), ""), "sent some time ago"),
        }
        for each in editions
    ]


_STATES: Final = {
    "pending": "waits to be sent",
    "claimed": "is being sent",
    "closing": "is being sent",
    "accepted": "sent",
    "deferred": "the mail server asked us to try again later",
    "ambiguous": "perhaps sent: the mail server gave no answer",
    "failed": "could not be delivered",
    "suppressed": "not sent",
    "cancelled": "not sent",
    "expired": "not sent in time",
}


def _on_the_wall(found: Subscription) -> datetime | None:
    """When the next edition is made, by the clock where its reader lives."""
    if found.next_at is None:
        return None
    return found.next_at.astimezone(ZoneInfo(found.time_zone)).replace(tzinfo=None)


def _when(found: Subscription) -> str:
    """`every weekday at 07:00 (Europe/Berlin)`."""
    at = f"at {found.hour:02}:00 ({found.time_zone})"
    if found.rhythm == "weekly":
        return f"every {WEEKDAYS[found.weekday]} {at}"
    if found.rhythm == "monthly":
        return f"on day {found.monthday} of each month {at}"
    if found.rhythm == "alert":
        return "as soon as something is new, at most once an hour"
    return f"{'every weekday' if found.rhythm == 'weekdays' else 'every day'} {at}"
