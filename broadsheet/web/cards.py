"""A paper as every list shows it. All words are made here, so that the template only has to place them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from html import escape, unescape
from typing import Final

from django.utils.safestring import SafeString, mark_safe

from broadsheet import text, trending
from broadsheet.models import Paper
from broadsheet.search import Found
from broadsheet.web.words import compact, counted

TITLE: Final = 400
SUMMARY: Final = 330
LEAD_SUMMARY: Final = 480
OUR_SUMMARY: Final = 800
BYLINE: Final = 6
NAME: Final = 80

# Who counts upvotes besides our readers. A second such source would make this a word of its own.
OUTSIDE: Final = "on Hugging Face"

NOTHING: Final = mark_safe("")

_TAG = re.compile(r"(<[^>]*>)")


@dataclass(slots=True)
class Card:
    """What a list shows of one paper; every `SafeString` went through `text` or was put together by us."""

    key: int
    url: str
    title: SafeString
    lead: bool
    votes: int
    byline: str
    summary: SafeString
    ours: bool
    withdrawn: bool
    reserved: bool
    category: str
    code: str
    models: bool
    day: date | None
    organization: str
    facts: SafeString
    why: SafeString
    by_meaning: bool = False
    # Why the paper is in this list, in words; empty where the list says it itself.
    because: str = ""
    # What the reader has marked the paper with.
    mine: frozenset[str] = frozenset()
    vote: SafeString = NOTHING
    # (address, words) of what can be done with this paper in this list.
    ways: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Reason:
    label: str
    detail: str
    points: str


@dataclass(slots=True)
class Reasons:
    """The terms of a score, signed, and their sum."""

    rows: list[Reason]
    total: str


def of_listing(found: trending.Listing, brief: bool) -> list[Card]:
    """The cards of a listing. The first paper of its first page is the lead; the day is known already."""
    dated = found.window.period != "day"
    return [
        _card(entry.paper, entry.place == 1 and not brief, brief, dated, entry.reserved, entry.reasons)
        for entry in found.entries
    ]


def of_papers(papers: Iterable[Paper], brief: bool) -> list[Card]:
    """The cards of a list whose order needs no explanation: search results, an author's papers."""
    return [_card(paper, False, brief, True, False, ()) for paper in papers]


def of_found(found: Found, brief: bool) -> list[Card]:
    """The cards of a search: what was asked for is marked in them, and so is what only means the same."""
    cards = of_papers(found.papers, brief)
    for card, paper in zip(cards, found.papers, strict=True):
        reason = found.reasons.get(paper.pk)
        card.by_meaning = reason is not None and reason.by_meaning and not (reason.by_words or reason.pinned)
        card.title, card.summary = marked(card.title, found.marks), marked(card.summary, found.marks)
    return cards


def marked(html: SafeString, marks: Callable[[str], list[tuple[int, int]]]) -> SafeString:
    """Safe HTML with the words that `marks` finds marked. A line with a formula stays as it was."""
    if "<math" in html:
        return html
    pieces = _TAG.split(html)
    pieces[::2] = [_marked(unescape(piece), marks) for piece in pieces[::2]]
    return mark_safe("".join(pieces))  # noqa: S308 - tags are kept as they came, text is escaped


def _marked(words: str, marks: Callable[[str], list[tuple[int, int]]]) -> str:
    told, at = "", 0
    for start, end in marks(words) if words.strip() else ():
        told += f"{escape(words[at:start])}<mark>{escape(words[start:end])}</mark>"
        at = end
    return told + escape(words[at:])


def _card(
    paper: Paper, lead: bool, brief: bool, dated: bool, reserved: bool, reasons: Sequence[trending.Reason]
) -> Card:
    return Card(
        key=paper.pk,
        url=paper.get_absolute_url(),
        title=title(paper, TITLE),
        lead=lead,
        votes=paper.votes,
        byline=byline(paper.authors),
        summary=mark_safe("") if brief else summary(paper, lead),
        ours=paper.abstract_is_ours,
        withdrawn=paper.withdrawn,
        reserved=reserved,
        category=named(paper.primary_category, 64),
        code=code(paper),
        models=paper.has_models,
        day=paper.listed_on if dated else None,
        organization=named(paper.organization, NAME),
        facts=_said(facts(paper)),
        why=_rows(reasons) if reasons else mark_safe(""),
    )


# A listing holds a hundred of the following. Django's template engine would take half of its time for
# them, so these two are put together here.


def _said(facts: Iterable[str]) -> SafeString:
    return mark_safe("".join(f'<span class="said">{escape(fact)}</span>' for fact in facts))  # noqa: S308 - escaped


def _rows(found: Sequence[trending.Reason]) -> SafeString:
    rows = "".join(_row(one.label, one.detail, _points(one.points)) for one in found)
    return mark_safe(f"<tbody>{rows}</tbody><tfoot>{_row('Together', 'points', _sum(found))}</tfoot>")  # noqa: S308


@lru_cache(maxsize=4096)
def _row(label: str, detail: str, points: str) -> str:
    return f'<tr><th scope="row">{escape(label)}</th><td>{escape(detail)}</td><td>{points}</td></tr>'


def _sum(found: Iterable[trending.Reason]) -> str:
    return f"{sum(one.points for one in found):.2f}".replace("-", "−")


def reasons_of(found: Sequence[trending.Reason]) -> Reasons:
    rows = [Reason(one.label, one.detail, _points(one.points)) for one in found]
    return Reasons(rows, _sum(found))


def title(paper: Paper, limit: int) -> SafeString:
    return line(paper.title, limit) or mark_safe("Untitled")


def line(words: str, limit: int) -> SafeString:
    """What a stranger wrote as one line of safe HTML, formulas as MathML."""
    return mark_safe(text.title_html(text.shorten(words, limit)))  # noqa: S308 - text escapes


def named(name: str, limit: int) -> str:
    """A name as visible plain text."""
    return text.plain_line(name if len(name) <= limit else name[:limit] + "…")


def summary(paper: Paper, lead: bool) -> SafeString:
    """The start of the abstract as one paragraph; a summary of ours is short enough to stand whole."""
    limit = OUR_SUMMARY if paper.abstract_is_ours else LEAD_SUMMARY if lead else SUMMARY
    return line(paper.abstract, limit)


def byline(authors: list[str]) -> str:
    """The first names on a paper, and how many more there are."""
    names = [named(name, NAME) for name in authors[:BYLINE]]
    more = len(authors) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def code(paper: Paper) -> str:
    if not paper.has_code:
        return ""
    return f"Code ★ {compact(paper.stars)}" if paper.stars else "Code"


def facts(paper: Paper) -> Iterator[str]:
    if paper.outside_upvotes:
        yield counted(paper.outside_upvotes, "upvote") + f" {OUTSIDE}"
    if comments := paper.comments + paper.outside_comments:
        yield counted(comments, "comment")


def _points(points: float) -> str:
    return f"{points:+.2f}".replace("-", "−") if abs(points) >= 0.005 else "0"
