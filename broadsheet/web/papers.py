"""The page of one paper, and the same paper as a citation, as Markdown and for Zotero."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

from django.core.exceptions import BadRequest
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from broadsheet import community, exports, identifiers, search, text, trending
from broadsheet.community import collecting, interests, submitting
from broadsheet.models import Claim, Link, Paper, Submission
from broadsheet.models.category import category_names
from broadsheet.web import access, authors, cards, charts, errors, links, marks, negotiation, talk, voting
from broadsheet.web.alike import PATH, SIMILAR_SORTS, Several, ways
from broadsheet.web.asked import page_number, wants_fragment
from broadsheet.web.context import address, base
from broadsheet.web.pager import Pager
from broadsheet.web.preferences import look

TITLE: Final = 1_500
TITLE_IN_BAR: Final = 120
DESCRIPTION: Final = 200
LINE: Final = 600
AUTHORS_SHOWN: Final = 20
# Enough for the largest collaborations, and for nobody's attempt to fill a page with names.
AUTHORS_MOST: Final = 5_000

# Similar papers on a paper's own page.
SIMILAR: Final = 6

HIDDEN = "Whoever keeps this server has taken this paper out."

KIND_WORDS: Final = {
    "code": "Code",
    "project": "Project",
    "model": "Models",
    "dataset": "Datasets",
    "demo": "Demos",
}

_LICENCE = re.compile(
    r"creativecommons\.org/(?:licenses/([a-z-]{2,10})/(\d\.\d)|publicdomain/(zero)/(\d\.\d))"
)


@require_safe
def paper(request: HttpRequest, spelling: str) -> HttpResponse:
    """A paper by any of its names, as a page or, with a suffix, as a file."""
    found = _named(spelling)
    form = ""
    if found is None:
        # Only now: a DOI may well end like one of our suffixes.
        spelling, form = _without_suffix(spelling)
        found = _named(spelling) if form else None
    # As the end of an address of ours first: `2503.01234v2.pdf` is one.
    found = found or search.by_identifier(f"/papers/{spelling}") or search.by_identifier(spelling)
    if found is None:
        return _unknown(request, spelling)
    if found.merged_into_id:
        found = Paper.objects.prefetch_related("aliases").get(pk=found.merged_into_id)
    if found.hidden:
        return _taken_out(request, found)
    if found.identifier != spelling:
        return HttpResponsePermanentRedirect(found.get_absolute_url() + (f".{form}" if form else ""))
    return _in_form(request, found, form or negotiation.form_of(request))


def _in_form(request: HttpRequest, found: Paper, form: str | None) -> HttpResponse:
    """The paper as its address or `Accept` wishes."""
    path = found.get_absolute_url()
    if form is None:
        response = errors.answer(request, 406, negotiation.WRONG)
    elif form == "json":
        response = access.see(f"/api/v1{path}")
    elif form:
        response = file(request, [found], form, exports.filename(found, form))
        response.headers["Content-Location"] = f"{path}.{form}"
    else:
        response = _page(request, found)
    patch_vary_headers(response, ("Accept",))
    return response


def _taken_out(request: HttpRequest, found: Paper) -> HttpResponse:
    """A paper that a curator took out: what was done stands in the log."""
    ways = [("/moderation/log", "What curators did, and why")]
    reader = access.reader_of(request)
    if reader and reader.is_curator:
        ways.append((f"/moderation/papers/{found.identifier}", "Set it right"))
    return errors.answer(request, 410, HIDDEN, ways)


def _named(spelling: str) -> Paper | None:
    # What few papers have is asked for only where the first query says that it is there.
    found = Paper.objects.filter(identifier=spelling).prefetch_related("aliases")
    return found.annotate(
        claimed=Exists(Claim.objects.filter(paper=OuterRef("pk"), state="granted")),
        was_brought=Exists(Submission.objects.filter(paper=OuterRef("pk"), state="listed")),
    ).first()


def _without_suffix(spelling: str) -> tuple[str, str]:
    for form in exports.FORMATS:
        if spelling.endswith(f".{form}"):
            return spelling[: -len(form) - 1], form
    return spelling, ""


def _unknown(request: HttpRequest, spelling: str) -> HttpResponse:
    said = identifiers.parse(spelling)
    if said is None:
        words = spelling[:100]
        return errors.answer(
            request,
            404,
            "No paper here has that name. Papers are called by an arXiv id such as 2503.01234, a DOI such as "
            "doi:10.1145/3580305.3599790, or an ACL Anthology or OpenReview id.",
            [(links.search(words), f"Search for “{words}”")],
        )
    home = identifiers.abstract_url(said.identifier)
    ways = [(home, f"If it exists, it is at {home}")] if home else []
    return errors.answer(request, 404, f"No paper {said.identifier} here.", ways)


def file(request: HttpRequest, found: Sequence[Paper], form: str, name: str) -> HttpResponse:
    """Papers in one of the formats of `exports`, under a name to save them by."""
    made = exports.FORMATS[form]
    response = HttpResponse("".join(made.write(found, base(request))), content_type=made.content_type)
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response


def _page(request: HttpRequest, found: Paper) -> HttpResponse:
    home = identifiers.abstract_url(found.identifier)
    kinds = _by_kind(found.links.all())
    ways = [
        (url, word)
        for url, word in (
            (_first(kinds, "abstract") or home, _home_word(found, home)),
            (_first(kinds, "pdf") or identifiers.pdf_url(found.identifier), "PDF"),
            (_first(kinds, "html") or identifiers.html_url(found.identifier), "HTML"),
        )
        if url
    ]
    canonical = address(request, found.get_absolute_url())
    drawings = [charts.chart(series) for series in trending.growth(found)]
    known: dict[str, Any] = {
        "paper": found,
        "canonical": canonical,
        "title": cards.title(found, TITLE),
        "plain_title": text.shorten(text.text_plain(found.title[:2_000]), TITLE_IN_BAR),
        "description": text.shorten(text.text_plain(found.abstract[:2_000]), DESCRIPTION),
        "abstract": mark_safe(text.abstract_html(found.abstract)),  # noqa: S308 - text escapes
        "authors": [Name.of(name) for name in found.authors[:AUTHORS_SHOWN]],
        "others": [Name.of(name) for name in found.authors[AUTHORS_SHOWN:AUTHORS_MOST]],
        "ways": ways,
        "links": [
            (word, [_shown(link) for link in kinds[kind]])
            for kind, word in KIND_WORDS.items()
            if kind in kinds
        ],
        "facts": list(cards.facts(found)),
        "code": cards.code(found),
        "charts": drawings,
        "drawn": any(drawing.path for drawing in drawings),
        "reasons": cards.reasons_of(trending.reasons(found, trending.ALL_TIME)),
        "vote": voting.box(request, found),
        "voters": community.voters(found),
        "versions": _versions(found),
        "categories": [(cards.named(code, 64), category_names().get(code, "")) for code in found.categories],
        "comment": cards.line(found.comment, LINE),
        "journal_ref": cards.line(found.journal_ref, LINE),
        "organization": cards.named(found.organization, 200),
        "doi": found.doi,
        "doi_url": identifiers.abstract_url(f"doi:{found.doi}") if found.doi else None,
        "licence": _licence(found.licence),
        "source": charts.source_name(found.source),
        "bibtex": "".join(exports.bibtex([found], base(request))),
        "files": links.files(found.get_absolute_url()),
        "tags": exports.highwire_tags(found, base(request)),
        "json_ld": mark_safe(exports.json_ld(found, base(request))),  # noqa: S308 - made for a script element
        "day": trending.day_window(found.listed_on) if found.listed_on else None,
        "tabs": _tabs(found),
        "similar": similar_path(found),
    }
    known |= talk.section(request, found) | _readers(request, found)
    return render(request, "paper.html", known)


def _readers(request: HttpRequest, found: Paper) -> dict[str, Any]:
    """What readers know and keep of a paper, and the ways to add to it."""
    reader = access.reader_of(request)
    return {
        "claims": talk.claims_shown(found) if getattr(found, "claimed", True) else [],
        "brought": submitting.brought_by(found) if getattr(found, "was_brought", True) else None,
        "marks": marks.own_buttons(request, found),
        "collections": collecting.holding_paper(reader, found.pk) if reader else [],
        "interests": interests.named_by(reader) if reader else [],
        "claim_path": f"/claim/{found.get_absolute_url().removeprefix('/papers/')}",
        "curate_path": f"/moderation/papers/{found.get_absolute_url().removeprefix('/papers/')}",
        "organization_path": f"/organization/{quote(found.organization, safe='')}",
    }


def similar_path(found: Paper) -> str:
    return "/similar/" + found.get_absolute_url().removeprefix("/papers/")


@require_safe
def similar(request: HttpRequest, spelling: str) -> HttpResponse:
    """Papers like this one, as a page, or the first few for the paper's own page."""
    found = _named(spelling) or search.by_identifier(spelling)
    if found is None:
        return _unknown(request, spelling)
    if found.hidden:
        return _taken_out(request, found)
    path = similar_path(found)
    if found.identifier != spelling:
        return HttpResponsePermanentRedirect(path)
    sort = request.GET.get("sort") or "relevance"
    if sort not in SIMILAR_SORTS:
        raise BadRequest(f"Similar papers can be sorted by {', '.join(SIMILAR_SORTS)}.")
    few = request.headers.get("HX-Target") == "similar"
    page = 1 if few else page_number(request)
    after = "" if few else request.GET.get("after", "")
    alike = search.related(found, page, SIMILAR if few else None, sort=cast("search.Sort", sort), after=after)
    if page > alike.pages:
        raise trending.PageOutOfRange(alike.pages)
    pager = Pager.of_found(path, f"sort={sort}" if sort != "relevance" else "", alike)
    shown = cards.of_papers(alike.papers, few or look(request).lines)
    from_here = Several((found.identifier,))
    if not few:
        for card, paper in zip(shown, alike.papers, strict=True):
            card.ways = ways(from_here, paper)
    known = {
        "paper": found,
        "title": cards.title(found, TITLE),
        "plain_title": text.shorten(text.text_plain(found.title[:2_000]), TITLE_IN_BAR),
        "canonical": address(request, path),
        "cards": shown,
        "several": from_here.href,
        "note": alike.note,
        "similar": path,
        "sorts": [
            (path if key == "relevance" else f"{path}?sort={key}", word, key == sort)
            for key, word in SIMILAR_SORTS.items()
        ],
        "feeds": links.feeds(PATH, from_here.query),
        "few": few,
        "pager": pager,
        "path": "/papers/all",
        "total": alike.total,
        "shown": pager.shown,
        "start": pager.start,
    }
    template = "_similar.html" if few else "_more.html" if wants_fragment(request) else "similar.html"
    response = render(request, template, known)
    patch_vary_headers(response, ("HX-Request", "HX-Target"))
    return response


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    path: str

    @classmethod
    def of(cls, name: str) -> Name:
        return cls(cards.named(name, 200), authors.path_of(identifiers.author_slug(name)))


def _by_kind(found: Iterable[Link]) -> dict[str, list[Link]]:
    kinds: dict[str, list[Link]] = {}
    for link in found:
        if link.url.startswith(("http://", "https://")):
            kinds.setdefault(link.kind, []).append(link)
    return kinds


def _first(kinds: dict[str, list[Link]], kind: str) -> str:
    return kinds[kind][0].url if kind in kinds else ""


def _home_word(found: Paper, home: str | None) -> str:
    names = {"arxiv": "arXiv", "acl": "ACL Anthology", "openreview": "OpenReview", "doi": "the publisher"}
    name = names.get(identifiers.scheme(found.identifier), "") if home else ""
    return f"Abstract at {name}" if name else "Abstract"


def _shown(link: Link) -> tuple[str, str, str]:
    """(address, what to show of it, who says so)."""
    name = link.url.partition("://")[2].partition("?")[0].partition("#")[0]
    return link.url, cards.named(name, 120).removeprefix("www.").rstrip("/"), charts.source_name(link.source)


def _versions(found: Paper) -> list[tuple[str, Any, str]]:
    home = identifiers.abstract_url(found.identifier) if found.arxiv_id else None
    return [
        (f"v{version.number}", version.submitted_at, f"{home}v{version.number}" if home else "")
        for version in found.versions.all()
    ]


def _licence(licence: str) -> tuple[str, str]:
    """(what to call it, its address): licences come as an address, a name or a sentence."""
    url = licence if licence.startswith(("http://", "https://")) else ""
    if match := _LICENCE.search(licence):
        return (f"CC {match[1].upper()} {match[2]}" if match[1] else f"CC0 {match[4]}"), url
    if "arxiv.org/licenses/nonexclusive" in licence:
        return "arXiv’s licence to distribute", url
    return cards.named(licence, 200), url


def _tabs(found: Paper) -> list[tuple[str, str]]:
    if not found.listed_on:
        return []
    day = found.listed_on
    windows = (
        ("Day", trending.day_window(day)),
        ("Week", trending.week_window(day)),
        ("Month", trending.month_window(day)),
    )
    return [(window.path, word) for word, window in windows]


# unAPI: how Zotero learns that this is a preprint, https://unapi.info/specs/

UNAPI_FORMATS: Final = (
    ("rdf_zotero", "rdf", "application/rdf+xml"),
    ("bibtex", "bib", "application/x-bibtex"),
    ("ris", "ris", "application/x-research-info-systems"),
)


@require_safe
def unapi(request: HttpRequest) -> HttpResponse:
    asked, form = request.GET.get("id", ""), request.GET.get("format", "")
    if not asked:
        return _unapi_formats("")
    found = search.by_identifier(asked)
    if found is None or found.hidden:
        return errors.answer(request, 404, f"No paper {asked[:100]} here.")
    if not form:
        return _unapi_formats(found.identifier)
    suffix = next((suffix for name, suffix, _ in UNAPI_FORMATS if name == form), None)
    if suffix is None:
        known = ", ".join(name for name, _, _ in UNAPI_FORMATS)
        return errors.answer(request, 406, f"Papers come as {known}, not as {form[:40]}.")
    return file(request, [found], suffix, exports.filename(found, suffix))


def _unapi_formats(identifier: str) -> HttpResponse:
    about = f' id="{quote(identifier, safe="/:.")}"' if identifier else ""
    formats = "".join(f'<format name="{name}" type="{kind}"/>' for name, _, kind in UNAPI_FORMATS)
    return HttpResponse(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<formats{about}>{formats}</formats>\n',
        content_type="application/xml; charset=utf-8",
        status=300 if identifier else 200,
    )
