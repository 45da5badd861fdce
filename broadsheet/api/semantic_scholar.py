"""Semantic Scholar's graph and recommendations, for the `semanticscholar` package, from our own index.

    SemanticScholar(api_url="http://127.0.0.1:8000/s2")

Fields and errors as https://api.semanticscholar.org/api-docs describes them. What is not kept here (which
paper cites which, venues, embeddings) is null or an empty list where it is asked for, and refused where it
would filter. How often a paper is cited is told where a source has said so.
"""

from __future__ import annotations

import json as text_json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse

from broadsheet import identifiers, search, trending
from broadsheet.api.answers import Links, json, links_of, number, public, readable, words
from broadsheet.models import Paper
from broadsheet.models.category import category_names
from broadsheet.search import Narrowing
from broadsheet.web.context import base

MOST: Final = 100
DEEPEST: Final = 1_000
MOST_IN_BATCH: Final = 500
IN_BULK: Final = 1_000
SNIPPET: Final = 1_500
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
    fields = fields_of(request)
    # A place and no key: the page begins exactly there.
    answer = _search(request, f"{offset}.0", size)
    papers = answer.papers
    said: dict[str, Any] = {"total": answer.total, "offset": offset, "data": told(request, papers, fields)}
    if offset + size < min(answer.total, DEEPEST):
        said["next"] = offset + size
    return json(said)


@public()
def matched(request: HttpRequest) -> HttpResponse:
    """The one paper that a title means."""
    fields = fields_of(request)
    papers = _search(request, "0.0", 1).papers
    if not papers:
        raise Http404("Title match not found")
    return json({"data": [{**each, "matchScore": 1.0} for each in told(request, papers, fields)]})


@public()
def in_bulk(request: HttpRequest) -> HttpResponse:
    """Pages of 1,000: `query`, `fields`, `year`, `token`, `sort` (publicationDate:desc, or by relevance)."""
    sort = request.GET.get("sort", "")
    if sort not in ("", "publicationDate:desc"):
        raise BadRequest("Here “sort” is publicationDate:desc, or is left out: the most relevant come first.")
    fields, token = fields_of(request), words(request, "token", 40)
    answer = _search(request, token or "0.0", IN_BULK, "date" if sort else "relevance")
    papers = told(request, answer.papers, fields)
    return json({"total": answer.total, "token": answer.next or None, "data": papers})


@public()
def completed(request: HttpRequest) -> HttpResponse:
    """Papers whose titles begin as `query` does, while somebody types."""
    query = words(request, "query", 100)
    if not query:
        raise BadRequest("Missing required parameter: “query”.")
    try:
        papers = search.search(query, per_page=10, typing=True).papers
    except search.BadQuery as refusal:
        raise BadRequest(str(refusal)) from refusal
    return json({"matches": [_completion(each) for each in papers]})


@public()
def snippets(request: HttpRequest) -> HttpResponse:
    """Papers for a `query` with the beginning of their abstracts, the only text that is kept here."""
    size = number(request, "limit", 10, 1, MOST)
    for name in ("paperIds", "authors", "insertedBefore"):
        if name in request.GET:
            raise BadRequest(f"Snippets are not filtered by “{name}” here.")
    answer = _search(request, "0.0", size)
    data = [_snippet(place, each) for place, each in enumerate(answer.papers, 1)]
    return json({"data": data, "retrievalVersion": "broadsheet"})


def _search(request: HttpRequest, after: str, size: int, sort: search.Sort = "relevance") -> search.Found:
    for name in NOT_KEPT:
        if name in request.GET:
            raise BadRequest(f"“{name}” is not kept here, so nothing can be filtered by it.")
    query = words(request, "query", LONGEST_QUERY)
    if not query:
        raise BadRequest("Missing required parameter: “query”.")
    try:
        return search.search(query, per_page=size, after=after, narrowing=_years(request), sort=sort)
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
    fields = fields_of(request)
    known = _named([spelling])[0]
    if known is None:
        raise Http404(f"Paper with id {spelling[:100]} not found")
    return json(told(request, [known], fields)[0])


@public()
def belonging(request: HttpRequest, spelling: str, kind: str) -> HttpResponse:
    """A paper's authors; the papers that it cites and that cite it, of which none are kept."""
    known = _named([spelling])[0]
    if known is None:
        raise Http404(f"Paper with id {spelling[:100]} not found")
    size, offset = number(request, "limit", MOST, 1, 1_000), number(request, "offset", 0, 0, 10_000)
    data = _authors(known, Links({}), "")[offset : offset + size] if kind == "authors" else []
    return json({"offset": offset, "data": data})


@public("POST")
def batch(request: HttpRequest) -> HttpResponse:
    """`{"ids": […]}`, at most 500: as many papers, null for those that are not here."""
    fields = fields_of(request)
    names = listed(body_of(request), "ids", least=1)
    papers = _named(names)
    found = iter(told(request, [each for each in papers if each], fields))
    return json([next(found) if each else None for each in papers])


@public()
def recommended(request: HttpRequest, spelling: str) -> HttpResponse:
    """Papers like this one; `limit` 1 to 500, of which there may be fewer."""
    size = number(request, "limit", MOST, 1, 500)
    fields = fields_of(request)
    known = _named([spelling])[0]
    if known is None:
        raise Http404(f"Paper with id {spelling[:100]} not found")
    return json({"recommendedPapers": told(request, search.related(known, per_page=size).papers, fields)})


@public("POST")
def recommended_from(request: HttpRequest) -> HttpResponse:
    """Papers like those of `positivePaperIds` and unlike those of `negativePaperIds`."""
    size = number(request, "limit", MOST, 1, 500)
    fields = fields_of(request)
    body = body_of(request)
    plus = [each for each in _named(listed(body, "positivePaperIds", least=1)) if each]
    minus = [each for each in _named(listed(body, "negativePaperIds", least=0)) if each]
    if not plus:
        raise Http404("None of positivePaperIds is here.")
    return json({"recommendedPapers": told(request, search.like(plus, minus, per_page=size).papers, fields)})


# --- reading what was asked -----------------------------------------------------------------------------


def body_of(request: HttpRequest) -> dict[str, Any]:
    try:
        found = text_json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(found, dict):
        raise BadRequest("The body is not a JSON object.")
    return found


def listed(body: Mapping[str, Any], name: str, least: int) -> list[str]:
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
    here = Paper.objects.listed()
    by_key = here.in_bulk(list(keys.values()))
    wanted = list(others.values())
    by_name = {each.identifier: each for each in here.filter(identifier__in=wanted)}
    missing = [each for each in wanted if each not in by_name]
    if missing:
        for each in here.filter(aliases__identifier__in=missing).prefetch_related("aliases"):
            by_name.update({alias.identifier: each for alias in each.aliases.all()})
    return [by_key.get(keys[name]) if name in keys else by_name.get(others.get(name, "")) for name in names]


def fields_of(request: HttpRequest, said: Sequence[str] = ()) -> list[str]:
    """The top-level fields that are wanted, or that `said` names; parts of a field (`authors.name`) bring the
    whole."""
    asked = said or (words(request, "fields", 2_000) or "title").split(",")
    wanted = list(dict.fromkeys(each.strip().partition(".")[0] for each in asked if each.strip()))
    if unknown := [each for each in wanted if each not in _FIELDS]:
        raise BadRequest(f"Unrecognized or unsupported fields: [{', '.join(unknown)[:200]}]")
    return wanted


# --- what goes out -----------------------------------------------------------------------------------------


def told(request: HttpRequest, papers: Sequence[Paper], fields: Sequence[str]) -> list[dict[str, Any]]:
    links, here = links_of(papers), base(request)
    wanted = list(dict.fromkeys(["paperId", *fields]))
    found = [{name: _FIELDS[name](each, links[each.pk], here) for name in wanted} for each in papers]
    if "citationCount" in wanted:
        counts = trending.citations([each.pk for each in papers])
        for each, said in zip(papers, found, strict=True):
            said["citationCount"] = counts.get(each.pk)
    return found


def _completion(paper: Paper) -> dict[str, str]:
    names = [identifiers.surname(name) for name in paper.authors[:2]]
    who = f"{names[0]} et al." if len(paper.authors) > 2 else " & ".join(names)
    year = f", {paper.month_date.year}" if paper.month_date else ""
    return {"id": f"{paper.pk:040x}", "title": paper.title, "authorsYear": who + year}


def _snippet(place: int, paper: Paper) -> dict[str, Any]:
    text = paper.abstract[:SNIPPET]
    told = {"text": text, "snippetKind": "abstract", "section": None, "annotations": None}
    known = {
        "corpusId": str(paper.pk),
        "title": paper.title,
        "authors": paper.authors,
        "openAccessInfo": {"license": paper.licence or None, "status": None, "disclaimer": None},
    }
    return {
        # The order is known, how near each is is not told.
        "score": round(1 / place, 4),
        "paper": known,
        "snippet": {**told, "snippetOffset": {"start": 0, "end": len(text)}},
    }


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
