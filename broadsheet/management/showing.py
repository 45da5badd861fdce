"""How commands show papers: as a table for people, as JSON for programs, as Markdown for both.

A list is the same whether its papers come from this server's tables or from another server's API, so both
become rows: what JSON tells of a paper, and what the table and Markdown are made of.
"""

from __future__ import annotations

import json
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from django.conf import settings

from broadsheet import exports, text
from broadsheet.models import Link, Paper

Form = Literal["table", "json", "markdown"]
FORMS: Final[tuple[Form, ...]] = ("table", "json", "markdown")
ABSTRACT: Final = 600

Row = dict[str, Any]
Say = Callable[[str], Any]


@dataclass
class Shown:
    """A list to show. `facts` stand beside the papers in JSON, `heading` above them elsewhere; `notes` are
    sentences for the reader. Of a row, `place` and `why` are shown where they are there."""

    heading: str
    rows: Sequence[Row]
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


def arguments(parser: ArgumentParser) -> None:
    """`--format`, and the short words for two of the three."""
    parser.add_argument("--format", dest="form", choices=FORMS, default="table", help="default: a table")
    for form in FORMS[1:]:
        parser.add_argument(
            f"--{form}", dest="form", action="store_const", const=form, help=f"the same as --format {form}"
        )


def here() -> str:
    """Where this server is for its readers, for addresses in what is shown."""
    return settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT}"


def row(paper: Paper, **more: Any) -> Row:
    return {
        "identifier": paper.identifier,
        "title": paper.title,
        "authors": paper.authors,
        "categories": paper.categories,
        "published_at": paper.published_at.isoformat() if paper.published_at else None,
        "listed_on": paper.listed_on.isoformat() if paper.listed_on else None,
        "month": f"{paper.month // 100}-{paper.month % 100:02}" if paper.month else None,
        "votes": paper.upvotes,
        "abstract": paper.abstract,
        "url": here() + paper.get_absolute_url(),
        **more,
    }


def whole(paper: Paper) -> Row:
    """Everything that is told of one paper."""
    links = Link.objects.filter(paper=paper).order_by("pk").values("kind", "url")
    told = [*("abstract_is_ours", "comments", "outside_upvotes", "stars", "organization", "withdrawn")]
    told += ["comment", "journal_ref", "licence", "doi"]
    revised = paper.revised_at.isoformat() if paper.revised_at else None
    return row(paper, revised_at=revised, **{name: getattr(paper, name) for name in told}, links=list(links))


def write(shown: Shown, form: Form, say: Say) -> None:
    if form == "json":
        say(json.dumps({**shown.facts, "papers": shown.rows}, ensure_ascii=False, indent=1))
    elif form == "markdown":
        say("\n".join(_markdown(shown)))
    else:
        say("\n".join(_table(shown)))


# --- for people --------------------------------------------------------------------------------------------


def _table(shown: Shown) -> Iterable[str]:
    if shown.heading:
        yield shown.heading
    yield from shown.notes
    names = max((len(each["identifier"]) for each in shown.rows), default=0)
    votes = max((len(str(each["votes"])) for each in shown.rows), default=0)
    places = [each.get("place") for each in shown.rows]
    for place, each in zip(places, shown.rows, strict=True):
        start = f"{place:>4}  " if place else ""
        day = each["listed_on"] or each["month"] or ""
        facts = f"{start}{each['identifier']:<{names}}  {day:<10}  {each['votes']:>{votes}}  "
        yield facts + _fitting(_line(each["title"]), len(facts))
        if why := _why(each):
            yield f"    {why}"


def _why(each: Row) -> str:
    """In words: a sentence, or the names of what a score is made of."""
    why = each.get("why") or ""
    return why if isinstance(why, str) else ", ".join(str(term["label"]) for term in why)


def _fitting(words: str, before: int) -> str:
    """On a terminal a title ends where the line does; in a pipe nothing is cut."""
    if not sys.stdout.isatty():
        return words
    room = max(30, shutil.get_terminal_size((100, 24)).columns - before)
    return words if len(words) <= room else words[: room - 1] + "…"


def _line(words: str) -> str:
    return text.text_plain(words).replace("\n", " ")


# --- Markdown ----------------------------------------------------------------------------------------------


def _markdown(shown: Shown) -> Iterable[str]:
    if shown.heading:
        yield f"# {exports.marked(shown.heading)}\n"
    for note in shown.notes:
        yield f"{exports.marked(note)}\n"
    for each in shown.rows:
        yield f"## {exports.marked(_line(each['title']))}\n"
        yield exports.marked(", ".join(map(_line, each["authors"]))) + "\n"
        yield from (f"- {name}: {value}" for name, value in _facts(each) if value)
        yield ""
        if each["abstract"]:
            yield exports.marked(text.shorten(_line(each["abstract"]), ABSTRACT)) + "\n"


def _facts(each: Row) -> Iterable[tuple[str, str]]:
    yield "Place", str(each.get("place") or "")
    yield "Identifier", exports.marked(each["identifier"])
    yield "Listed", each["listed_on"] or each["month"] or ""
    yield "Categories", exports.marked(", ".join(each["categories"]))
    yield "Votes", str(each["votes"])
    yield "Why", exports.marked(_why(each))
    yield "Page", f"<{each['url']}>"
