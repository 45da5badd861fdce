"""Remembers who should hear of a comment, and tells them by mail: many notices in one letter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from broadsheet import mail, text
from broadsheet.community import blocking
from broadsheet.community.proofs import verified_addresses
from broadsheet.community.refusals import Refused
from broadsheet.mail import tokens
from broadsheet.models import Claim, Comment, Notice, NoticeWish, Reader

# A talk that goes to and fro is one letter: so long after the first notice it is written.
GATHER: Final = timedelta(minutes=15)
MOST_IN_LETTER: Final = 30
PURPOSE: Final = "talk"


def tell(comment: Comment, names: Sequence[str]) -> None:
    """Notes everybody who should hear of a new comment: once each, never its writer nor who blocks them."""
    found: dict[int, str] = {}
    for key in Claim.objects.filter(paper=comment.paper_id, state="granted").values_list(
        "reader_id", flat=True
    ):
        found[key] = "author"
    if comment.parent and comment.parent.reader_id:
        found.setdefault(comment.parent.reader_id, "reply")
    for key in _keys(names):
        found.setdefault(key, "mention")
    _note(comment, found.items())


def tell_named(comment: Comment, names: Sequence[str]) -> None:
    """Notes those whom a change of the comment has named anew."""
    _note(comment, [(key, "mention") for key in _keys(names)])


def _keys(names: Sequence[str]) -> list[int]:
    if not names:
        return []
    found = Reader.objects.annotate(lower=Lower("username")).filter(lower__in=names, is_active=True)
    return list(found.values_list("pk", flat=True))


def _note(comment: Comment, found: Iterable[tuple[int, str]]) -> None:
    told = dict(found)
    if told:
        for key in (comment.reader_id, *blocking.deaf_to(comment.reader_id)):
            told.pop(key or 0, None)
    rows = [Notice(reader_id=key, comment=comment, why=why) for key, why in told.items()]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)


def readable() -> Q:
    """Which notices are still worth reading: their comment can be read."""
    return Q(comment__hidden=False, comment__withdrawn_at=None, comment__paper__hidden=False)


def unseen(reader: Reader) -> int:
    """How many notices a reader has not opened yet, counted up to 100."""
    return Notice.objects.filter(readable(), reader=reader, seen_at=None)[:100].count()


def mark_seen(reader: Reader) -> None:
    Notice.objects.filter(reader=reader, seen_at=None).update(seen_at=timezone.now())


def wants_mail(reader: Reader) -> bool:
    found = NoticeWish.objects.filter(reader=reader).first()
    return found is None or found.by_mail


def wish(reader: Reader, by_mail: bool) -> None:
    """Whether talk that concerns the reader is to come by mail."""
    NoticeWish.objects.update_or_create(reader=reader, defaults={"by_mail": by_mail})


# The letter


def post_due(limit: int = 20) -> int:
    """Writes to readers whose oldest notice has waited long enough: one letter for all of theirs."""
    ripe = Notice.objects.filter(posted_at=None, created_at__lte=timezone.now() - GATHER)
    keys = list(ripe.values_list("reader_id", flat=True).order_by("created_at")[:500])
    done = 0
    for key in list(dict.fromkeys(keys))[:limit]:
        done += _post(key)
    return done


def _post(key: int) -> int:
    """One reader's letter. The notices are stamped in the transaction that queues it: once, whatever dies."""
    with transaction.atomic():
        reader = Reader.objects.select_for_update().filter(pk=key).first()
        if reader is None:
            return 0
        rows = Notice.objects.filter(reader=reader, posted_at=None)
        shown = list(
            rows.filter(readable(), seen_at=None)
            .select_related("comment__reader", "comment__paper")
            .order_by("pk")[:MOST_IN_LETTER]
        )
        last = rows.order_by("-pk").values_list("pk", flat=True).first()
        count = rows.update(posted_at=timezone.now())
        wanted = mail.is_set_up() and reader.is_active and wants_mail(reader)
        if shown and wanted and reader.email.lower() in verified_addresses(reader):
            _write(reader, shown, f"talk:{reader.pk}:{last}")
    return count


def _write(reader: Reader, shown: Sequence[Notice], key: str) -> None:
    stop = stop_path(reader)
    lines = [_line(one) for one in shown]
    subject = lines[0] if len(lines) == 1 else f"{len(lines)} notices about talk"
    home, name = mail.origin(), settings.SITE_NAME
    plain = "\n\n".join(
        f"{line}\n{_start(one)}\n{home}{one.comment.get_absolute_url()}"
        for one, line in zip(shown, lines, strict=True)
    )
    html = "".join(
        f'<p><a href="{escape(home + one.comment.get_absolute_url())}">{escape(line)}</a><br>'
        f"{escape(_start(one))}</p>"
        for one, line in zip(shown, lines, strict=True)
    )
    end = f"You get this because you take part in the talk at {name}."
    mail.post(
        reader.email,
        f"{name}: {subject}",
        f"{plain}\n\n--\n{end}\nStop this mail: {home}{stop}\n",
        f'<!doctype html><html lang="en"><body>{html}<hr><p><small>{escape(end)} '
        f'<a href="{escape(home + stop)}">Stop this mail</a></small></p></body></html>',
        key=key,
        part_of=f"talk:{reader.pk}",
        list_name="talk",
        stop_path=stop,
    )


def _line(one: Notice) -> str:
    who = one.comment.reader.username if one.comment.reader else "Somebody who left"
    did = {"author": "wrote about your paper", "reply": "answered you on", "mention": "named you on"}[one.why]
    title = text.shorten(text.text_plain(one.comment.paper.title[:1_000]), 100)
    return f"{who} {did} “{title}”"


def _start(one: Notice) -> str:
    return text.shorten(text.plain_line(one.comment.text[:2_000]), 300)


def stop_path(reader: Reader) -> str:
    """The path in mail at which one press of a button ends it. The same until the reader stops and begins."""
    wishes, _ = NoticeWish.objects.get_or_create(reader=reader)
    return f"/notices/stop/{tokens.seal(PURPOSE, str(reader.pk), wishes.nonce)}"


def reader_of_stop(token: str) -> Reader:
    """Whose mail a link stops. Raises Refused (404) for one that we did not make."""
    said = tokens.subject_of(token)
    wishes = None
    if said and said.isdecimal() and len(said) < 19:
        wishes = NoticeWish.objects.select_related("reader").filter(pk=int(said)).first()
    if wishes is None or said is None or not tokens.is_sealed(token, PURPOSE, said, wishes.nonce):
        raise Refused("This link leads nowhere. Use the one in the newest mail, or your notices page.", 404)
    return wishes.reader
