"""Answers a query as the search box does: words, "phrases", author: title: cat: year:2023..2025 -word."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from broadsheet import search
from broadsheet.models import Paper


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("query", nargs="+", metavar="QUERY", help="as it would be typed into the box")
        parser.add_argument("--limit", type=int, default=10, help="at most so many papers (default 10)")
        parser.add_argument("--cat", action="append", default=[], help="only this category; may be repeated")
        parser.add_argument("--since", type=day, help="only papers from this day on, such as 2025-03-14")
        parser.add_argument("--sort", choices=search.SORTS, default="relevance")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        narrowing = search.Narrowing(categories=tuple(options["cat"]), first_day=options["since"])
        limit = max(1, min(options["limit"], 1000))
        try:
            found = search.search(
                " ".join(options["query"]), 1, limit, narrowing=narrowing, sort=options["sort"]
            )
        except search.BadQuery as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(as_json(found) if options["json"] else "\n".join(lines(found)))


def day(text: str) -> date:
    """A day as YYYY-MM-DD; argparse turns the ValueError into its own sentence."""
    return date.fromisoformat(text)


def lines(found: search.Found) -> list[str]:
    """For people: notes, then a line per paper."""
    said = [f"Showing results for “{found.corrected}”."] if found.corrected else []
    said += found.notes
    said += [f"{line(paper)}{_why(found, paper)}" for paper in found.papers]
    return said if found.papers else [*said, "No paper found."]


def line(paper: Paper) -> str:
    when = str(paper.listed_on or (f"{paper.month // 100}-{paper.month % 100:02}" if paper.month else ""))
    return f"{paper.identifier:<18} {when:<10}  {paper.title}"


def _why(found: search.Found, paper: Paper) -> str:
    why = found.reasons.get(paper.pk)
    return "  (by meaning)" if why and why.by_meaning and not why.by_words and not why.pinned else ""


def as_json(found: search.Found) -> str:
    said = {
        "query": found.query,
        "corrected": found.corrected,
        "notes": found.notes,
        "total": found.total,
        "papers": [paper_as_json(found, paper) for paper in found.papers],
    }
    return json.dumps(said, ensure_ascii=False, indent=1)


def paper_as_json(found: search.Found, paper: Paper) -> dict[str, Any]:
    why = found.reasons.get(paper.pk, search.Reason())
    return {
        "identifier": paper.identifier,
        "title": paper.title,
        "authors": paper.authors,
        "categories": paper.categories,
        "listed_on": paper.listed_on.isoformat() if paper.listed_on else None,
        "votes": paper.upvotes,
        "by_words": why.by_words,
        "by_meaning": why.by_meaning,
        "pinned": why.pinned,
    }
