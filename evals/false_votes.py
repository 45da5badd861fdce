"""How far a ring of false votes lifts a paper: `python -m evals.false_votes`, on real days of real votes.

On each of some days of Hugging Face's daily list the papers of the last 14 days stand with their real
upvotes as votes of our readers (grown accounts). The paper of that day with the median number of votes gets
K false votes. Told is its place in trending before and after, the places won for each false vote, and how
often it came among the first ten. Every formula sees the same attack; nothing is tuned on it.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import log10
from statistics import mean

from broadsheet import scoring
from evals.data import data_file

WINDOW = 14
DAYS = 60
RINGS = (5, 10, 25, 50, 100, 200)
# A vote of an account that was made for it: community.votes.weight of no age at all.
YOUNG = 0.25

# (votes by weight, the paper's day, today) -> what orders trending.
Formula = Callable[[float, date, date], float]


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
    before: int
    after: int
    displaced: int


def days() -> dict[date, list[tuple[str, int]]]:
    """(paper, upvotes) of each day of the list."""
    found: dict[date, list[tuple[str, int]]] = defaultdict(list)
    with gzip.open(data_file("hf_daily.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            day = str(told.get("date") or told.get("day") or "")[:10]
            key = str(told.get("id") or told.get("arxiv_id") or told.get("paper_id") or "")
            if day and key and told.get("upvotes") is not None:
                found[date.fromisoformat(day)].append((key, int(told["upvotes"])))
    return found


def attack(
    papers: list[tuple[str, int, date]], target: str, false: float, today: date, rank: Formula
) -> Attack:
    def order(extra: float) -> list[str]:
        points = {
            key: rank(votes + (extra if key == target else 0.0), day, today) for key, votes, day in papers
        }
        return sorted(points, key=lambda key: (-points[key], key))

    before, after = order(0.0), order(false)
    return Attack(
        before.index(target) + 1,
        after.index(target) + 1,
        len(set(before[:10]) - set(after[:10]) - {target}),
    )


def main() -> None:
    known = days()
    chance = random.Random(11)
    full = [day for day in sorted(known) if len(known[day]) >= 10]
    chosen = sorted(chance.sample(full[WINDOW:], min(DAYS, len(full) - WINDOW)))
    print(f"{len(chosen)} days, {sum(len(known[day]) for day in chosen)} papers on them\n")
    print("| formula | accounts | " + " | ".join(f"{ring} false votes" for ring in RINGS) + " |")
    print("|---|---|" + "---|" * len(RINGS))
    for name, rank in FORMULAS.items():
        for weight, accounts in ((1.0, "grown"), (YOUNG, "new")):
            if weight < 1 and name != "ours":
                continue
            cells = []
            for ring in RINGS:
                found = []
                for today in chosen:
                    papers = [
                        (key, votes, day)
                        for day in known
                        if 0 <= (today - day).days < WINDOW
                        for key, votes in known[day]
                    ]
                    of_today = sorted(known[today], key=lambda paper: paper[1])
                    target = of_today[len(of_today) // 2][0]
                    found.append(attack(papers, target, ring * weight, today, rank))
                before, after = mean(one.before for one in found), mean(one.after for one in found)
                lift = mean((one.before - one.after) / ring for one in found)
                top = mean(one.after <= 10 for one in found)
                cells.append(f"{before:.0f} → {after:.0f}; {lift:.2f} a vote; {top:.0%} in the first ten")
            print(f"| {name} | {accounts} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
