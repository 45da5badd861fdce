"""What readers say under a paper: who may, what is refused, what is kept, what counts, who hears of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from broadsheet import community
from broadsheet.community import blocking, moderating, notices, talking, threads
from broadsheet.models import (
    Claim,
    Comment,
    CommentVersion,
    CommunityRules,
    Follow,
    Notice,
    Paper,
    Reaction,
    Reader,
    Report,
)
from tests import factories

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=400)


def person(name: str, **fields: Any) -> Reader:
    told: dict[str, Any] = {"joined_at": LONG_AGO} | fields
    return Reader.objects.create_user(name, f"{name.lower()}@example.org", **told)


@pytest.fixture
def alice() -> Reader:
    return person("Alice")


@pytest.fixture
def bob() -> Reader:
    return person("Bob")


@pytest.fixture
def dora() -> Reader:
    return person("Dora", role="curator")


@pytest.fixture
def paper() -> Paper:
    return factories.paper(1)


def read(paper: Paper, viewer: Reader | None = None) -> list[str]:
    paper.refresh_from_db()
    return [one.text or one.gone for one in threads.talk(paper, viewer).said]


def test_a_comment_counts_and_moves_the_paper(alice: Reader, bob: Reader, paper: Paper) -> None:
    talking.say(alice, paper.pk, "Well *read*.")
    talking.say(bob, paper.pk, "Badly read.")
    paper.refresh_from_db()
    assert paper.comments == 2
    assert read(paper) == ["Well *read*.", "Badly read."]


def test_answers_stand_beneath_what_they_answer(alice: Reader, bob: Reader, paper: Paper) -> None:
    first = talking.say(alice, paper.pk, "First")
    talking.say(alice, paper.pk, "Second")
    answer = talking.say(bob, paper.pk, "To the first", parent=first.pk)
    talking.say(alice, paper.pk, "To that", parent=answer.pk)
    assert read(paper) == ["First", "To the first", "To that", "Second"]
    assert [one.comment.depth for one in threads.talk(paper).said] == [0, 1, 2, 0]


def test_an_answer_belongs_to_a_comment_on_the_same_paper(alice: Reader, bob: Reader, paper: Paper) -> None:
    elsewhere = talking.say(alice, factories.paper(2).pk, "There")
    with pytest.raises(community.Refused, match="not one on this paper") as refused:
        talking.say(bob, paper.pk, "Here", parent=elsewhere.pk)
    assert refused.value.status == 404
    assert not Comment.objects.filter(paper=paper).exists()


def test_the_same_words_at_once_are_one_comment(alice: Reader, paper: Paper) -> None:
    one = talking.say(alice, paper.pk, "Twice pressed")
    assert talking.say(alice, paper.pk, " Twice pressed\n") == one
    assert Comment.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "empty"),
        (" \n\u200b\u200b\n", "empty"),
        ("x" * 20_001, "at most 20,000 characters"),
        ("a\x00b", "no text"),
        ("\ud800 alone", "no text"),
        (" ".join(f"@reader{n}" for n in range(11)), "at most 10 readers"),
        (" ".join("https://example.org" for _ in range(21)), "21 links"),
    ],
)
def test_what_cannot_be_a_comment_is_refused_with_a_sentence(
    alice: Reader, paper: Paper, words: str, why: str
) -> None:
    with pytest.raises(community.Refused, match=why) as refused:
        talking.say(alice, paper.pk, words)
    assert refused.value.status == 400
    assert not Comment.objects.exists()


def test_new_readers_give_few_links(paper: Paper) -> None:
    with pytest.raises(community.Refused, match="new readers may give 2"):
        talking.say(
            person("Nina", joined_at=timezone.now()), paper.pk, "https://a.org https://b.org https://c.org"
        )


def test_a_reader_writes_so_many_comments_in_an_hour(alice: Reader, paper: Paper) -> None:
    CommunityRules.objects.create(comments_an_hour=3)
    for number in range(3):
        talking.say(alice, paper.pk, f"Number {number}")
    with pytest.raises(community.Refused, match="Try again in") as refused:
        talking.say(alice, paper.pk, "One more")
    assert (refused.value.status, refused.value.retry_after > 60) == (429, True)


def test_a_change_keeps_what_was_said_before(alice: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "The frst")
    talking.edit(alice, comment.pk, "The first")
    talking.edit(alice, comment.pk, "The first")
    assert [version.text for version in comment.versions.all()] == ["The frst"]
    comment.refresh_from_db()
    assert comment.edited_at and comment.text == "The first"


def test_changes_are_counted_too(alice: Reader, paper: Paper) -> None:
    CommunityRules.objects.create(edits_an_hour=2)
    comment = talking.say(alice, paper.pk, "0")
    talking.edit(alice, comment.pk, "1")
    talking.edit(alice, comment.pk, "2")
    with pytest.raises(community.Refused, match="changed comments 2 times"):
        talking.edit(alice, comment.pk, "3")
    assert CommentVersion.objects.count() == 2


@pytest.mark.parametrize("verb", ["edit", "withdraw", "bring_back"])
def test_nobody_changes_the_comment_of_another(alice: Reader, bob: Reader, paper: Paper, verb: str) -> None:
    comment = talking.say(alice, paper.pk, "Mine")
    for key in (comment.pk, comment.pk + 1_000):
        with pytest.raises(community.Refused, match="no such comment") as refused:
            getattr(talking, verb)(bob, key, *(["Yours"] if verb == "edit" else []))
        assert refused.value.status == 404
    assert read(paper) == ["Mine"]


def test_a_comment_taken_back_keeps_its_place_alone(alice: Reader, bob: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Regretted")
    talking.say(bob, paper.pk, "An answer", parent=comment.pk)
    talking.withdraw(alice, comment.pk)
    talking.withdraw(alice, comment.pk)
    paper.refresh_from_db()
    assert paper.comments == 1
    assert read(paper, bob) == ["Taken back by its writer.", "An answer"]
    talking.bring_back(alice, comment.pk)
    assert read(paper) == ["Regretted", "An answer"]


def test_a_thread_of_which_nothing_is_left_is_not_shown(alice: Reader, paper: Paper) -> None:
    first = talking.say(alice, paper.pk, "One")
    second = talking.say(alice, paper.pk, "Two", parent=first.pk)
    talking.withdraw(alice, second.pk)
    assert read(paper) == ["One"]
    talking.withdraw(alice, first.pk)
    assert read(paper) == []


def test_closed_talk_is_read_and_not_added_to(alice: Reader, dora: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Before")
    act = moderating.lock_talk(dora, paper.pk, "It went in circles.")
    with pytest.raises(community.Refused, match="closed by a curator"):
        talking.say(alice, paper.pk, "After")
    with pytest.raises(community.Refused, match="closed by a curator"):
        talking.edit(alice, comment.pk, "Changed")
    talking.say(dora, paper.pk, "A last word")
    moderating.undo(dora, act.pk, "Calm again.")
    talking.say(alice, paper.pk, "After all")
    assert read(paper) == ["Before", "A last word", "After all"]


def test_a_paper_taken_out_is_not_talked_about(alice: Reader, dora: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Before")
    moderating.hide_paper(dora, paper.pk, "Not a paper.")
    for act in (
        lambda: talking.say(alice, paper.pk, "After"),
        lambda: talking.react(dora, comment.pk, "thanks"),
        lambda: talking.report(dora, "spam", comment=comment.pk),
        lambda: community.mark(alice, paper.pk, "saved"),
    ):
        with pytest.raises(community.Refused, match="taken out") as refused:
            act()
        assert refused.value.status == 410


def test_one_reacts_once_with_each_word_not_to_oneself(alice: Reader, bob: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Well read.")
    talking.react(bob, comment.pk, "thanks")
    talking.react(bob, comment.pk, "thanks")
    talking.react(bob, comment.pk, "agree")
    talking.react(bob, comment.pk, "agree", on=False)
    assert [(one.reader, one.kind) for one in Reaction.objects.all()] == [(bob, "thanks")]
    with pytest.raises(community.Refused, match="what others wrote"):
        talking.react(alice, comment.pk, "thanks")
    with pytest.raises(community.Refused, match="One can react with"):
        talking.react(bob, comment.pk, "<script>")
    shown = threads.talk(paper, bob).said[0].reactions
    assert ("thanks", 1, True) in shown


def test_the_banned_read_and_do_not_act(alice: Reader, dora: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Buy my newspaper")
    act = moderating.ban(dora, alice.pk, "Selling newspapers.", days=7, hide_words=True)
    assert read(paper) == []
    with pytest.raises(community.Refused, match="Selling newspapers") as refused:
        talking.say(alice, paper.pk, "Again")
    assert refused.value.status == 403
    moderating.undo(dora, act.pk, "It was a joke.")
    assert read(paper) == [comment.text]
    talking.say(alice, paper.pk, "Thank you")


def test_a_ban_ends_when_it_says(alice: Reader, dora: Reader, paper: Paper) -> None:
    moderating.ban(dora, alice.pk, "Too loud.", days=1)
    alice.ban.until = timezone.now() - timedelta(minutes=1)
    alice.ban.save()
    talking.say(alice, paper.pk, "Back")


# Who hears of it


def told(reader: Reader) -> list[str]:
    return list(Notice.objects.filter(reader=reader).order_by("pk").values_list("why", flat=True))


def test_authors_the_answered_and_the_named_hear_of_a_comment_once(
    alice: Reader, bob: Reader, dora: Reader, paper: Paper
) -> None:
    Claim.objects.create(paper=paper, reader=alice, name="Ada Lovelace", state="granted", ground="curator")
    first = talking.say(bob, paper.pk, "A question, @alice and @alice")
    talking.say(
        dora, paper.pk, "For @bob: yes. `@dora` in code is nobody, nor is me@alice.org", parent=first.pk
    )
    assert told(alice) == ["author", "author"]
    assert told(bob) == ["reply"]
    assert told(dora) == []


def test_nobody_is_told_of_their_own_words(alice: Reader, paper: Paper) -> None:
    talking.say(alice, paper.pk, "I, @Alice")
    assert told(alice) == []


def test_a_change_tells_those_named_anew(alice: Reader, bob: Reader, dora: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "@bob")
    talking.edit(alice, comment.pk, "@bob and @dora")
    assert (told(bob), told(dora)) == (["mention"], ["mention"])


# Reports


def test_a_report_waits_until_a_curator_acts(alice: Reader, bob: Reader, dora: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Rude words")
    one = talking.report(bob, "abuse", "He means me.", comment=comment.pk)
    assert talking.report(bob, "spam", comment=comment.pk) == one
    assert moderating.waiting()["reports"] == 1
    act = moderating.hide_comment(dora, comment.pk, "Rude.")
    one.refresh_from_db()
    assert one.heeded and one.settled_by == dora
    assert read(paper) == [] and read(paper, dora) == ["Rude words"]
    moderating.undo(dora, act.pk, "It was a quotation.")
    assert read(paper) == ["Rude words"] and moderating.waiting()["reports"] == 1


def test_who_reported_is_nowhere_in_the_log(alice: Reader, bob: Reader, dora: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Fine words")
    report = talking.report(bob, "abuse", "He means me.", comment=comment.pk)
    act = moderating.dismiss(dora, report.pk, "Nothing wrong with it.")
    assert "Bob" not in f"{act.subject} {act.reason}" and act.reader_id is None
    report.refresh_from_db()
    assert report.heeded is False


def test_a_report_says_why(alice: Reader, bob: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "Words")
    for reason, words, why in (
        ("because", "", "Say why"),
        ("other", " ", "in a few words"),
        ("spam", "x" * 2_001, "long"),
    ):
        with pytest.raises(community.Refused, match=why):
            talking.report(bob, reason, words, comment=comment.pk)
    with pytest.raises(community.Refused, match="yours"):
        talking.report(alice, "spam", comment=comment.pk)
    assert not Report.objects.exists()


# Leaving


def test_who_leaves_takes_only_their_own_words(alice: Reader, bob: Reader, paper: Paper) -> None:
    comment = talking.say(alice, paper.pk, "My secret")
    talking.edit(alice, comment.pk, "My other secret")
    talking.say(bob, paper.pk, "An answer", parent=comment.pk)
    taken = community.everything_of(alice)
    assert taken["comments"][0]["text"] == "My other secret"
    assert taken["comments"][0]["before"][0]["text"] == "My secret"
    community.forget_talk(alice)
    alice.delete()
    assert read(paper) == ["Its writer has left.", "An answer"]
    assert not CommentVersion.objects.exists()
    assert "secret" not in "".join(Comment.objects.values_list("text", flat=True))
    paper.refresh_from_db()
    assert paper.comments == 1


# Cost


def test_a_page_of_talk_costs_the_same_whatever_it_holds(alice: Reader, bob: Reader, paper: Paper) -> None:
    first = talking.say(alice, paper.pk, "First, @bob")
    talking.react(bob, first.pk, "thanks")
    paper.refresh_from_db()
    with CaptureQueriesContext(
        connection,
    ) as few:
        threads.talk(paper, bob)
    rows = [
        Comment(
            paper=paper, reader=alice if n % 2 else bob, parent=first, root=first, depth=1, text=f"@alice {n}"
        )
        for n in range(150)
    ]
    Comment.objects.bulk_create(rows)
    with CaptureQueriesContext(connection) as many:
        assert len(threads.talk(paper, bob).said) == 151
    assert len(many) == len(few) <= 8


def test_a_thread_of_any_depth_is_read_without_recursion(alice: Reader, paper: Paper) -> None:
    above: Comment | None = None
    for number in range(60):
        root = (above.root or above) if above else None
        above = Comment.objects.create(paper=paper, reader=alice, parent=above, root=root, text=str(number))
    talking.count(paper.pk)
    assert read(paper) == [str(number) for number in range(60)]
    chain = [Comment(pk=n, paper=paper, parent_id=n - 1 or None) for n in range(1, 5_000)]
    assert [comment.pk for comment in threads.in_order(chain)] == list(range(1, 5_000))


@pytest.mark.security_check(31)
def test_who_is_blocked_is_folded_and_not_heard(alice: Reader, bob: Reader, paper: Paper) -> None:
    """Alice blocks Bob: his answer and his mention send nothing, others read on, and it can be undone."""
    hers = talking.say(alice, paper.pk, "A question")
    community.follow(alice, "reader", "Bob")
    talking.say(bob, paper.pk, "An early answer", hers.pk)
    assert notices.unseen(alice) == 1
    blocking.block(alice, "bob")
    assert notices.unseen(alice) == 0 and not Follow.objects.exists(), "what was there is gone as well"
    talking.say(bob, paper.pk, "Another, @alice", hers.pk)
    assert not Notice.objects.filter(reader=alice).exists()
    folded = {one.comment.text: one.folded for one in threads.talk(paper, alice).said}
    assert folded == {"A question": False, "An early answer": True, "Another, @alice": True}
    assert not any(one.folded for one in threads.talk(paper, bob).said), "he is not told"
    blocking.unblock(alice, "Bob")
    talking.say(bob, paper.pk, "And again, @alice")
    assert notices.unseen(alice) == 1


def test_a_change_that_names_someone_anew_respects_a_block(alice: Reader, bob: Reader, paper: Paper) -> None:
    blocking.block(alice, "Bob")
    talking.edit(bob, talking.say(bob, paper.pk, "Words").pk, "Words for @alice")
    assert not Notice.objects.exists()


@pytest.mark.parametrize("name", ["alice", "nobody-of-that-name"])
def test_nobody_blocks_themselves_or_nobody(alice: Reader, name: str) -> None:
    with pytest.raises(community.Refused):
        blocking.block(alice, name)
