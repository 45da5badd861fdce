"""The form that brings a paper, and what became of what one brought."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community
from broadsheet.community import submitting, talking
from broadsheet.web import access
from broadsheet.web.asked import wants_fragment
from broadsheet.web.limits import DAY, HOUR, Limit

STATES: Final = {
    "fetching": "on its way",
    "waiting": "waiting for a curator",
    "listed": "listed",
    "declined": "declined",
    "failed": "not found",
}


@access.acts("submit", Limit(60, HOUR), Limit(300, DAY, "address"), reads=True)
def submit(request: HttpRequest) -> HttpResponse:
    """Brings a paper by id, DOI, address or exact title."""
    reader = access.demand_reader(request)
    known: dict[str, Any] = {
        "rules": community.rules(),
        "newcomer": community.is_newcomer(reader),
        "longest": talking.LONGEST_COMMENT,
        "spelling": request.GET.get("paper", "")[:500],
    }
    if request.method != "POST":
        return render(request, "community/submit.html", known)
    said = {name: request.POST.get(name, "") for name in ("paper", "comment", "media")}
    try:
        brought = community.submit(reader, said["paper"], said["comment"], said["media"].split())
    except community.Refused as refusal:
        if refusal.status == 403:
            raise
        known |= {"spelling": said["paper"][:500], "comment": said["comment"], "media": said["media"]}
        response = render(
            request, "community/submit.html", known | {"refusal": str(refusal)}, status=refusal.status
        )
        if refusal.retry_after:
            response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    if brought.paper is not None:
        return access.see(brought.paper.get_absolute_url())
    key = brought.submission.pk if brought.submission else 0
    mine = brought.submission is not None and brought.submission.reader_id == reader.pk
    return access.see(f"/submissions/{key}" if mine else "/submissions?already=yes")


@require_safe
def submissions(request: HttpRequest) -> HttpResponse:
    """What the reader has brought, the newest first."""
    rows = submitting.submissions_of(access.demand_reader(request))
    known = {"rows": [(one, STATES[one.state]) for one in rows], "already": "already" in request.GET}
    return render(request, "community/submissions.html", known)


@require_safe
def submission(request: HttpRequest, key: int) -> HttpResponse:
    """How one submission stands. The page asks again by itself while it is on its way."""
    one = submitting.submission_seen(key, access.demand_reader(request))
    if wants_fragment(request) and one.state == "listed" and one.paper:
        response = HttpResponse(status=204)
        response.headers["HX-Redirect"] = one.paper.get_absolute_url()
        return response
    known = {"one": one, "state": STATES[one.state]}
    template = "community/_submission.html" if wants_fragment(request) else "community/submission.html"
    return render(request, template, known)
