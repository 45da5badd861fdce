"""Semantic Scholar's authors: names as papers print them, since who is behind a name is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse

from broadsheet import doors, identifiers
from broadsheet.api.answers import json, number, public, words
from broadsheet.api.semantic_scholar import body_of, fields_of, listed, told
from broadsheet.index import EVERYTHING, IndexTrouble, Words
from broadsheet.models import Author, Authorship, Paper
from broadsheet.web.context import base

# Papers that are told of one author, and of all authors of a batch together.
MOST: Final = 1_000
# Papers among whose authors a name is looked for.
LOOKED_AT: Final = 300

_PLAIN: Final = ("authorId", "name", "url", "paperCount")
_NOT_KEPT: Final[dict[str, Any]] = {
    "affiliations": [], "externalIds": {}, "homepage": None, "citationCount": None, "hIndex": None,
}  # fmt: skip


@public()
def author(request: HttpRequest, key: str) -> HttpResponse:
    found = _named([key])[0]
    if found is None:
        raise Http404(f"Author with id {key[:40]} not found")
    return json(_told(request, [found])[0])


@public()
def papers(request: HttpRequest, key: str) -> HttpResponse:
    """An author's papers, newest first: `fields`, `offset`, `limit` 1 to 1,000."""
    size, offset = number(request, "limit", 100, 1, MOST), number(request, "offset", 0, 0, 5_000)
    fields, found = fields_of(request), _named([key])[0]
    if found is None:
        raise Http404(f"Author with id {key[:40]} not found")
    page, total = _wrote(found, offset, size)
    said: dict[str, Any] = {"offset": offset, "data": told(request, page, fields)}
    if offset + size < total:
        said["next"] = offset + size
    return json(said)


@public()
def found(request: HttpRequest) -> HttpResponse:
    """Names that hold every word of `query`, those with most papers first."""
    size, offset = number(request, "limit", 100, 1, MOST), number(request, "offset", 0, 0, MOST)
    query = words(request, "query", 200)
    if not query:
        raise BadRequest("Missing required parameter: “query”.")
    keys = [identifiers.author_key(identifiers.author_slug(name)) for name in _names(query)]
    known = Author.objects.filter(pk__in=keys).annotate(many=Count("authorships")).order_by("-many", "pk")
    total, page = known.count(), list(known[offset : offset + size])
    said: dict[str, Any] = {"total": total, "offset": offset, "data": _told(request, page)}
    if offset + size < total:
        said["next"] = offset + size
    return json(said)


@public("POST")
def batch(request: HttpRequest) -> HttpResponse:
    """`{"ids": […]}`, at most 500: as many authors, null for those that are not here."""
    known = _named(listed(body_of(request), "ids", least=1))
    said = iter(_told(request, [each for each in known if each]))
    return json([next(said) if each else None for each in known])


def _names(query: str) -> list[str]:
    """Names of the people on the papers that the index finds by these words."""
    asked = identifiers.author_slug(query).split("-")
    try:
        many = len(query.split())
        hits = doors.index().lexical(Words(query, "author", at_least=many), EVERYTHING, LOOKED_AT)
    except IndexTrouble:
        hits = []
    rows = Paper.objects.listed().filter(pk__in=[hit.key for hit in hits]).values_list("authors", flat=True)
    there = {name for names in rows for name in names}
    return [query, *(name for name in there if set(asked) <= set(identifiers.author_slug(name).split("-")))]


def _named(ids: Sequence[str]) -> list[Author | None]:
    """By the ids told here: the name's key without its sign."""
    keys = [int(each) if each.isascii() and each.isdecimal() and len(each) < 20 else -1 for each in ids]
    pairs = [(key, key - 2**63) if 0 <= key < 2**63 else (0, 0) for key in keys]
    known = Author.objects.in_bulk([key for pair in pairs for key in pair])
    return [known.get(plain) or known.get(below) for plain, below in pairs]


def _wrote(found: Author, offset: int, size: int) -> tuple[list[Paper], int]:
    wrote = Authorship.objects.filter(author=found, paper__hotness__isnull=False)
    newest = wrote.order_by("-paper__month", "-paper__listed_on", "-paper_id")
    keys = list(newest.values_list("paper_id", flat=True)[offset : offset + size])
    rows = Paper.objects.in_bulk(keys)
    return [rows[key] for key in keys], wrote[:5_000].count()


def _told(request: HttpRequest, found: Sequence[Author]) -> list[dict[str, Any]]:
    asked = [each.strip() for each in (words(request, "fields", 2_000) or "name").split(",") if each.strip()]
    wanted = dict.fromkeys(each.partition(".")[0] for each in asked)
    if unknown := [each for each in wanted if each not in (*_PLAIN, *_NOT_KEPT, "papers")]:
        raise BadRequest(f"Unrecognized or unsupported fields: [{', '.join(unknown)[:200]}]")
    of_papers = [each.partition(".")[2] for each in asked if each.startswith("papers.")] or ["title"]
    here, each_most = base(request), max(1, MOST // max(1, len(found)))
    shown = Count("authorships", filter=Q(authorships__paper__hotness__isnull=False))
    people = Author.objects.filter(pk__in=[each.pk for each in found])
    counts = dict(people.annotate(many=shown).values_list("pk", "many"))
    said = []
    for person in found:
        known = {
            **_NOT_KEPT,
            "authorId": str(person.pk & (2**63 - 1)),
            "name": person.name,
            "url": here + person.get_absolute_url(),
            "paperCount": counts.get(person.pk, 0),
        }
        if "papers" in wanted:
            known["papers"] = told(request, _wrote(person, 0, each_most)[0], fields_of(request, of_papers))
        said.append({name: known[name] for name in dict.fromkeys(("authorId", *wanted))})
    return said
