"""How far a ring of false votes lifts a paper: `python -m evals.false_votes`, on real days of real votes.

On each of some days of Hugging Face's daily list the papers of the last 14 days stand with their real
upvotes as votes of our readers (grown accounts). The paper of that day with the median number of votes gets
K false votes: all at once from grown accounts, all at once from accounts made for it, or a seventh on each
day of a week from accounts made on the day. Told is its place in trending before and after (for the drip:
the best place of the week), the places won for each false vote, how often it came among the first ten, and
how many honest papers lost their place there. Every formula sees the same attack; nothing is tuned on it.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import log10
from statistics import mean

from broadsheet import scoring
from evals.data import data_file

WINDOW = 14
DAYS = 60
RINGS = (5, 10, 25, 50, 100, 200)
# A vote of an account that was made for it: community.votes.weight of no age at all.
YOUNG = 0.25
# Days until it counts in full: community.votes.GROWN_UP.
WEEK = 7
TOP = 10

# (votes by weight, the paper's day, today) -> what orders trending.
Formula = Callable[[float, date, date], float]
# The papers of each day with their votes.
Days = dict[date, list[tuple[str, int]]]
Shape = Callable[[Days, str, date, Formula, int], "Attack"]


def ours(votes: float, day: date, today: date) -> float:
    return scoring.hotness(scoring.score(scoring.Facts(upvotes=votes)), day)


def reddit(votes: float, day: date, today: date) -> float:
    return log10(max(votes, 1)) + day.toordinal() * 86_400 / 45_000


def hacker_news(votes: float, day: date, today: date) -> float:
    return float(max(votes - 1, 0) ** 0.8 / ((today - day).days * 24 + 2) ** 1.8)


def raw(votes: float, day: date, today: date) -> float:
    return votes


FORMULAS: dict[str, Formula] = {
    "votes of 14 days, uncompressed": raw,
    "Hacker News": hacker_news,
    "Reddit hot": reddit,
    "ours": ours,
}


@dataclass(frozen=True)
class Attack:
    """One paper's places, from 1, and how many of the first ten it pushed out."""

    before: int
    after: int
    displaced: int


def days() -> Days:
    """(paper, upvotes) of each day of the list."""
    found: Days = defaultdict(list)
    with gzip.open(data_file("hf_daily.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            day = str(told.get("date") or told.get("day") or "")[:10]
            key = str(told.get("id") or told.get("arxiv_id") or told.get("paper_id") or "")
            if day and key and told.get("upvotes") is not None:
                found[date.fromisoformat(day)].append((key, int(told["upvotes"])))
    return found


def attack(known: Days, target: str, today: date, rank: Formula, false: float) -> Attack:
    """What `false` votes by weight do on one day."""
    rows = [
        (key, votes, day)
        for day in (today - timedelta(days=back) for back in range(WINDOW))
        for key, votes in known.get(day, ())
    ]
    points = {key: rank(votes, day, today) for key, votes, day in rows}
    before = sorted(points, key=lambda key: (-points[key], key))
    votes, day = next((votes, day) for key, votes, day in rows if key == target)
    points[target] = rank(votes + false, day, today)
    after = sorted(points, key=lambda key: (-points[key], key))
    pushed = set(before[:TOP]) - set(after[:TOP]) - {target}
    return Attack(before.index(target) + 1, after.index(target) + 1, len(pushed))


def at_once(weight: float) -> Shape:
    def shape(known: Days, target: str, today: date, rank: Formula, ring: int) -> Attack:
        return attack(known, target, today, rank, ring * weight)

    return shape


def drip(ripens: bool) -> Shape:
    """A seventh of the ring on each day of a week; `ripens`: the vote of an account grows with its age."""

    def shape(known: Days, target: str, today: date, rank: Formula, ring: int) -> Attack:
        found = []
        for day in range(WEEK):
            ages = range(day + 1)
            each = [YOUNG + (1 - YOUNG) * age / WEEK if ripens else 1.0 for age in ages]
            false = ring / WEEK * sum(each)
            found.append(attack(known, target, today + timedelta(days=day), rank, false))
        return Attack(
            min(one.before for one in found),
            min(one.after for one in found),
            max(one.displaced for one in found),
        )

    return shape


# (formula, accounts in words, what they do). Only ours asks how old an account is.
ATTACKS: list[tuple[str, str, Shape]] = [
    *((name, "at once", at_once(1.0)) for name in FORMULAS),
    ("ours", "at once, new", at_once(YOUNG)),
    *((name, "a week’s drip", drip(name == "ours")) for name in FORMULAS),
]


def main() -> None:
    known = days()
    chance = random.Random(11)
    full = [day for day in sorted(known) if len(known[day]) >= 10]
    chosen = sorted(chance.sample(full[WINDOW:-WEEK], min(DAYS, len(full) - WINDOW - WEEK)))
    print(f"{len(chosen)} days, {sum(len(known[day]) for day in chosen)} papers on them\n")
    print("| formula | false votes | " + " | ".join(map(str, RINGS)) + " |")
    print("|---|---|" + "---|" * len(RINGS))
    for name, accounts, shape in ATTACKS:
        cells = []
        for ring in RINGS:
            found = []
            for today in chosen:
                of_today = sorted(known[today], key=lambda paper: paper[1])
                target = of_today[len(of_today) // 2][0]
                found.append(shape(known, target, today, FORMULAS[name], ring))
            before, after = mean(one.before for one in found), mean(one.after for one in found)
            lift = mean((one.before - one.after) / ring for one in found)
            top = mean(one.after <= TOP for one in found)
            pushed = mean(one.displaced for one in found)
            cells.append(f"{before:.0f} → {after:.0f}; {lift:.2f}; {top:.0%}; {pushed:.1f}")
        print(f"| {name} | {accounts} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
