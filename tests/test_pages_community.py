"""Talk, library, collections, following, submissions, claims and moderation as pages, with several people."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import Settings

from broadsheet import community
from broadsheet.community import collecting, following, moderating, notices, talking
from broadsheet.models import (
    Claim,
    Collection,
    CollectionItem,
    Comment,
    Follow,
    Mark,
    Moderation,
    Notice,
    Paper,
    Reaction,
    Reader,
    Report,
    Submission,
)
from tests import factories, people
from tests.pages.reading import FRAGMENT, get, queries, read

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]

ONE = "/papers/2503.00001"
TALK = "/talk/2503.00001"
FRESH = f"{datetime.now(UTC):%y%m}.01234"


@pytest.fixture
def paper() -> Paper:
    return factories.paper(1, organization="Analytical Society")


@pytest.fixture
def alice() -> Reader:
    return people.reader("alice")


@pytest.fixture
def bob() -> Reader:
    return people.reader("bob")


@pytest.fixture
def dora() -> Reader:
    return people.reader("dora", role="curator")


def source(client: Client, path: str) -> str:
    """A page as it is sent."""
    return client.get(path).content.decode()


def said(client: Client, words: str, **more: str) -> Comment:
    response = client.post(TALK, {"text": words, **more})
    assert response.status_code == 303, response.content.decode()[:2_000]
    return Comment.objects.latest("pk")


# Talk


def test_a_comment_is_posted_shown_and_linked(paper: Paper, alice: Reader, client: Client) -> None:
    comment = said(people.signed_in(alice), "Well *read*, and $x^2$ too.")
    page = get(client, ONE)
    assert page.words("div", class_="words") == ["Well read, and x2 too."]
    assert page.links()["alice"] == "/readers/alice"
    response = client.get(f"/comments/{comment.pk}")
    assert response.status_code == 303 and response["Location"] == f"{TALK}#c{comment.pk}"
    assert "1 comment" in " ".join(page.words("span", class_="said"))


def test_a_stranger_is_asked_to_sign_in_first(paper: Paper, client: Client) -> None:
    assert client.post(TALK, {"text": "Hello"})["Location"].startswith("/account/sign-in?next=")
    assert "Sign in to comment" in get(client, ONE).links()
    assert not Comment.objects.exists()


@pytest.mark.security_check(3)
def test_nothing_hostile_in_a_comment_comes_alive(paper: Paper, alice: Reader, client: Client) -> None:
    said(
        people.signed_in(alice),
        "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) "
        '![pixel](https://example.org/pixel.png) @alice"><b> $\\text{<script>}$ https://example.org',
    )
    html = client.get(TALK).content.decode()
    words = re.search(r'<div class="words">(.*?)</div>', html, re.S)
    assert words
    assert not re.search(r"<(script|img|b|iframe)\b", words[1])
    links = read(words[1]).all("a")
    assert [link.attributes.get("rel", "") for link in links if "example.org" in link.attributes["href"]] == [
        "ugc nofollow noopener"
    ] * 2
    assert all(link.attributes["href"].startswith(("https://", "/readers/")) for link in links)


def test_a_refused_comment_keeps_its_words(paper: Paper, alice: Reader) -> None:
    response = people.signed_in(alice).post(TALK, {"text": "x" * 20_001})
    page = read(response.content.decode())
    assert response.status_code == 400
    assert "at most 20,000 characters" in page.words("p", class_="refusal")[0]
    assert "xxx" in page.one("textarea").text
    assert not Comment.objects.exists()


def test_a_preview_writes_nothing(paper: Paper, alice: Reader) -> None:
    browser = people.signed_in(alice)
    page = read(browser.post(TALK, {"text": "So *it* looks", "do": "preview"}).content.decode())
    assert page.words("em") == ["it"] and "So *it* looks" in page.one("textarea").text
    part = browser.post("/talk/preview", {"text": "**bold**"}, headers=FRAGMENT).content.decode()
    assert "<strong>bold</strong>" in part and "<html" not in part
    assert not Comment.objects.exists()


def test_answers_changes_and_history(paper: Paper, alice: Reader, bob: Reader, client: Client) -> None:
    a, b = people.signed_in(alice), people.signed_in(bob)
    first = said(a, "Frst")
    assert "Answer" in get(b, f"/comments/{first.pk}/reply").words("h1")
    assert get(b, f"/comments/{first.pk}/reply", headers=FRAGMENT).one("input", name="parent")
    answer = said(b, "An answer", parent=str(first.pk))
    assert answer.parent == first
    assert a.post(f"/comments/{first.pk}/edit", {"text": "First"}).status_code == 303
    assert get(client, f"/comments/{first.pk}/history").words("div", class_="words") == ["First", "Frst"]
    assert "changed" in get(client, TALK).links()


@pytest.mark.security_check(24)
@pytest.mark.parametrize("deed", ["edit", "withdraw", "restore"])
def test_bob_cannot_touch_the_comment_of_alice(paper: Paper, alice: Reader, bob: Reader, deed: str) -> None:
    comment = said(people.signed_in(alice), "Mine")
    for key in (comment.pk, comment.pk + 1_000):
        response = people.signed_in(bob).post(f"/comments/{key}/{deed}", {"text": "Yours"})
        assert response.status_code == 404
    comment.refresh_from_db()
    assert comment.text == "Mine" and comment.shown


def test_a_comment_is_taken_back_and_brought_back(paper: Paper, alice: Reader, client: Client) -> None:
    browser = people.signed_in(alice)
    comment = said(browser, "Regretted")
    browser.post(f"/comments/{comment.pk}/withdraw")
    assert "Regretted" not in client.get(TALK).content.decode()
    assert client.get(f"/comments/{comment.pk}/history").status_code == 410
    browser.post(f"/comments/{comment.pk}/restore")
    assert "Regretted" in client.get(TALK).content.decode()


def test_reactions_are_buttons_and_words(paper: Paper, alice: Reader, bob: Reader, client: Client) -> None:
    comment = said(people.signed_in(alice), "Well read.")
    browser = people.signed_in(bob)
    browser.post(f"/comments/{comment.pk}/react", {"kind": "thanks"})
    assert "thanks 1" in " ".join(get(client, TALK).words("span", class_="soft"))
    part = browser.post(f"/comments/{comment.pk}/react", {"take": "thanks"}, headers=FRAGMENT)
    assert 'aria-pressed="true"' not in part.content.decode()
    assert not Reaction.objects.exists()
    assert browser.post(f"/comments/{comment.pk}/react", {"kind": "<b>"}).status_code == 400


def test_talk_is_a_feed(paper: Paper, alice: Reader, client: Client) -> None:
    said(people.signed_in(alice), "Well *read*.")
    for form in ("rss", "atom", "json"):
        body = client.get(f"{TALK}.{form}").content.decode()
        assert "Well" in body and "alice" in body and "example.org" not in body


def test_a_long_talk_has_pages_and_comments_keep_their_addresses(
    paper: Paper, alice: Reader, client: Client
) -> None:
    rows = [Comment(paper=paper, reader=alice, text=f"Number {n}") for n in range(45)]
    Comment.objects.bulk_create(rows)
    talking.count(paper.pk)
    last = Comment.objects.latest("pk")
    assert client.get(f"/comments/{last.pk}")["Location"] == f"{TALK}?p=3#c{last.pk}"
    assert len(get(client, f"{TALK}?p=3").all("div", class_="words")) == 5
    assert get(client, ONE).links()["More of the talk"] == f"{TALK}?p=2"


def test_the_named_find_their_notices_and_looking_writes_nothing(
    paper: Paper, alice: Reader, bob: Reader
) -> None:
    said(people.signed_in(alice), "What do you say, @bob?")
    browser = people.signed_in(bob)
    page = get(browser, "/notices")
    assert "named you on" in page.words("p", class_="who")[0]
    assert Notice.objects.get().seen_at is None
    browser.post("/notices/seen")
    assert Notice.objects.get().seen_at is not None
    browser.post("/notices/mail", {"on": "0"})
    assert not notices.wants_mail(bob)


def test_a_report_is_sent_to_curators(paper: Paper, alice: Reader, bob: Reader, dora: Reader) -> None:
    comment = said(people.signed_in(alice), "Rude words")
    browser = people.signed_in(bob)
    get(browser, f"/comments/{comment.pk}/report")
    assert browser.post(f"/comments/{comment.pk}/report", {"reason": ""}).status_code == 400
    assert browser.post(f"/comments/{comment.pk}/report", {"reason": "abuse"}).status_code == 200
    assert browser.post(f"/report/{paper.identifier}", {"reason": "spam"}).status_code == 200
    assert Report.objects.count() == 2
    desk = people.signed_in(dora).get("/moderation").content.decode()
    assert "Rude words" in desk and "bob" in desk


# Library


def test_one_thing_that_many_report_is_one_case_at_the_desk(
    paper: Paper, alice: Reader, bob: Reader, dora: Reader
) -> None:
    comment = talking.say(alice, paper.pk, "Buy something")
    for who, reason in ((bob, "spam"), (people.reader("carol"), "spam"), (people.reader("erin"), "abuse")):
        talking.report(who, reason, comment=comment.pk)
    talking.report(bob, "wrong paper", paper=paper.pk)
    desk = source(people.signed_in(dora), "/moderation")
    assert desk.count('class="case"') == 2
    assert "Spam × 2, Abuse" in desk and "3 reports" in desk
    assert desk.index("Spam × 2") < desk.index("Wrong paper"), "what most readers reported stands first"
    moderating.dismiss(dora, Report.objects.filter(comment=comment).earliest("pk").pk, "It is a joke.")
    assert Report.objects.filter(comment=comment, settled_at=None).count() == 0


def test_a_reader_is_blocked_by_a_button_and_heard_again(
    paper: Paper, alice: Reader, bob: Reader, client: Client
) -> None:
    talking.say(bob, paper.pk, "Words of Bob")
    browser = people.signed_in(alice)
    assert "Block</button>" in source(browser, "/readers/bob")
    assert "Block</button>" not in source(client, "/readers/bob") + source(
        people.signed_in(bob), "/readers/bob"
    )
    assert browser.post("/readers/bob/block").status_code == 303
    assert "You block this reader" in source(browser, TALK) and "Words of Bob" in source(browser, TALK)
    assert "You block this reader" not in source(client, TALK)
    assert "bob" in source(browser, "/account/blocked")
    assert browser.post("/readers/bob/block", {"on": "0"}).status_code == 303
    assert "You block this reader" not in source(browser, TALK)


def test_the_follow_button_knows_whether_one_follows(alice: Reader, bob: Reader, client: Client) -> None:
    factories.papers(2)
    browser = people.signed_in(alice)
    for kind, key, page in (
        ("reader", "bob", "/readers/bob"),
        ("category", "cs.LG", "/papers/all?category=cs.LG"),
    ):
        assert "Sign in to follow" in source(client, page)
        assert f'aria-label="Follow {key}"' in source(browser, page)
        browser.post("/follow", {"kind": kind, "key": key})
        assert f'aria-label="Stop following {key}"' in source(browser, page)
    bob.show_votes = False
    bob.save()
    assert 'aria-label="Stop following bob"' in source(browser, "/readers/bob"), "one can still let go"
    community.unfollow(alice, "reader", "bob")
    assert "Follow bob" not in source(browser, "/readers/bob"), "there is nothing to see of them"


def test_one_press_saves_and_undoes(paper: Paper, alice: Reader) -> None:
    browser = people.signed_in(alice)
    response = browser.post("/mark", {"paper": paper.identifier, "kind": "saved", "next": ONE})
    assert response.status_code == 303 and response["Location"] == ONE
    assert "Saved ✓" in get(browser, ONE).words("button")
    part = browser.post("/mark", {"key": str(paper.pk), "brief": "yes", "off": "saved"}, headers=FRAGMENT)
    assert "Not interested" in part.content.decode()
    assert not Mark.objects.exists()


@pytest.mark.security_check(15)
def test_a_button_never_leads_elsewhere(paper: Paper, alice: Reader) -> None:
    for there in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        response = people.signed_in(alice).post(
            "/mark", {"paper": paper.identifier, "kind": "read", "next": there}
        )
        assert response["Location"] == ONE


def test_the_library_is_ones_own_and_leaves_in_every_format(paper: Paper, alice: Reader, bob: Reader) -> None:
    browser = people.signed_in(alice)
    browser.post("/mark", {"paper": paper.identifier, "kind": "saved"})
    assert "A study of newspapers, part 1" in get(browser, "/library").links()
    assert "A study of newspapers, part 1" not in get(people.signed_in(bob), "/library").links()
    for form in ("bib", "ris", "csl.json", "rdf", "md"):
        assert "newspapers" in browser.get(f"/library.{form}").content.decode()
    assert people.signed_in(bob).get("/library.bib").status_code == 404
    assert Client().get("/library.bib").status_code in (302, 303)
    assert "Nothing in this list" in get(browser, "/library?q=zeppelin").words("h2")


# Collections


def test_a_collection_is_made_filled_ordered_and_shared(paper: Paper, alice: Reader, client: Client) -> None:
    browser, other = people.signed_in(alice), factories.paper(2)
    made = browser.post("/collections", {"name": "Winter", "note": "*Warm*", "visibility": "public"})
    path = made["Location"]
    for identifier in (paper.identifier, other.identifier):
        browser.post(f"{path}/put", {"paper": identifier, "note": f"Note on {identifier}"})
    browser.post(f"{path}/move", {"paper": other.identifier, "place": "1"})
    page = get(client, path)
    assert page.words("h2")[:2] == [f"A study of newspapers, part {number}" for number in (2, 1)]
    assert "Note on 2503.00002" in page.words("div", class_="words")
    for form in ("bib", "ris", "csl.json", "rdf", "md", "rss", "atom", "json"):
        assert "newspapers" in client.get(f"{path}.{form}").content.decode()
    assert browser.post(f"{path}/move", {"paper": other.identifier, "place": "x"}).status_code == 400
    browser.post(f"{path}/take-out", {"paper": other.identifier})
    assert CollectionItem.objects.count() == 1


def test_a_paper_goes_into_a_new_collection_from_its_own_page(paper: Paper, alice: Reader) -> None:
    browser = people.signed_in(alice)
    browser.post("/collections", {"name": "Winter", "paper": paper.identifier, "next": ONE})
    assert Collection.objects.get().visibility == "private"
    assert "Winter ✓" in get(browser, ONE).words("button")


@pytest.mark.security_check(24)
@pytest.mark.security_check(25)
def test_a_private_collection_is_nobody_elses_under_any_address(
    paper: Paper, alice: Reader, bob: Reader, client: Client
) -> None:
    mine = collecting.make(alice, "Secret name")
    collecting.put(alice, mine.pk, paper.pk)
    path, browser = f"/collections/{mine.pk}", people.signed_in(bob)
    for address in (
        path,
        f"{path}.bib",
        f"{path}.atom",
        f"{path}/{mine.secret}",
        f"{path}/{mine.secret}.rss",
    ):
        for who in (client, browser):
            response = who.get(address)
            assert response.status_code == 404 and b"Secret name" not in response.content
    for deed in ("change", "delete", "link", "put", "take-out", "move"):
        response = browser.post(f"{path}/{deed}", {"name": "Bob's", "paper": paper.identifier, "place": "1"})
        assert response.status_code == 404, deed
    assert Collection.objects.get().name == "Secret name" and CollectionItem.objects.count() == 1


@pytest.mark.security_check(25)
def test_a_secret_link_opens_one_collection_and_nothing_keeps_it(
    paper: Paper, alice: Reader, client: Client
) -> None:
    mine = collecting.make(alice, "Shared", visibility="link")
    collecting.put(alice, mine.pk, paper.pk)
    path = f"/collections/{mine.pk}/{mine.secret}"
    response = client.get(path)
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store" and response["Referrer-Policy"] == "strict-origin"
    assert "alice@example.org" not in client.get(f"{path}.json").content.decode()
    assert client.get(f"/collections/{mine.pk}").status_code == 404
    people.signed_in(alice).post(f"/collections/{mine.pk}/link")
    assert client.get(path).status_code == 404


def test_a_refused_collection_keeps_what_was_typed(alice: Reader) -> None:
    browser = people.signed_in(alice)
    browser.post("/collections", {"name": "Winter"})
    response = browser.post("/collections", {"name": "Winter", "note": "The second"})
    page = read(response.content.decode())
    assert response.status_code == 409
    assert "already" in page.words("p", class_="refusal")[0] and page.one("textarea").text == "The second"


# Following


def test_following_is_a_button_a_page_and_a_private_feed(paper: Paper, alice: Reader, client: Client) -> None:
    browser = people.signed_in(alice)
    assert "Follow" in get(browser, "/author/ada-lovelace").words("button")
    browser.post("/follow", {"kind": "author", "key": "ada-lovelace"})
    assert "Following ✓" in get(browser, "/author/ada-lovelace").words("button")
    page = get(browser, "/following")
    assert page.links()["Ada Lovelace"] == "/author/ada-lovelace"
    assert "by Ada Lovelace" in page.words("span", class_="because")
    browser.post("/following/feed")
    address = get(browser, "/following").links()["All you follow, Atom"]
    response = client.get(address)
    assert "A study of newspapers" in response.content.decode()
    assert response["Cache-Control"] == "private, no-store" and response["X-Robots-Tag"] == "noindex"
    assert b"alice@" not in response.content
    browser.post("/following/feed")
    assert client.get(address).status_code == 404
    part = browser.post(
        "/follow", {"kind": "author", "key": "ada-lovelace", "on": "0", "name": "Ada"}, headers=FRAGMENT
    )
    assert "Follow Ada" in part.content.decode()
    assert not Follow.objects.exists()


def test_organisations_and_readers_have_pages_and_feeds(paper: Paper, alice: Reader, client: Client) -> None:
    assert get(client, ONE).links()["Analytical Society"] == "/organization/Analytical%20Society"
    assert get(client, "/organization/Analytical%20Society").words("h1") == ["Analytical Society"]
    assert "newspapers" in client.get("/organization/Analytical%20Society.rss").content.decode()
    assert client.get("/organization/Nobody").status_code == 404
    community.upvote(alice, paper)
    assert "newspapers" in client.get("/readers/alice.atom").content.decode()
    Reader.objects.update(show_votes=False)
    assert client.get("/readers/alice.atom").status_code == 404
    assert following.public_readers(["alice"]).count() == 0


# Submissions and claims


def test_what_is_here_is_shown_at_once_and_what_is_not_waits(paper: Paper, alice: Reader) -> None:
    browser = people.signed_in(alice)
    assert browser.post("/submit", {"paper": "arXiv:2503.00001v1"})["Location"] == ONE
    there = browser.post(
        "/submit", {"paper": f"https://arxiv.org/abs/{FRESH}", "media": "https://example.org/a"}
    )
    assert there["Location"] == f"/submissions/{Submission.objects.get().pk}"
    assert "We ask where it lives" in get(browser, there["Location"]).words("p", class_="lead-in")[0]
    assert FRESH in get(browser, "/submissions").links()
    assert people.signed_in(people.reader("charlie")).get(there["Location"]).status_code == 404
    response = browser.post("/submit", {"paper": "nonsense", "comment": "My words"})
    page = read(response.content.decode())
    assert response.status_code == 404 and page.one("textarea", id="comment").text == "My words"


def test_a_newcomers_submission_is_settled_at_the_desk(dora: Reader) -> None:
    nina, curator = people.signed_in(people.young("nina")), people.signed_in(dora)
    nina.post("/submit", {"paper": FRESH})
    key = Submission.objects.get().pk
    assert FRESH in curator.get("/moderation").content.decode()
    curator.post(f"/moderation/submissions/{key}", {"do": "decline", "reason": "An advertisement."})
    assert "An advertisement." in nina.get(f"/submissions/{key}").content.decode()


def test_an_author_claims_and_adds(paper: Paper, alice: Reader, dora: Reader, client: Client) -> None:
    browser, curator = people.signed_in(alice), people.signed_in(dora)
    path = "/claim/2503.00001"
    assert browser.post(path, {"name": "Nobody"}).status_code == 400
    browser.post(path, {"name": "Ada Lovelace", "words": "My page names this account."})
    claim = Claim.objects.get()
    assert "My page names this account." in curator.get("/moderation").content.decode()
    curator.post(f"/moderation/claims/{claim.pk}", {"do": "grant", "reason": "Her page says so."})
    browser.post(f"/claim/{claim.pk}/note", {"note": "The code is **new**."})
    browser.post(f"/claim/{claim.pk}/link", {"kind": "code", "url": "https://github.com/ada/press"})
    assert browser.post(f"/claim/{claim.pk}/link", {"kind": "code", "url": "ftp://x"}).status_code == 400
    said(browser, "I wrote it.")
    page = get(client, ONE)
    assert page.words("aside", class_="author-note") == ["A note by Ada Lovelace author The code is new."]
    assert page.links()["github.com/ada/press"] == "https://github.com/ada/press"
    assert "author" in page.words("span", class_="cat")
    bob = people.signed_in(people.reader("bob"))
    for deed in ("note", "link", "unlink", "withdraw"):
        assert bob.post(f"/claim/{claim.pk}/{deed}", {"link": "1", "note": "x"}).status_code == 404


# Moderation


def test_a_hidden_paper_says_so_and_takes_nothing(
    paper: Paper, alice: Reader, dora: Reader, client: Client
) -> None:
    people.signed_in(dora).post("/moderation/hide", {"paper": paper.identifier, "reason": "Not a paper."})
    for address in (ONE, TALK, f"{TALK}.atom", "/claim/2503.00001"):
        assert people.signed_in(alice).get(address).status_code == 410, address
    assert people.signed_in(alice).post(TALK, {"text": "Hello"}).status_code == 410
    assert (
        people.signed_in(alice).post("/mark", {"paper": paper.identifier, "kind": "read"}).status_code == 410
    )
    assert "Not a paper." in client.get("/moderation/log").content.decode()
    assert "part 1" not in client.get("/papers/all").content.decode()


def test_a_merged_paper_leads_to_the_other(paper: Paper, dora: Reader, client: Client) -> None:
    other = factories.paper(2)
    people.signed_in(dora).post(
        "/moderation/merge", {"paper": paper.identifier, "into": other.identifier, "reason": "The same."}
    )
    assert client.get(ONE)["Location"] == "/papers/2503.00002"
    assert client.get(f"{ONE}.bib")["Location"] == "/papers/2503.00002.bib"
    assert client.get(TALK)["Location"] == "/talk/2503.00002"


def test_every_act_stands_in_the_log_and_is_taken_back_there(
    paper: Paper, alice: Reader, dora: Reader, client: Client
) -> None:
    browser = people.signed_in(dora)
    comment = said(people.signed_in(alice), "Rude words")
    browser.post("/moderation/lock", {"paper": paper.identifier, "reason": "In circles."})
    browser.post("/moderation/move", {"paper": paper.identifier, "day": "2025-03-18", "reason": "A mistake."})
    browser.post(f"/moderation/comments/{comment.pk}", {"reason": "Rude."})
    browser.post("/moderation/readers/alice", {"days": "7", "reason": "Rude twice.", "hide_words": "yes"})
    browser.post("/moderation/rules", _rules() | {"comments_an_hour": "7", "reason": "Calm."})
    page = client.get("/moderation/log").content.decode()
    for words in ("In circles.", "A mistake.", "Rude.", "Rude twice.", "comments an hour: 20 to 7"):
        assert words in page
    assert people.signed_in(alice).post(TALK, {"text": "Hello"}).status_code == 403
    for act in Moderation.objects.order_by("-pk"):
        assert browser.post(f"/moderation/log/{act.pk}/undo", {"reason": "Enough."}).status_code == 303
    comment.refresh_from_db()
    paper.refresh_from_db()
    assert comment.shown and paper.locked_at is None and paper.listed_on == factories.FRIDAY
    assert community.rules().comments_an_hour == 20
    said(people.signed_in(alice), "Thank you")


def _rules() -> dict[str, str]:
    now = community.rules()
    return {name: str(getattr(now, name)) for name in moderating.RULES if name != "newcomers_wait"} | {
        "newcomers_wait": "yes"
    }


@pytest.mark.security_check(31)
def test_the_desk_is_for_curators_alone(paper: Paper, alice: Reader, client: Client) -> None:
    browser = people.signed_in(alice)
    for address in (
        "/moderation",
        "/moderation/rules",
        "/moderation/papers/2503.00001",
        "/moderation/readers/alice",
    ):
        assert browser.get(address).status_code == 404
        assert client.get(address).status_code == 303
    for address in (
        "hide",
        "lock",
        "move",
        "merge",
        "log/1/undo",
        "reports/1/dismiss",
        "claims/1",
        "submissions/1",
    ):
        assert (
            browser.post(f"/moderation/{address}", {"paper": "2503.00001", "reason": "x"}).status_code == 404
        )
    assert not Moderation.objects.exists()


def test_an_operator_gives_a_role(alice: Reader, dora: Reader) -> None:
    olga = people.signed_in(people.reader("olga", role="operator"))
    assert (
        people.signed_in(dora).post("/moderation/readers/alice/role", {"role": "curator"}).status_code == 404
    )
    olga.post("/moderation/readers/alice/role", {"role": "curator", "reason": "She reads all."})
    alice.refresh_from_db()
    assert alice.role == "curator"


# Cost and safety


def test_pages_cost_the_same_whatever_they_hold(
    paper: Paper, alice: Reader, bob: Reader, dora: Reader
) -> None:
    browser, curator = people.signed_in(alice), people.signed_in(dora)
    mine = collecting.make(alice, "One", visibility="public")
    community.follow(alice, "author", "ada-lovelace")
    community.follow(alice, "reader", "bob")
    addresses = (ONE, TALK, "/library", f"/collections/{mine.pk}", "/following", "/notices", "/collections")

    def fill(numbers: range) -> None:
        for number in numbers:
            other = factories.paper(number)
            comment = talking.say(bob, paper.pk, f"@alice {number}")
            talking.report(alice, "spam", comment=comment.pk)
            community.mark(alice, other.pk, "saved")
            collecting.put(alice, mine.pk, other.pk, "Noted")
            collecting.make(alice, f"List {number}")
            community.upvote(bob, other)
            moderating.lock_talk(dora, other.pk, "Enough.")

    fill(range(10, 12))
    before = {address: queries(browser, address) for address in addresses}
    desk = {address: queries(curator, address) for address in ("/moderation", "/moderation/log")}
    fill(range(12, 20))
    assert {address: queries(browser, address) for address in addresses} == before
    assert {address: queries(curator, address) for address in desk} == desk
    assert max(before.values()) < 40, before


def test_forged_numbers_are_refused_with_words(paper: Paper, alice: Reader) -> None:
    browser = people.signed_in(alice)
    for key in ("0", "-1", "9" * 30, "1 OR 1=1", "١"):
        assert browser.post("/mark", {"key": key, "kind": "saved"}).status_code == 404
        response = browser.post(TALK, {"text": "Words", "parent": key})
        assert response.status_code in (303, 404)
    for address in (f"/comments/{'9' * 30}", f"/collections/{'9' * 30}", f"/submissions/{'9' * 30}"):
        assert browser.get(address).status_code == 404


# Mail


def test_many_notices_are_one_letter_that_one_press_stops(
    paper: Paper, alice: Reader, bob: Reader, settings: Settings, client: Client
) -> None:
    from allauth.account.models import EmailAddress

    from broadsheet import mail
    from broadsheet.models import Message

    settings.MAIL_FROM, settings.SMTP_URL = "Broadsheet <news@example.org>", "smtp://127.0.0.1:1"
    settings.PUBLIC_URL = "https://papers.example.org"
    assert mail.is_set_up()
    EmailAddress.objects.get_or_create(user=bob, defaults={"email": bob.email, "primary": True})
    EmailAddress.objects.update(verified=False)
    for number in range(3):
        talking.say(alice, paper.pk, f"Number {number} for @bob")
    assert community.post_due() == 0, "a talk is gathered first"
    Notice.objects.update(created_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert community.post_due() == 3
    assert not Message.objects.exists(), "an address that nobody verified gets nothing"
    EmailAddress.objects.update(verified=True)
    for number in range(3, 5):
        talking.say(alice, paper.pk, f"Number {number} for @bob")
    Notice.objects.update(created_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert community.post_due() == 2
    assert community.post_due() == 0
    letter = Message.objects.get()
    assert letter.address == bob.email and "Number 3" in letter.text and "Number 4" in letter.text
    stop = letter.stop_path
    assert "Stop this mail" in get(client, stop).words("button")
    assert notices.wants_mail(bob), "looking stops nothing"
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(stop, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not notices.wants_mail(bob)
    assert client.get(stop[:-1] + ("0" if stop[-1] != "0" else "1")).status_code == 404
