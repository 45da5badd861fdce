"""Papers with Code's catalog, for the `pwc` command of 2026 (huggingface/pwc-cli), from our own papers.

    PWC_API_URL=http://127.0.0.1:8000/pwc/api/v1 pwc search "state space models"

Papers are what is kept here: a task is a field of arXiv's, nothing is known of methods, conferences and
frameworks, no paper has evaluations, predecessors or successors. The command gives up a list whose
`applied_filters` do not repeat what it asked for, so a filter that cannot be applied is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse

from broadsheet import doors, exports, identifiers, search, trending
from broadsheet.api import answers
from broadsheet.api.answers import Links, choice, json, links_of, number, public, readable, words
from broadsheet.index import ALL_PAPERS, MOST_HITS, Filter, Index, IndexTrouble, Order
from broadsheet.models import Paper
from broadsheet.models.category import category_names
from broadsheet.search import RECIPE, Narrowing, Recipe
from broadsheet.web.context import base

MOST: Final = 100
LONGEST_QUERY: Final = 500
NAME: Final = 300
# Names told of each paper of a list: the command reads no more than two megabytes.
AUTHORS: Final = 100
MARKDOWN: Final = "text/markdown; charset=utf-8"

# How much words and nearness count, by what the command calls a mode.
MODES: Final[dict[str, Recipe]] = {
    "hybrid": RECIPE,
    "keyword": replace(RECIPE, meaning=0.0, trust=0.0),
    "semantic": replace(RECIPE, words=0.0, names=0.0, cited=0.0),
}
NOT_KEPT: Final = ("method", "conference", "framework")

Item = dict[str, Any]


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """`{"detail": …}`; the command prints what it gets."""
    return readable(json({"detail": sentence}, status))


@public()
def found(request: HttpRequest) -> HttpResponse:
    """`q`, `page`, `page_size`, `mode`, `start_date`, `end_date`."""
    page, size = _page(request)
    mode = choice(request, "mode", MODES, "hybrid")
    query, days = words(request, "q", LONGEST_QUERY), _days(request)
    if not query:
        raise BadRequest("“q” says what to search for.")
    try:
        answer = search.search(
            query, page, size, narrowing=Narrowing(first_day=days[0], last_day=days[1]), recipe=MODES[mode]
        )
        papers, total = answer.papers, answer.total
    except search.BadQuery as refusal:
        # The command looks papers up by their titles, and a title may be no query.
        titled = search.by_title(query)
        if titled is None:
            raise BadRequest(str(refusal)) from refusal
        papers, total = [titled], 1
    return json({**_paged(request, papers, total, page, size), "mode": mode})


@public()
def listed(request: HttpRequest) -> HttpResponse:
    """`search`, `task`, `organization`, `start_date`, `end_date`, `order_by`, `order_dir`, `page`, …"""
    page, size = _page(request)
    order = choice(request, "order_by", ("trending", "date_published", "citation_count"), "trending")
    if order == "citation_count":
        raise BadRequest("Papers are not sorted by citations here; “order_by” is trending or date_published.")
    rising = choice(request, "order_dir", ("asc", "desc"), "desc") == "asc"
    wanted = _wanted(request)
    text = words(request, "search", LONGEST_QUERY)
    if text:
        papers, total = _searched(text, wanted, order, rising, page, size)
    else:
        papers, total = _in_order(wanted, order, rising, page, size)
    return json({**_paged(request, papers, total, page, size), "applied_filters": wanted.told})


@public()
def recent(request: HttpRequest) -> HttpResponse:
    """The newest papers: `limit` 1 to 100."""
    return json(_items(request, trending.newest_first(size=number(request, "limit", 10, 1, MOST))))


@public()
def hot(request: HttpRequest) -> HttpResponse:
    """What is hot: `limit` 1 to 100, `max_age_days` 1 to 365, counted back from the newest day."""
    size = number(request, "limit", 20, 1, MOST)
    most_days = number(request, "max_age_days", 180, 1, 365)
    if request.GET.get("min_velocity"):
        raise BadRequest("“min_velocity” is not kept here: papers trend by hotness, which has no velocity.")
    newest = trending.newest_day()
    if newest is None:
        return json([])
    young = Paper.objects.listed().cards().filter(listed_on__gte=newest - timedelta(days=most_days))
    return json(_items(request, list(young.order_by("-hotness", "pk")[:size])))


@public()
def paper(request: HttpRequest, spelling: str) -> HttpResponse:
    """One paper, by an identifier in any spelling or by our own number; `include_resources`."""
    known = _named(spelling)
    return json({**_items(request, [known])[0], "authors": known.authors})


@public()
def related(request: HttpRequest, spelling: str) -> HttpResponse:
    """Papers like this one: `limit` 1 to 20."""
    size = number(request, "limit", 4, 1, 20)
    return json(_items(request, search.related(_named(spelling), per_page=size).papers))


@public()
def read(request: HttpRequest, spelling: str) -> HttpResponse:
    written = "".join(exports.markdown([_named(spelling)], base(request)))
    return HttpResponse(written, content_type=MARKDOWN)


@public()
def lineage(request: HttpRequest, spelling: str) -> HttpResponse:
    """What a paper came from and led to is not kept here, so both lists are empty."""
    known = _named(spelling)
    told = {"reference": _reference(known), "title": known.title}
    return json({"paper": told, "predecessors": [], "successors": []})


@public()
def evaluations(request: HttpRequest) -> HttpResponse:
    """No paper has any here; the command asks for them with --include-evals."""
    return json({"count": 0, "results": []})


@public()
def elsewhere(request: HttpRequest, rest: str) -> HttpResponse:
    raise Http404(
        "Only papers are kept here: pwc search, and pwc paper info, read, list, recent, trending, related "
        "and lineage."
    )


# --- reading what was asked ------------------------------------------------------------------------------


def _page(request: HttpRequest) -> tuple[int, int]:
    return number(request, "page", 1, 1, MOST), number(request, "page_size", 20, 1, MOST)


def _days(request: HttpRequest) -> tuple[date | None, date | None]:
    first, last = (
        answers.day(request.GET[name], name) if request.GET.get(name) else None
        for name in ("start_date", "end_date")
    )
    if first and last and first > last:
        raise BadRequest("“start_date” is after “end_date”.")
    return first, last


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What narrows a list; `told` repeats it in the words in which it was asked."""

    first: date | None
    last: date | None
    category: str
    organization: str
    told: Mapping[str, str]

    @property
    def all(self) -> bool:
        return not (self.first or self.last or self.category or self.organization)


def _wanted(request: HttpRequest) -> _Wanted:
    for name in NOT_KEPT:
        if request.GET.get(name):
            raise BadRequest(f"Nothing is known of a {name} here, so no list is narrowed by one.")
    first, last = _days(request)
    task, organization = words(request, "task", NAME), words(request, "organization", NAME)
    asked = ("start_date", "end_date", "task", "organization")
    told = {name: request.GET[name] for name in asked if request.GET.get(name)}
    return _Wanted(first, last, _category(task) if task else "", organization, told)


def _category(task: str) -> str:
    """The code of the field that a task names: by its code, its name, or the name with hyphens."""
    meant = task.casefold()
    for code, name in category_names().items():
        if meant in (code.casefold(), name.casefold(), identifiers.author_slug(name)):
            return code
    raise Http404(f"There is no task {task[:100]} here. Tasks are the fields of arXiv, such as cs.CL.")


def _named(spelling: str) -> Paper:
    known: Paper | None = None
    if spelling.isascii() and spelling.isdecimal() and len(spelling) < 19:
        known = Paper.objects.filter(pk=int(spelling)).first()
    known = known or search.by_identifier(spelling[:NAME])
    if known is None or known.hidden:
        raise Http404(f"There is no paper {spelling[:100]} here.")
    return known


# --- finding -----------------------------------------------------------------------------------------------


def _searched(
    text: str, wanted: _Wanted, order: str, rising: bool, page: int, size: int
) -> tuple[list[Paper], int]:
    if rising or wanted.organization:
        raise BadRequest("With “search” there is no “organization”, and “order_dir” is desc.")
    narrowing = Narrowing(
        categories=(wanted.category,) if wanted.category else (),
        first_day=wanted.first,
        last_day=wanted.last,
    )
    try:
        answer = search.search(
            text, page, size, narrowing=narrowing, sort="trending" if order == "trending" else "date"
        )
    except search.BadQuery as refusal:
        raise BadRequest(str(refusal)) from refusal
    return answer.papers, answer.total


def _in_order(wanted: _Wanted, order: str, rising: bool, page: int, size: int) -> tuple[list[Paper], int]:
    """A page of what no words narrow. Days are those of publication, so the index is asked; of more than
    10,000 papers between two days the newest (or oldest) are put in order."""
    if wanted.all and order == "trending" and not rising:
        try:
            whole = trending.listing(trending.TRENDING, page=page, per_page=size)
        except trending.PageOutOfRange:
            return [], 0
        return whole.papers, whole.total
    start, end = (page - 1) * size, page * size
    only = _of_organization(wanted.organization) if wanted.organization else None
    filter = Filter(
        categories=(wanted.category,) if wanted.category else (),
        first_day=(wanted.first - search.EPOCH).days if wanted.first else None,
        last_day=(wanted.last - search.EPOCH).days if wanted.last else None,
        only=only,
    )
    try:
        index = doors.index()
        if index.bookmark() is None:
            raise IndexTrouble("There is no index yet.")
        keys, total = _keys(index, filter, order, rising, end)
    except IndexTrouble as trouble:
        raise BadRequest(
            "The search index is being built. Until it is ready no list is narrowed."
        ) from trouble
    papers = Paper.objects.listed().cards().in_bulk(keys[start:end])
    return [papers[key] for key in keys[start:end] if key in papers], total


def _keys(index: Index, filter: Filter, order: str, rising: bool, end: int) -> tuple[list[int], int]:
    total = sum(index.facets(ALL_PAPERS, filter, ("has_code",))["has_code"].values())
    by_day: Order = "oldest" if rising and order == "date_published" else "newest"
    most = min(end, MOST_HITS) if order == "date_published" else MOST_HITS
    keys = [hit.key for hit in index.lexical(ALL_PAPERS, filter, most, by_day)]
    if order == "trending":
        hottest = Paper.objects.listed().filter(pk__in=keys)
        sign = "" if rising else "-"
        keys = list(hottest.order_by(f"{sign}hotness", "pk").values_list("pk", flat=True))
    return keys, total


def _of_organization(name: str) -> frozenset[int]:
    """Keys of an organization's papers, by its name or its slug."""
    slug = identifiers.author_slug(name)
    known = Paper.objects.exclude(organization="").values_list("organization", flat=True).distinct()
    names = [
        each for each in known if each.casefold() == name.casefold() or identifiers.author_slug(each) == slug
    ]
    papers = Paper.objects.listed().filter(organization__in=names) if names else Paper.objects.none()
    return frozenset(papers.order_by("-pk").values_list("pk", flat=True)[:MOST_HITS])


# --- what goes out -----------------------------------------------------------------------------------------


def _paged(request: HttpRequest, papers: Sequence[Paper], total: int, page: int, size: int) -> Item:
    return {"count": total, "page": page, "page_size": size, "results": _items(request, papers)}


def _items(request: HttpRequest, papers: Sequence[Paper]) -> list[Item]:
    with_resources = choice(request, "include_resources", ("true", "false"), "false") == "true"
    links, citations, here = links_of(papers), trending.citations([each.pk for each in papers]), base(request)
    return [
        _item(each, citations.get(each.pk), here) | (_resources(links[each.pk]) if with_resources else {})
        for each in papers
    ]


def _item(paper: Paper, citations: int | None, here: str) -> Item:
    day = paper.published_at.date() if paper.published_at else paper.listed_on or paper.month_date
    published = day.isoformat() if day else None
    slug = identifiers.author_slug(paper.organization)
    return {
        "id": paper.pk,
        "arxiv_id": paper.arxiv_id,
        "route_identifier": _reference(paper),
        "title": paper.title,
        "published": published,
        "date_published": published,
        "citation_count": citations,
        "authors": paper.authors[:AUTHORS],
        "abstract": paper.abstract,
        "organizations": [{"name": paper.organization, "slug": slug}] if paper.organization else [],
        "conference_name": None,
        "url_abs": identifiers.abstract_url(paper.identifier) or here + paper.get_absolute_url(),
        "source_url": here + paper.get_absolute_url(),
        "github_stars": paper.stars,
        "upvotes": paper.upvotes,
        "predecessor_papers": [],
        "successor_papers": [],
    }


def _resources(links: Links) -> Item:
    """Whether a repository is its authors' own is not known."""
    return {
        "repositories": [{"url": url, "is_official": None} for url in links.all("code")],
        "project_pages": links.all("project"),
        "hf_models": links.all("model"),
        "hf_datasets": links.all("dataset"),
        "hf_spaces": links.all("demo"),
    }


def _reference(paper: Paper) -> str:
    return paper.arxiv_id or paper.identifier
