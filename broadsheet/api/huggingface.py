"""Hugging Face's papers API, for `huggingface_hub`, the `hf papers` command and whatever else speaks it.

    HF_ENDPOINT=http://127.0.0.1:8000 hf papers ls

An item of a list is the wrapper that the hub sends, with what its Python client reads at the top level told
there again. Authors stand inside `paper` alone and nothing is called `comments`: either would overwrite what
that client has understood. Every moment ends in `Z`, every person and organization is an object.
Documented at https://huggingface.co/docs/huggingface_hub/package_reference/hf_api (list_daily_papers).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse

from broadsheet import identifiers, search, trending
from broadsheet.api.answers import (
    Links,
    choice,
    instant,
    json,
    links_of,
    number,
    public,
    readable,
    words,
)
from broadsheet.models import Paper, Submission
from broadsheet.trending.latest import BadCursor, newest_first, walk
from broadsheet.web.context import base

DEEPEST: Final = 30_000
LONGEST_QUERY: Final = 250
NAME: Final = 300
_PLAIN: Final = str.maketrans("“”‘’–—", "\"\"''--")

Item = dict[str, Any]


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """`{"error": …}`, and the sentence in the header from which the client's exception takes it."""
    response = readable(json({"error": sentence}, status))
    # Headers are read as Latin-1 at best; our quotes have plain brothers.
    said = sentence.translate(_PLAIN).encode("ascii", "replace").decode()
    response.headers["X-Error-Message"] = " ".join(said.split())
    response.headers["X-Request-Id"] = uuid.uuid4().hex
    return response


@public()
def daily_papers(request: HttpRequest) -> HttpResponse:
    """`date`, `week`, `month`, `submitter`, `sort` (publishedAt, trending), `p` from 0, `limit` 1 to 100."""
    size = number(request, "limit", 50, 1, 100)
    page = number(request, "p", 0, 0, DEEPEST)
    sort = choice(request, "sort", ("publishedAt", "trending"), "publishedAt")
    submitter = words(request, "submitter", NAME)
    start = page * size
    if start >= DEEPEST:
        raise BadRequest(f"Lists end at place {DEEPEST:,}. Ask for a date, a week or a month.")
    window = _window(request)
    # One more than asked for tells whether there is a next page.
    if submitter:
        found = _submitted(submitter, window, start, size + 1)
    elif sort == "publishedAt":
        found = newest_first(window or trending.ALL_TIME, start, size + 1)
    else:
        found = _ranked(window or trending.TRENDING, page + 1, size)
    response = json(_items(request, found[:size]))
    if len(found) > size and start + size < DEEPEST:
        asked = {**request.GET.dict(), "p": str(page + 1), "limit": str(size)}
        response.headers["Link"] = f'<{request.path}?{urlencode(asked)}>; rel="next"'
    return response


def _window(request: HttpRequest) -> trending.Window | None:
    asked = [
        (period, request.GET[name])
        for name, period in (("date", "day"), ("week", "week"), ("month", "month"))
        if request.GET.get(name)
    ]
    if len(asked) > 1:
        raise BadRequest("Ask for one of date, week and month.")
    return trending.parse(*asked[0]) if asked else None


def _ranked(window: trending.Window, page: int, size: int) -> list[Paper]:
    """A page of our own listing, and one paper more where there is a page behind it."""
    try:
        found = trending.listing(window, page=page, per_page=size)
    except trending.PageOutOfRange:
        return []
    return found.papers + found.papers[-1:] * (page < found.pages)


def _submitted(submitter: str, window: trending.Window | None, start: int, size: int) -> list[Paper]:
    theirs = Submission.objects.filter(reader__username__iexact=submitter, state="listed")
    papers = Paper.objects.listed().cards().filter(pk__in=theirs.values("paper"))
    if window is not None and window.first is not None:
        papers = papers.filter(listed_on__range=(window.first, window.last))
    return list(papers.order_by("-listed_on", "-score", "pk")[start : start + size])


@public()
def found(request: HttpRequest) -> HttpResponse:
    """`q` (at most 250 characters; the newest papers without it), `limit` 1 to 120."""
    size = number(request, "limit", 120, 1, 120)
    query = words(request, "q", LONGEST_QUERY)
    if not query:
        return json(_items(request, newest_first(size=size)))
    try:
        papers = search.search(query, per_page=size).papers
    except search.BadQuery as refusal:
        raise BadRequest(str(refusal)) from refusal
    return json(_items(request, papers))


@public()
def everything(request: HttpRequest) -> HttpResponse:
    """All papers, newest first: `limit` 1 to 100, and `cursor` as the Link header names it."""
    size = number(request, "limit", 50, 1, 100)
    try:
        papers, after = walk(words(request, "cursor", 40), size, Paper.objects.cards())
    except BadCursor as refusal:
        raise BadRequest(str(refusal)) from refusal
    response = json(_items(request, papers))
    if after:
        query = urlencode({"cursor": after, "limit": size})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


@public()
def paper(request: HttpRequest, spelling: str) -> HttpResponse:
    """One paper, flat, by any spelling of its identifier."""
    return json(_flat(request, _named(spelling)))


@public()
def repositories(request: HttpRequest, spelling: str) -> HttpResponse:
    """The models, datasets and demos that belong to a paper."""
    linked = _linked(_links(_named(spelling)))
    kinds = (("models", "linkedModels"), ("datasets", "linkedDatasets"), ("spaces", "linkedSpaces"))
    return json({name: linked[key] for name, key in kinds})


@public()
def by_tag(request: HttpRequest, kind: str) -> HttpResponse:
    """`/api/models?filter=arxiv:ID`: the same, one kind at a time."""
    tag = words(request, "filter", NAME)
    if not tag.startswith("arxiv:"):
        raise BadRequest("Here “filter” names a paper, such as arxiv:2503.01234.")
    key = {"models": "linkedModels", "datasets": "linkedDatasets", "spaces": "linkedSpaces"}[kind]
    return json(_linked(_links(_named(tag.removeprefix("arxiv:"))))[key])


def _named(spelling: str) -> Paper:
    found = search.by_identifier(spelling[:NAME])
    if found is None or found.hidden:
        raise Http404(f"Paper {spelling[:100]} not found")
    return found


def _links(paper: Paper) -> Links:
    return links_of([paper])[paper.pk]


# --- what goes out -----------------------------------------------------------------------------------------


def _items(request: HttpRequest, papers: Sequence[Paper]) -> list[Item]:
    links, submitters, here = links_of(papers), _submitters(papers), base(request)
    return [_item(each, links[each.pk], submitters.get(each.pk, ""), here) for each in papers]


def _submitters(papers: Sequence[Paper]) -> Mapping[int | None, str]:
    listed = Submission.objects.filter(paper__in=[paper.pk for paper in papers], state="listed")
    return dict(listed.filter(reader__isnull=False).values_list("paper_id", "reader__username"))


def _item(paper: Paper, links: Links, submitter: str, here: str) -> Item:
    shared = _shared(paper, links, here)
    submitted = instant(paper.submitted_at or paper.published_at)
    inner = _without_nothing(
        {
            **shared,
            "authors": _authors(paper),
            "publishedAt": instant(paper.published_at) or _month(paper),
            "submittedOnDailyAt": submitted,
            "submittedOnDailyBy": _person(submitter, here),
            "mediaUrls": [],
        }
    )
    return _without_nothing(
        {
            **shared,
            "paper": inner,
            "publishedAt": submitted or _month(paper),
            "numComments": paper.comments,
            "submittedBy": _person(submitter, here),
            "thumbnail": f"{here}/favicon.svg",
            "isAuthorParticipating": False,
        }
    )


def _flat(request: HttpRequest, paper: Paper) -> Item:
    links, here = _links(paper), base(request)
    submitter = _submitters([paper]).get(paper.pk, "")
    linked = _linked(links)
    return _without_nothing(
        {
            **_shared(paper, links, here),
            "authors": _authors(paper),
            "publishedAt": instant(paper.published_at) or _month(paper),
            "submittedOnDailyAt": instant(paper.submitted_at or paper.published_at),
            "submittedOnDailyBy": _person(submitter, here),
            "numComments": paper.comments,
            **linked,
            "numTotalModels": len(linked["linkedModels"]),
            "numTotalDatasets": len(linked["linkedDatasets"]),
            "numTotalSpaces": len(linked["linkedSpaces"]),
        }
    )


def _shared(paper: Paper, links: Links, here: str) -> Item:
    """What stands inside `paper` and at the top level alike."""
    return {
        "id": paper.arxiv_id or paper.identifier,
        "title": paper.title,
        "summary": paper.abstract,
        "upvotes": paper.upvotes,
        "discussionId": f"{paper.pk:024x}",
        "ai_summary": paper.abstract if paper.abstract_is_ours else None,
        "ai_keywords": [],
        "githubRepo": links.first("code", "github.com/"),
        "githubStars": paper.stars,
        "projectPage": links.first("project"),
        "organization": _organization(paper.organization, here),
        "withdrawnAt": instant(paper.revised_at) if paper.withdrawn else None,
    }


def _authors(paper: Paper) -> list[Item]:
    return [
        {"_id": f"{paper.pk:016x}{place:08x}", "name": name, "hidden": False}
        for place, name in enumerate(paper.authors, start=1)
    ]


def _person(username: str, here: str) -> Item:
    """Whoever brought the paper: a reader, or this server where a source did."""
    return {
        "_id": f"{identifiers.author_key(username or 'broadsheet') & (2**63 - 1):024x}",
        "avatarUrl": f"{here}/favicon.svg",
        "fullname": username or settings.SITE_NAME,
        "isPro": False,
        "isHf": False,
        "isHfAdmin": False,
        "isMod": False,
        "name": username or "broadsheet",
        "user": username or "broadsheet",
        "type": "user",
    }


def _organization(name: str, here: str) -> Item | None:
    if not name:
        return None
    slug = identifiers.author_slug(name)
    return {
        "_id": f"{identifiers.author_key(slug) & (2**63 - 1):024x}",
        "name": slug,
        "fullname": name,
        "avatarUrl": f"{here}/favicon.svg",
    }


def _linked(links: Links) -> dict[str, list[Item]]:
    return {
        "linkedModels": [{"id": name} for name in links.repositories("model")],
        "linkedDatasets": [{"id": name} for name in links.repositories("dataset", "datasets/")],
        "linkedSpaces": [{"id": name} for name in links.repositories("demo", "spaces/")],
    }


def _month(paper: Paper) -> str | None:
    return f"{paper.month_date:%Y-%m-%d}T00:00:00.000Z" if paper.month_date else None


def _without_nothing(item: Item) -> Item:
    return {key: value for key, value in item.items() if value is not None}
