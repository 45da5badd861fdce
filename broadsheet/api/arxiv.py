"""arXiv's search API, for the `arxiv` package and every script that asks `/api/query`.

    client = arxiv.Client(); client.query_url_format = "http://127.0.0.1:8000/api/query?{}"

Atom with arXiv's own elements, its paging and its errors, which are entries of a feed
(https://info.arxiv.org/help/api/user-manual.html). Papers of other homes answer too, under our own address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, cast

from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, QueryDict

from broadsheet import identifiers
from broadsheet.api import arxiv_filter
from broadsheet.api.answers import here, public, readable, xml_text
from broadsheet.api.arxiv_query import BadArxivQuery, parse
from broadsheet.index import MOST_HITS, IndexTrouble
from broadsheet.models import Alias, Paper, Version
from broadsheet.web.context import base

MOST: Final = 2_000
MOST_IDS: Final = 500
USUAL: Final = 10
SORTS: Final = ("relevance", "submittedDate", "lastUpdatedDate")
ORDERS: Final = ("descending", "ascending")
ATOM: Final = "application/atom+xml; charset=utf-8"

NO_INDEX: Final = "The search index is being built. Please ask again in a few minutes."

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" '
    'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom">\n'
)
_SCHEME: Final = "http://arxiv.org/schemas/atom"


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """A feed of one entry that is called Error."""
    said = xml_text(sentence)
    anchor = re.sub(r"[^a-z0-9]+", "_", sentence.lower())[:80].strip("_")
    now = _moment(datetime.now(UTC))
    problem = f"{xml_text(here(request))}/api/errors#{anchor}"
    entry = (
        f"<entry><id>{problem}</id><title>Error</title><summary>{said}</summary><updated>{now}</updated>"
        f'<link href="{problem}" rel="alternate" type="text/html"/>'
        f"<author><name>{xml_text(settings.SITE_NAME)}</name></author></entry>\n"
    )
    head = f"<title>Error</title><id>{problem}</id><updated>{now}</updated>{_counts(1, 0, 1)}"
    return readable(HttpResponse(f"{_HEAD}{head}{entry}</feed>\n", status=status, content_type=ATOM))


@public("GET", "HEAD", "POST")
def query(request: HttpRequest) -> HttpResponse:
    """`search_query`, `id_list`, `start`, `max_results`, `sortBy`, `sortOrder`; as a form too."""
    asked = request.POST if request.method == "POST" else request.GET
    start, size = _number(asked, "start", 0, MOST_HITS), _number(asked, "max_results", USUAL, MOST)
    sort, order = _choice(asked, "sortBy", SORTS), _choice(asked, "sortOrder", ORDERS)
    words, ids = asked.get("search_query", "").strip(), _ids(asked.get("id_list", ""))
    if not words and not ids:
        raise BadRequest("search_query or id_list says what to look for")
    if start + size > MOST_HITS and start < MOST_HITS:
        size = MOST_HITS - start
    elif start >= MOST_HITS:
        raise BadRequest(f"start must be less than {MOST_HITS}: narrow the query with submittedDate")
    keys = _named(ids) if ids else None
    if not words:
        found = arxiv_filter.Page((keys or [])[start : start + size], len(keys or []))
    else:
        try:
            tree = parse(words)
            found = arxiv_filter.page(
                tree, cast(arxiv_filter.Sort, sort), order == "ascending", start, size, keys
            )
        except BadArxivQuery as refusal:
            raise BadRequest(str(refusal)) from refusal
        except ValueError as refusal:
            raise BadRequest(f"search_query cannot be asked: {refusal}") from refusal
        except IndexTrouble:
            response = refuse(request, 503, NO_INDEX)
            response.headers["Retry-After"] = "60"
            return response
    papers = _papers(found.keys)
    if sort == "submittedDate" and words:
        # The index knows days; within a page the moments are put in order.
        late = datetime(1, 1, 1, tzinfo=UTC)
        papers.sort(
            key=lambda paper: paper.published_at or paper.submitted_at or late, reverse=order != "ascending"
        )
    body = "".join(_feed(request, asked, papers, found.total, start, size))
    return HttpResponse(body, content_type=ATOM)


def _number(asked: QueryDict, name: str, usual: int, most: int) -> int:
    said = asked.get(name, "").strip() or str(usual)
    if not re.fullmatch(r"-?\d{1,12}", said, re.ASCII):
        raise BadRequest(f"{name} must be an integer")
    if int(said) < 0:
        raise BadRequest(f"{name} must be non-negative")
    if int(said) > most and name == "max_results":
        raise BadRequest(f"{name} must not be more than {most}")
    return int(said)


def _choice(asked: QueryDict, name: str, known: Sequence[str]) -> str:
    said = asked.get(name, "") or known[0]
    if said not in known:
        raise BadRequest(f"{name} must be in: {', '.join(known)}")
    return said


def _ids(text: str) -> list[str]:
    """Canonical identifiers. Raises BadRequest as arXiv does."""
    found = []
    for said in filter(None, (part.strip() for part in text[:40_000].split(","))):
        known = identifiers.parse(said)
        if known is None:
            raise BadRequest(f"incorrect id format for {said[:60]}")
        found.append(known.identifier)
    if len(found) > MOST_IDS:
        raise BadRequest(f"id_list must not name more than {MOST_IDS} papers")
    return list(dict.fromkeys(found))


def _named(ids: Sequence[str]) -> list[int]:
    """The keys of the papers of these names, in their order; unknown ones are left out."""
    known = dict(Paper.objects.listed().filter(identifier__in=ids).values_list("identifier", "pk"))
    others = [each for each in ids if each not in known]
    if others:
        aliases = Alias.objects.filter(identifier__in=others, paper__hotness__isnull=False)
        known.update(aliases.values_list("identifier", "paper_id"))
    return list(dict.fromkeys(known[each] for each in ids if each in known))


def _papers(keys: Sequence[int]) -> list[Paper]:
    rows = Paper.objects.listed().prefetch_related("aliases").in_bulk(keys)
    return [rows[key] for key in keys if key in rows]


# --- what goes out -----------------------------------------------------------------------------------------


def _feed(
    request: HttpRequest, asked: QueryDict, papers: Sequence[Paper], total: int, start: int, size: int
) -> Iterator[str]:
    home = base(request)
    said = "&".join(
        f"{name}={asked.get(name, '')}" for name in ("search_query", "id_list") if asked.get(name)
    )
    yield _HEAD
    this = xml_text(home + request.get_full_path())
    yield f'<link href="{this}" rel="self" type="application/atom+xml"/>\n'
    title = f"arXiv Query: {xml_text(said)}&amp;start={start}&amp;max_results={size}"
    yield f'<title type="html">{title}</title>\n'
    yield f"<id>{xml_text(home)}/api/query/{identifiers.author_key(said or '-') & (2**63 - 1):016x}</id>\n"
    newest = max((paper.changed_at for paper in papers), default=datetime(1991, 8, 14, tzinfo=UTC))
    yield f"<updated>{_moment(newest)}</updated>\n{_counts(total, start, size)}"
    numbers = dict(
        Version.objects.filter(paper__in=[paper.pk for paper in papers])
        .order_by()
        .values_list("paper_id")
        .annotate(Max("number"))
    )
    for paper in papers:
        yield _entry(paper, numbers.get(paper.pk, 1), home)
    yield "</feed>\n"


def _counts(total: int, start: int, size: int) -> str:
    return (
        f"<opensearch:totalResults>{total}</opensearch:totalResults>\n"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>\n"
        f"<opensearch:itemsPerPage>{size}</opensearch:itemsPerPage>\n"
    )


def _entry(paper: Paper, version: int, home: str) -> str:
    published = paper.published_at or _month(paper) or paper.submitted_at or paper.changed_at
    number = paper.arxiv_id
    page = f"http://arxiv.org/abs/{number}v{version}" if number else home + paper.get_absolute_url()
    pdf = f"http://arxiv.org/pdf/{number}v{version}" if number else identifiers.pdf_url(paper.identifier)
    parts = [
        f"<entry>\n<id>{xml_text(page)}</id>",
        f"<updated>{_moment(max(published, paper.revised_at or published))}</updated>",
        f"<published>{_moment(published)}</published>",
        f"<title>{xml_text(paper.title)}</title>",
        f"<summary>{xml_text(paper.abstract)}</summary>",
        *(f"<author><name>{xml_text(name)}</name></author>" for name in paper.authors),
    ]
    for name, text in (
        ("comment", paper.comment),
        ("journal_ref", paper.journal_ref),
        ("doi", paper.doi or ""),
    ):
        if text:
            parts.append(f"<arxiv:{name}>{xml_text(text)}</arxiv:{name}>")
    if paper.doi:
        parts.append(f'<link title="doi" href="https://doi.org/{xml_text(paper.doi)}" rel="related"/>')
    parts.append(f'<link href="{xml_text(page)}" rel="alternate" type="text/html"/>')
    if pdf:
        parts.append(f'<link title="pdf" href="{xml_text(pdf)}" rel="related" type="application/pdf"/>')
    codes = [xml_text(code) for code in paper.categories]
    if codes:
        parts.append(f'<arxiv:primary_category term="{codes[0]}" scheme="{_SCHEME}"/>')
    parts += [f'<category term="{code}" scheme="{_SCHEME}"/>' for code in codes]
    return "\n".join(parts) + "\n</entry>\n"


def _month(paper: Paper) -> datetime | None:
    month = paper.month_date
    return datetime(month.year, month.month, month.day, tzinfo=UTC) if month else None


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
