"""RSS 2.0, Atom 1.0 and JSON Feed 1.1 of every listing, every author, every search from words or papers.

Specifications: https://www.rssboard.org/rss-specification, RFC 4287, https://www.jsonfeed.org/version/1.1/
Nothing in a feed depends on the clock, so an unchanged listing is an unchanged file and is answered
with 304 to a reader that asks again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from email.utils import format_datetime
from html import escape
from typing import Final, cast
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from broadsheet import digest, identifiers, recommendations, search, text, trending
from broadsheet.community import collecting, interests, threads
from broadsheet.community import following as community_following
from broadsheet.models import Author, Comment, Paper
from broadsheet.web import picking, several
from broadsheet.web import talk as talk_pages
from broadsheet.web.asked import share_of
from broadsheet.web.following import organization_path
from broadsheet.web.searching import NO_WORDS, Asked

SIZE: Final = 50
TITLE: Final = 500
SUMMARY: Final = 4_000
NAMES: Final = 50
NAME: Final = 200
FRESH: Final = "public, max-age=300"

ATOM: Final = "http://www.w3.org/2005/Atom"
DUBLIN_CORE: Final = "http://purl.org/dc/elements/1.1/"
register_namespace("atom", ATOM)
register_namespace("dc", DUBLIN_CORE)

# What an undated paper is dated: feeds demand a moment, and a moving one would look like news.
UNDATED: Final = datetime(1991, 8, 14, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper as every format tells it; text fields are plain text, `html` is safe HTML."""

    url: str
    home: str
    title: str
    html: str
    summary: str
    authors: list[tuple[str, str]]
    categories: list[str]
    published: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    title: str
    description: str
    page: str
    address: str
    entries: list[Entry]

    @property
    def updated(self) -> datetime:
        return max((entry.updated for entry in self.entries), default=UNDATED)


@require_safe
def newest(request: HttpRequest, form: str, period: str = "day") -> HttpResponse:
    """The newest day, week or month. Where a filter leaves it empty, the last one that is not."""
    filters = _filters(request)
    day = trending.newest_day()
    if day is None:
        return _answer(request, form, trending.listing(trending.ALL_TIME, filters, 1, SIZE))
    share = share_of(request)
    windows = {"day": trending.day_window, "week": trending.week_window, "month": trending.month_window}
    found = trending.listing(windows[period](day), filters, 1, SIZE, share)
    if not found.total and found.previous:
        found = trending.listing(found.previous, filters, 1, SIZE, share)
    return _answer(request, form, found)


@require_safe
def listing(request: HttpRequest, form: str, period: str, key: str = "") -> HttpResponse:
    window = trending.parse(period, key)
    found = trending.listing(window, _filters(request), 1, SIZE, share_of(request))
    if not found.total and window.first is not None and not found.filters.query:
        raise Http404(f"There are no papers in “{window.title}”.")
    return _answer(request, form, found)


@require_safe
def author(request: HttpRequest, form: str, slug: str) -> HttpResponse:
    found = Author.objects.filter(pk=identifiers.author_key(identifiers.author_slug(slug))).first()
    if found is None:
        raise Http404("Nobody of that name has written a paper that is here.")
    papers, _ = search.papers_by(found, 1, SIZE)
    name = text.shorten(found.name, NAME)
    path = "/author/" + quote(found.slug, safe="")
    title = f"{name} — {settings.SITE_NAME}"
    return _respond(request, form, title, f"Papers by {name}, newest first", papers, path)


@require_safe
def found(request: HttpRequest, form: str) -> HttpResponse:
    """A search: what is new of it, unless another order is asked for."""
    asked = Asked.of(request, sort="date")
    if asked.nothing:
        raise BadRequest(NO_WORDS)
    answer = asked.answer(1, per_page=SIZE)
    words = text.shorten(text.plain_line(asked.words), TITLE) or "Search"
    narrowed = [asked.filters.category, asked.years, *(f"with {item}" for item in asked.filters.has)]
    said = ", ".join(each for each in narrowed if each)
    title = f"{settings.SITE_NAME}: {words}" + (f" ({said})" if said else "")
    return _respond(request, form, title, f"Papers found by {words}", answer.papers, asked.href)


@require_safe
def alike(request: HttpRequest, form: str) -> HttpResponse:
    """A search from papers: what is new among those like them, unless another order is asked for."""
    asked, rows, _ = several.read(request, sort="date")
    if not asked.like:
        raise BadRequest(several.NO_PAPERS)
    answer = search.like(
        [rows[name] for name in asked.like],
        [rows[name] for name in asked.unlike],
        per_page=SIZE,
        sort=cast("search.Sort", asked.sort),
    )
    first = text.text_plain(text.shorten(rows[asked.like[0]].title, NAME))
    more = f" and {len(asked.like) - 1} more" if len(asked.like) > 1 else ""
    title = f"{settings.SITE_NAME}: like {first}{more}"
    return _respond(request, form, title, f"Papers like {first}{more}", answer.papers, asked.href)


# What readers say and keep


@require_safe
def talk(request: HttpRequest, form: str, spelling: str) -> HttpResponse:
    """The newest comments on a paper."""
    paper = talk_pages.paper_of(spelling)
    base, name = _base(request), talk_pages.plain_title(paper)
    comments = threads.newest(paper, SIZE)
    entries = [_said(comment, base) for comment in comments]
    title = f"Talk about {name} — {settings.SITE_NAME}"
    page = talk_pages.talk_path(paper)
    return _written(request, form, title, f"Comments on {name}, newest first", entries, page)


def _said(comment: Comment, base: str) -> Entry:
    who = comment.reader.username if comment.reader else "somebody who left"
    person = base + comment.reader.get_absolute_url() if comment.reader else base
    plain = text.plain_block(comment.text[:SUMMARY])
    return Entry(
        url=base + comment.get_absolute_url(),
        home="",
        title=f"{who}: {text.shorten(text.plain_line(comment.text[:1_000]), 80)}",
        html=text.comment_html(comment.text),
        summary=plain,
        authors=[(who, person)],
        categories=[],
        published=comment.created_at.astimezone(UTC),
        updated=(comment.edited_at or comment.created_at).astimezone(UTC),
    )


@require_safe
def collection(request: HttpRequest, form: str, key: int, secret: str = "") -> HttpResponse:
    """The papers put last into a collection, for whoever may see it."""
    found = collecting.seen(key, None, secret)
    papers = collecting.newest_items(found, SIZE)
    path = found.get_absolute_url() + (f"/{secret}" if secret else "")
    title = f"{found.name} — {settings.SITE_NAME}"
    response = _respond(request, form, title, f"A collection by {found.reader.username}", papers, path)
    return _private(response) if secret else response


@require_safe
def organization(request: HttpRequest, form: str, name: str) -> HttpResponse:
    papers, total = community_following.papers_of_organization(name[:500], 1, SIZE)
    if not total:
        raise Http404("No paper here is of that organisation.")
    shown = text.shorten(text.plain_line(name), NAME)
    path = organization_path(name)
    title = f"{shown} — {settings.SITE_NAME}"
    return _respond(request, form, title, f"Papers from {shown}, newest first", papers, path)


@require_safe
def reader(request: HttpRequest, form: str, username: str) -> HttpResponse:
    """What a reader voted for and brought, if everybody may see that."""
    found = community_following.public_readers([username]).first()
    if found is None:
        raise Http404("There is no such reader, or their votes are not for everybody to see.")
    news = community_following.of_reader(found, SIZE)
    title = f"{found.username} — {settings.SITE_NAME}"
    words = f"What {found.username} votes for and brings"
    return _respond(request, form, title, words, [each.paper for each in news], found.get_absolute_url())


@require_safe
def following(request: HttpRequest, form: str, secret: str) -> HttpResponse:
    """All that one reader follows, at an address that is itself the permission."""
    whose = community_following.reader_of_feed(secret)
    news = community_following.papers_followed(whose, most=SIZE)
    title = f"{settings.SITE_NAME}: following"
    papers = [each.paper for each in news]
    return _private(_respond(request, form, title, "What is new of all you follow", papers, "/following"))


@require_safe
def interest(request: HttpRequest, form: str, key: int, secret: str = "", private: str = "") -> HttpResponse:
    """An interest's newest papers: for whoever may see it, or at its reader's private address."""
    viewer = community_following.reader_of_feed(private) if private else None
    found = interests.seen(key, viewer, secret)
    days = picking.days_of(request)
    away = digest.mailed(viewer) if viewer and not found.returning else ()
    picks = recommendations.for_interest(
        found, viewer, first=picking.first_day(days), limit=SIZE, exclude=away
    )
    path = found.get_absolute_url() + (f"/{secret}" if secret else "")
    title = f"{found.name} — {settings.SITE_NAME}"
    words = found.sentence or f"New papers for “{found.name}”"
    response = _picked(request, form, title, words, picks, path)
    return _private(response) if secret or private else response


@require_safe
def for_you(request: HttpRequest, form: str, secret: str) -> HttpResponse:
    """What is recommended to one reader, at an address that is itself the permission."""
    reader = community_following.reader_of_feed(secret)
    first = picking.first_day(picking.days_of(request))
    picks = recommendations.for_reader(reader, first=first, limit=SIZE, exclude=digest.mailed(reader))
    title = f"{settings.SITE_NAME}: for you"
    return _private(_picked(request, form, title, "New papers chosen for you", picks, "/for-you"))


def _picked(
    request: HttpRequest, form: str, title: str, description: str, picks: recommendations.Picks, path: str
) -> HttpResponse:
    """Papers with the reason of each before its summary."""
    base = _base(request)
    entries = [_because(_entry(pick.paper, base), pick.why) for pick in picks.picks]
    return _written(request, form, title, description, entries, path)


def _because(entry: Entry, why: str) -> Entry:
    if not why:
        return entry
    said = f"Why: {text.plain_line(why)}."
    return replace(
        entry, html=f"<p><em>{escape(said)}</em></p>{entry.html}", summary=f"{said}\n\n{entry.summary}"
    )


def _private(response: HttpResponse) -> HttpResponse:
    """For one reader's eyes: no cache of others', no search engine, no referrer."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _filters(request: HttpRequest) -> trending.Filters:
    return trending.Filters.parse(request.GET.get("category", ""), request.GET.getlist("has"))


def _answer(request: HttpRequest, form: str, found: trending.Listing) -> HttpResponse:
    filters = found.filters
    narrowed = ", ".join(
        [*([filters.category] if filters.category else []), *(f"with {item}" for item in filters.has)]
    )
    title = f"{settings.SITE_NAME}: {found.window.title}" + (f" ({narrowed})" if narrowed else "")
    path = f"{found.window.path}?{filters.query}" if filters.query else found.window.path
    return _respond(request, form, title, settings.SITE_MOTTO, found.papers, path)


def _respond(
    request: HttpRequest, form: str, title: str, description: str, papers: Sequence[Paper], path: str
) -> HttpResponse:
    base = _base(request)
    return _written(request, form, title, description, [_entry(paper, base) for paper in papers], path)


def _base(request: HttpRequest) -> str:
    return settings.PUBLIC_URL or request.build_absolute_uri("/")[:-1]


def _written(
    request: HttpRequest, form: str, title: str, description: str, entries: list[Entry], path: str
) -> HttpResponse:
    base = _base(request)
    here = base + request.get_full_path()
    write, content_type = FORMATS[form]
    feed = Feed(text.plain_line(title), text.plain_line(description), base + path, here, entries)
    response = HttpResponse(write(feed), content_type=content_type)
    response.headers["Cache-Control"] = FRESH
    return response


def _entry(paper: Paper, base: str) -> Entry:
    published = paper.submitted_at or paper.published_at or _month(paper) or UNDATED
    summary = text.text_plain(text.shorten(paper.abstract, SUMMARY))
    return Entry(
        url=base + paper.get_absolute_url(),
        home=identifiers.abstract_url(paper.identifier) or "",
        title=text.text_plain(text.shorten(paper.title, TITLE)) or "Untitled",
        html=_html(paper, summary),
        summary=summary,
        authors=[
            (text.plain_line(name[:NAME]), f"{base}/author/{quote(identifiers.author_slug(name), safe='')}")
            for name in paper.authors[:NAMES]
        ],
        categories=[text.plain_line(code) for code in paper.categories],
        published=published.astimezone(UTC),
        updated=max(published, paper.revised_at or published).astimezone(UTC),
    )


def _month(paper: Paper) -> datetime | None:
    return datetime.combine(paper.month_date, time(), UTC) if paper.month_date else None


def _html(paper: Paper, summary: str) -> str:
    """Names, words and facts as three kinds of paragraphs, without anything a reader's filter would drop."""
    more = len(paper.authors) - NAMES
    names = ", ".join(text.plain_line(name[:NAME]) for name in paper.authors[:NAMES])
    names += f" and {more:,} more" if more > 0 else ""
    facts = [*paper.categories[:1], *_facts(paper)]
    return "".join(
        f"<p>{escape(words)}</p>" for words in (names, *summary.split("\n\n"), " · ".join(facts)) if words
    )


def _facts(paper: Paper) -> list[str]:
    told = (
        (paper.withdrawn, "withdrawn by its authors"),
        (paper.has_code, f"code ★ {paper.stars:,}" if paper.stars else "code"),
        (paper.has_models, "models"),
        (paper.organization, text.plain_line(paper.organization[:NAME])),
        (paper.upvotes, f"{paper.upvotes:,} votes"),
        (paper.outside_upvotes, f"{paper.outside_upvotes:,} upvotes elsewhere"),
        (paper.abstract_is_ours, f"summary by {settings.SITE_NAME}"),
    )
    return [words for true, words in told if true]


# The three formats


def rss(feed: Feed) -> bytes:
    root = Element("rss", {"version": "2.0"})
    channel = SubElement(root, "channel")
    _text(channel, "title", feed.title)
    _text(channel, "link", feed.page)
    _text(channel, "description", feed.description)
    SubElement(
        channel, f"{{{ATOM}}}link", {"rel": "self", "href": feed.address, "type": "application/rss+xml"}
    )
    _text(channel, "language", "en")
    _text(channel, "lastBuildDate", format_datetime(feed.updated))
    for entry in feed.entries:
        item = SubElement(channel, "item")
        _text(item, "title", entry.title)
        _text(item, "link", entry.url)
        _text(item, "guid", entry.url)
        for name, _ in entry.authors:
            _text(item, f"{{{DUBLIN_CORE}}}creator", name)
        for code in entry.categories:
            _text(item, "category", code)
        _text(item, "pubDate", format_datetime(entry.published))
        _text(item, "description", entry.html)
    return _xml(root)


def atom(feed: Feed) -> bytes:
    root = Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    _text(root, "id", feed.page)
    _text(root, "title", feed.title)
    _text(root, "subtitle", feed.description)
    _text(root, "updated", feed.updated.isoformat(timespec="seconds"))
    SubElement(root, "link", {"rel": "self", "href": feed.address, "type": "application/atom+xml"})
    SubElement(root, "link", {"rel": "alternate", "href": feed.page, "type": "text/html"})
    _text(SubElement(root, "author"), "name", settings.SITE_NAME)
    for entry in feed.entries:
        item = SubElement(root, "entry")
        _text(item, "id", entry.url)
        _text(item, "title", entry.title)
        SubElement(item, "link", {"rel": "alternate", "href": entry.url, "type": "text/html"})
        if entry.home:
            SubElement(item, "link", {"rel": "via", "href": entry.home})
        _text(item, "published", entry.published.isoformat(timespec="seconds"))
        _text(item, "updated", entry.updated.isoformat(timespec="seconds"))
        for name, url in entry.authors:
            person = SubElement(item, "author")
            _text(person, "name", name)
            _text(person, "uri", url)
        for code in entry.categories:
            SubElement(item, "category", {"term": code})
        _text(item, "content", entry.html).set("type", "html")
    return _xml(root)


def json_feed(feed: Feed) -> bytes:
    items = [
        {
            "id": entry.url,
            "url": entry.url,
            **({"external_url": entry.home} if entry.home else {}),
            "title": entry.title,
            "content_html": entry.html,
            **({"summary": entry.summary} if entry.summary else {}),
            "date_published": entry.published.isoformat(timespec="seconds"),
            "date_modified": entry.updated.isoformat(timespec="seconds"),
            "authors": [{"name": name, "url": url} for name, url in entry.authors],
            "tags": entry.categories,
        }
        for entry in feed.entries
    ]
    whole = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "description": feed.description,
        "home_page_url": feed.page,
        "feed_url": feed.address,
        "language": "en",
        "items": items,
    }
    return json.dumps(whole, ensure_ascii=False).encode("utf-8", "replace")


FORMATS: Final[dict[str, tuple[Callable[[Feed], bytes], str]]] = {
    "rss": (rss, "application/rss+xml; charset=utf-8"),
    "atom": (atom, "application/atom+xml; charset=utf-8"),
    "json": (json_feed, "application/feed+json; charset=utf-8"),
}


def _text(parent: Element, tag: str, words: str) -> Element:
    child = SubElement(parent, tag)
    child.text = words
    return child


def _xml(root: Element) -> bytes:
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written
