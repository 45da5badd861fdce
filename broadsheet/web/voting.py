"""The vote box beside every paper, and what its button does. It works with htmx and as a plain form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broadsheet import community, search
from broadsheet.models import Paper, Reader
from broadsheet.web import access, limits
from broadsheet.web.cards import Card
from broadsheet.web.following import Button
from broadsheet.web.limits import HOUR, MINUTE, Limit
from broadsheet.web.words import compact, counted

# Nobody reads a paper in two seconds; a reading room of a university may vote through one address.
OFTEN: Final = (Limit(30, MINUTE), Limit(300, HOUR), Limit(3_000, HOUR, "address"))


def tell(request: HttpRequest, cards: Iterable[Card], follow: Button | None = None) -> str:
    """Puts the vote box into every card; for a reader it shows what is theirs, which costs one query.

    The same query says whether the reader follows what `follow` offers, if the page left that open.
    """
    shown = list(cards)
    reader = access.reader_of(request)
    asked = (follow.kind, follow.key) if follow and follow.on is None else None
    mine = community.marks_of(reader, [card.key for card in shown], asked) if reader and shown else {}
    if follow and asked:
        follow.on = "followed" in mine.get(0, ())
    for card in shown:
        voted = "upvoted" in mine.get(card.key, ())
        card.mine = frozenset(mine.get(card.key, ()))
        card.vote = _box(card.key, card.url, card.votes, voted, reader, closed=card.withdrawn)
    return ""


def box(request: HttpRequest, paper: Paper) -> SafeString:
    """The vote box of one paper's page."""
    reader = access.reader_of(request)
    mine = community.marks_of(reader, [paper.pk]) if reader else {}
    voted = "upvoted" in mine.get(paper.pk, ())
    return _box(paper.pk, paper.get_absolute_url(), paper.votes, voted, reader, closed=paper.withdrawn)


def _box(key: int, url: str, votes: int, voted: bool, reader: Reader | None, closed: bool) -> SafeString:
    number = compact(votes) if votes else "·"
    told = counted(votes, "vote")
    if closed and not voted:
        return format_html('<p class="vote closed"><span class="unseen">{}</span>{}</p>', told, number)
    if reader is None:
        way = f"{access.SIGN_IN}?next={quote(url, safe='')}"
        return format_html(
            '<a class="vote" href="{}" rel="nofollow" aria-label="Vote; {}">{}</a>', way, told, number
        )
    act = f"{url}/{'take-back' if voted else 'upvote'}"
    return format_html(
        '<button class="vote" id="vote-{}" form="act" formaction="{}" hx-post="{}" hx-swap="outerHTML" '
        'aria-pressed="{}" aria-label="{}; {}">{}</button>',
        key,
        act,
        act,
        "true" if voted else "false",
        "Take your vote back" if voted else "Vote",
        told,
        number,
    )


@access.acts("upvote", *OFTEN)
def upvote(request: HttpRequest, spelling: str) -> HttpResponseBase:
    return _press(request, spelling, community.upvote)


@access.acts("take vote back", *OFTEN)
def take_back(request: HttpRequest, spelling: str) -> HttpResponseBase:
    return _press(request, spelling, community.take_back)


def _press(request: HttpRequest, spelling: str, act: Callable[..., community.Voted]) -> HttpResponse:
    """Our own buttons spell papers as they are stored; any other spelling is looked up."""
    reader = access.demand_reader(request)
    try:
        voted = act(reader, spelling, evidence(request))
    except community.Refused as refusal:
        if refusal.status != 404 or (found := search.by_identifier(spelling)) is None:
            raise
        voted = act(reader, found, evidence(request))
    return _answer(request, reader, voted)


def _answer(request: HttpRequest, reader: Reader, voted: community.Voted) -> HttpResponse:
    paper = voted.paper
    if request.headers.get("HX-Request"):
        return HttpResponse(
            _box(paper.pk, paper.get_absolute_url(), paper.votes, voted.upvoted, reader, paper.withdrawn)
        )
    return access.see(f"{access.came_from(request, paper.get_absolute_url())}#paper-{paper.pk}")


def evidence(request: HttpRequest) -> community.Evidence:
    """What of a request is kept with a vote: digests, so that two can be seen to be alike and no more."""
    address = limits.address_of(request)
    return community.Evidence(
        address=limits.digest("address", address) if address else "",
        network=limits.digest("network", limits.network_of(address)) if address else "",
        agent=limits.digest("agent", request.headers.get("User-Agent", "")),
        referrer=_referrer(request),
    )


def _referrer(request: HttpRequest) -> str:
    """The kind of page on which the button was pressed."""
    said = urlsplit(request.headers.get("Referer", ""))
    if not said.netloc:
        return "none"
    if said.netloc != request.get_host():
        return "elsewhere"
    first, _, rest = said.path.strip("/").partition("/")
    if first in ("", "papers"):
        listings = ("date", "week", "month", "trending", "all")
        return "paper" if rest and rest.split("/")[0] not in listings else "listing"
    return first[:16] if first in ("search", "author", "similar", "for-you", "collections") else "page"
