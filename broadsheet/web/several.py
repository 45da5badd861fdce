"""A search from several papers at once: like these, and not like those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from broadsheet import exports, identifiers, search, trending
from broadsheet.community import marks
from broadsheet.models import Alias, Paper
from broadsheet.web import cards, links, negotiation, papers
from broadsheet.web.alike import PATH, SIMILAR_SORTS, Several, ways
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

TITLE: Final = 200
NO_PAPERS: Final = "Name at least one paper to search from, as in /similar?like=2503.01234."


@dataclass(frozen=True, slots=True)
class Chosen:
    """One paper of either side: its title, its page, and the addresses without it and with it on the other
    side ("" where the search would have no paper left to start from)."""

    title: SafeString
    url: str
    without: str
    turned: str


@require_safe
def file(request: HttpRequest, form: str) -> HttpResponse:
    """The papers of one page of such a search as citations, in its order."""
    asked, rows, _ = read(request)
    if not asked.like:
        raise BadRequest(NO_PAPERS)
    many = negotiation.many(request, settings.PAGE_SIZE)
    plus: Sequence[Paper] = [rows[name] for name in asked.like]
    minus: Sequence[Paper] = [rows[name] for name in asked.unlike]
    found = search.like(plus, minus, page_number(request), many, sort=cast("search.Sort", asked.sort))
    if not found.papers:
        raise Http404("This search finds no papers.")
    whole = marks.whole([paper.pk for paper in found.papers])
    return papers.file(request, whole, form, exports.filename("similar", form))


@require_safe
@negotiation.also_as(file)
def several(request: HttpRequest) -> HttpResponse:
    """The page; with `add`, the way to the same page with one paper more."""
    asked, rows, strangers = read(request)
    if "add" in request.GET:
        return _with_one_more(request, asked)
    known = _chosen(asked, rows) | {"strangers": strangers, "most": search.MOST_PAPERS}
    if not asked.like:
        return _answer(request, "several.html", known)
    page = page_number(request)
    found = search.like(
        [rows[name] for name in asked.like],
        [rows[name] for name in asked.unlike],
        page,
        sort=cast("search.Sort", asked.sort),
        after=request.GET.get("after", ""),
    )
    if page > found.pages:
        raise trending.PageOutOfRange(found.pages)
    pager = Pager.of_found(PATH, asked.query, found)
    shown = cards.of_papers(found.papers, look(request).lines)
    for card, paper in zip(shown, found.papers, strict=True):
        card.ways = ways(asked, paper)
    known |= {
        "cards": shown,
        "note": found.note,
        "sorts": [
            (replace(asked, sort=key).href, word, key == asked.sort) for key, word in SIMILAR_SORTS.items()
        ],
        "feeds": links.feeds(PATH, asked.query),
        "exports": links.citations(PATH, asked.query),
        "pager": pager,
        "path": "/papers/all",
        "total": found.total,
        "shown": pager.shown,
        "start": pager.start,
    }
    return _answer(request, "_more.html" if wants_fragment(request) else "several.html", known)


def _answer(request: HttpRequest, template: str, known: dict[str, Any]) -> HttpResponse:
    response = render(request, template, known)
    patch_vary_headers(response, ("HX-Request",))
    return response


def read(request: HttpRequest, sort: str = "relevance") -> tuple[Several, dict[str, Paper], list[str]]:
    """The search, its papers by canonical identifier, and the names that no paper here has. `sort`: where the
    address names none. Raises BadRequest with a sentence."""
    sort = request.GET.get("sort") or sort
    if sort not in SIMILAR_SORTS:
        raise BadRequest(f"Similar papers can be sorted by {', '.join(SIMILAR_SORTS)}.")
    sides = [list(dict.fromkeys(request.GET.getlist(name))) for name in ("like", "not")]
    if any(len(side) > search.MOST_PAPERS for side in sides):
        raise BadRequest(f"Name at most {search.MOST_PAPERS} papers on each side.")
    found = _named([*sides[0], *sides[1]])
    strangers = [name[:100] for side in sides for name in side if name not in found]
    like, unlike = (
        tuple(dict.fromkeys(found[name].identifier for name in side if name in found)) for side in sides
    )
    # A paper on both sides says nothing; what was wanted stays.
    unlike = tuple(name for name in unlike if name not in like)
    return Several(like, unlike, sort), {paper.identifier: paper for paper in found.values()}, strangers


def _named(names: Iterable[str]) -> dict[str, Paper]:
    """The papers of these spellings that anybody may see, by spelling. Two queries at most."""
    meant = {name: said.identifier for name in names if (said := identifiers.parse(name[:500]))}
    known = set(meant.values())
    if not known:
        return {}
    rows = {
        paper.identifier: paper for paper in Paper.objects.listed().filter(Q(identifier__in=known)).distinct()
    }
    if lacking := known - rows.keys():
        aliases = Alias.objects.filter(identifier__in=lacking, paper__hotness__isnull=False)
        rows |= {alias.identifier: alias.paper for alias in aliases.select_related("paper")}
    return {name: rows[identifier] for name, identifier in meant.items() if identifier in rows}


def _with_one_more(request: HttpRequest, asked: Several) -> HttpResponse:
    words = " ".join(request.GET["add"].split())[: search.LONGEST_QUERY]
    if not words:
        return HttpResponseRedirect(asked.href)
    paper = search.by_identifier(words) or search.by_title(words)
    if paper is None or paper.hidden:
        raise BadRequest(
            f"No paper here is called “{words[:100]}”. Give an arXiv id, a DOI, the address of its page "
            "or its exact title."
        )
    more = asked.refusing if request.GET.get("as") == "not" else asked.wanting
    return HttpResponseRedirect(more(paper.identifier).href)


def _chosen(asked: Several, rows: dict[str, Paper]) -> dict[str, Any]:
    def chosen(name: str, turned: Several) -> Chosen:
        paper = rows[name]
        href = turned.href if turned.like else ""
        return Chosen(cards.title(paper, TITLE), paper.get_absolute_url(), asked.without(name).href, href)

    return {
        "asked": asked,
        "wanted": [chosen(name, asked.refusing(name)) for name in asked.like],
        "unwanted": [chosen(name, asked.wanting(name)) for name in asked.unlike],
    }
