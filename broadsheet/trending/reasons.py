"""Why a paper stands where it does, in words and points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from broadsheet import scoring
from broadsheet.models import Paper
from broadsheet.trending.days import today
from broadsheet.trending.foreseeing import terms_of
from broadsheet.trending.standing import facts, growth_of, weights
from broadsheet.trending.windows import Window


@dataclass(frozen=True)
class Reason:
    """One term of why a paper stands where it does, in words and points."""

    label: str
    detail: str
    points: float


# What the outlook is made of, in the words of the page.
TERM_WORDS = {
    "text": "its words",
    "authors": "its authors’ earlier papers",
    "links": "its links",
    "form": "its title",
}
# Doublings of the odds, up or down, that are worth a word.
TELLING = 0.5


def reasons(paper: Paper, window: Window, reserved: bool = False, now: date | None = None) -> list[Reason]:
    """The published score of a paper, term by term, in words. `now`: the day to count its age to (today)."""
    rank = weights()
    found = [
        Reason(*_words(part, paper), round(part.points, 3))
        for part in scoring.parts(facts(paper), rank)
        if abs(part.points) >= 0.0005
    ]
    if window.period == "trending" and paper.listed_on:
        found += _of_time(paper, paper.listed_on, now or today(), rank)
    if reserved:
        found.insert(
            0, Reason("Reserved place", "kept for a paper nobody has voted on yet, drawn by lot each day", 0)
        )
    elif paper.place:
        found.append(Reason("Place", f"number {paper.place} on its source’s own list settles ties", 0))
    if not found:
        found.append(Reason("No votes yet", "papers with equal points stand in the order they came in", 0))
    return found


def _of_time(paper: Paper, day: date, now: date, rank: scoring.Weights) -> Iterator[Reason]:
    """What trending adds: growth since, and age."""
    grown = growth_of(paper)
    score = paper.score or 0.0
    if grown is not None:
        points = scoring.hotness(score, day, grown, rank) - scoring.hotness(score, day, None, rank)
        if points >= 0.0005:
            detail = f"stars or citations came faster than usual, seen {grown.seen_on:%-d %B %Y}"
            yield Reason("Growth", detail, round(points, 3))
    points = scoring.hotness(0, day, None, rank) - scoring.hotness(0, now, None, rank)
    age = scoring.announcement_days(now) - scoring.announcement_days(day)
    yield Reason("Age", f"{age} announcement day{'s' * (age != 1)} old", round(points, 3))


def _words(part: scoring.Part, paper: Paper) -> tuple[str, str]:
    many = f"{part.amount:,.0f}"
    if part.name == "votes":
        return "Votes", f"{paper.upvotes:,} here, {paper.outside_upvotes:,} elsewhere"
    if part.name == "field":
        less = "fewer" if part.points > 0 else "more"
        return "Field", f"votes are {less} in {paper.primary_category}, so each counts for {_more(part)}"
    if part.name == "outlook":
        return "Outlook", f"{_percent(part.amount)} chance to be picked, {_because(paper)}"
    if part.name == "comments":
        return "Comments", f"{many} comment{'s' * (part.amount != 1)}, counted up to the votes"
    if part.name == "stars":
        return "Stars", f"{many} star{'s' * (part.amount != 1)} on its code"
    if part.name == "code":
        return "Code", "the code is public"
    return "Withdrawn", "its authors took it back, so its points do not count"


def _more(part: scoring.Part) -> str:
    return "more" if part.points > 0 else "less"


def _percent(chance: float) -> str:
    return f"{100 * chance:.0f} %" if chance >= 0.01 else "under 1 %"


def _because(paper: Paper) -> str:
    """What made the outlook, the weightiest first, in doublings of the odds."""
    told = sorted(terms_of(paper).items(), key=lambda term: -abs(term[1]))
    words = [
        f"{TERM_WORDS[name]} {value:+.1f}".replace("-", "−") for name, value in told if abs(value) >= TELLING
    ]
    return f"by {', '.join(words)}" if words else "as the average paper"
