"""What the stand-in says: OAI-PMH, announcements and look-ups, as arXiv writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from broadsheet import identifiers
from tests.arxiv.corpus import Corpus, sets_of, to_date, to_day

_LICENCE = "http://arxiv.org/licenses/nonexclusive-distrib/1.0/"
_PREFIXES = ("arXivRaw", "oai_dc")


class OaiError(Exception):
    def __init__(self, code: str, says: str) -> None:
        super().__init__(says)
        self.code = code


class Oai:
    """OAI-PMH 2.0 (http://www.openarchives.org/OAI/openarchivesprotocol.html) over a corpus."""

    def __init__(self, corpus: Corpus, size: int) -> None:
        self.corpus = corpus
        self.size = size

    def answer(self, asked: dict[str, str], now: datetime, expired: bool, again: bool) -> bytes:
        """One answer. `expired`: a token is not known any more. `again`: some records come twice."""
        try:
            verb = asked.get("verb", "")
            said = {
                "Identify": self._identify,
                "ListSets": self._sets,
                "ListMetadataFormats": self._formats,
                "GetRecord": self._record,
                "ListRecords": self._records,
                "ListIdentifiers": self._records,
            }.get(verb)
            if said is None:
                raise OaiError("badVerb", "Illegal OAI verb")
            if expired and "resumptionToken" in asked:
                raise OaiError("badResumptionToken", "Token has expired")
            inner = f"<{verb}>{said(asked, now, again)}</{verb}>"
        except OaiError as error:
            inner = f'<error code="{error.code}">{escape(str(error))}</error>'
        stamp = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
            f"<responseDate>{stamp}</responseDate><request>http://oaipmh.arxiv.org/oai</request>{inner}</OAI-PMH>"
        ).encode()

    def _identify(self, asked: dict[str, str], now: datetime, again: bool) -> str:
        return (
            "<repositoryName>arXiv</repositoryName><baseURL>https://oaipmh.arxiv.org/oai</baseURL>"
            "<protocolVersion>2.0</protocolVersion><adminEmail>help@arxiv.org</adminEmail>"
            "<earliestDatestamp>2005-09-16</earliestDatestamp><deletedRecord>persistent</deletedRecord>"
            "<granularity>YYYY-MM-DD</granularity>"
        )

    def _sets(self, asked: dict[str, str], now: datetime, again: bool) -> str:
        known = sorted({one for codes in self.corpus.categories for one in sets_of(codes)})
        return "".join(f"<set><setSpec>{one}</setSpec><setName>{one}</setName></set>" for one in known)

    def _formats(self, asked: dict[str, str], now: datetime, again: bool) -> str:
        return "".join(
            f"<metadataFormat><metadataPrefix>{prefix}</metadataPrefix><schema>x</schema>"
            f"<metadataNamespace>http://arxiv.org/OAI/{prefix}/</metadataNamespace></metadataFormat>"
            for prefix in _PREFIXES
        )

    def _record(self, asked: dict[str, str], now: datetime, again: bool) -> str:
        row = self.corpus.where.get(asked.get("identifier", "").removeprefix("oai:arXiv.org:"))
        today = to_day(now.date())
        if row is None or not self.corpus.lives[row].filed(today):
            raise OaiError("idDoesNotExist", "Nothing matches the identifier")
        return self._written([row], _prefix(asked), today, "ListRecords")

    def _records(self, asked: dict[str, str], now: datetime, again: bool) -> str:
        today, place = to_day(now.date()), 0
        if token := asked.get("resumptionToken"):
            asked, place = _opened(token)
        prefix, part = _prefix(asked), asked.get("set", "")
        first, last = _day(asked, "from", 0), _day(asked, "until", 10**6)
        if first > last:
            raise OaiError("badArgument", "from is later than until")
        if part and not self.corpus.members(part):
            raise OaiError("badArgument", f"The set {part} does not exist")
        rows = self.corpus.filed(first, last, part, today)
        if not rows:
            raise OaiError("noRecordsMatch", "No records match")
        chosen = rows[place : place + self.size]
        if again:
            chosen = [*chosen, *chosen[:3], *rows[max(0, place - 2) : place]]
        written = self._written(chosen, prefix, today, asked["verb"])
        place += self.size
        following = _closed(asked, place) if place < len(rows) else ""
        if not following and not token:
            return written
        return (
            f'{written}<resumptionToken completeListSize="{len(rows)}" cursor="{place - self.size}">'
            f"{following}</resumptionToken>"
        )

    def _written(self, rows: Sequence[int], prefix: str, today: int, verb: str) -> str:
        parts = []
        for number, row in zip(rows, self.corpus.rows(rows), strict=True):
            gone = self.corpus.deleted(number, today)
            filed = to_date(self.corpus.lives[number].filed(today))
            sets = "".join(
                f"<setSpec>{one}</setSpec>" for one in sorted(sets_of(self.corpus.categories[number]))
            )
            status = ' status="deleted"' if gone else ""
            name = f"<identifier>oai:arXiv.org:{row['id']}</identifier>"
            header = f"<header{status}>{name}<datestamp>{filed}</datestamp>{sets}</header>"
            if verb == "ListIdentifiers":
                parts.append(header)
                continue
            raw = prefix == "arXivRaw"
            body = "" if gone else (self._raw(number, row, today) if raw else self._dublin_core(number, row))
            metadata = f"<metadata>{body}</metadata>" if body else ""
            parts.append(f"<record>{header}{metadata}</record>")
        return "".join(parts)

    def _raw(self, number: int, row: dict[str, Any], today: int) -> str:
        versions = "".join(
            f'<version version="v{place}"><date>{moment:%a, %d %b %Y %H:%M:%S GMT}</date></version>'
            for place, moment in enumerate(self.corpus.versions(number, today), start=1)
        )
        comment = f"<comments>{escape(row['comment'])}</comments>" if row["comment"] else ""
        return (
            '<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/">'
            f"<id>{row['id']}</id><submitter>Somebody</submitter>{versions}"
            f"<title>{escape(row['title'] or '')}</title>"
            f"<authors>{escape(', '.join(row['authors'] or []))}</authors>"
            f"<categories>{' '.join(self.corpus.categories[number])}</categories>{comment}"
            f"<license>{_LICENCE}</license><abstract>  {escape(row['abstract'] or '')}\n"
            "</abstract></arXivRaw>"
        )

    def _dublin_core(self, number: int, row: dict[str, Any]) -> str:
        people = "".join(f"<dc:creator>{escape(one)}</dc:creator>" for one in row["authors"] or [])
        return (
            '<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:title>{escape(row['title'] or '')}</dc:title>{people}"
            f"<dc:description>{escape(row['abstract'] or '')}</dc:description>"
            f"<dc:date>{self.corpus.sent[number].date()}</dc:date>"
            f"<dc:identifier>http://arxiv.org/abs/{row['id']}</dc:identifier></oai_dc:dc>"
        )


def _prefix(asked: dict[str, str]) -> str:
    prefix = asked.get("metadataPrefix", "")
    if prefix not in _PREFIXES:
        raise OaiError("cannotDisseminateFormat", f"There is no format {prefix}")
    return prefix


def _day(asked: dict[str, str], name: str, missing: int) -> int:
    try:
        return to_day(date.fromisoformat(asked[name])) if asked.get(name) else missing
    except ValueError as error:
        raise OaiError("badArgument", f"{name} is not a date") from error


def _closed(asked: dict[str, str], place: int) -> str:
    kept = {name: value for name, value in asked.items() if name != "resumptionToken"}
    return base64.urlsafe_b64encode(json.dumps([kept, place]).encode()).decode()


def _opened(token: str) -> tuple[dict[str, str], int]:
    try:
        kept, place = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise OaiError("badResumptionToken", "What is this token?") from error
    return kept, place


# --- announcements and look-ups --------------------------------------------------------------------------


def _in_feeds(corpus: Corpus, day: int, names: str) -> list[tuple[int, str]]:
    wanted = set(names.split("+"))
    return [
        (row, kind)
        for row, kind in corpus.announced(day)
        if any(code in wanted or code.partition(".")[0] in wanted for code in corpus.categories[row])
    ]


def rss(corpus: Corpus, names: str, now: datetime) -> bytes:
    """The day's announcements as RSS 2.0, as rss.arxiv.org/rss gives them."""
    midnight = format_datetime(datetime.combine(now.date(), time(5), UTC))
    chosen = _in_feeds(corpus, to_day(now.date()), names)
    items = []
    for (number, kind), row in zip(chosen, corpus.rows([row for row, _ in chosen]), strict=True):
        version = len(corpus.versions(number, to_day(now.date())))
        terms = "".join(f"<category>{code}</category>" for code in corpus.categories[number])
        words = f"arXiv:{row['id']}v{version} Announce Type: {kind} \nAbstract: {row['abstract']}"
        items.append(
            f"<item><title>{escape(row['title'])}</title><link>https://arxiv.org/abs/{row['id']}</link>"
            f'<description>{escape(words)}</description><guid isPermaLink="false">'
            f"oai:arXiv.org:{row['id']}v{version}"
            f"</guid>{terms}<pubDate>{midnight}</pubDate><arxiv:announce_type>{kind}</arxiv:announce_type>"
            f"<dc:rights>{_LICENCE}</dc:rights>"
            f"<dc:creator>{escape(', '.join(row['authors'] or []))}</dc:creator></item>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:arxiv="http://arxiv.org/schemas/atom"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0"><channel>'
        f"<title>{escape(names)} updates on arXiv.org</title><link>http://rss.arxiv.org/rss/{escape(names)}</link>"
        f"<lastBuildDate>{midnight}</lastBuildDate><pubDate>{midnight}</pubDate>{''.join(items)}</channel></rss>"
    ).encode()


def atom(corpus: Corpus, names: str, now: datetime) -> bytes:
    """The same as Atom, as rss.arxiv.org/atom gives them."""
    chosen = _in_feeds(corpus, to_day(now.date()), names)
    entries = []
    for (number, kind), row in zip(chosen, corpus.rows([row for row, _ in chosen]), strict=True):
        terms = "".join(f"<category term={quoteattr(code)}/>" for code in corpus.categories[number])
        words = f"arXiv:{row['id']}v1 Announce Type: {kind} \nAbstract: {row['abstract']}"
        entries.append(
            f"<entry><id>oai:arXiv.org:{row['id']}v1</id><title>{escape(row['title'])}</title>"
            f'<updated>{now:%Y-%m-%dT%H:%M:%S}Z</updated><link href="https://arxiv.org/abs/{row["id"]}"/>'
            f"<summary>{escape(words)}</summary>{terms}<published>{now:%Y-%m-%dT00:00:00-04:00}</published>"
            f"<arxiv:announce_type>{kind}</arxiv:announce_type>"
            f"<dc:creator>{escape(', '.join(row['authors'] or []))}</dc:creator></entry>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"'
        ' xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<id>http://rss.arxiv.org/atom/{escape(names)}</id><title>updates</title>{''.join(entries)}</feed>"
    ).encode()


def looked_up(corpus: Corpus, asked: dict[str, str], now: datetime) -> bytes:
    """Single look-ups (`id_list`) as the search interface answers them."""
    today = to_day(now.date())
    named = [identifiers.parse(one) for one in asked.get("id_list", "").split(",")]
    rows = [corpus.where[one.identifier] for one in named if one and one.identifier in corpus.where]
    rows = [row for row in rows if corpus.lives[row].filed(today)]
    entries = []
    for number, row in zip(rows, corpus.rows(rows), strict=True):
        versions = corpus.versions(number, today)
        people = "".join(f"<author><name>{escape(one)}</name></author>" for one in row["authors"] or [])
        terms = "".join(f"<category term={quoteattr(code)}/>" for code in corpus.categories[number])
        entries.append(
            f"<entry><id>http://arxiv.org/abs/{row['id']}v{len(versions)}</id>"
            f"<updated>{versions[-1]:%Y-%m-%dT%H:%M:%SZ}</updated><published>{versions[0]:%Y-%m-%dT%H:%M:%SZ}</published>"
            f"<title>{escape(row['title'])}</title><summary>{escape(row['abstract'])}</summary>{people}{terms}</entry>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        '<opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        f"{len(rows)}</opensearch:totalResults>{''.join(entries)}</feed>"
    ).encode()
