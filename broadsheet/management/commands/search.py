"""Answers a query as the search box does: words, "phrases", author: title: cat: year:2023..2025 -word."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from broadsheet import search
from broadsheet.management import elsewhere, showing
from broadsheet.management.elsewhere import Elsewhere
from broadsheet.management.plainly import at_hand
from broadsheet.management.showing import Shown


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("query", nargs="+", metavar="QUERY", help="as it would be typed into the box")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        narrowing(parser)
        showing.arguments(parser)
        elsewhere.argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        limit = max(1, min(options["limit"], 1000))
        query = " ".join(options["query"])
        if options["remote"]:
            shown = _remote(Elsewhere(options["remote"]), query, options, limit)
        else:
            with at_hand(self.stderr.write):
                shown = _local(query, options, limit)
        showing.write(shown, options["form"], self.stdout.write)


def narrowing(parser: ArgumentParser) -> None:
    """What narrows and orders a search."""
    parser.add_argument("--cat", action="append", default=[], help="only this category; may be repeated")
    parser.add_argument(
        "--since", type=day, metavar="DAY", help="only papers from this day on, such as 2025-03-14"
    )
    parser.add_argument("--until", type=day, metavar="DAY", help="only papers up to this day")
    parser.add_argument("--sort", choices=search.SORTS, default="relevance", help="the order")


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day; write it as 2025-03-14") from error


def found(query: str, options: dict[str, Any], limit: int) -> search.Found:
    """Raises CommandError for what cannot be meant."""
    narrowed = search.Narrowing(
        categories=tuple(options["cat"]), first_day=options["since"], last_day=options["until"]
    )
    try:
        return search.search(query, 1, limit, narrowing=narrowed, sort=options["sort"])
    except search.BadQuery as refusal:
        raise CommandError(str(refusal)) from refusal


def remote_query(query: str, options: dict[str, Any]) -> str:
    """The whole question as one text, since that is what another server is asked."""
    if options["since"] or options["until"]:
        raise CommandError("With --remote write years into the query instead of days: year:2024..2025")
    try:
        return search.as_text(query, search.Narrowing(categories=tuple(options["cat"])))
    except search.BadQuery as refusal:
        raise CommandError(str(refusal)) from refusal


def listed(found: search.Found, heading: str = "") -> Shown:
    """With a row for each paper that says why it is there."""
    rows = []
    for paper in found.papers:
        why = found.reasons.get(paper.pk, search.Reason())
        near = why.by_meaning and not why.by_words and not why.pinned
        reasons = {"by_words": why.by_words, "by_meaning": why.by_meaning, "pinned": why.pinned}
        rows.append(showing.row(paper, **reasons, why="near in meaning" if near else ""))
    return _shown(found.query, found.corrected, found.notes, found.total, rows, heading)


def _local(query: str, options: dict[str, Any], limit: int) -> Shown:
    return listed(found(query, options, limit))


def _remote(there: Elsewhere, query: str, options: dict[str, Any], limit: int) -> Shown:
    asked = remote_query(query, options)
    told = there.search(asked, options["sort"], limit)
    rows = [elsewhere.row(each) for each in told["papers"]]
    return _shown(asked, told["corrected"], told["notes"], told["total"], rows)


def _shown(
    query: str, corrected: str, notes: list[str], total: int, rows: list[showing.Row], heading: str = ""
) -> Shown:
    said = [f"Showing results for “{corrected}”."] if corrected else []
    said += notes
    said += [] if rows else ["No paper found."]
    facts = {"query": query, "corrected": corrected, "notes": notes, "total": total}
    return Shown(heading, rows, facts, said)
