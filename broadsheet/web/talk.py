"""The talk about a paper: threads, the forms that add to them, and the page of one comment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from broadsheet import community, search, text
from broadsheet.community import claiming, notices, talking, threads
from broadsheet.models import REPORT_REASONS, Comment, CommentVersion, Notice, Paper, Reader
from broadsheet.web import access, cards, links
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.context import address
from broadsheet.web.limits import DAY, HOUR, Limit
from broadsheet.web.pager import Pager

TITLE: Final = 120
NOTICES: Final = 100

HIDDEN: Final = "Whoever keeps this server has taken this paper out."


@dataclass(slots=True)
class Words:
    """One comment as a page shows it."""

    key: int
    depth: int
    who: Reader | None
    by_author: bool
    mine: bool
    html: SafeString
    gone: str
    comment: Comment
    reactions: list[tuple[str, int, bool]]
    open: bool
    folded: bool = False


def talk_path(paper: Paper) -> str:
    return "/talk/" + paper.get_absolute_url().removeprefix("/papers/")


def html_of(words: str, names: dict[str, Reader]) -> SafeString:
    """A comment's Markdown as safe HTML, with the readers that it names linked."""
    addresses = {name: reader.get_absolute_url() for name, reader in names.items()}
    return mark_safe(text.link_mentions(text.comment_html(words), addresses))  # noqa: S308 - text sanitises


def section(request: HttpRequest, paper: Paper, page: int = 1) -> dict[str, Any]:
    """What the talk of a paper needs to be shown, on its own page and under the paper."""
    reader = access.reader_of(request)
    found = threads.talk(paper, reader, page)
    closed = paper.locked_at is not None and not (reader and reader.is_curator)
    return {
        "talk": found,
        "comments": [
            Words(
                one.key,
                min(one.comment.depth, 5),
                one.comment.reader,
                one.by_author,
                one.mine,
                html_of(one.text, found.names) if one.text else mark_safe(""),
                one.gone,
                one.comment,
                one.reactions,
                not one.gone and not closed,
                one.folded,
            )
            for one in found.said
        ],
        "closed": closed,
        "locked": paper.locked_at,
        "talk_path": talk_path(paper),
        "talk_feeds": links.feeds(talk_path(paper)),
        "longest": talking.LONGEST_COMMENT,
    }


def paper_of(spelling: str) -> Paper:
    paper = Paper.objects.filter(identifier=spelling).first() or search.by_identifier(spelling)
    if paper is None:
        raise Http404("No paper here has that name.")
    if paper.hidden and not paper.merged_into_id:
        raise community.Refused(HIDDEN, 410)
    return paper


@access.acts("comment.post", Limit(60, HOUR), Limit(600, HOUR, "address"), by="anyone", reads=True)
def talk(request: HttpRequest, spelling: str) -> HttpResponse:
    """All talk about a paper, a page at a time; with POST, one more comment."""
    paper = paper_of(spelling)
    if request.method == "POST":
        return _say(request, paper)
    if paper.identifier != spelling or paper.merged_into_id:
        there = Paper.objects.get(pk=paper.merged_into_id) if paper.merged_into_id else paper
        return HttpResponsePermanentRedirect(talk_path(there))
    return _page(request, paper, page=page_number(request))


def _page(request: HttpRequest, paper: Paper, page: int = 1, status: int = 200, **more: Any) -> HttpResponse:
    known = section(request, paper, page) | {
        "paper": paper,
        "title": cards.title(paper, cards.TITLE),
        "plain_title": plain_title(paper),
        "canonical": address(request, talk_path(paper)),
        "whole": True,
    }
    found: threads.Talk = known["talk"]
    known["pager"] = Pager(talk_path(paper), "", found.page, found.pages, found.total)
    return render(request, "community/talk.html", known | more, status=status)


def plain_title(paper: Paper) -> str:
    return text.shorten(text.text_plain(paper.title[:2_000]), TITLE)


def _say(request: HttpRequest, paper: Paper) -> HttpResponse:
    reader = access.demand_reader(request)
    words, parent = request.POST.get("text", ""), _number(request.POST.get("parent", ""))
    try:
        if request.POST.get("do") == "preview":
            said = talking.checked(reader, words)
            return _form(request, paper, parent, words, preview=_shown(said))
        comment = talking.say(reader, paper.pk, words, parent)
    except community.Refused as refusal:
        return _form(request, paper, parent, words, refusal=refusal)
    return access.see(where(comment))


def where(comment: Comment) -> str:
    """The place of a comment in the talk about its paper."""
    page = threads.page_of(comment)
    return f"{talk_path(comment.paper)}{f'?p={page}' if page > 1 else ''}#c{comment.pk}"


def _shown(words: str) -> SafeString:
    return html_of(words, talking.known_names(talking.named(words)))


def _number(said: str) -> int | None:
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 19 else None


def _form(
    request: HttpRequest,
    paper: Paper,
    parent: int | None,
    words: str,
    preview: SafeString | str = "",
    refusal: community.Refused | None = None,
) -> HttpResponse:
    """The form alone on a page: to answer, to look before posting, to mend what was refused."""
    above = (
        Comment.objects.select_related("reader").filter(pk=parent, paper=paper).first() if parent else None
    )
    known = {
        "paper": paper,
        "plain_title": plain_title(paper),
        "talk_path": talk_path(paper),
        "action": talk_path(paper),
        "above": above,
        "above_html": _shown(above.text) if above and above.shown else "",
        "words": words[: talking.LONGEST_COMMENT * 2],
        "preview": preview,
        "refusal": str(refusal) if refusal else "",
        "longest": talking.LONGEST_COMMENT,
        "verb": "Answer" if above else "Comment",
    }
    status = refusal.status if refusal else 200
    response = render(request, "community/say.html", known, status=status)
    if refusal and refusal.retry_after:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


@access.acts("comment.preview", Limit(600, HOUR), Limit(3_000, HOUR, "address"))
def preview(request: HttpRequest) -> HttpResponse:
    """What a comment would look like, as a fragment. Writes nothing."""
    reader = access.demand_reader(request)
    try:
        html: SafeString | str = _shown(talking.checked(reader, request.POST.get("text", "")))
        return render(request, "community/_preview.html", {"preview": html})
    except community.Refused as refusal:
        return render(request, "community/_preview.html", {"refusal": str(refusal)})


@require_safe
def comment(request: HttpRequest, key: int) -> HttpResponse:
    """A permanent address for one comment: leads to its place among the others."""
    found = talking.visible(key, access.reader_of(request))
    return access.see(where(found))


@require_safe
def history(request: HttpRequest, key: int) -> HttpResponse:
    """What a comment said before it was changed."""
    viewer = access.reader_of(request)
    found = talking.visible(key, viewer)
    if not found.shown and not (viewer and viewer.is_curator and not found.withdrawn_at):
        raise community.Refused("This comment has been taken back, and what it said with it.", 410)
    before = CommentVersion.objects.filter(comment=found).order_by("-pk")[:100]
    known = {
        "comment": found,
        "plain_title": plain_title(found.paper),
        "now": _shown(found.text),
        "before": [(one.replaced_at, html_of(one.text, {})) for one in before],
        "place": where(found),
    }
    return render(request, "community/history.html", known)


@require_safe
def reply(request: HttpRequest, key: int) -> HttpResponse:
    """The form that answers a comment: on its own page, or for htmx under the comment."""
    access.demand_reader(request)
    found = talking.visible(key)
    if not found.shown:
        raise community.Refused("This comment has been taken back.")
    if wants_fragment(request):
        known = {"action": talk_path(found.paper), "above": found, "longest": talking.LONGEST_COMMENT}
        return render(request, "community/_say.html", known | {"verb": "Answer", "inside": True})
    return _form(request, found.paper, found.pk, "")


@access.acts("comment.edit", Limit(60, HOUR), reads=True)
def edit(request: HttpRequest, key: int) -> HttpResponse:
    reader = access.demand_reader(request)
    found = talking.visible(key, reader)
    if found.reader_id != reader.pk:
        raise Http404(talking.NO_COMMENT)
    words, shown, refused = found.text, mark_safe(""), None
    if request.method == "POST":
        words = request.POST.get("text", "")
        try:
            if request.POST.get("do") != "preview":
                return access.see(where(talking.edit(reader, key, words)))
            shown = _shown(talking.checked(reader, words))
        except community.Refused as refusal:
            refused = refusal
    known = {
        "paper": found.paper,
        "plain_title": plain_title(found.paper),
        "talk_path": talk_path(found.paper),
        "action": f"/comments/{key}/edit",
        "words": words[: talking.LONGEST_COMMENT * 2],
        "preview": shown,
        "refusal": str(refused) if refused else "",
        "longest": talking.LONGEST_COMMENT,
        "verb": "Change",
        "comment": found,
    }
    return render(request, "community/say.html", known, status=refused.status if refused else 200)


@access.acts("comment.withdraw", Limit(120, HOUR))
def withdraw(request: HttpRequest, key: int) -> HttpResponse:
    return access.see(where(talking.withdraw(access.demand_reader(request), key)))


@access.acts("comment.restore", Limit(120, HOUR))
def restore(request: HttpRequest, key: int) -> HttpResponse:
    return access.see(where(talking.bring_back(access.demand_reader(request), key)))


@access.acts("comment.react", Limit(600, HOUR))
def react(request: HttpRequest, key: int) -> HttpResponse:
    """Leaves the word `kind` at a comment, or takes the word `take` away."""
    reader = access.demand_reader(request)
    taken = request.POST.get("take", "")
    talking.react(reader, key, taken or request.POST.get("kind", ""), on=not taken)
    found = talking.visible(key, reader)
    if not wants_fragment(request):
        return access.see(where(found))
    one = threads.told(found.paper, [found], reader)[0]
    known = {"one": {"key": key, "reactions": one.reactions, "mine": one.mine, "open": True}}
    return render(request, "community/_reactions.html", known)


@access.acts("report", Limit(40, DAY), Limit(200, DAY, "address"), reads=True)
def report(request: HttpRequest, key: int) -> HttpResponse:
    """Asks curators to look at a comment."""
    reader = access.demand_reader(request)
    found = talking.visible(key, reader)
    return _report(request, reader, where(found), f"A comment on “{plain_title(found.paper)}”", comment=key)


@access.acts("report.paper", Limit(40, DAY), Limit(200, DAY, "address"), reads=True)
def report_paper(request: HttpRequest, spelling: str) -> HttpResponse:
    reader = access.demand_reader(request)
    paper = paper_of(spelling)
    return _report(request, reader, paper.get_absolute_url(), f"“{plain_title(paper)}”", paper=paper.pk)


def _report(request: HttpRequest, reader: Reader, back: str, what: str, **about: int) -> HttpResponse:
    known: dict[str, Any] = {"what": what, "back": back, "reasons": REPORT_REASONS, "longest": 2_000}
    if request.method == "POST":
        try:
            talking.report(reader, request.POST.get("reason", ""), request.POST.get("words", ""), **about)
            return render(request, "community/report.html", known | {"sent": True})
        except community.Refused as refusal:
            if refusal.status not in (400, 429):
                raise
            known |= {"refusal": str(refusal), "words": request.POST.get("words", "")[:2_000]}
            return render(request, "community/report.html", known, status=refusal.status)
    return render(request, "community/report.html", known)


# What a reader should hear of


@require_safe
def heard(request: HttpRequest) -> HttpResponse:
    """Comments that concern the reader, the newest first. Looking marks nothing as seen: a button does."""
    reader = access.demand_reader(request)
    rows = Notice.objects.filter(notices.readable(), reader=reader).order_by("-pk")
    found = list(rows.select_related("comment__reader", "comment__paper")[:NOTICES])
    known = {
        "rows": [
            (
                one,
                plain_title(one.comment.paper),
                text.shorten(text.plain_line(one.comment.text[:1_000]), 200),
            )
            for one in found
        ],
        "unseen": sum(one.seen_at is None for one in found),
        "by_mail": notices.wants_mail(reader),
        "most": NOTICES,
    }
    return render(request, "community/notices.html", known)


@access.acts("notices.seen", Limit(300, HOUR), back="/notices")
def seen(request: HttpRequest) -> HttpResponse:
    notices.mark_seen(access.demand_reader(request))
    return access.see("/notices")


@access.acts("notices.mail", Limit(60, HOUR), back="/notices")
def by_mail(request: HttpRequest) -> HttpResponse:
    notices.wish(access.demand_reader(request), request.POST.get("on") == "1")
    return access.see("/notices")


def claims_shown(paper: Paper) -> list[tuple[Any, SafeString]]:
    """The known authors of a paper, each with what they say to its readers."""
    return [
        (claim, html_of(claim.note, {}) if claim.note else mark_safe(""))
        for claim in claiming.claims_on(paper)
    ]
