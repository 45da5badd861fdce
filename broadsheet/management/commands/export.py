"""Writes a search, a listing or a collection to a file: broadsheet export --week --as ris -o week.ris"""

from __future__ import annotations

import csv
import io
import json
import os
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from broadsheet import exports, trending
from broadsheet.community import collecting
from broadsheet.management import elsewhere, showing
from broadsheet.management.commands import search
from broadsheet.management.commands import trending as listings
from broadsheet.management.commands.paper import whole_row
from broadsheet.management.commands.related import named
from broadsheet.management.elsewhere import Elsewhere
from broadsheet.management.joining import entries, joined
from broadsheet.management.plainly import at_hand
from broadsheet.models import Collection, Paper

# Read at once; a listing ends at place 30,000, a search at its 300th paper.
AT_ONCE: Final = 500
MOST: Final = 30_000
COLUMNS: Final = (
    "identifier", "title", "authors", "categories", "published_at", "listed_on", "votes", "url", "abstract",
)  # fmt: skip
FORMS: Final = (*exports.FORMATS, "json", "csv")
# What spreadsheets would take for a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Pieces = Iterable[str]


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("query", nargs="*", metavar="QUERY", help="a search, as typed into the box")
        search.narrowing(parser)
        which = listings.periods(parser)
        which.add_argument("--trending", action="store_true", help="what is hot now")
        which.add_argument("--collection", type=int, metavar="NUMBER", help="a collection, by its address")
        which.add_argument("--id", nargs="+", action="extend", metavar="ID", help="papers by their names")
        parser.add_argument(
            "--as", dest="citation", choices=FORMS, help="the format (default: by the file's name, else bib)"
        )
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="instead of standard output")
        parser.add_argument("--limit", type=int, default=MOST, help="at most so many papers")
        elsewhere.argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        form = options["citation"] or _by_name(options["output"])
        _mind(options)
        limit = max(1, min(options["limit"], MOST))
        if options["remote"]:
            self._write(_from_there(Elsewhere(options["remote"]), options, form, limit), options["output"])
            return
        with at_hand(self.stderr.write):
            self._write(_from_here(options, form, limit), options["output"])

    def _write(self, pieces: Pieces, output: Path | None) -> None:
        """To a file that is there only when it is whole, or to standard output piece by piece."""
        if output is None:
            for piece in pieces:
                self.stdout.write(piece, ending="")
            return
        half = output.with_name(f".{output.name}.{os.getpid()}")
        try:
            with half.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
            half.replace(output)
        except OSError as error:
            raise CommandError(f"{output} cannot be written ({error.strerror}).") from error
        finally:
            half.unlink(missing_ok=True)
        self.stderr.write(f"{output}: {output.stat().st_size:,} bytes")


def _by_name(output: Path | None) -> str:
    name = output.name if output else ""
    return next((form for form in FORMS if name.endswith(f".{form}")), "bib")


def _mind(options: dict[str, Any]) -> None:
    period, _ = listings.named(options)
    other = options["collection"] is not None or options["id"] or options["trending"] or period != "trending"
    if bool(options["query"]) == bool(other):
        raise CommandError(
            "Say what to export: a search, or one of --day, --week, --month, --all, --trending, "
            "--collection, --id. For example:  broadsheet export --week --as ris -o week.ris"
        )


# --- this machine's papers ---------------------------------------------------------------------------------


def _from_here(options: dict[str, Any], form: str, limit: int) -> Pieces:
    papers = islice(_papers(options), limit)
    if form in exports.FORMATS:
        return exports.FORMATS[form].write(papers, showing.here())
    return _as_rows((showing.row(paper) for paper in papers), form)


def _papers(options: dict[str, Any]) -> Iterator[Paper]:
    """Whole papers, with what citations need, read by the hundred."""
    for keys in _keys(options):
        found = Paper.objects.listed().prefetch_related("aliases").in_bulk(keys)
        yield from (found[key] for key in keys if key in found)


def _keys(options: dict[str, Any]) -> Iterator[Sequence[int]]:
    if options["query"]:
        query = " ".join(options["query"])
        yield [paper.pk for paper in search.found(query, options, 1000).papers]
    elif options["id"]:
        yield [named(each).pk for each in options["id"]]
    elif options["collection"] is not None:
        collection = Collection.objects.filter(pk=options["collection"]).first()
        if collection is None:
            raise CommandError(f"There is no collection {options['collection']} here.")
        yield [paper.pk for paper in collecting.all_items(collection)]
    else:
        yield from _listed(options)


def _listed(options: dict[str, Any]) -> Iterator[Sequence[int]]:
    page = 1
    try:
        window = listings.window(options)
        filters = trending.Filters.parse(_category(options), options["has"])
        while True:
            found = trending.listing(window, filters, page, AT_ONCE)
            yield [paper.pk for paper in found.papers]
            if page >= found.pages:
                return
            page += 1
    except listings.REFUSALS as refusal:
        raise CommandError(str(refusal)) from refusal


def _category(options: dict[str, Any]) -> str:
    if len(options["cat"]) > 1:
        raise CommandError("A listing is of one category; a search may have several --cat.")
    return "".join(options["cat"])


# --- another server's --------------------------------------------------------------------------------------


def _from_there(there: Elsewhere, options: dict[str, Any], form: str, limit: int) -> Pieces:
    if options["has"]:
        raise CommandError("--has is for this machine's papers; another server is not asked that way.")
    if options["id"]:
        if form in exports.FORMATS:
            names = [there.paper(each)["identifier"] for each in options["id"]]
            return _joined([there.file(f"/papers/{name}.{form}") for name in names], form, limit)
        return _as_rows((whole_row(there.paper(each)) for each in options["id"]), form)
    if form in exports.FORMATS:
        path, asked = _address(there, options, form)
        if options["collection"] is not None:
            return [there.file(path)]
        if form not in ("bib", "ris", "csl.json"):
            raise CommandError(f"Another server writes lists as bib, ris and csl.json, not as {form}.")
        return _joined(there.pages(path, asked), form, limit)
    if options["collection"] is not None:
        raise CommandError("A collection of another server comes as bib, ris, csl.json, rdf or md.")
    if options["query"]:
        asked_for = search.remote_query(" ".join(options["query"]), options)
        told = there.search(asked_for, options["sort"], min(limit, 1000))
    else:
        period, key = listings.remote_window(there, options)
        told = there.listing(period, key, _category(options), 1, limit)
    return _as_rows(map(elsewhere.row, told["papers"]), form)


def _address(there: Elsewhere, options: dict[str, Any], form: str) -> tuple[str, dict[str, Any]]:
    """Where a list stands as a file, and what is asked of it."""
    if options["collection"] is not None:
        return f"/collections/{options['collection']}.{form}", {}
    if options["query"]:
        query = search.remote_query(" ".join(options["query"]), options)
        return f"/search.{form}", {"q": query, "sort": options["sort"]}
    period, key = listings.remote_window(there, options)
    names = {"day": f"date/{key}", "week": f"week/{key}", "month": f"month/{key}"}
    return f"/papers/{names.get(period, period)}.{form}", {"category": _category(options)}


def _joined(pages: Iterable[str], form: str, limit: int) -> Pieces:
    """Pages of citations as one file. Only as many pages are read as are needed."""
    read, found = list[str](), 0
    for page in pages:
        read.append(page)
        found += entries(page, form)
        if found >= limit:
            break
    return [joined(read, form, limit)]


# --- JSON and CSV ------------------------------------------------------------------------------------------


def _as_rows(rows: Iterable[showing.Row], form: str) -> Pieces:
    return _as_json(rows) if form == "json" else _as_csv(rows)


def _as_json(rows: Iterable[showing.Row]) -> Pieces:
    before = "[\n"
    for each in rows:
        yield before + json.dumps(each, ensure_ascii=False)
        before = ",\n"
    yield "\n]\n" if before != "[\n" else "[]\n"


def _as_csv(rows: Iterable[showing.Row]) -> Pieces:
    yield _csv_line(COLUMNS)
    for each in rows:
        yield _csv_line([_cell(each[name]) for name in COLUMNS])


def _cell(value: Any) -> str:
    said = "; ".join(value) if isinstance(value, list) else str("" if value is None else value)
    return f"'{said}" if said.startswith(_FORMULA) else said


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
