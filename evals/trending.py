"""Trending on the last six months of Hugging Face's daily papers, which nothing was learned or chosen from.

(a) A paper appears: which of the day's papers will people pick? Nobody has voted yet, so every formula of
votes alone falls back on age. (b) The day's picks, in which order? Upvotes are the judge, so they are hidden
from every formula; stars and comments were read at the same hour and may owe something to the same readers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import numpy as np
from numpy.typing import NDArray

from broadsheet import outlook, scoring
from broadsheet.scoring import Facts
from evals.measures import ndcg
from evals.outlook import learned, outlooks
from evals.picks import DEVELOPMENT, FIRST, PLACES, TEST, Pool
from evals.report import Table, percent
from evals.workplace import Workplace

END = date(2026, 8, 22)
FEWEST_ORDERED, DEPTH = 10, 10

Scores = NDArray[np.float64]


def run(place: Workplace) -> list[Table]:
    pool = Pool(place)
    chance = outlooks(pool, outlook.model())
    lot = np.random.default_rng(0).random(len(pool))
    prior = _prior(pool) + 1e-9 * lot
    newest = np.array([_number(name) for name in pool.ids])
    return [_appearing(pool, chance, prior, newest, lot), _ordering(pool, chance, prior, newest, lot)]


def _appearing(pool: Pool, chance: Scores, prior: Scores, newest: Scores, lot: Scores) -> Table:
    days = list(pool.pools(TEST, END))
    papers = np.mean([len(day.rows) for day in days])
    title = f"The day's picks among {papers:.0f} papers, {len(days)} days"
    table = Table(title, ("order", f"recall@{PLACES}"))
    orders = {
        "ours: outlook": chance,
        "newest first (also HN, Reddit, Lobsters and stars: nobody has voted yet)": newest,
        "category prior": prior,
        "by lot": lot,
    }
    for name, scores in orders.items():
        table.rows.append((name, percent(pool.recall(scores, TEST, END))))
    return table


def _ordering(pool: Pool, chance: Scores, prior: Scores, newest: Scores, lot: Scores) -> Table:
    shown = [pool.picks.get(name) for name in pool.ids]
    stars = np.array([pick.stars or 0 if pick else 0 for pick in shown], dtype=np.float64)
    comments = np.array([pick.comments if pick else 0 for pick in shown], dtype=np.float64)
    hours = np.array([24.0 * (pick.day - pick.published).days if pick else 0.0 for pick in shown])
    talk = np.minimum(0.5 * comments, stars)
    ours = [
        scoring.score(Facts(comments=int(said), stars=int(starred), outlook=odds))
        for said, starred, odds in zip(comments, stars, chance, strict=True)
    ]
    orders = {
        "ours, votes hidden": np.array(ours),
        "outlook alone": chance,
        "stars": stars + 1e-9 * lot,
        "Hacker News, stars as votes": stars**0.8 / (hours + 2) ** 1.8 + 1e-9 * lot,
        "Lobsters, stars as votes": np.log10(np.maximum(stars + 1 + talk, 1)) - hours / 22,
        "comments": comments + 1e-9 * lot,
        "Reddit, stars as votes": np.log10(np.maximum(stars, 1)) - hours / 12.5,
        "newest first": newest,
        "category prior": prior,
        "by lot": lot,
    }
    days = _listed(pool)
    grades = np.array([np.log2(1 + pick.upvotes) if pick else 0.0 for pick in shown])
    table = Table(f"The picks of a day in order, {len(days)} days", ("order", f"nDCG@{DEPTH}"))
    for name, scores in orders.items():
        gains = [
            ndcg(grades[rows][np.argsort(-scores[rows], kind="stable")], grades[rows], DEPTH) for rows in days
        ]
        table.rows.append((name, percent(gains)))
    return table


# Tried on the development days; the published ones are among them.
TRIED = {
    "stars": (0.0, 0.1, 0.25, 0.5, 1.0),
    "comment": (0.0, 0.5, 1.0, 2.0),
    "outlook": (1.0, 2.0, 4.0, 8.0),
}


def explore(place: Workplace) -> list[Table]:
    """What each weight is worth on the days before the test months, the outlook learned before those."""
    pool = Pool(place)
    chance = outlooks(pool, outlook.Model(learned(pool, FIRST, DEVELOPMENT)))
    shown = [pool.picks.get(name) for name in pool.ids]
    days = _listed(pool, DEVELOPMENT, TEST - timedelta(days=1))
    grades = np.array([np.log2(1 + pick.upvotes) if pick else 0.0 for pick in shown])
    rows = np.concatenate(days)
    table = Table(f"The picks of a day in order, {len(days)} development days", (*TRIED, f"nDCG@{DEPTH}"))
    for tried in product(*TRIED.values()):
        weights = replace(scoring.WEIGHTS, **dict(zip(TRIED, tried, strict=True)))
        scores = np.zeros(len(pool))
        for row in rows:
            pick = shown[row]
            facts = Facts(
                comments=pick.comments if pick else 0,
                stars=(pick.stars or 0) if pick else 0,
                outlook=chance[row],
            )
            scores[row] = scoring.score(facts, weights)
        gains = [
            ndcg(grades[day][np.argsort(-scores[day], kind="stable")], grades[day], DEPTH) for day in days
        ]
        table.rows.append((*tried, percent(gains)))
    table.rows.sort(key=lambda row: str(row[-1]), reverse=True)
    return [table]


def _listed(pool: Pool, first: date = TEST, end: date = END) -> list[NDArray[np.int64]]:
    """The rows of each day's list, where enough of them are in the pool."""
    found: dict[date, list[int]] = defaultdict(list)
    for row, name in enumerate(pool.ids):
        pick = pool.picks.get(name)
        if pick and pool.days[row] >= first and first <= pick.day < end + timedelta(days=1):
            found[pick.day].append(row)
    return [np.array(rows) for _, rows in sorted(found.items()) if len(rows) >= FEWEST_ORDERED]


def _prior(pool: Pool) -> Scores:
    """The share of each field's papers that were picked before the test months."""
    primary, before = pool.primary, pool.between(FIRST, TEST)
    share = float(pool.picked[before].mean())
    papers = Counter(code for code, early in zip(primary, before, strict=True) if early)
    chosen = Counter(code for code, taken in zip(primary, before & pool.picked, strict=True) if taken)
    return np.array([(chosen[code] + 50 * share) / (papers[code] + 50) for code in primary])


def _number(name: str) -> float:
    """arXiv numbers papers as they come in."""
    head, _, tail = name.partition(".")
    return float(f"{head}.{tail}") if head.isdigit() and tail.isdigit() else 0.0
