"""The live sources, each asked over a real socket and answered in the form that its server uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.sources import (
    LinkRecord,
    PaperRecord,
    Reject,
    SignalRecord,
    SourceError,
    Unavailable,
    VersionRecord,
    Watched,
    Wish,
    biorxiv,
    feeds,
    github,
    openreview,
)
from broadsheet.sources.arxiv_oai import ArxivOai, understood
from broadsheet.sources.arxiv_rss import ArxivAnnouncements, feed_of
from broadsheet.sources.asking import Answer, Asker, BadAnswer, Pace
from broadsheet.sources.biorxiv import BiorxivSource
from broadsheet.sources.feeds import FeedSource
from broadsheet.sources.github import GithubStars
from broadsheet.sources.huggingface import VOTING_DAYS, HuggingFaceDays
from broadsheet.sources.openalex import OpenAlexCitations
from broadsheet.sources.openreview import OpenReviewSource
from broadsheet.sources.semanticscholar import SemanticScholarCitations
from broadsheet.sources.turns import FileTurns
from tests.answering import Reply, Request, answering

ANSWERS = Path(__file__).parent / "answers"
DAILY = (Path(__file__).parent / "samples" / "daily_papers.json").read_bytes()
FRIDAY = date(2025, 3, 14)


def asker(folder: Path) -> Asker:
    return Asker(FileTurns(folder), "test", Pace(0.0))


def always(body: bytes, **headers: str) -> Callable[[Request], Reply]:
    return lambda request: Reply(body, headers=headers)


# arXiv's announcements


def test_an_announcement_says_on_which_day_a_paper_was_new(tmp_path: Path) -> None:
    body = (ANSWERS / "arxiv_announcements.rss").read_bytes()
    with answering(always(body)) as stranger:
        page = ArxivAnnouncements(asker(tmp_path), stranger.url).page(Wish("cs:cs:LG"))
        assert stranger.asked[0].path == "/cs.LG"
    new, old, refused = page.items
    assert page.cursor == ""
    assert new == PaperRecord(
        source="arxiv",
        title="A Study of Newspapers",
        identifiers=("2503.01234",),
        abstract=r"We read newspapers with $\alpha < 1$. Code: https://github.com/ada/newspapers",
        authors=("Ada Lovelace", "Charles Babbage"),
        categories=("cs.LG", "stat.ML"),
        month=date(2025, 3, 1),
        announced_on=FRIDAY,
        licence="http://creativecommons.org/licenses/by/4.0/",
        links=(LinkRecord("code", "https://github.com/ada/newspapers"),),
    )
    assert isinstance(old, PaperRecord) and old.announced_on is None, "a new version is no new paper"
    assert old.month == date(2024, 11, 1)
    assert refused == Reject(3, "The entry has no arXiv id.", "nothing")


def test_all_of_arxiv_is_asked_for_in_parts(tmp_path: Path) -> None:
    body = (ANSWERS / "arxiv_announcements.rss").read_bytes()
    with answering(always(body)) as stranger:
        source, cursor, pages = ArxivAnnouncements(asker(tmp_path), stranger.url), "", 0
        while pages == 0 or cursor:
            cursor, pages = source.page(Wish(), cursor).cursor, pages + 1
        assert pages == len(stranger.asked) == 3


@pytest.mark.parametrize(
    ("part", "feed"),
    [
        ("cs", "cs"),
        ("cs:cs:LG", "cs.LG"),
        ("physics:hep-th", "hep-th"),
        ("physics:astro-ph:EP", "astro-ph.EP"),
    ],
)
def test_a_set_has_a_feed(part: str, feed: str) -> None:
    assert feed_of(part) == feed
    with pytest.raises(SourceError, match="no set"):
        feed_of(f"{part}/../../x")


def test_a_page_of_regrets_is_no_feed(tmp_path: Path) -> None:
    with answering(always(b"<html>Sorry</html>")) as stranger, pytest.raises(BadAnswer):
        ArxivAnnouncements(asker(tmp_path), stranger.url).page(Wish("cs"))


# arXiv's records


def oai(inner: str) -> Answer:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<responseDate>2025-03-14T06:00:00Z</responseDate>{inner}</OAI-PMH>"
    )
    return Answer("http://127.0.0.1/oai", 200, {}, text.encode())


def raw(name: str, *fields: str, status: str = "") -> str:
    header = f"<header{status}><identifier>oai:arXiv.org:{name}</identifier></header>"
    inner = f'<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>{name}</id>{"".join(fields)}</arXivRaw>'
    return f"<record>{header}{'' if status else f'<metadata>{inner}</metadata>'}</record>"


def records(*each: str) -> list[object]:
    return list(understood(oai(f"<ListRecords>{''.join(each)}</ListRecords>")).items)


def test_a_record_of_ten_thousand_authors_is_read_and_one_of_more_is_clipped() -> None:
    people = ", ".join(f"Person Number{number}" for number in range(12_000))
    [paper] = records(raw("2503.01234", "<title>A crowd</title>", f"<authors>{people}</authors>"))
    assert isinstance(paper, PaperRecord) and len(paper.authors) == 10_000


def test_html_in_a_title_stays_text() -> None:
    [paper] = records(raw("2503.01234", "<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>"))
    assert isinstance(paper, PaperRecord) and paper.title == "<script>alert(1)</script>"


def test_what_is_wrong_in_one_record_spoils_no_other() -> None:
    found = records(
        raw("2503.01234", "<title/>"),
        raw("not-an-id", "<title>x</title>"),
        "<record><header><identifier>oai:arXiv.org:2503.00002</identifier></header></record>",
        "<record/>",
        raw("2503.00003", "<title>Well</title>", '<version version="v1"><date>in spring</date></version>'),
    )
    assert [isinstance(one, Reject) for one in found] == [True, True, True, True, False]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Service temporarily unavailable",
        b"<OAI-PMH/>",
        b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords/></OAI-PMH>',
        b'<!DOCTYPE x [<!ENTITY a "b">]><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">&a;</OAI-PMH>',
        b"<a>" * 5_000,
    ],
)
def test_what_is_no_oai_pmh_is_a_broken_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        understood(replace(oai(""), body=body))


def test_entities_that_multiply_are_refused_in_no_time() -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha">{levels}]><x>&e11;</x>'
    with pytest.raises(BadAnswer, match="document type"):
        understood(replace(oai(""), body=bomb.encode()))


def test_a_letter_that_xml_forbids_costs_itself_alone() -> None:
    [paper] = records(raw("2503.01234", "<title>A\x0bword</title>"))
    assert isinstance(paper, PaperRecord) and paper.title == "A word"


def test_a_first_harvest_asks_what_day_it_is_there(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        inner = "<Identify/>" if "Identify" in request.path else '<error code="noRecordsMatch"/>'
        return Reply(oai(inner).body)

    with answering(answer) as stranger:
        page = ArxivOai(asker(tmp_path), stranger.url, first_days=2).page(Wish())
        assert "from=2025-03-12&until=2025-03-12" in stranger.asked[1].path
        assert '"2025-03-13"' in page.cursor and page.items == ()


# Hugging Face


def test_the_days_on_which_people_vote_are_read_again(tmp_path: Path) -> None:
    with answering(always(DAILY)) as stranger:
        source, cursor, days = HuggingFaceDays(asker(tmp_path), stranger.url), "", 0
        while days == 0 or cursor:
            page = source.page(Wish(since=datetime.now(UTC).date() - timedelta(days=3)), cursor)
            cursor, days = page.cursor, days + 1
        assert days == VOTING_DAYS + 1
    paper = page.items[0]
    assert isinstance(paper, PaperRecord) and paper.current
    assert paper.signals[0] == SignalRecord("upvotes", 97.0, paper.signals[0].seen_at)


def test_certain_days_are_read_as_asked(tmp_path: Path) -> None:
    with answering(always(DAILY)) as stranger:
        page = HuggingFaceDays(asker(tmp_path), stranger.url).page(Wish(since=FRIDAY, until=FRIDAY))
        assert stranger.asked[0].path == "/api/daily_papers?date=2025-03-14&limit=100&p=0"
        assert page.cursor == "" and page.upto == FRIDAY


def test_an_error_in_place_of_a_list_is_a_broken_answer(tmp_path: Path) -> None:
    with answering(always(b'{"error": "no"}')) as stranger, pytest.raises(BadAnswer):
        HuggingFaceDays(asker(tmp_path), stranger.url).page(Wish())


# GitHub


def test_stars_are_counted_and_not_asked_for_twice(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        if request.headers.get("if-none-match") == 'W/"abc"':
            return Reply(status=304)
        if request.path == "/repos/ada/gone":
            return Reply(b"{}", status=404)
        return Reply(b'{"full_name": "Ada/Engine", "stargazers_count": 412}', headers={"ETag": 'W/"abc"'})

    with answering(answer) as stranger:
        source = GithubStars(asker(tmp_path), stranger.url, "secret")
        first, gone, wrong = source.look([Watched("ada/engine"), Watched("ada/gone"), Watched("../etc")])
        assert (first.value, first.etag) == (412.0, 'W/"abc"')
        assert gone.gone and wrong.gone
        assert stranger.asked[0].headers["authorization"] == "Bearer secret"
        [again] = source.look([Watched("ada/engine", first.etag)])
        assert again.value is None and again.etag == first.etag


def test_what_was_counted_before_the_allowance_was_spent_is_kept(tmp_path: Path) -> None:
    spent = Reply(status=403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"})
    replies = iter([Reply(b'{"stargazers_count": 1}'), spent, spent])
    with answering(lambda request: next(replies)) as stranger:
        source = GithubStars(asker(tmp_path), stranger.url)
        assert [one.key for one in source.look([Watched("a/b"), Watched("c/d")])] == ["a/b"]
        with pytest.raises(Unavailable):
            source.look([Watched("c/d")])


@pytest.mark.parametrize("stars", [-3, "many", None, 1e300, True])
def test_stars_that_make_no_sense_are_none(tmp_path: Path, stars: object) -> None:
    with answering(always(json.dumps({"stargazers_count": stars}).encode())) as stranger:
        [seen] = GithubStars(asker(tmp_path), stranger.url).look([Watched("a/b")])
        assert seen.value is None and not seen.gone


def test_only_repositories_have_a_key() -> None:
    assert github.key_of("https://github.com/Ada/Engine") == "ada/engine"
    assert github.key_of("https://gitlab.com/ada/engine") is None
    assert github.key_of("https://github.com/ada") is None


# Citations


def test_openalex_counts_many_papers_in_one_question(tmp_path: Path) -> None:
    results = [
        {"doi": "https://doi.org/10.48550/arXiv.2503.01234", "cited_by_count": 12},
        {"doi": "https://doi.org/10.1000/x", "cited_by_count": -1},
        "nonsense",
    ]
    with answering(always(json.dumps({"results": results}).encode())) as stranger:
        source = OpenAlexCitations(asker(tmp_path), stranger.url, "key")
        watched = [Watched("2503.01234"), Watched("doi:10.1000/x"), Watched("openreview:abcdefghij")]
        seen = {one.key: one for one in source.look(watched)}
        assert "api_key=key" in stranger.asked[0].path
    assert seen["2503.01234"].value == 12.0
    assert seen["doi:10.1000/x"].value is None
    assert seen["openreview:abcdefghij"].gone
    with pytest.raises(SourceError, match="BROADSHEET_OPENALEX_KEY"):
        OpenAlexCitations(asker(tmp_path), stranger.url, "")


def test_semantic_scholar_counts_in_the_order_of_the_question(tmp_path: Path) -> None:
    body = json.dumps([{"paperId": "x", "citationCount": 5}, None]).encode()
    with answering(always(body)) as stranger:
        source = SemanticScholarCitations(asker(tmp_path), stranger.url, "key")
        seen = source.look([Watched("2503.01234"), Watched("acl:2024.acl-long.1")])
        asked = stranger.asked[0]
        assert json.loads(asked.body) == {"ids": ["ARXIV:2503.01234", "ACL:2024.acl-long.1"]}
        assert asked.headers["x-api-key"] == "key"
        assert [one.value for one in seen] == [5.0, None]
        with pytest.raises(BadAnswer, match="as many papers"):
            source.look([Watched("2503.01234")])


# bioRxiv, OpenReview, feeds


def test_biorxiv_tells_versions_withdrawals_and_the_journal(tmp_path: Path) -> None:
    with answering(always((ANSWERS / "biorxiv.json").read_bytes())) as stranger:
        page = BiorxivSource(asker(tmp_path), stranger.url, "biorxiv").page(
            Wish("", date(2025, 3, 13), FRIDAY)
        )
        assert stranger.asked[0].path == "/details/biorxiv/2025-03-13/2025-03-14/0/json"
    first, second, refused = page.items
    assert page.cursor == "" and page.upto == FRIDAY
    day = datetime(2025, 3, 13, tzinfo=UTC)
    assert first == PaperRecord(
        source="biorxiv",
        title="How newts read",
        identifiers=("doi:10.1101/2025.03.12.642848",),
        abstract="Newts read slowly. Code at https://github.com/ada/newts.",
        authors=("A. Lovelace", "C. Babbage"),
        categories=("biorxiv.animal-behavior-and-cognition",),
        published_at=day,
        announced_on=date(2025, 3, 13),
        revised_at=day,
        licence="cc_by",
        organization="Example Institute of Reading",
        links=(LinkRecord("code", "https://github.com/ada/newts"),),
        versions=(VersionRecord(1, day),),
        current=True,
    )
    assert isinstance(second, PaperRecord) and second.withdrawn
    assert second.identifiers[1] == "doi:10.1000/newts.7" and second.published_at is None
    assert isinstance(refused, Reject)


def test_biorxiv_is_read_to_its_end_and_no_further(tmp_path: Path) -> None:
    told = json.loads((ANSWERS / "biorxiv.json").read_bytes())
    told["messages"][0]["total"] = "5"
    empty = {"messages": [{"status": "no posts found"}], "collection": []}
    replies = iter([told, empty])
    with answering(lambda request: Reply(json.dumps(next(replies)).encode())) as stranger:
        source, wish = BiorxivSource(asker(tmp_path), stranger.url, "medrxiv"), Wish("", FRIDAY, FRIDAY)
        page = source.page(wish)
        assert source.page(wish, page.cursor).cursor == ""
        assert stranger.asked[1].path.endswith("/3/json")


def test_openreview_lists_a_venue(tmp_path: Path) -> None:
    with answering(always((ANSWERS / "openreview.json").read_bytes())) as stranger:
        source = OpenReviewSource(asker(tmp_path), stranger.url)
        page = source.page(Wish("Example.org/2025/Conference"))
        with pytest.raises(SourceError, match="wants a venue"):
            source.page(Wish())
    paper, *refused = page.items
    assert paper == PaperRecord(
        source="openreview",
        title="A Study of Venues",
        identifiers=("openreview:rJl0r3R9KX",),
        abstract="We read reviews.",
        authors=("Ada Lovelace", "Charles Babbage"),
        published_at=datetime(2025, 3, 14, 10, tzinfo=UTC),
        revised_at=datetime(2025, 3, 14, 10, tzinfo=UTC),
        journal_ref="Example 2025 Oral",
        licence="CC BY 4.0",
        links=(LinkRecord("code", "https://github.com/ada/venues"),),
        current=True,
    )
    assert all(isinstance(one, Reject) for one in refused) and page.cursor == ""


def test_any_feed_is_read_and_its_markup_dropped(tmp_path: Path) -> None:
    with answering(always((ANSWERS / "journal.rdf").read_bytes())) as stranger:
        page = FeedSource(asker(tmp_path)).page(Wish(stranger.url + "/rss"))
    paper, refused = page.items
    assert isinstance(paper, PaperRecord)
    assert (paper.title, paper.identifiers) == ("On reading aloud", ("doi:10.1000/aloud.1",))
    assert paper.abstract == "We read aloud & listened.\n\nTwice.\n\nalert(1)"
    assert paper.authors == ("Ada Lovelace",) and paper.announced_on == FRIDAY
    assert paper.links == (LinkRecord("abstract", "https://journal.example.org/articles/1"),)
    assert isinstance(refused, Reject)


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"<html><body>x</body></html>", b'<!DOCTYPE rss [<!ENTITY a "b">]><rss version="2.0"/>'],
)
def test_what_is_no_feed_is_a_broken_answer_too(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        feeds.entries(Answer("http://127.0.0.1/", 200, {}, body))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([
    "title", "authors", "doi", "date", "version", "type", "category", "published", "abstract", "license",
    "id", "forum", "content", "tmdate", "mdate", "pdate", "venue", "venueid",
])  # fmt: skip


@given(st.dictionaries(NAMES, values))
def test_whatever_the_fields_hold_the_answer_is_a_paper_or_a_sentence(row: dict[str, object]) -> None:
    body = json.dumps({"collection": [{"doi": "10.1101/x", "title": "t", **row}]}).encode()
    [item], _ = biorxiv._listed(Answer("", 200, {}, body), "biorxiv")
    assert isinstance(item, PaperRecord) or item.reason.endswith(".")
    note = {"forum": "abcdefghij", **row, "content": {"title": "t", **row}}
    [item] = openreview._papers([note])
    assert isinstance(item, PaperRecord) or item.reason.endswith(".")
