"""For authors: saying that a paper is theirs, and what they may add to it then."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from broadsheet import community
from broadsheet.community import claiming, proofs
from broadsheet.models import Claim, Link, Paper, Reader
from broadsheet.web import access, cards
from broadsheet.web.limits import DAY, HOUR, Limit
from broadsheet.web.talk import paper_of, plain_title

OFTEN: Final = Limit(200, HOUR)


def claim_path(paper: Paper) -> str:
    return "/claim/" + paper.get_absolute_url().removeprefix("/papers/")


@access.acts("claim", Limit(40, DAY), reads=True)
def claim(request: HttpRequest, spelling: str) -> HttpResponse:
    """The author's page of a paper; with POST, the claim itself."""
    reader = access.demand_reader(request)
    paper = paper_of(spelling)
    known: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        try:
            made = claiming.claim(
                reader, paper.pk, request.POST.get("name", ""), request.POST.get("words", "")
            )
            said = "You are known as an author of this paper now." if made.state == "granted" else ""
            messages.success(request, said or "Curators will look at it. You find the answer here.")
            return access.see(claim_path(paper))
        except community.Refused as refusal:
            if refusal.status == 403:
                raise
            known, status = (
                {"refusal": str(refusal), "words": request.POST.get("words", "")[:2_000]},
                refusal.status,
            )
    return _page(request, reader, paper, status, **known)


def _page(request: HttpRequest, reader: Reader, paper: Paper, status: int = 200, **more: Any) -> HttpResponse:
    mine = Claim.objects.filter(paper=paper, reader=reader).first()
    links = (
        Link.objects.filter(paper=paper, source=claiming.SOURCE) if mine and mine.state == "granted" else ()
    )
    known = {
        "paper": paper,
        "plain_title": plain_title(paper),
        "names": [(name, cards.named(name, 200)) for name in paper.authors[:500]],
        "claim": mine,
        "links": [(link.pk, link.kind, link.url) for link in links],
        "kinds": claiming.AUTHOR_LINKS,
        "claim_path": claim_path(paper),
        "orcid": proofs.orcid_of(reader),
        "longest": claiming.LONGEST_NOTE,
    }
    return render(request, "community/claim.html", known | more, status=status)


def _mine(request: HttpRequest, key: int) -> tuple[Reader, Claim]:
    reader = access.demand_reader(request)
    found = Claim.objects.filter(pk=key, reader=reader).select_related("paper").first()
    if found is None:
        raise community.Refused("There is no such claim of yours.", 404)
    return reader, found


@access.acts("claim.withdraw", OFTEN)
def withdraw(request: HttpRequest, key: int) -> HttpResponse:
    reader, found = _mine(request, key)
    claiming.withdraw_claim(reader, key)
    messages.success(request, "Your claim is taken back.")
    return access.see(found.paper.get_absolute_url())


@access.acts("claim.note", OFTEN)
def note(request: HttpRequest, key: int) -> HttpResponse:
    """The author's note to readers."""
    reader, found = _mine(request, key)
    claiming.say_to_readers(reader, found.paper_id, request.POST.get("note", ""))
    return access.see(found.paper.get_absolute_url())


@access.acts("claim.link", OFTEN)
def link(request: HttpRequest, key: int) -> HttpResponse:
    """Adds a link to code, project, models, data or a demo."""
    reader, found = _mine(request, key)
    try:
        claiming.add_link(reader, found.paper_id, request.POST.get("kind", ""), request.POST.get("url", ""))
    except community.Refused as refusal:
        if refusal.status != 400:
            raise
        said = {"refusal": str(refusal), "url": request.POST.get("url", "")[:500]}
        return _page(request, reader, found.paper, 400, **said)
    return access.see(claim_path(found.paper))


@access.acts("claim.unlink", OFTEN)
def unlink(request: HttpRequest, key: int) -> HttpResponse:
    reader, found = _mine(request, key)
    said = request.POST.get("link", "")
    if not (said.isascii() and said.isdecimal() and len(said) < 19):
        raise BadRequest("That is no link of this paper.")
    claiming.remove_link(reader, found.paper_id, int(said))
    return access.see(claim_path(found.paper))
