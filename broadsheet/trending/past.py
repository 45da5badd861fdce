"""A listing as it stood at some moment: worked out from the logs of signals, votes and talk up to then.

Nothing is read that came later, so later events do not change a past page. What has no log is taken as it is
today: words, links, categories, whether a paper was withdrawn or hidden. A live listing is read off an index;
this reads the log of every paper in the window, which takes up to some seconds for a month.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import F, Q, Sum

from broadsheet import scoring
from broadsheet.models import Ballot, Comment, Paper
from broadsheet.sources import SIGNAL_KINDS
from broadsheet.trending.days import listing_day
from broadsheet.trending.listings import (
    NO_FILTERS,
    RESERVED_DAYS,
    RESERVED_EVERY,
    RESERVED_MOST,
    Entry,
    Listing,
    PageOutOfRange,
    lot,
    rows_of,
)
from broadsheet.trending.reasons import reasons
from broadsheet.trending.signals import levels, newest
from broadsheet.trending.standing import READ, custom, stand, weights
from broadsheet.trending.windows import BadWindow, Filters, Window

# Trending looks back so many days: what is older stands far below.
DAYS = 30
# The newest so many papers of a window take part.
MOST = 30_000
KEPT = 600  # seconds
KEYS_AT_ONCE = 500


def as_of(
    window: Window, moment: datetime, filters: Filters = NO_FILTERS, page: int = 1, per_page: int = 30
) -> Listing:
    """One page of a day, week, month or of trending as it stood at `moment` (aware), in the published order.

    Papers of the page have their counts and scores of then, in memory alone. Raises BadWindow for all time,
    whose past would have to be read whole, PageOutOfRange and UnknownCategory as `listing` does.
    """
    if window.period == "all":
        raise BadWindow("All time has no past pages; ask for a month or for trending.")
    key = _short(connection.alias, window.period, window.key, filters.query, moment.isoformat(), weights())
    placed: list[tuple[int, bool]] | None = cache.get(key)
    if placed is None:
        placed = _placed(window, moment, filters)
        cache.set(key, placed, KEPT)
    pages = max(1, -(-len(placed) // per_page))
    if not 1 <= page <= pages:
        raise PageOutOfRange(pages)
    start = (page - 1) * per_page
    some = placed[start : start + per_page]
    papers = Paper.objects.cards().in_bulk([pk for pk, _ in some])
    lay(list(papers.values()), moment)
    day = listing_day(moment)
    entries = [
        Entry(papers[pk], place, reserved, reasons(papers[pk], window, reserved, day))
        for place, (pk, reserved) in enumerate(some, start + 1)
        if pk in papers
    ]
    return Listing(window, filters, entries, len(placed), page, pages, None, None)


def lay(papers: Sequence[Paper], moment: datetime) -> None:
    """Gives papers the counts and the standing they had at `moment`, in memory alone."""
    by_key = {paper.pk: paper for paper in papers}
    for paper in papers:
        paper.upvotes = paper.comments = paper.outside_upvotes = paper.outside_comments = 0
        paper.upvote_weight, paper.stars, paper.growth, paper.grew_on = 0.0, None, None, None
    for pk, found in levels(by_key, SIGNAL_KINDS, moment):
        paper = by_key[pk]
        paper.outside_upvotes, paper.outside_comments = newest(found, "upvotes"), newest(found, "comments")
        paper.stars = newest(found, "stars") if "stars" in found else None
        grown = scoring.growth(found, paper.published_at, custom(paper), weights())
        paper.growth, paper.grew_on = grown or (None, None)
    for some in _parts(sorted(by_key)):
        votes = Ballot.objects.filter(paper__in=some, at__lte=moment).order_by().values_list("paper")
        for pk, many, weight in votes.annotate(many=Sum("step"), weight=Sum(F("step") * F("weight"))):
            by_key[pk].upvotes, by_key[pk].upvote_weight = max(many, 0), max(weight, 0.0)
        shown = Q(withdrawn_at=None) | Q(withdrawn_at__gt=moment)
        talk = Comment.objects.filter(shown, paper_id__in=some, created_at__lte=moment, hidden=False)
        for pk in talk.values_list("paper_id", flat=True):
            by_key[pk].comments += 1
    for paper in papers:
        stand(paper)


def _placed(window: Window, moment: datetime, filters: Filters) -> list[tuple[int, bool]]:
    """Every key of the listing in order, each with whether its place is reserved."""
    papers = _there(window, moment, filters)
    lay(papers, moment)
    order = "hotness" if window.period == "trending" else "score"
    reserved = _reserved(papers, window, listing_day(moment))
    papers.sort(key=lambda paper: (-(getattr(paper, order) or 0.0), paper.pk))
    kept = set(reserved)
    ordinary = iter([paper.pk for paper in papers if paper.pk not in kept])
    drawn = iter(reserved)
    placed = []
    for place in range(1, len(papers) + 1):
        is_kept = place % RESERVED_EVERY == 0 and place // RESERVED_EVERY <= len(reserved)
        pk = next(drawn if is_kept else ordinary, None)
        if pk is not None:
            placed.append((pk, is_kept))
    return placed


def _there(window: Window, moment: datetime, filters: Filters) -> list[Paper]:
    """The papers of the window that were listed by then, or of whose day nothing is known."""
    key, rows = rows_of(window, filters)
    day = listing_day(moment)
    if window.period == "trending":
        until = rows.filter(listed_on__lte=day).order_by("-listed_on").values_list("listed_on", flat=True)
        last = until.first() or day
        rows = rows.filter(
            Q(listed_on__range=(last - timedelta(days=DAYS), last))
            | Q(**{f"{'paper__' if key != 'pk' else ''}grew_on__isnull": False}, listed_on__lte=day)
        )
    else:
        rows = rows.filter(Q(listed_on__lte=day) | Q(listed_on=None))
    keys = list(rows.order_by("-listed_on", key).values_list(key, flat=True)[:MOST])
    found: list[Paper] = []
    for some in _parts(keys):
        found += Paper.objects.filter(pk__in=some).only("pk", *READ)
    return found


def _reserved(papers: Sequence[Paper], window: Window, day: date) -> list[int]:
    """As a live listing draws them, on that day."""
    dated = [paper for paper in papers if paper.listed_on]
    most = min(RESERVED_MOST, sum(paper.voted for paper in dated) // (RESERVED_EVERY - 1))
    if len(papers) < RESERVED_EVERY or not most:
        return []
    if window.period == "trending":
        newest_day = max(paper.listed_on for paper in dated if paper.listed_on)
        since = newest_day - timedelta(days=RESERVED_DAYS)
        dated = [paper for paper in dated if paper.listed_on and paper.listed_on >= since]
    drawn = sorted((lot(paper.pk, day), paper.pk) for paper in dated if not paper.voted)
    return [pk for _, pk in drawn[:most]]


def _short(*words: object) -> str:
    """A key that any cache takes, whatever the address was."""
    return f"past:{blake2b(repr(words).encode(), digest_size=16).hexdigest()}"


def _parts(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]
