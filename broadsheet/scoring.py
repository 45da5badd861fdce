"""The arithmetic of ranking: numbers in, numbers out. docs/ranking.md publishes every formula here.

Nothing here reads a clock or a table: time is an argument, so a past page can be worked out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """How much each thing counts. The defaults are the published ones; BROADSHEET_RANK changes them.

    `outside_vote`: votes that one elsewhere is worth. `even`: how far fields are evened out, 0 (not at all)
    to 1 (a paper with the votes usual for its field counts the same in every field). `outlook`: votes that a
    paper counts as before anybody has seen it, were it certain to be picked. `comment`: of a vote. `stars`,
    `growth`: points for each doubling. `half_life`: announcement days after which a paper needs twice the
    votes to stand as high in trending. `place`: points that each place down its source's own list costs.
    """

    outside_vote: float = 1.0
    even: float = 0.3
    outlook: float = 4.0
    comment: float = 0.5
    stars: float = 0.25
    code: float = 0.05
    growth: float = 0.5
    half_life: float = 2.0
    place: float = 1e-6


class Facts(NamedTuple):
    """What is known of one paper when it is scored. Counts are ≥ 0.

    `upvotes` adds up the weights of our readers' votes. `outlook` is the chance, 0 to 1, that people pick the
    paper, worked out when it appears (`broadsheet.outlook`). `custom` is how many votes are usual in its
    field, compared with the field of the average vote (1). `place` is its rank, from 1, on the list of the
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
    outlook: float = 0.0
    custom: float = 1.0


class Part(NamedTuple):
    """One term of a score: `points` add up to the score."""

    name: str
    amount: float
    points: float


class Growth(NamedTuple):
    """What a paper's stars and citations grew by, in points, and the day on which that was seen."""

    points: float
    seen_on: date


WEIGHTS = Weights()

# What an operator may set them to; the others from 0 to 100.
BOUNDS = {"even": (0.0, 1.0), "half_life": (0.1, 1000.0), "place": (0.0, 0.001)}

# A field's votes are never made more than four times as much, nor less than half.
MOST_EVENED, LEAST_EVENED = 4.0, 0.5


def parts(facts: Facts, weights: Weights = WEIGHTS) -> list[Part]:
    """The terms of a paper's score, in the order in which they are added; their points are its score.

    Votes are compressed by log2, so each doubling is worth one point. Those of a quiet field count more, by
    what is usual there. Votes that can be expected are added to those that came, so they matter while
    nobody has voted and drown once somebody has (a Bayesian average). Comments count part of a vote and
    never more than the votes do (after Lobsters' story ranking), so talk alone lifts nothing.
    """
    votes = facts.upvotes + weights.outside_vote * facts.outside_upvotes
    evened = votes / divisor(facts.custom, weights)
    expected = evened + weights.outlook * facts.outlook
    talk = min(weights.comment * (facts.comments + facts.outside_comments), expected)
    steps = [0.0, log2(1 + votes), log2(1 + evened), log2(1 + expected), log2(1 + expected + talk)]
    terms = [
        Part("votes", votes, steps[1]),
        Part("field", facts.custom, steps[2] - steps[1]),
        Part("outlook", facts.outlook, steps[3] - steps[2]),
        Part("comments", facts.comments + facts.outside_comments, steps[4] - steps[3]),
        Part("stars", facts.stars, weights.stars * log2(1 + facts.stars)),
        Part("code", float(facts.has_code), weights.code * facts.has_code),
    ]
    if facts.withdrawn:
        terms.append(Part("withdrawn", 1, -sum(term.points for term in terms)))
    if facts.place:
        terms.append(Part("place", facts.place, -weights.place * min(facts.place, 10_000)))
    return terms


def divisor(custom: float, weights: Weights = WEIGHTS) -> float:
    """What a field's votes are divided by: its custom, tempered by `even` and kept within bounds."""
    tempered: float = custom**weights.even
    return min(max(tempered, 1 / MOST_EVENED), 1 / LEAST_EVENED)


def score(facts: Facts, weights: Weights = WEIGHTS) -> float:
    """What orders the papers of a day, a week, a month or all time: larger stands higher."""
    return sum(term.points for term in parts(facts, weights))


def hotness(
    score: float, listed_on: date | None, growth: Growth | None = None, weights: Weights = WEIGHTS
) -> float:
    """What orders trending: the score plus one point for every `half_life` announcement days since 1990.

    `growth` is a second wind: it counts from the day on which it was seen, as if a paper of that day had so
    many points, and the two are added as votes would be. All of it grows with dates alone, so it needs no
    clock and never has to be recomputed because time passed (the idea of Reddit's hot ranking and of forward
    decay: Cormode et al., ICDE 2009; age in announcement days, since nothing appears at weekends).
    """
    base = score + (announcement_days(listed_on) / weights.half_life if listed_on else 0.0)
    if growth is None or growth.points <= 0 or not listed_on:
        return base
    second = log2(2**growth.points - 1) + announcement_days(growth.seen_on) / weights.half_life
    high, low = max(base, second), min(base, second)
    return high + log2(1 + 2.0 ** (low - high))


# --- how fast stars and citations come -------------------------------------------------------------------

# Growth is measured over at least a week of sightings where there is one, in units a day.
SPAN = timedelta(days=7)
# Below so many a day, growth says nothing: 0 and 0.1 stars a day are the same.
NOTICED = {"stars": 0.5, "citations": 0.02}
# What is usual on the first day in the field of the average vote, in units a day, and how it fades: by
# (1 + days) to this power. Both are assumptions, since no log of stars and citations is there to fit them to.
USUAL = {"stars": (6.0, -0.6), "citations": (5 / 365, 0.0)}


def usual_growth(kind: str, age: float, custom: float = 1.0) -> float:
    """How many stars or citations a day are usual for a paper `age` days (≥ 0) old in a field."""
    first, fading = USUAL[kind]
    return float(first * (1 + max(age, 0.0)) ** fading * min(custom, 1.0) ** 0.5)


def growth(
    series: Mapping[str, Sequence[Sequence[tuple[datetime, float]]]],
    published: datetime | None,
    custom: float = 1.0,
    weights: Weights = WEIGHTS,
) -> Growth | None:
    """The growth of a paper, from its dated levels: for each kind, one series (oldest first) for each source.

    A kind's points are `growth` for each doubling of its pace over the usual one for that age and field;
    the kind that grew most counts. One sighting is no growth, however high: it says nothing of when.
    None when nothing grew more than usual.
    """
    found = [
        Growth(points, line[-1][0].date())
        for kind, lines in series.items()
        if kind in USUAL
        for line in lines
        if (points := _growth(kind, line, published, custom, weights)) > 0
    ]
    return max(found, default=None)


def _growth(
    kind: str,
    line: Sequence[tuple[datetime, float]],
    published: datetime | None,
    custom: float,
    weights: Weights,
) -> float:
    if len(line) < 2:
        return 0.0
    last, now = line[-1]
    first, then = next(((at, value) for at, value in reversed(line) if at <= last - SPAN), line[0])
    days = max((last - first).total_seconds() / 86_400, 1.0)
    age = (last - published).total_seconds() / 86_400 if published else 365.0
    pace = max(now - then, 0.0) / days
    unnoticed = NOTICED[kind]
    return weights.growth * max(log2((unnoticed + pace) / (unnoticed + usual_growth(kind, age, custom))), 0.0)


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
