"""Who is seen in trending, and how much of it stays from one day to the next.

`python -m evals exposure`, on the six months that nothing was learned from. On each day, trending is laid out
as it stands when that day's list has its votes: the papers of the last 14 days, each with its outlook, those
that were picked by then with the votes they were seen with. What is seen is the first hundred places; the
paper at place p is seen 1 / log2(1 + p) much, and a day's sights add up to one. Reserved places are drawn
by a lot that turns each day, one for every nine papers with votes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from broadsheet import outlook, scoring
from broadsheet.scoring import Facts
from evals.outlook import outlooks
from evals.picks import TEST, Pool
from evals.report import Table, percent
from evals.trending import END
from evals.workplace import Workplace

WINDOW, SEEN, FIRST = 14, 100, 25
RESERVED_EVERY, RESERVED_MOST = 10, 30

Scores = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Sight:
    """One day's trending: the papers in order, and which of them have votes by then."""

    rows: Rows
    voted: NDArray[np.bool_]


class Month:
    """The pool as the orders need it, column by column."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        picks = [pool.picks.get(name) for name in pool.ids]
        self.day = np.array([day.toordinal() for day in pool.days])
        self.picked_on = np.array([pick.day.toordinal() if pick else 10**7 for pick in picks])
        self.votes = np.array([pick.upvotes if pick else 0 for pick in picks])
        self.field = np.array(pool.primary)
        self.strange = pool.traits[:, list(outlook.TRAITS).index("picks of all authors")] == 0
        chances = outlooks(pool, outlook.model())
        customs = [outlook.custom(code) for code in pool.primary]
        # Hotness before and after the votes came: a pure function of what is known.
        self.before = self._hotness(np.zeros_like(self.votes), chances, customs)
        self.after = self._hotness(self.votes, chances, customs)

    def _hotness(self, votes: Rows, chances: Scores, customs: list[float]) -> Scores:
        facts = [
            Facts(outside_upvotes=int(many), outlook=odds, custom=usual)
            for many, odds, usual in zip(votes, chances, customs, strict=True)
        ]
        told = zip(facts, self.pool.days, strict=True)
        return np.array([scoring.hotness(scoring.score(fact), day) for fact, day in told])

    def sight(self, order: str, today: date) -> Sight:
        now = today.toordinal()
        rows = np.flatnonzero((self.day <= now) & (self.day > now - WINDOW))
        voted = self.picked_on[rows] <= now
        hours = 24.0 * (now - self.day[rows])
        points = self._points(order.partition(",")[0], rows, voted, hours)
        # What is equal stands newest first, then by lot.
        lot = np.random.default_rng(now).random(len(rows))
        placed = np.lexsort((lot, hours, -points))
        if order == "ours":
            placed = _with_reserved(placed, voted, lot)
        return Sight(rows[placed], voted[placed])

    def _points(self, formula: str, rows: Rows, voted: NDArray[np.bool_], hours: Scores) -> Scores:
        votes = np.where(voted, self.votes[rows], 0)
        if formula == "ours":
            return np.where(voted, self.after[rows], self.before[rows])
        if formula == "Hacker News":
            return np.asarray(votes**0.8 / (hours + 2) ** 1.8)
        if formula == "Reddit":
            return np.asarray(np.log10(np.maximum(votes, 1)) - hours / 12.5)
        return votes.astype(np.float64) if formula == "votes of 14 days" else -hours


def _with_reserved(placed: Rows, voted: NDArray[np.bool_], lot: Scores) -> Rows:
    """Every tenth place to a paper without votes, the smallest lots first."""
    most = min(RESERVED_MOST, int(voted.sum()) // (RESERVED_EVERY - 1))
    kept = [int(one) for one in np.argsort(np.where(voted, 2.0, lot))[:most] if not voted[one]]
    ordinary = iter([int(one) for one in placed if one not in set(kept)])
    drawn = iter(kept)
    found = []
    for place in range(1, len(placed) + 1):
        reserved = place % RESERVED_EVERY == 0 and place // RESERVED_EVERY <= len(kept)
        found.append(next(drawn if reserved else ordinary))
    return np.array(found)


ORDERS = ("ours", "ours, no reserved places", "Hacker News", "Reddit", "votes of 14 days", "newest first")


def run(place: Workplace) -> list[Table]:
    pool = Pool(place)
    month = Month(pool)
    days = [day.day for day in pool.pools(TEST + timedelta(days=WINDOW), END)]
    seen = 1 / np.log2(1 + np.arange(1, SEEN + 1))
    seen /= seen.sum()
    judged = _there(month, days)
    many = np.mean([len(rows) for _, rows in judged])
    title = (
        f"Who is seen in trending, {len(days)} days with {many:.0f} papers each; those of authors without a "
        f"pick in the year before got {_share_of_strangers(month, judged)} of the votes"
    )
    heads = ("order", "without votes", "authors without a pick", "ever seen", "Gini", "fields apart", "stays")
    table = Table(title, heads)
    there = np.unique(np.concatenate([rows for _, rows in judged]))
    for order in ORDERS:
        table.rows.append(_told(month, order, days, seen, there))
    return [table]


def _there(month: Month, days: list[date]) -> list[tuple[date, Rows]]:
    return [(day, np.sort(month.sight("newest first", day).rows)) for day in days]


def _share_of_strangers(month: Month, judged: list[tuple[date, Rows]]) -> str:
    rows = np.unique(np.concatenate([rows for _, rows in judged]))
    votes = month.votes[rows]
    return f"{100 * votes[month.strange[rows]].sum() / votes.sum():.0f} %"


def _told(month: Month, order: str, days: list[date], seen: Scores, there: Rows) -> tuple[str | float, ...]:
    sights = [month.sight(order, day) for day in days]
    unvoted, strangers = [], []
    of_paper = np.zeros(len(month.day))
    for sight in sights:
        first = sight.rows[:SEEN]
        unvoted.append(float(seen[: len(first)][~sight.voted[:SEEN]].sum()))
        strangers.append(float(seen[: len(first)][month.strange[first]].sum()))
        of_paper[first] += seen[: len(first)]
    shown = of_paper[there]
    return (
        order,
        percent(unvoted),
        percent(strangers),
        f"{100 * (shown > 0).mean():.0f} %",
        f"{_gini(shown):.2f}",
        f"{100 * _apart(month, of_paper, there):.0f} points",
        percent(list(_stays(sights))),
    )


def _stays(sights: list[Sight]) -> Iterator[float]:
    """Of the first 25 of two days that follow each other, the share that both have (Jaccard)."""
    for one, next_ in pairwise(sights):
        before, after = set(one.rows[:FIRST].tolist()), set(next_.rows[:FIRST].tolist())
        yield len(before & after) / len(before | after)


def _gini(values: Scores) -> float:
    ranked = np.sort(values)
    places = np.arange(1, len(ranked) + 1)
    return float((2 * places - len(ranked) - 1) @ ranked / (len(ranked) * ranked.sum()))


def _apart(month: Month, of_paper: Scores, there: Rows) -> float:
    """How far the fields' shares of what is seen lie from their shares of the votes: half the sum of the
    differences, 0 (the same) to 1."""
    shares: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in there:
        shares[str(month.field[row])][0] += of_paper[row]
        shares[str(month.field[row])][1] += float(month.votes[row])
    table = np.array(list(shares.values()))
    table /= table.sum(axis=0)
    return float(np.abs(table[:, 0] - table[:, 1]).sum() / 2)
