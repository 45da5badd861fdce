"""The curators' desk: what waits, the forms that set things right, and the public log of all of it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broadsheet import community, search, text
from broadsheet.community import claiming, moderating, proofs, submitting, talking
from broadsheet.models import ROLES, Ban, Comment, Moderation, Paper, Reader
from broadsheet.web import access
from broadsheet.web.asked import page_number
from broadsheet.web.context import address
from broadsheet.web.limits import HOUR, Limit
from broadsheet.web.pager import Pager
from broadsheet.web.talk import html_of, plain_title, where

OFTEN: Final = Limit(600, HOUR)
LOG_PAGE: Final = 50


@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Everything that waits for a curator, the oldest first."""
    access.demand_curator(request)
    known = {
        "reports": [
            (
                one,
                plain_title(one.paper),
                _start(one.comment.text) if one.comment else "",
                Counter(each.reason for each in one.reports).most_common(),
            )
            for one in moderating.report_queue()
        ],
        "submissions": submitting.queue(),
        "claims": [
            (one, plain_title(one.paper), proofs.orcid_of(one.reader)) for one in claiming.claim_queue()
        ],
    }
    return render(request, "community/desk.html", known)


def _start(words: str) -> str:
    return text.shorten(text.plain_line(words[:1_000]), 300)


@require_safe
def log(request: HttpRequest) -> HttpResponse:
    """What curators did and why, for everybody to read. Who reported something is not in it."""
    page = page_number(request)
    rows, total = moderating.acts(page, LOG_PAGE)
    pages = max(1, -(-total // LOG_PAGE))
    pager = Pager("/moderation/log", "", min(page, pages), pages, total)
    reader = access.reader_of(request)
    known = {
        "rows": [
            (one, moderating.KINDS.get(one.kind, one.kind), _path(one), moderating.can_be_undone(one))
            for one in rows
        ],
        "pager": pager,
        "total": total,
        "curator": reader is not None and reader.is_curator,
        "canonical": address(request, pager.href(pager.page)),
    }
    return render(request, "community/log.html", known)


def _path(act: Moderation) -> str:
    if act.kind == "hide_comment":
        return ""
    if act.paper_id and act.paper:
        return act.paper.get_absolute_url()
    return act.reader.get_absolute_url() if act.reader else ""


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "")


def _done(request: HttpRequest, words: str, path: str = "/moderation") -> HttpResponse:
    messages.success(request, f"{words} It stands in the log.")
    return access.see(access.next_of(request, path))


@access.acts("moderate.undo", OFTEN, by="curator", back="/moderation/log")
def undo(request: HttpRequest, key: int) -> HttpResponse:
    moderating.undo(access.demand_curator(request), key, _reason(request))
    return _done(request, "Taken back.", "/moderation/log")


# Papers


def _paper(spelling: str) -> Paper:
    found = Paper.objects.filter(identifier=spelling).first() or search.by_identifier(spelling)
    if found is None:
        raise Http404("There is no such paper here.")
    return found


@require_safe
def paper(request: HttpRequest, spelling: str) -> HttpResponse:
    """All that curators can do to one paper."""
    access.demand_curator(request)
    found = _paper(spelling)
    known = {
        "paper": found,
        "plain_title": plain_title(found),
        "path": paper_path(found),
        "acts": [
            (one, moderating.KINDS.get(one.kind, one.kind))
            for one in Moderation.objects.filter(paper=found).select_related("curator").order_by("-pk")[:20]
        ],
    }
    return render(request, "community/curate_paper.html", known)


def paper_path(found: Paper) -> str:
    return "/moderation/papers/" + found.get_absolute_url().removeprefix("/papers/")


def _meant(request: HttpRequest) -> Paper:
    return _paper(request.POST.get("paper", "")[:255])


@access.acts("moderate.hide", OFTEN, by="curator", back="/moderation")
def hide(request: HttpRequest) -> HttpResponse:
    found = _meant(request)
    moderating.hide_paper(access.demand_curator(request), found.pk, _reason(request))
    return _done(request, "The paper is out.", paper_path(found))


@access.acts("moderate.lock", OFTEN, by="curator", back="/moderation")
def lock(request: HttpRequest) -> HttpResponse:
    found = _meant(request)
    moderating.lock_talk(access.demand_curator(request), found.pk, _reason(request))
    return _done(request, "The talk is closed.", paper_path(found))


@access.acts("moderate.move", OFTEN, by="curator", back="/moderation")
def move(request: HttpRequest) -> HttpResponse:
    found = _meant(request)
    try:
        day = date.fromisoformat(request.POST.get("day", ""))
    except ValueError as error:
        raise BadRequest("Write the day like 2025-03-14.") from error
    moderating.move_day(access.demand_curator(request), found.pk, day, _reason(request))
    return _done(request, "The paper stands on that day now.", paper_path(found))


@access.acts("moderate.merge", OFTEN, by="curator", back="/moderation")
def merge(request: HttpRequest) -> HttpResponse:
    found = _meant(request)
    into = search.by_identifier(request.POST.get("into", "")[:500])
    if into is None:
        raise BadRequest("Say by its identifier which paper here it is.")
    moderating.merge(access.demand_curator(request), found.pk, into.pk, _reason(request))
    return _done(request, "The two are one paper now.", into.get_absolute_url())


# Comments and readers


@access.acts("moderate.hide_comment", OFTEN, by="curator", reads=True)
def comment(request: HttpRequest, key: int) -> HttpResponse:
    """Hides a comment."""
    curator = access.demand_curator(request)
    found = Comment.objects.select_related("paper", "reader").filter(pk=key).first()
    if found is None:
        raise community.Refused(talking.NO_COMMENT, 404)
    if request.method == "POST":
        moderating.hide_comment(curator, key, _reason(request))
        return _done(request, "The comment is hidden.", where(found))
    words = found.text if not found.withdrawn_at else ""
    known = {"comment": found, "plain_title": plain_title(found.paper), "html": html_of(words, {})}
    return render(request, "community/curate_comment.html", known)


@access.acts("moderate.ban", OFTEN, by="curator", reads=True)
def reader(request: HttpRequest, username: str) -> HttpResponse:
    """Bans a reader, for some days or for good."""
    curator = access.demand_curator(request)
    whom = _reader(username)
    if request.method == "POST":
        said = request.POST.get("days", "").strip()
        if said and not (said.isascii() and said.isdecimal() and len(said) <= 4):
            raise BadRequest("Days are a whole number; leave it empty for a ban for good.")
        days = int(said) if said else None
        moderating.ban(curator, whom.pk, _reason(request), days, bool(request.POST.get("hide_words")))
        return _done(request, f"{whom.username} is banned.", request.path)
    known = {
        "whom": whom,
        "ban": Ban.objects.filter(reader=whom).first(),
        "comments": Comment.objects.filter(reader=whom).count(),
        "roles": ROLES,
        "acts": [
            (one, moderating.KINDS.get(one.kind, one.kind))
            for one in Moderation.objects.filter(reader=whom).select_related("curator").order_by("-pk")[:20]
        ],
    }
    return render(request, "community/curate_reader.html", known)


def _reader(username: str) -> Reader:
    found = Reader.objects.filter(username__iexact=username[:32]).first()
    if found is None:
        raise Http404("There is no reader of that name.")
    return found


@access.acts("moderate.role", Limit(60, HOUR), by="operator", back="/moderation")
def role(request: HttpRequest, username: str) -> HttpResponse:
    """Gives a reader another role."""
    whom = _reader(username)
    moderating.give_role(
        access.demand_operator(request), whom.pk, request.POST.get("role", ""), _reason(request)
    )
    return _done(request, "The role is given.", f"/moderation/readers/{whom.username}")


# Queues and rules


@access.acts("moderate.dismiss", OFTEN, by="curator", back="/moderation")
def dismiss(request: HttpRequest, key: int) -> HttpResponse:
    moderating.dismiss(access.demand_curator(request), key, _reason(request))
    return _done(request, "The report is settled.")


@access.acts("moderate.submission", OFTEN, by="curator", back="/moderation")
def submission(request: HttpRequest, key: int) -> HttpResponse:
    """Lets a submission in or declines it."""
    curator = access.demand_curator(request)
    if request.POST.get("do") == "approve":
        moderating.approve(curator, key, _reason(request))
        return _done(request, "It is fetched next.")
    moderating.decline(curator, key, _reason(request))
    return _done(request, "Declined.")


@access.acts("moderate.claim", OFTEN, by="curator", back="/moderation")
def claim(request: HttpRequest, key: int) -> HttpResponse:
    curator = access.demand_curator(request)
    moderating.settle_claim(curator, key, request.POST.get("do") == "grant", _reason(request))
    return _done(request, "The claim is settled.")


RULES: Final = (
    ("submissions_a_day", "Papers a reader may bring in a day"),
    ("newcomer_submissions_a_day", "Papers a newcomer may bring in a day"),
    ("submission_age_days", "How many days old a brought paper may be (0: any age)"),
    ("newcomer_days", "Days for which an account is a newcomer’s"),
    ("comments_an_hour", "Comments in an hour"),
    ("newcomer_comments_an_hour", "Comments in an hour by a newcomer"),
    ("edits_an_hour", "Changes to comments in an hour"),
    ("reports_a_day", "Reports in a day"),
)


@access.acts("moderate.rules", Limit(60, HOUR), by="curator", reads=True)
def rules(request: HttpRequest) -> HttpResponse:
    """The rules of the community, and the form that changes them."""
    curator = access.demand_curator(request)
    known: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            moderating.change_rules(curator, _wanted(request), _reason(request))
            return _done(request, "The rules are changed.", "/moderation/rules")
        except community.Refused as refusal:
            known, status = {"refusal": str(refusal)}, refusal.status
    now = community.rules()
    known |= {
        "rows": [(name, words, getattr(now, name)) for name, words in RULES],
        "newcomers_wait": now.newcomers_wait,
    }
    return render(request, "community/rules.html", known, status=status)


def _wanted(request: HttpRequest) -> dict[str, int | bool]:
    wanted: dict[str, int | bool] = {"newcomers_wait": bool(request.POST.get("newcomers_wait"))}
    for name, words in RULES:
        said = request.POST.get(name, "").strip()
        if not (said.isascii() and said.isdecimal() and len(said) <= 6):
            raise community.Refused(f"“{words}” is a whole number from 0 to 100,000.", 400)
        wanted[name] = int(said)
    return wanted
