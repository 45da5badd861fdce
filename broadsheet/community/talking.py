"""Says, changes and takes back comments; reacts to them and reports them. Counts what everybody may read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from broadsheet import text, trending
from broadsheet.catalog import people
from broadsheet.community import notices
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import is_newcomer, may_act, open_paper, rules, within
from broadsheet.models import (
    REACTIONS,
    REPORT_REASONS,
    Comment,
    CommentVersion,
    Paper,
    Reaction,
    Reader,
    Report,
)

LONGEST_COMMENT: Final = text.COMMENT_LIMIT
LONGEST_WORDS: Final = 2_000
# Answers deeper than this stand beside each other: a thread must stay readable on a phone.
DEEPEST: Final = 8
MOST_MENTIONS: Final = 10
MOST_LINKS: Final = 20
NEWCOMER_LINKS: Final = 2
# The same words sent again so soon are the same press of a button.
TWICE: Final = timedelta(minutes=10)

CLOSED: Final = "The talk about this paper has been closed by a curator."
NO_COMMENT: Final = "There is no such comment."

_MENTION = re.compile(r"(?<![\w@/.-])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?)(?![\w-])", re.ASCII)
_CODE = re.compile(r"```[^`]{0,20000}```|`[^`\n]{0,2000}`")
_LINK = re.compile(r"https?://", re.IGNORECASE)


def say(reader: Reader, paper: int, words: str, parent: int | None = None) -> Comment:
    """Puts a comment under a paper, as an answer to `parent` if that is given, and notes who should hear.

    The same words from the same reader within ten minutes are the same comment. Raises Refused.
    """
    may_act(reader)
    said = checked(reader, words)
    known = rules()
    with transaction.atomic():
        about = open_paper(paper)
        if about.locked_at and not reader.is_curator:
            raise Refused(CLOSED)
        above = _answered(about, parent) if parent is not None else None
        mine = Comment.objects.filter(reader=reader)
        again = mine.filter(
            paper=about, parent=above, text=said, withdrawn_at=None, created_at__gt=timezone.now() - TWICE
        ).first()
        if again:
            return again
        most = known.newcomer_comments_an_hour if is_newcomer(reader, known) else known.comments_an_hour
        within(mine, "created_at", most, timedelta(hours=1), f"You have written {most} comments in an hour.")
        comment = Comment.objects.create(
            paper=about,
            reader=reader,
            parent=above,
            root=(above.root or above) if above else None,
            depth=min(above.depth + 1, DEEPEST) if above else 0,
            text=said,
        )
        count(about.pk)
        notices.tell(comment, named(said))
    return comment


def _answered(paper: Paper, parent: int) -> Comment:
    above = Comment.objects.select_related("root").filter(pk=parent, paper=paper).first()
    if above is None:
        raise Refused("The comment that you answer is not one on this paper.", 404)
    if not above.shown:
        raise Refused("The comment that you answer has been taken back.")
    return above


def checked(reader: Reader, words: str) -> str:
    """The words of a comment as they are stored. Raises Refused for what cannot be one."""
    said = words.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(said) > LONGEST_COMMENT:
        raise Refused(
            f"A comment has at most {LONGEST_COMMENT:,} characters; this one has {len(said):,}. "
            "Put longer texts where you publish, and link to them.",
            400,
        )
    if "\x00" in said or any("\ud800" <= mark <= "\udfff" for mark in said):
        raise Refused("The comment holds characters that are no text. Remove them and try again.", 400)
    if not text.plain_block(said):
        raise Refused("The comment is empty. Write something first.", 400)
    if len(named(said)) > MOST_MENTIONS:
        raise Refused(f"A comment can name at most {MOST_MENTIONS} readers.", 400)
    links = len(_LINK.findall(said))
    most = NEWCOMER_LINKS if links > NEWCOMER_LINKS and is_newcomer(reader) else MOST_LINKS
    if links > most:
        raise Refused(
            f"This comment has {links} links; "
            + (f"new readers may give {most}." if most == NEWCOMER_LINKS else f"at most {most} are taken."),
            400,
        )
    return said


def named(words: str) -> list[str]:
    """The names that a comment mentions with @, in lower case, each once; not those inside code."""
    return list(dict.fromkeys(name.lower() for name in _MENTION.findall(_CODE.sub(" ", words))))


def known_names(names: list[str]) -> dict[str, Reader]:
    """Active readers by their name in lower case. One query."""
    if not names:
        return {}
    found = Reader.objects.annotate(lower=Lower("username")).filter(lower__in=names[:500], is_active=True)
    return {reader.username.lower(): reader for reader in found}


def edit(reader: Reader, key: int, words: str) -> Comment:
    """Changes one's own comment; what it said before is kept for everybody to see. Raises Refused."""
    may_act(reader)
    said = checked(reader, words)
    with transaction.atomic():
        comment = own(reader, key)
        if comment.withdrawn_at:
            raise Refused("You took this comment back. Bring it back before you change it.")
        if comment.text == said:
            return comment
        about = open_paper(comment.paper_id)
        if about.locked_at and not reader.is_curator:
            raise Refused(CLOSED)
        changes = CommentVersion.objects.filter(comment__reader=reader)
        most = rules().edits_an_hour
        within(
            changes,
            "replaced_at",
            most,
            timedelta(hours=1),
            f"You have changed comments {most} times in an hour.",
        )
        CommentVersion.objects.create(comment=comment, text=comment.text)
        before = named(comment.text)
        comment.text, comment.edited_at = said, timezone.now()
        comment.save(update_fields=["text", "edited_at"])
        notices.tell_named(comment, [name for name in named(said) if name not in before])
    return comment


def withdraw(reader: Reader, key: int) -> Comment:
    """Takes one's own comment back: its place stays, its words are shown no more. Twice is no harm."""
    with transaction.atomic():
        comment = own(reader, key)
        if comment.withdrawn_at is None:
            comment.withdrawn_at = timezone.now()
            comment.save(update_fields=["withdrawn_at"])
            _locked(comment.paper_id)
            count(comment.paper_id)
    return comment


def bring_back(reader: Reader, key: int) -> Comment:
    """Undoes `withdraw`."""
    may_act(reader)
    with transaction.atomic():
        comment = own(reader, key)
        if comment.withdrawn_at:
            open_paper(comment.paper_id)
            comment.withdrawn_at = None
            comment.save(update_fields=["withdrawn_at"])
            count(comment.paper_id)
    return comment


def own(reader: Reader, key: int) -> Comment:
    """One's own comment, locked for this transaction. Any other is refused as if it were not there."""
    comment = Comment.objects.select_for_update().filter(pk=key, reader=reader).first()
    if comment is None:
        raise Refused(NO_COMMENT, 404)
    if comment.hidden:
        raise Refused("A curator has hidden this comment, so it cannot be changed.")
    return comment


def visible(key: int, viewer: Reader | None = None) -> Comment:
    """A comment that the viewer may read, with its paper and writer. Raises Refused otherwise."""
    comment = Comment.objects.select_related("paper", "reader").filter(pk=key).first()
    if comment is None:
        raise Refused(NO_COMMENT, 404)
    if comment.paper.hidden and not (viewer and viewer.is_curator):
        raise Refused("The paper of this comment has been taken out.", 410)
    return comment


def react(reader: Reader, key: int, kind: str, on: bool = True) -> None:
    """Leaves or takes away one word of `REACTIONS` at a comment. Doing so twice is no harm."""
    may_act(reader)
    if kind not in REACTIONS:
        raise Refused(f"One can react with {', '.join(REACTIONS)}.", 400)
    with transaction.atomic():
        comment = visible(key)
        if not comment.shown:
            raise Refused("This comment has been taken back.")
        if comment.paper.locked_at and not reader.is_curator:
            raise Refused(CLOSED)
        if comment.reader_id == reader.pk:
            raise Refused("Reactions are for what others wrote.")
        if on:
            Reaction.objects.get_or_create(comment=comment, reader=reader, kind=kind)
        else:
            Reaction.objects.filter(comment=comment, reader=reader, kind=kind).delete()


def report(
    reader: Reader, reason: str, words: str = "", *, comment: int | None = None, paper: int | None = None
) -> Report:
    """Asks curators to look at a comment or a paper. One open report of one reader for one thing."""
    may_act(reader)
    if reason not in REPORT_REASONS:
        raise Refused(f"Say why: {', '.join(REPORT_REASONS)}.", 400)
    said = note(words)
    if reason == "other" and not said:
        raise Refused("Say in a few words what is wrong.", 400)
    with transaction.atomic():
        where: dict[str, Any]
        if comment is not None:
            meant = visible(comment)
            about, where = meant.paper, {"comment": meant, "paper": meant.paper}
            if meant.reader_id == reader.pk:
                raise Refused("This comment is yours: you can take it back yourself.")
        else:
            about = open_paper(paper or 0)
            where = {"comment": None, "paper": about}
        if about.hidden:
            raise Refused("This paper has been taken out.", 410)
        mine = Report.objects.filter(reader=reader)
        open_one = mine.filter(settled_at=None, **where).first()
        if open_one:
            return open_one
        most = rules().reports_a_day
        within(mine, "created_at", most, timedelta(days=1), f"You have sent {most} reports in a day.")
        made, _ = Report.objects.get_or_create(
            reader=reader, settled_at=None, **where, defaults={"reason": reason, "words": said}
        )
    return made


def note(words: str, longest: int = LONGEST_WORDS, what: str = "This text") -> str:
    """A short text of a reader as it is stored: visible characters. Raises Refused if it is too long."""
    if len(words) > longest * 2:
        raise Refused(f"{what} is too long: at most {longest:,} characters.", 400)
    said = text.plain_block(words)
    if len(said) > longest:
        raise Refused(f"{what} is too long: at most {longest:,} characters.", 400)
    return said


def count(paper: int) -> None:
    """Counts a paper's comments anew and restands it. The caller holds the lock on its row."""
    Paper.objects.filter(pk=paper).update(comments=people.shown_comments(paper))
    trending.restand(paper)


def _locked(paper: int) -> None:
    """Waits for the paper's row, so that two counts never overlap."""
    Paper.objects.select_for_update().filter(pk=paper).values_list("pk").first()


def forget_talk(reader: Reader) -> None:
    """Empties everything a reader wrote under papers, before the account goes: places stay, words do not."""
    with transaction.atomic():
        mine = Comment.objects.filter(reader=reader)
        papers = set(mine.values_list("paper_id", flat=True))
        CommentVersion.objects.filter(comment__reader=reader).delete()
        mine.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
        mine.update(text="", edited_at=None, reader=None)
        Report.objects.filter(reader=reader).update(words="", reader=None)
        for paper in papers:
            _locked(paper)
            count(paper)


def comments_by(reader: Reader) -> QuerySet[Comment]:
    """What a reader has written that everybody may read, the newest first, with its papers."""
    shown = Comment.objects.filter(reader=reader, hidden=False, withdrawn_at=None, paper__hidden=False)
    return shown.select_related("paper").order_by("-pk")
