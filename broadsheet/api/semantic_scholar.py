"""Semantic Scholar's graph and recommendations, for the `semanticscholar` package, from our own index.

    SemanticScholar(api_url="http://127.0.0.1:8000/s2")

Fields and errors as https://api.semanticscholar.org/api-docs describes them. What is not kept here
(citations, venues, embeddings) is null or an empty list where it is asked for as a field, and refused where
it would filter.
"""

from __future__ import annotations

import json as text_json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse

from broadsheet import identifiers, search
from broadsheet.api.answers import Links, json, links_of, number, public, readable, words
from broadsheet.models import Paper
from broadsheet.models.category import category_names
from broadsheet.search import Narrowing
from broadsheet.web.context import base

MOST: Final = 100
DEEPEST: Final = 1_000
MOST_IN_BATCH: Final = 500
LONGEST_QUERY: Final = 500
NOT_KEPT: Final = (
    "publicationTypes",
    "openAccessPdf",
    "venue",
    "fieldsOfStudy",
    "publicationDateOrYear",
    "minCitationCount",
)

_OURS: Final = re.compile(r"[0-9a-f]{40}", re.ASCII)
_YEARS: Final = re.compile(r"(\d{4})?(-)?(\d{4})?", re.ASCII)

Write = Callable[[Paper, Links, str], Any]


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    name = "message" if status in (429, 500) else "error"
    return readable(json({name: sentence}, status))


@public()
def found(request: HttpRequest) -> HttpResponse:
    """`query`, `fields`, `year`, `offset` and `limit` (1 to 100); the first 1,000 answers."""
    offset, size = number(request, "offset", 0, 0, DEEPEST), number(request, "limit", MOST, 1, MOST)
    if offset + size > DEEPEST:
        raise BadRequest(f"offset + limit must not be more than {DEEPEST:,}.")
    fields = _fields(request)
    answer = _search(request, offset, size)
    papers = answer.papers
    told: dict[str, Any] = {"total": answer.total, "offset": offset, "data": _told(request, papers, fields)}
    if offset + size < min(answer.total, DEEPEST):
        told["next"] = offset + size
    return json(told)


@public()
def matched(request: HttpRequest) -> HttpResponse:
    """The one paper that a title means."""
    fields = _fields(request)
    papers = _search(request, 0, 1).papers
    if not papers:
        raise Http404("Title match not found")
    return json({"data": [{**each, "matchScore": 1.0} for each in _told(request, papers, fields)]})


def _search(request: HttpRequest, offset: int, size: int) -> search.Found:
    for name in NOT_KEPT:
        if name in request.GET:
            raise BadRequest(f"“{name}” is not kept here, so nothing can be filtered by it.")
    query = words(request, "query", LONGEST_QUERY)
    if not query:
        raise BadRequest("Missing required parameter: “query”.")
    try:
        # A place and no key: the page begins exactly there.
        return search.search(query, per_page=size, after=f"{offset}.0", narrowing=_years(request))
    except search.BadQuery as refusal:
        raise BadRequest(str(refusal)) from refusal


def _years(request: HttpRequest) -> Narrowing:
    said = request.GET.get("year", "")
    match = _YEARS.fullmatch(said)
    if match is None or (match[1] and match[3] and not match[2]):
        raise BadRequest("“year” is a year such as 2024, or a range: 2023-2025, 2023-, -2025.")
    first, last = (int(match[group]) if match[group] else None for group in (1, 3))
    return Narrowing(first_year=first, last_year=last if match[2] else first)


@public()
def paper(request: HttpRequest, spelling: str) -> HttpResponse:
    fields = _fields(request)
    known = _named([spelling])[0]
    if known is None:
        raise Http404(f"Paper with id {spelling[:100]} not found")
    return json(_told(request, [known], fields)[0])


@public("POST")
def batch(request: HttpRequest) -> HttpResponse:
    """`{"ids": […]}`, at most 500: as many papers, null for those that are not here."""
    fields = _fields(request)
    names = _listed(_body(request), "ids", least=1)
    papers = _named(names)
    told = iter(_told(request, [each for each in papers if each], fields))
    return json([next(told) if each else None for each in papers])


@public()
def recommended(request: HttpRequest, spelling: str) -> HttpResponse:
    """Papers like this one; `limit` 1 to 500, of which there may be fewer."""
    size = number(request, "limit", MOST, 1, 500)
    fields = _fields(request)
    known = _named([spelling])[0]
    if known is None:
        raise Http404(f"Paper with id {spelling[:100]} not found")
    return json({"recommendedPapers": _told(request, search.related(known, per_page=size).papers, fields)})


@public("POST")
def recommended_from(request: HttpRequest) -> HttpResponse:
    """Papers like those of `positivePaperIds` and unlike those of `negativePaperIds`."""
    size = number(request, "limit", MOST, 1, 500)
    fields = _fields(request)
    body = _body(request)
    plus = [each for each in _named(_listed(body, "positivePaperIds", least=1)) if each]
    minus = [each for each in _named(_listed(body, "negativePaperIds", least=0)) if each]
    if not plus:
        raise Http404("None of positivePaperIds is here.")
    return json({"recommendedPapers": _told(request, search.like(plus, minus, per_page=size).papers, fields)})


# --- reading what was asked -----------------------------------------------------------------------------


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        found = text_json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(found, dict):
        raise BadRequest("The body is not a JSON object.")
    return found


def _listed(body: Mapping[str, Any], name: str, least: int) -> list[str]:
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise BadRequest(f"“{name}” is a list of texts.")
    if not least <= len(found) <= MOST_IN_BATCH:
        raise BadRequest(f"“{name}” names {least} to {MOST_IN_BATCH} papers.")
    return found


def _named(names: Sequence[str]) -> list[Paper | None]:
    """Papers by our own key, `CorpusId:`, `ARXIV:`, `DOI:`, `URL:` or any spelling that we read."""
    keys, others = dict[str, int](), dict[str, str]()
    for name in names:
        scheme, colon, rest = name.partition(":")
        if _OURS.fullmatch(name) and int(name, 16) < 2**63:
            keys[name] = int(name, 16)
        elif (
            colon and scheme.lower() == "corpusid" and rest.isascii() and rest.isdecimal() and len(rest) < 19
        ):
            keys[name] = int(rest)
        else:
            spelling = rest if scheme.lower() in ("arxiv", "url", "acl") else name
            said = identifiers.parse(spelling[:500])
            if said:
                others[name] = said.identifier
    listed = Paper.objects.listed()
    by_key = listed.in_bulk(list(keys.values()))
    wanted = list(others.values())
    by_name = {each.identifier: each for each in listed.filter(identifier__in=wanted)}
    missing = [each for each in wanted if each not in by_name]
    if missing:
        for each in listed.filter(aliases__identifier__in=missing).prefetch_related("aliases"):
            by_name.update({alias.identifier: each for alias in each.aliases.all()})
    return [by_key.get(keys[name]) if name in keys else by_name.get(others.get(name, "")) for name in names]


def _fields(request: HttpRequest) -> list[str]:
    """The top-level fields that are wanted; parts of a field (`authors.name`) bring the whole."""
    said = words(request, "fields", 2_000) or "title"
    wanted = list(dict.fromkeys(each.strip().partition(".")[0] for each in said.split(",") if each.strip()))
    if unknown := [each for each in wanted if each not in _FIELDS]:
        raise BadRequest(f"Unrecognized or unsupported fields: [{', '.join(unknown)[:200]}]")
    return wanted


# --- what goes out -----------------------------------------------------------------------------------------


def _told(request: HttpRequest, papers: Sequence[Paper], fields: Sequence[str]) -> list[dict[str, Any]]:
    links, here = links_of(papers), base(request)
    wanted = list(dict.fromkeys(["paperId", *fields]))
    return [{name: _FIELDS[name](each, links[each.pk], here) for name in wanted} for each in papers]


def _external(paper: Paper, links: Links, here: str) -> dict[str, Any]:
    found: dict[str, Any] = {"CorpusId": paper.pk}
    if paper.arxiv_id:
        found["ArXiv"] = paper.arxiv_id
    if paper.identifier.startswith("doi:"):
        found["DOI"] = paper.identifier[4:]
    if paper.identifier.startswith("acl:"):
        found["ACL"] = paper.identifier[4:]
    return found


def _authors(paper: Paper, links: Links, here: str) -> list[dict[str, str]]:
    names = [(identifiers.author_slug(name), name) for name in paper.authors]
    return [
        {"authorId": str(identifiers.author_key(slug) & (2**63 - 1)), "name": name} for slug, name in names
    ]


def _date(paper: Paper, links: Links, here: str) -> str | None:
    return paper.published_at.date().isoformat() if paper.published_at else None


def _pdf(paper: Paper, links: Links, here: str) -> dict[str, str] | None:
    url = links.first("pdf") or identifiers.pdf_url(paper.identifier)
    return {"url": url, "status": "GREEN"} if url else None


def _studies(paper: Paper, links: Links, here: str) -> list[dict[str, str]]:
    names = category_names()
    return [{"category": names.get(code) or code, "source": "external"} for code in paper.categories]


def _nothing(paper: Paper, links: Links, here: str) -> None:
    return None


def _none_of_them(paper: Paper, links: Links, here: str) -> list[Any]:
    return []


_FIELDS: Final[dict[str, Write]] = {
    "paperId": lambda paper, links, here: f"{paper.pk:040x}",
    "corpusId": lambda paper, links, here: paper.pk,
    "externalIds": _external,
    "url": lambda paper, links, here: here + paper.get_absolute_url(),
    "title": lambda paper, links, here: paper.title,
    "abstract": lambda paper, links, here: paper.abstract or None,
    "year": lambda paper, links, here: paper.month_date.year if paper.month_date else None,
    "publicationDate": _date,
    "authors": _authors,
    "isOpenAccess": lambda paper, links, here: _pdf(paper, links, here) is not None,
    "openAccessPdf": _pdf,
    "s2FieldsOfStudy": _studies,
    "fieldsOfStudy": lambda paper, links, here: [each["category"] for each in _studies(paper, links, here)],
    "venue": lambda paper, links, here: "",
    **dict.fromkeys(("citations", "references", "citationContexts", "publicationTypes"), _none_of_them),
    **dict.fromkeys(
        ("citationCount", "referenceCount", "influentialCitationCount", "publicationVenue", "journal",
         "citationStyles", "embedding", "tldr", "textAvailability"),
        _nothing,
    ),
}  # fmt: skip
