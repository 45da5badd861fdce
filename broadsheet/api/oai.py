"""OAI-PMH 2.0, so that another Broadsheet, `sickle` or `oaipmh-scythe` can harvest this one.

    Sickle("http://127.0.0.1:8000/oai").ListRecords(metadataPrefix="oai_dc")

The protocol: https://www.openarchives.org/OAI/openarchivesprotocol.html. Formats are oai_dc, and arXiv's own
`arXiv` and `arXivRaw` for the papers that have an arXiv id. A datestamp is the moment when a paper's words
last changed here, never when it was voted on. A paper that a curator took out stays as a deleted record while
its row does, so the policy is *transient*. Tokens hold where a harvest is and are signed; nothing of them is
stored and they do not expire.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from hmac import compare_digest
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict

from broadsheet import exports, identifiers, search
from broadsheet.api.answers import here, public, readable, xml_text
from broadsheet.models import Category, Paper, PaperCategory, Version
from broadsheet.models.category import archives, category_names
from broadsheet.web.context import base
from broadsheet.web.limits import digest

PAGE: Final = 1_000
XML: Final = "text/xml; charset=utf-8"
# From so many papers on, walking all papers in order and asking each costs less than sorting a set.
LARGE_SET: Final = 20_000

_OAI: Final = "http://www.openarchives.org/OAI/2.0/"
_HEAD: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="{_OAI}" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="{_OAI} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">\n'
)
# What each verb may be told, and what it must be.
_ARGUMENTS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "Identify": (frozenset(), frozenset()),
    "ListMetadataFormats": (frozenset({"identifier"}), frozenset()),
    "ListSets": (frozenset({"resumptionToken"}), frozenset()),
    "GetRecord": (frozenset({"identifier", "metadataPrefix"}), frozenset({"identifier", "metadataPrefix"})),
    "ListIdentifiers": (
        frozenset({"from", "until", "set", "metadataPrefix", "resumptionToken"}),
        frozenset({"metadataPrefix"}),
    ),
    "ListRecords": (
        frozenset({"from", "until", "set", "metadataPrefix", "resumptionToken"}),
        frozenset({"metadataPrefix"}),
    ),
}


_UNRESERVED: Final = r"[A-Za-z0-9\-_.!~*'()]+"
_SHAPES: Final = {
    "metadataPrefix": re.compile(_UNRESERVED, re.ASCII),
    "set": re.compile(f"{_UNRESERVED}(:{_UNRESERVED})*", re.ASCII),
}


class OaiError(Exception):
    """One of the protocol's own errors, with its code and a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def refuse(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """What no verb has said (too many requests, control characters): still OAI-PMH."""
    code = "badArgument"
    body = _whole(request, {}, f'<error code="{code}">{xml_text(sentence)}</error>\n')
    # The protocol tells harvesters to wait by 503 and Retry-After.
    return readable(HttpResponse(body, status=503 if status == 429 else status, content_type=XML))


@public("GET", "HEAD", "POST")
def provider(request: HttpRequest) -> HttpResponse:
    asked = request.POST if request.method == "POST" else request.GET
    told: dict[str, str] = {}
    try:
        verb, told = _arguments(asked)
        body = "".join(_VERBS[verb](request, told))
    except OaiError as error:
        if error.code in ("badVerb", "badArgument"):
            told = {}
        body = f'<error code="{error.code}">{xml_text(str(error))}</error>\n'
    return HttpResponse(_whole(request, told, body), content_type=XML)


def _whole(request: HttpRequest, told: dict[str, str], body: str) -> str:
    said = "".join(f' {name}="{xml_text(value)}"' for name, value in told.items())
    where = xml_text(here(request) + "/oai")
    now = _stamp(datetime.now(UTC))
    return f"{_HEAD}<responseDate>{now}</responseDate>\n<request{said}>{where}</request>\n{body}</OAI-PMH>\n"


def _arguments(asked: QueryDict) -> tuple[str, dict[str, str]]:
    verbs = asked.getlist("verb")
    if len(verbs) != 1 or verbs[0] not in _ARGUMENTS:
        raise OaiError("badVerb", f"“verb” is one of {', '.join(_ARGUMENTS)}, and stands there once.")
    verb = verbs[0]
    known, needed = _ARGUMENTS[verb]
    for name, values in asked.lists():
        if name != "verb" and name not in known:
            raise OaiError("badArgument", f"{verb} has no argument “{name[:40]}”.")
        if len(values) != 1 or not values[0]:
            raise OaiError("badArgument", f"“{name[:40]}” stands there once and says something.")
        if name in _SHAPES and not _SHAPES[name].fullmatch(values[0]):
            # It would be repeated in <request>, where the protocol's schema has no room for it.
            raise OaiError("badArgument", f"“{name}” has signs that the protocol does not know.")
    told = {name: str(asked[name]) for name in asked}
    if "resumptionToken" in told:
        if len(told) != 2:
            raise OaiError("badArgument", "Beside a resumptionToken there is no other argument.")
    elif missing := needed - set(told):
        raise OaiError("badArgument", f"{verb} needs “{min(missing)}”.")
    return verb, told


# --- the verbs ---------------------------------------------------------------------------------------------


def _identify(request: HttpRequest, told: dict[str, str]) -> Iterator[str]:
    earliest = Paper.objects.aggregate(at=Min("changed_at"))["at"] or datetime(1991, 8, 14, tzinfo=UTC)
    contact = settings.SOURCE_CONTACT.removeprefix("mailto:")
    address = contact if "@" in contact else f"postmaster@{request.get_host().partition(':')[0]}"
    yield (
        f"<Identify>\n<repositoryName>{xml_text(settings.SITE_NAME)}</repositoryName>\n"
        f"<baseURL>{xml_text(base(request) + '/oai')}</baseURL>\n<protocolVersion>2.0</protocolVersion>\n"
        f"<adminEmail>{xml_text(address)}</adminEmail>\n"
        f"<earliestDatestamp>{_stamp(earliest)}</earliestDatestamp>\n"
        "<deletedRecord>transient</deletedRecord>\n<granularity>YYYY-MM-DDThh:mm:ssZ</granularity>\n"
        "</Identify>\n"
    )


def _list_formats(request: HttpRequest, told: dict[str, str]) -> Iterator[str]:
    found = list(_FORMATS.values())
    if "identifier" in told:
        paper = _named(told["identifier"])
        found = [each for each in found if not each.arxiv_alone or paper.arxiv_id]
    yield "<ListMetadataFormats>\n"
    for each in found:
        yield (
            f"<metadataFormat><metadataPrefix>{each.prefix}</metadataPrefix><schema>{each.schema}</schema>"
            f"<metadataNamespace>{each.namespace}</metadataNamespace></metadataFormat>\n"
        )
    yield "</ListMetadataFormats>\n"


def _list_sets(request: HttpRequest, told: dict[str, str]) -> Iterator[str]:
    if "resumptionToken" in told:
        raise OaiError("badResumptionToken", "The list of sets comes in one piece.")
    names = category_names()
    specs: dict[str, str] = {}
    for code in Category.objects.order_by("code").values_list("code", flat=True):
        if spec := set_of(code):
            for part in _above(spec):
                last = part.rpartition(":")[2]
                specs.setdefault(part, names.get(last) or last)
            specs[spec] = names.get(code) or code
    yield "<ListSets>\n"
    for spec, name in sorted(specs.items()):
        yield f"<set><setSpec>{spec}</setSpec><setName>{xml_text(name)}</setName></set>\n"
    yield "</ListSets>\n"


def _get_record(request: HttpRequest, told: dict[str, str]) -> Iterator[str]:
    form, paper = _format(told["metadataPrefix"]), _named(told["identifier"])
    if form.arxiv_alone and not paper.arxiv_id:
        raise OaiError("cannotDisseminateFormat", "This paper has no arXiv id and comes as oai_dc alone.")
    yield "<GetRecord>\n"
    yield from _records(form, [paper], base(request))
    yield "</GetRecord>\n"


def _list_records(request: HttpRequest, told: dict[str, str]) -> Iterator[str]:
    place, papers, token = _page("ListRecords", told)
    yield "<ListRecords>\n"
    yield from _records(_format(place.prefix), papers, base(request))
    yield token + "</ListRecords>\n"


def _list_identifiers(request: HttpRequest, told: dict[str, str]) -> Iterator[str]:
    _, papers, token = _page("ListIdentifiers", told)
    yield "<ListIdentifiers>\n"
    yield from map(_header, papers)
    yield token + "</ListIdentifiers>\n"


_VERBS: Final[dict[str, Callable[[HttpRequest, dict[str, str]], Iterator[str]]]] = {
    "Identify": _identify,
    "ListMetadataFormats": _list_formats,
    "ListSets": _list_sets,
    "GetRecord": _get_record,
    "ListRecords": _list_records,
    "ListIdentifiers": _list_identifiers,
}


# --- where a harvest is --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """What was asked for, and the last paper that was given: its moment and its key. `past` counts them."""

    verb: str
    prefix: str
    set: str = ""
    first: str = ""
    last: str = ""
    at: str = ""
    key: int = 0
    past: int = 0
    total: int = 0

    def written(self) -> str:
        body = base64.urlsafe_b64encode(json.dumps(list(asdict(self).values())).encode()).decode().rstrip("=")
        return f"{body}.{digest('oai', body)}"

    @classmethod
    def read(cls, text: str, verb: str) -> _Place:
        body, _, signature = text.partition(".")
        try:
            if not compare_digest(signature.encode(), digest("oai", body).encode()):
                raise ValueError(text)
            found = cls(*json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        except (ValueError, TypeError, binascii.Error) as error:
            raise OaiError("badResumptionToken", "That token is not one of ours. Begin again.") from error
        if found.verb != verb:
            raise OaiError("badResumptionToken", f"That token belongs to {found.verb}.")
        return found


def _page(verb: str, told: dict[str, str]) -> tuple[_Place, list[Paper], str]:
    """The place, its next papers, and the element with the token of the page behind."""
    if "resumptionToken" in told:
        place = _Place.read(told["resumptionToken"], verb)
        rows = _rows(place)
    else:
        _format(told["metadataPrefix"])
        first, last = _range(told)
        place = _Place(verb, told["metadataPrefix"], told.get("set", ""), first, last)
        rows = _rows(place)
        place = replace(place, total=rows.count())
    if place.at:
        at = datetime.fromisoformat(place.at)
        rows = rows.filter(Q(changed_at__gt=at) | Q(changed_at=at, pk__gt=place.key), changed_at__gte=at)
    papers = list(rows.order_by("changed_at", "pk")[: PAGE + 1])
    if not papers and not place.at:
        raise OaiError("noRecordsMatch", "No paper here is of that set and changed in that time.")
    given = papers[:PAGE]
    more = len(papers) > PAGE
    token = ""
    if more or place.at:
        counted = f'completeListSize="{max(place.total, place.past + len(given))}" cursor="{place.past}"'
        text = ""
        if more:
            last_one = given[-1]
            at_now = last_one.changed_at.isoformat()
            text = replace(place, at=at_now, key=last_one.pk, past=place.past + len(given)).written()
        token = f"<resumptionToken {counted}>{text}</resumptionToken>\n"
    return place, given, token


def _rows(place: _Place) -> QuerySet[Paper]:
    rows = Paper.objects.all()
    if _FORMATS[place.prefix].arxiv_alone:
        # Every canonical identifier but arXiv's begins with its scheme and a colon.
        rows = rows.exclude(identifier__contains=":")
    if place.first:
        rows = rows.filter(changed_at__gte=datetime.fromisoformat(place.first))
    if place.last:
        rows = rows.filter(changed_at__lt=datetime.fromisoformat(place.last))
    if place.set:
        codes = list(Category.objects.filter(code__in=_codes(place.set)).values_list("pk", flat=True))
        within = PaperCategory.objects.filter(category__in=codes)
        if len(within.values_list("paper_id", flat=True)[:LARGE_SET]) == LARGE_SET:
            rows = rows.filter(Exists(within.filter(paper=OuterRef("pk"))))
        else:
            rows = rows.filter(pk__in=within.values("paper_id"))
    return rows


def _range(told: dict[str, str]) -> tuple[str, str]:
    """The first moment, and the first one behind the last. Raises OaiError."""
    said = [told.get("from", ""), told.get("until", "")]
    if all(said) and len(said[0]) != len(said[1]):
        raise OaiError("badArgument", "“from” and “until” are both days or both moments.")
    first, last = (_moment(text) if text else None for text in said)
    if first and last and first > last:
        raise OaiError("badArgument", "“from” comes after “until”.")
    if last:
        last += timedelta(days=1) if len(said[1]) == 10 else timedelta(seconds=1)
    return (first.isoformat() if first else ""), (last.isoformat() if last else "")


def _moment(text: str) -> datetime:
    try:
        if len(text) == 10:
            found = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        else:
            found = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if not 1000 <= found.year <= 9000:
            raise ValueError(text)
        return found
    except ValueError as error:
        sentence = "Dates look like 2025-03-14 or 2025-03-14T09:00:00Z."
        raise OaiError("badArgument", sentence) from error


def _named(text: str) -> Paper:
    spelling = text.removeprefix("oai:arXiv.org:").removeprefix("oai:broadsheet:")
    found = search.by_identifier(spelling[:300])
    if found is None or not text.startswith("oai:"):
        raise OaiError("idDoesNotExist", f"There is no item {text[:100]} here.")
    return found


# --- sets: group, archive, category, as arXiv names them -----------------------------------------------

_GROUPS: Final = frozenset({"cs", "econ", "eess", "math", "q-bio", "q-fin", "stat"})


@cache
def set_of(code: str) -> str:
    """`cs.LG` is `cs:cs:LG`, `hep-th` is `physics:hep-th`, the archive `cs` is `cs:cs`; "" for what arXiv
    does not know."""
    archive, _, name = code.partition(".")
    if code not in category_names() and archive not in archives():
        return ""
    group = archive if archive in _GROUPS else "physics"
    return f"{group}:{archive}:{name}" if name else f"{group}:{archive}"


def _above(spec: str) -> list[str]:
    parts = spec.split(":")
    return [":".join(parts[:count]) for count in range(1, len(parts))]


def _codes(spec: str) -> list[str]:
    """The categories in a set."""
    names = dict.fromkeys([*category_names(), *archives()])
    return [code for code in names if _within(set_of(code), spec)]


def _within(spec: str, outer: str) -> bool:
    return spec == outer or spec.startswith(f"{outer}:")


# --- records -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """What is asked once for all papers of a page."""

    here: str
    versions: dict[int, list[tuple[int, datetime | None]]] = field(default_factory=dict)
    dois: dict[int, str] = field(default_factory=dict)


def _records(form: _Format, papers: Sequence[Paper], here: str) -> Iterator[str]:
    known = _known(papers, here)
    for paper in papers:
        if paper.hidden:
            yield f"<record>{_header(paper)}</record>\n"
            continue
        yield f"<record>{_header(paper)}<metadata>{form.write(paper, known)}</metadata></record>\n"


def _known(papers: Sequence[Paper], here: str) -> _Known:
    keys = [paper.pk for paper in papers]
    known = _Known(here)
    for key, number, at in (
        Version.objects.filter(paper__in=keys).order_by("paper", "number").values_list(
            "paper_id", "number", "submitted_at"
        )
    ):  # fmt: skip
        known.versions.setdefault(key, []).append((number, at))
    aliases = Paper.objects.filter(pk__in=keys, aliases__identifier__startswith="doi:")
    for key, identifier in aliases.values_list("pk", "aliases__identifier"):
        known.dois.setdefault(key, identifier[4:])
    for paper in papers:
        if paper.identifier.startswith("doi:"):
            known.dois[paper.pk] = paper.identifier[4:]
    return known


def _header(paper: Paper) -> str:
    space = "arXiv.org" if paper.arxiv_id else "broadsheet"
    identifier = quote(paper.identifier, safe=":/.-_~")
    specs = dict.fromkeys(filter(None, map(set_of, paper.categories)))
    sets = "".join(f"<setSpec>{spec}</setSpec>" for spec in specs)
    status = ' status="deleted"' if paper.hidden else ""
    return (
        f"<header{status}><identifier>oai:{space}:{identifier}</identifier>"
        f"<datestamp>{_stamp(paper.changed_at)}</datestamp>{sets}</header>"
    )


def _elements(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<{name}>{xml_text(text)}</{name}>" for name, text in pairs if text)


def _dublin_core(paper: Paper, known: _Known) -> str:
    names = category_names()
    doi = known.dois.get(paper.pk, "")
    published = paper.published_at
    day = (
        published.date().isoformat() if published else f"{paper.month_date:%Y-%m}" if paper.month_date else ""
    )
    pairs = [("dc:title", paper.title)]
    pairs += [("dc:creator", exports.name_parts(name).sorted) for name in paper.authors]
    pairs += [("dc:subject", names.get(code) or code) for code in paper.categories]
    pairs += [("dc:description", paper.abstract), ("dc:description", paper.comment), ("dc:date", day)]
    pairs += [
        ("dc:type", "text"),
        (
            "dc:identifier",
            identifiers.abstract_url(paper.identifier) or known.here + paper.get_absolute_url(),
        ),
        ("dc:identifier", f"doi:{doi}" if doi else ""),
        ("dc:source", paper.journal_ref),
        ("dc:rights", paper.licence),
    ]
    return (
        '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/oai_dc/ '
        f'http://www.openarchives.org/OAI/2.0/oai_dc.xsd">{_elements(pairs)}</oai_dc:dc>'
    )


def _arxiv(paper: Paper, known: _Known) -> str:
    authors = "".join(
        f"<author>{_elements(_parts(name))}</author>"
        for name in map(exports.name_parts, paper.authors)
        if name.family
    )
    dates = (
        ("id", paper.identifier),
        ("created", paper.published_at.date().isoformat() if paper.published_at else ""),
        ("updated", paper.revised_at.date().isoformat() if paper.revised_at else ""),
    )
    return (
        f'<arXiv xmlns="{_FORMATS["arXiv"].namespace}" xsi:schemaLocation="{_FORMATS["arXiv"].namespace} '
        f'{_FORMATS["arXiv"].schema}">{_elements(dates)}<authors>{authors}</authors>'
        f"{_elements([('title', paper.title), *_rest(paper, known)])}</arXiv>"
    )


def _parts(name: exports.Name) -> tuple[tuple[str, str], ...]:
    return ("keyname", name.family), ("forenames", name.given), ("suffix", name.suffix)


def _arxiv_raw(paper: Paper, known: _Known) -> str:
    versions = known.versions.get(paper.pk) or [(1, paper.published_at)]
    told = "".join(
        f'<version version="v{number}">'
        + (f"<date>{format_datetime(at.astimezone(UTC), usegmt=True)}</date>" if at else "")
        + "</version>"
        for number, at in versions
    )
    words = [("title", paper.title), ("authors", ", ".join(paper.authors)), *_rest(paper, known)]
    return (
        f'<arXivRaw xmlns="{_FORMATS["arXivRaw"].namespace}" '
        f'xsi:schemaLocation="{_FORMATS["arXivRaw"].namespace} {_FORMATS["arXivRaw"].schema}">'
        f"<id>{xml_text(paper.identifier)}</id>{told}{_elements(words)}</arXivRaw>"
    )


def _rest(paper: Paper, known: _Known) -> list[tuple[str, str]]:
    return [
        ("categories", " ".join(paper.categories)),
        ("comments", paper.comment),
        ("journal-ref", paper.journal_ref),
        ("doi", known.dois.get(paper.pk, "")),
        ("license", paper.licence),
        ("abstract", paper.abstract),
    ]


@dataclass(frozen=True, slots=True)
class _Format:
    prefix: str
    schema: str
    namespace: str
    write: Callable[[Paper, _Known], str]
    arxiv_alone: bool = False


_FORMATS: Final = {
    "oai_dc": _Format(
        "oai_dc",
        "http://www.openarchives.org/OAI/2.0/oai_dc.xsd",
        "http://www.openarchives.org/OAI/2.0/oai_dc/",
        _dublin_core,
    ),
    "arXiv": _Format(
        "arXiv", "http://arxiv.org/OAI/arXiv.xsd", "http://arxiv.org/OAI/arXiv/", _arxiv, arxiv_alone=True
    ),
    "arXivRaw": _Format(
        "arXivRaw",
        "http://arxiv.org/OAI/arXivRaw.xsd",
        "http://arxiv.org/OAI/arXivRaw/",
        _arxiv_raw,
        arxiv_alone=True,
    ),
}


def _format(prefix: str) -> _Format:
    if prefix not in _FORMATS:
        raise OaiError("cannotDisseminateFormat", f"Papers come as {', '.join(_FORMATS)}.")
    return _FORMATS[prefix]


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
