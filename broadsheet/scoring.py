"""The arithmetic of ranking: numbers in, numbers out. docs/ranking.md publishes every formula here.

Nothing here reads a clock or a table: time is an argument, so a past page can be worked out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import log2
from typing import NamedTuple
from zoneinfo import ZoneInfo

# arXiv announces at 20:00 in New York what was submitted by 14:00, Sunday to Thursday; the listing
# carries the next day's date. https://info.arxiv.org/help/availability.html
ARXIV_ZONE = ZoneInfo("America/New_York")
ARXIV_DEADLINE = time(14)

# Day zero of announcement days; a Monday, older than arXiv, so that every paper counts up from it.
EPOCH = date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each thing counts. The defaults are the published ones.

    `half_life`: announcement days after which a paper needs twice the votes to stand as high in trending.
    """

    outside_vote: float = 1.0
    comment: float = 0.5
    stars: float = 0.25
    code: float = 0.05
    half_life: float = 2.0
    place: float = 1e-6


class Facts(NamedTuple):
    """What is known of one paper when it is scored. Counts are ≥ 0.

    `upvotes` are our readers' votes by their weight. `place` is the paper's rank, from 1, on the list of the
    source that announced it; None without one.
    """

    upvotes: float = 0
    outside_upvotes: int = 0
    comments: int = 0
    outside_comments: int = 0
    stars: int = 0
    has_code: bool = False
    withdrawn: bool = False
    place: int | None = None


class Part(NamedTuple):
    """One term of a score: `points` add up to the score."""

    name: str
    amount: float
    points: float


WEIGHTS = Weights()


def parts(facts: Facts, weights: Weights = WEIGHTS) -> list[Part]:
    """The terms of a paper's score, largest idea first; their points add up to `score`.

    Votes are compressed by log2, so each doubling is worth one point. Comments count half a vote each and
    never more than the votes do (after Lobsters' story ranking), so talk alone lifts nothing. Stars of
    linked code count a quarter point a doubling. Linked code is worth a little even without a star.
    """
    votes = facts.upvotes + weights.outside_vote * facts.outside_upvotes
    talk = min(weights.comment * (facts.comments + facts.outside_comments), votes)
    from_votes = log2(1 + votes)
    terms = [
        Part("votes", votes, from_votes),
        Part("comments", facts.comments + facts.outside_comments, log2(1 + votes + talk) - from_votes),
        Part("stars", facts.stars, weights.stars * log2(1 + facts.stars)),
        Part("code", float(facts.has_code), weights.code * facts.has_code),
    ]
    if facts.withdrawn:
        terms.append(Part("withdrawn", 1, -sum(term.points for term in terms)))
    if facts.place:
        terms.append(Part("place", facts.place, -weights.place * min(facts.place, 10_000)))
    return terms


def score(facts: Facts, weights: Weights = WEIGHTS) -> float:
    """What orders the papers of a day, a week, a month or all time: larger stands higher."""
    return sum(term.points for term in parts(facts, weights))


def hotness(score: float, listed_on: date | None, weights: Weights = WEIGHTS) -> float:
    """What orders trending: the score plus one point for every `half_life` announcement days since 1990.

    It grows with the date alone, so it needs no clock and never has to be recomputed because time passed
    (the idea of Reddit's hot ranking; age in announcement days, since nothing appears at weekends).
    """
    return score + (announcement_days(listed_on) / weights.half_life if listed_on else 0.0)


def announcement_days(day: date) -> int:
    """Weekdays from 1 January 1990 to `day`; Saturday and Sunday count as the Friday before."""
    days = (day - EPOCH).days
    return days // 7 * 5 + min(days % 7, 4)


def announcement_day(published: datetime) -> date:
    """The date of arXiv's listing that announces a paper submitted at this moment (aware datetime).

    A moment at exactly midnight UTC is taken as a date without a time: submitted before the deadline.
    """
    if published.timetz().replace(tzinfo=None) == time():
        submitted, late = published.date(), False
    else:
        local = published.astimezone(ARXIV_ZONE)
        submitted, late = local.date(), local.time() >= ARXIV_DEADLINE
    return next_weekday(roll_forward(submitted + timedelta(days=late)))


def roll_forward(day: date) -> date:
    """The day itself, or Monday when it falls on a weekend."""
    return day + timedelta(days=(0, 0, 0, 0, 0, 2, 1)[day.weekday()])


def next_weekday(day: date) -> date:
    """The first weekday after `day`."""
    return roll_forward(day + timedelta(days=1))


# --- many lists into one ---------------------------------------------------------------------------------


def fuse(
    lists: Sequence[Sequence[int]], weights: Sequence[float] | None = None, k: float = 60.0
) -> dict[int, float]:
    """Reciprocal-rank fusion: each list gives the key at its place p (from 1) weight / (k + p) points.

    Returns the points by key, most first; ties keep the order in which the lists brought them. A key counts
    once per list, at its best place. `k` (≥ 0) says how little the first places stand out. Method: Cormack,
    Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009.
    """
    points: dict[int, float] = {}
    for keys, weight in zip(lists, weights or [1.0] * len(lists), strict=True):
        for place, key in enumerate(dict.fromkeys(keys), start=1):
            points[key] = points.get(key, 0.0) + weight / (k + place)
    return dict(sorted(points.items(), key=lambda each: -each[1]))


def diverse(scores: Sequence[float], nearness: Sequence[Sequence[float]], taste: float) -> list[int]:
    """The order in which to show things so that neighbours differ: maximal marginal relevance.

    `scores` [n] and `nearness` [n][n] (cosines) share the rows; the result has every row number once. Each
    next row has the largest taste · score − (1 − taste) · (nearness to the nearest row already chosen).
    `taste` 1 keeps the order of the scores. Method: Carbonell and Goldstein, SIGIR 1998. O(n²).
    """
    left = list(range(len(scores)))
    nearest = [0.0] * len(scores)
    order: list[int] = []
    while left:
        best = max(left, key=lambda row: (taste * scores[row] - (1 - taste) * nearest[row], -row))
        left.remove(best)
        order.append(best)
        for row in left:
            nearest[row] = max(nearest[row], nearness[best][row])
    return order
