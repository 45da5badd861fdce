"""The tools that programs with a language of their own call: searched, listed, read, exported, in Markdown.

A tool is a function of plain values; what it cannot do it says in a sentence (`Cannot`). Names and parameters
are those that such programs know from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, cast

from broadsheet import exports, recommendations, search, text, trending
from broadsheet.models import Interest, Paper, Reader, SavedSearch
from broadsheet.recommendations import Picks
from broadsheet.search import Narrowing

MOST: Final = 50
LONGEST_READ: Final = 100_000


class Cannot(ValueError):
    """The tool cannot do that; the message is a sentence that says what to ask instead."""


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is a JSON Schema of an object. `owned`: it is about topics that belong to somebody, the
    reader whose key asks or whoever sits at this server (None), who is its third argument; `writes`: it
    changes something here."""

    name: str
    title: str
    description: str
    parameters: Mapping[str, Any]
    call: Callable[..., str]
    owned: bool = False
    writes: bool = False


# --- what tools answer -------------------------------------------------------------------------------------


def search_papers(said: Mapping[str, Any], here: str) -> str:
    query, size = _text(said, "query", 500), _number(said, "max_results", 10, 1, MOST)
    start = _number(said, "start", 0, 0, 1_000)
    sort = _choice(said, "sort_by", ("relevance", "date"), "relevance")
    first, last = _day(said, "date_from"), _day(said, "date_to")
    narrowing = Narrowing(
        categories=tuple(_texts(said, "categories", 20)),
        first_day=first,
        last_day=last,
    )
    try:
        found = search.search(
            query, per_page=size, after=f"{start}.0", narrowing=narrowing, sort=cast("search.Sort", sort)
        )
    except search.BadQuery as refusal:
        raise Cannot(str(refusal)) from refusal
    head = f"{found.total:,} papers answer “{query}”." + (f" {found.note}" if found.note else "")
    if start + size < found.total:
        head += f" The next page begins with start={start + size}."
    return _list(head, found.papers, here)


def trending_papers(said: Mapping[str, Any], here: str) -> str:
    size = _number(said, "limit", 10, 1, MOST)
    period = _choice(said, "period", ("trending", "day", "week", "month", "all"), "trending")
    asked = _day(said, "date")
    windows = {"day": trending.day_window, "week": trending.week_window, "month": trending.month_window}
    if period in windows:
        day = asked or trending.newest_day()
        if day is None:
            return "There are no papers here yet."
        window = windows[period](day)
    else:
        window = trending.TRENDING if period == "trending" else trending.ALL_TIME
    found = trending.listing(window, per_page=size)
    return _list(f"{window.title}: {found.total:,} papers.", found.papers, here)


def get_paper(said: Mapping[str, Any], here: str) -> str:
    return "".join(exports.markdown([_paper(said)], here))


def read_paper(said: Mapping[str, Any], here: str) -> str:
    start = _number(said, "start", 0, 0, 10_000_000)
    most = _number(said, "max_chars", 20_000, 1, LONGEST_READ)
    whole = get_paper(said, here)
    rest = len(whole) - start - most
    more = f"\n\n({rest:,} more characters: ask with start={start + most}.)" if rest > 0 else ""
    return whole[start : start + most] + more


def related_papers(said: Mapping[str, Any], here: str) -> str:
    paper, size = _paper(said), _number(said, "max_results", 10, 1, MOST)
    found = search.related(paper, per_page=size)
    return _list(found.note or f"Papers like “{_line(paper.title)}”:", found.papers, here)


def recommend_papers(said: Mapping[str, Any], here: str) -> str:
    wanted, unwanted = (_papers(said, name) for name in ("paper_ids", "unlike_ids"))
    sentence = _text(said, "text", 500) if said.get("text") else ""
    if not wanted and not sentence:
        raise Cannot("Name papers with “paper_ids”, or say with “text” what is looked for.")
    size, days = _number(said, "max_results", 10, 1, MOST), _number(said, "days", 30, 0, 36_500)
    first = recommendations.since(days) if days else None
    found = recommendations.for_examples(wanted, unwanted, text=sentence, first=first, limit=size)
    return _picked(found, here)


def papers_for_me(said: Mapping[str, Any], here: str, owner: Reader | None) -> str:
    if owner is None:
        raise Cannot("This is for a reader’s key, over HTTP. recommend_papers answers for papers and words.")
    size, days = _number(said, "max_results", 10, 1, MOST), _number(said, "days", 30, 0, 36_500)
    told: dict[str, Any] = {"first": recommendations.since(days) if days else None, "limit": size}
    if not said.get("interest"):
        return _picked(recommendations.for_reader(owner, **told), here)
    name = _text(said, "interest", 120)
    mine = Interest.objects.filter(reader=owner, own=False)
    interest = mine.filter(name__iexact=name).first()
    if interest is None:
        names = ", ".join(f"“{each}”" for each in mine.order_by("-pk").values_list("name", flat=True)[:20])
        raise Cannot(f"You have no interest called “{name}”. {f'You have {names}.' if names else ''}".strip())
    return _picked(recommendations.for_interest(interest, owner, **told), here)


def export_citations(said: Mapping[str, Any], here: str) -> str:
    names = _texts(said, "paper_ids", MOST)
    if not names:
        raise Cannot("“paper_ids” names at least one paper.")
    form = _choice(said, "format", tuple(_CITATIONS), "bibtex")
    found, missing = list[Paper](), list[str]()
    for name in names:
        paper = search.by_identifier(name[:300])
        if paper is None or paper.hidden:
            missing.append(name[:60])
        else:
            found.append(paper)
    if not found:
        raise Cannot("None of these papers is here.")
    written = "".join(exports.FORMATS[_CITATIONS[form]].write(found, here))
    return written + (f"\n(Not here: {', '.join(missing)})" if missing else "")


def watch_topic(said: Mapping[str, Any], here: str, owner: Reader | None) -> str:
    topic, codes = _text(said, "topic", 300), tuple(_texts(said, "categories", 20))
    try:
        query = search.as_text(topic, Narrowing(categories=codes))
        if owner is not None:
            search.save(owner, query, topic)
            return f"“{query}” is watched. check_alerts tells what is new."
    except search.BadQuery as refusal:
        raise Cannot(str(refusal)) from refusal
    mine = SavedSearch.objects.filter(reader=None)
    if not mine.filter(query=query).exists():
        if mine.count() >= search.MOST_SAVED:
            raise Cannot(f"{search.MOST_SAVED} topics are watched already.")
        SavedSearch.objects.create(query=query, name=topic[:120])
    return f"“{query}” is watched. check_alerts tells what is new."


def check_alerts(said: Mapping[str, Any], here: str, owner: Reader | None) -> str:
    days = _number(said, "days", 7, 1, 366)
    topic = said.get("topic") or ""
    watched = SavedSearch.objects.filter(reader=owner).order_by("pk")
    if topic:
        watched = watched.filter(name=_text(said, "topic", 300)[:120])
    rows = list(watched[: search.MOST_SAVED])
    if not rows:
        return "No such topic is watched. watch_topic begins to."
    since = trending.today() - timedelta(days=days)
    parts = []
    for row in rows:
        found = search.search(row.query, per_page=10, narrowing=Narrowing(first_day=since), sort="date")
        parts.append(_list(f"{row.query}: {found.total:,} papers since {since}.", found.papers, here))
    return "\n\n".join(parts)


_CITATIONS: Final = {"bibtex": "bib", "ris": "ris", "csl-json": "csl.json", "markdown": "md"}


# --- reading what was said, writing what was found -------------------------------------------------------


def _text(said: Mapping[str, Any], name: str, most: int) -> str:
    found = said.get(name)
    if not isinstance(found, str) or not found.strip() or len(found) > most:
        raise Cannot(f"“{name}” is a text of 1 to {most} characters.")
    return found.strip().encode(errors="replace").decode()


def _texts(said: Mapping[str, Any], name: str, most: int) -> list[str]:
    found = said.get(name) or []
    if not isinstance(found, list) or len(found) > most or not all(isinstance(each, str) for each in found):
        raise Cannot(f"“{name}” is a list of at most {most} texts.")
    return found


def _number(said: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    found = said.get(name)
    if found is None:
        return usual
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise Cannot(f"“{name}” is a whole number from {least} to {most:,}.")
    return found


def _choice(said: Mapping[str, Any], name: str, known: Sequence[str], usual: str) -> str:
    found = said.get(name) or usual
    if found not in known:
        raise Cannot(f"“{name}” is one of {', '.join(known)}.")
    return str(found)


def _day(said: Mapping[str, Any], name: str) -> date | None:
    found = said.get(name)
    if not found:
        return None
    try:
        window = trending.parse("day", str(found))
    except trending.BadWindow as error:
        raise Cannot(f"“{name}” is a day such as 2025-03-14.") from error
    return window.first


def _paper(said: Mapping[str, Any]) -> Paper:
    name = _text(said, "paper_id", 300)
    found = search.by_identifier(name)
    if found is None or found.hidden:
        raise Cannot(f"No paper {name[:60]} is here. search_papers finds one by its words.")
    return found


def _papers(said: Mapping[str, Any], key: str) -> list[Paper]:
    return [_paper({"paper_id": name}) for name in _texts(said, key, MOST)]


def _picked(found: Picks, here: str) -> str:
    """Each paper with the reason why it is there."""
    head = " ".join([f"{len(found.picks)} papers, best first.", *found.notes])
    return _list(head, [pick.paper for pick in found.picks], here, [pick.why for pick in found.picks])


def _line(words: str) -> str:
    return text.text_plain(words).replace("\n", " ")


def _list(head: str, papers: Sequence[Paper], here: str, reasons: Sequence[str] = ()) -> str:
    parts = [head]
    for paper, reason in zip(papers, reasons or [""] * len(papers), strict=True):
        names = ", ".join(map(_line, paper.authors[:3])) + (" and others" if len(paper.authors) > 3 else "")
        day = f"{paper.published_at:%Y-%m-%d}" if paper.published_at else ""
        facts = " · ".join(filter(None, (paper.identifier, names, day, f"{paper.upvotes} upvotes")))
        summary = text.shorten(_line(paper.abstract), 400)
        why = f"\n  Why: {_line(reason)}" if reason else ""
        parts.append(
            f"- **{_line(paper.title)}**\n  {facts}\n  {here}{paper.get_absolute_url()}{why}\n  {summary}"
        )
    return "\n".join(parts)


# --- the registry ----------------------------------------------------------------------------------------


def _object(needed: Sequence[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(needed)}


def _words(what: str) -> dict[str, Any]:
    return {"type": "string", "description": what}


def _whole(what: str, usual: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "description": what, "default": usual, "minimum": 0, "maximum": most}


def _one_of(what: str, *known: str) -> dict[str, Any]:
    return {"type": "string", "description": what, "enum": list(known), "default": known[0]}


_LIST: Final = {"type": "array", "items": {"type": "string"}}
_ID: Final = _words("An identifier in any spelling: 2503.01234, a DOI, an address.")

TOOLS: Final = {
    tool.name: tool
    for tool in (
        Tool(
            "search_papers",
            "Search papers",
            "Finds research papers by words and by meaning; author:, title:, cat:, year: and quotes narrow.",
            _object(
                ["query"],
                query=_words("What to look for."),
                max_results=_whole("How many.", 10, MOST),
                start=_whole("How many to pass over.", 0, 1_000),
                date_from=_words("Not older than this day: 2025-03-14."),
                date_to=_words("Not newer than this day."),
                categories=_LIST | {"description": "Codes such as cs.LG; any of them."},
                sort_by=_one_of("The order.", "relevance", "date"),
            ),
            search_papers,
        ),
        Tool(
            "trending_papers",
            "Trending papers",
            "The ranked list of what is hot now, of a day, a week, a month, or of all time.",
            _object(
                [],
                period=_one_of("What the list covers.", "trending", "day", "week", "month", "all"),
                date=_words("A day within it: 2025-03-14; the newest without."),
                limit=_whole("How many.", 10, MOST),
            ),
            trending_papers,
        ),
        Tool(
            "get_paper",
            "Get a paper",
            "One paper's facts and abstract.",
            _object(["paper_id"], paper_id=_ID),
            get_paper,
        ),
        Tool(
            "read_paper",
            "Read a paper",
            "What this server holds of a paper: its facts, its abstract, where the whole can be read.",
            _object(
                ["paper_id"],
                paper_id=_ID,
                start=_whole("The first character.", 0, 10_000_000),
                max_chars=_whole("How many characters.", 20_000, LONGEST_READ),
            ),
            read_paper,
        ),
        Tool(
            "related_papers",
            "Related papers",
            "Papers that are like one paper, the nearest first.",
            _object(["paper_id"], paper_id=_ID, max_results=_whole("How many.", 10, MOST)),
            related_papers,
        ),
        Tool(
            "recommend_papers",
            "Recommend papers",
            "New papers like some papers, unlike others, about a sentence; each with its reason.",
            _object(
                [],
                paper_ids=_LIST | {"description": "Papers that are liked, at most 50 identifiers."},
                unlike_ids=_LIST | {"description": "Papers that are not."},
                text=_words("What is looked for."),
                days=_whole("Not older than so many days; 0 for all.", 30, 36_500),
                max_results=_whole("How many.", 10, MOST),
            ),
            recommend_papers,
        ),
        Tool(
            "export_citations",
            "Export citations",
            "Citations of papers as BibTeX, RIS, CSL-JSON or Markdown.",
            _object(
                ["paper_ids"],
                paper_ids=_LIST | {"description": "At most 50 identifiers."},
                format=_one_of("The format.", *_CITATIONS),
            ),
            export_citations,
        ),
        Tool(
            "watch_topic",
            "Watch a topic",
            "Keeps a topic on this server, for check_alerts.",
            _object(["topic"], topic=_words("What to look for."), categories=_LIST),
            watch_topic,
            owned=True,
            writes=True,
        ),
        Tool(
            "check_alerts",
            "Check alerts",
            "What is new on the watched topics.",
            _object([], topic=_words("One topic; all without."), days=_whole("Since how many days.", 7, 366)),
            check_alerts,
            owned=True,
        ),
        Tool(
            "papers_for_me",
            "Papers for me",
            "New papers for the reader whose key asks, from all they saved, or for one of their interests.",
            _object(
                [],
                interest=_words("The name of an interest; all that the reader likes without."),
                days=_whole("Not older than so many days; 0 for all.", 30, 36_500),
                max_results=_whole("How many.", 10, MOST),
            ),
            papers_for_me,
            owned=True,
        ),
    )
}
