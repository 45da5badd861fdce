"""Why a paper stands where it does, in words and points."""

from __future__ import annotations

from dataclasses import dataclass

from broadsheet import scoring
from broadsheet.models import Paper
from broadsheet.trending.days import today
from broadsheet.trending.standing import facts
from broadsheet.trending.windows import Window


@dataclass(frozen=True)
class Reason:
    """One term of why a paper stands where it does, in words and points."""

    label: str
    detail: str
    points: float


def reasons(paper: Paper, window: Window, reserved: bool = False) -> list[Reason]:
    """The published score of a paper, term by term, in words."""
    found = [
        Reason(*_words(part, paper), round(part.points, 3))
        for part in scoring.parts(facts(paper))
        if abs(part.points) >= 0.0005
    ]
    if window.period == "trending" and paper.listed_on:
        points = scoring.hotness(0, paper.listed_on) - scoring.hotness(0, today())
        age = scoring.announcement_days(today()) - scoring.announcement_days(paper.listed_on)
        found.append(Reason("Age", f"{age} announcement day{'s' * (age != 1)} old", round(points, 3)))
    if reserved:
        found.insert(
            0, Reason("Reserved place", "kept for a paper nobody has voted on yet, drawn by lot each day", 0)
        )
    elif paper.place:
        found.append(Reason("Place", f"number {paper.place} on its source’s own list settles ties", 0))
    if not found:
        found.append(Reason("No votes yet", "papers with equal points stand in the order they came in", 0))
    return found


def _words(part: scoring.Part, paper: Paper) -> tuple[str, str]:
    many = f"{part.amount:,.0f}"
    if part.name == "votes":
        return "Votes", f"{paper.upvotes:,} here, {paper.outside_upvotes:,} elsewhere"
    if part.name == "comments":
        return "Comments", f"{many} comment{'s' * (part.amount != 1)}, counted up to the votes"
    if part.name == "stars":
        return "Stars", f"{many} star{'s' * (part.amount != 1)} on its code"
    if part.name == "code":
        return "Code", "the code is public"
    return "Withdrawn", "its authors took it back, so its points do not count"
