"""What curators do: each act is one transaction, written into a log that everybody may read, and reversible.

Who reported something is never in the log. An act that settles reports says so to nobody but curators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from broadsheet import text
from broadsheet.catalog import people, placing
from broadsheet.community import talking
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import may_act, rules
from broadsheet.models import (
    ROLES,
    Ban,
    Claim,
    Comment,
    CommunityRules,
    Moderation,
    Paper,
    Reader,
    Report,
    Submission,
)

LONGEST_REASON: Final = 1_000
MOST_AT_ONCE: Final = 5_000
# Open reports that the desk looks through; the rest waits until some are settled.
MOST_REPORTS: Final = 1_000

# What each act is called in the log.
KINDS: Final = {
    "hide": "took out a paper",
    "merge": "merged two papers",
    "move": "moved a paper to another day",
    "lock": "closed the talk about a paper",
    "hide_comment": "hid a comment",
    "ban": "banned a reader",
    "approve": "let a submission in",
    "decline": "declined a submission",
    "grant": "granted an author’s claim",
    "refuse_claim": "declined an author’s claim",
    "dismiss": "found nothing wrong with what was reported",
    "rules": "changed the rules",
    "role": "gave a reader another role",
    "votes": "took false votes back",
}


def curate(curator: Reader) -> None:
    """Raises Refused for everybody but curators and operators."""
    may_act(curator)
    if not curator.is_curator:
        raise Refused("Only curators can do that.", 403)


def log(
    curator: Reader | None,
    kind: str,
    reason: str,
    *,
    subject: str = "",
    data: dict[str, Any] | None = None,
    **about: Any,
) -> Moderation:
    """Writes an act into the public log. `about`: paper, comment, reader, submission, claim.

    The caller holds the transaction in which the act itself is done.
    """
    told = subject or _subject(**about)
    return Moderation.objects.create(
        curator=curator, kind=kind, reason=reason, subject=told[:500], data=data or {}, **about
    )


def _subject(**about: Any) -> str:
    paper, comment, reader = about.get("paper"), about.get("comment"), about.get("reader")
    if comment is not None:
        who = comment.reader.username if comment.reader else "a reader who left"
        return f"a comment by {who} on “{_title(comment.paper)}”"
    if paper is not None:
        return f"“{_title(paper)}” ({paper.identifier})"
    return reader.username if reader is not None else ""


def _title(paper: Paper) -> str:
    return text.shorten(text.text_plain(paper.title[:2_000]), 120)


def because(reason: str) -> str:
    """A reason as it is published. Raises Refused when none is given."""
    said = talking.note(reason, LONGEST_REASON, "The reason")
    if not said:
        raise Refused("Give a reason: it is published in the moderation log.", 400)
    return said


def _paper(key: int) -> Paper:
    found = Paper.objects.select_for_update().filter(pk=key).first()
    if found is None:
        raise Refused("There is no such paper here.", 404)
    return found


# Papers


def hide_paper(curator: Reader, paper: int, reason: str) -> Moderation:
    """Takes a paper out of every listing; its page says so, and nobody can vote for it or talk about it."""
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        about = _paper(paper)
        if about.hidden:
            raise Refused("This paper has been taken out already.")
        settled = _heed(Report.objects.filter(paper=about, comment=None), curator)
        placing.hide(about)
        return log(curator, "hide", said, paper=about, data={"reports": settled})


def merge(curator: Reader, paper: int, into: int, reason: str) -> Moderation:
    """Says that a paper is another one: its address leads there, and its votes and talk move there."""
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        # Always in the order of keys, so that two merges never wait for each other.
        both = {key: _paper(key) for key in sorted({paper, into})}
        if len(both) < 2:
            raise Refused("A paper cannot be merged into itself.", 400)
        old, new = both[paper], both[into]
        if old.hidden or new.hidden:
            raise Refused("One of the two has been taken out already.")
        moved = people.move_people(old.pk, new.pk)
        aliases = list(old.aliases.values_list("identifier", flat=True))
        placing.hide(old)
        Paper.objects.filter(pk=old.pk).update(merged_into=new)
        placing.settle(old.pk, new.pk)
        data = {"into": new.pk, "moved": moved, "aliases": aliases}
        subject = f"{_subject(paper=old)} into {_subject(paper=new)}"
        return log(curator, "merge", said, paper=old, subject=subject, data=data)


def move_day(curator: Reader, paper: int, day: date, reason: str) -> Moderation:
    """Puts a paper on another day of the daily list, whatever its sources say."""
    curate(curator)
    said = because(reason)
    if not date(1991, 1, 1) <= day <= timezone.now().date() + timedelta(days=31):
        raise Refused("A paper stands on a day between 1991 and the next month.", 400)
    with transaction.atomic():
        about = _paper(paper)
        if about.hidden:
            raise Refused("This paper has been taken out.", 410)
        before = placing.put_on(about, day)
        data = {"before": before, "day": day.isoformat()}
        return log(curator, "move", said, paper=about, subject=f"{_subject(paper=about)} to {day}", data=data)


def lock_talk(curator: Reader, paper: int, reason: str) -> Moderation:
    """Closes the talk about a paper: what was said stays to be read."""
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        about = _paper(paper)
        if about.locked_at:
            raise Refused("The talk about this paper is closed already.")
        about.locked_at = timezone.now()
        about.save(update_fields=["locked_at"])
        return log(curator, "lock", said, paper=about)


# Comments and readers


def hide_comment(curator: Reader, comment: int, reason: str) -> Moderation:
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        found = Comment.objects.select_related("paper", "reader").filter(pk=comment).first()
        if found is None:
            raise Refused(talking.NO_COMMENT, 404)
        _paper(found.paper_id)
        if not Comment.objects.filter(pk=found.pk, hidden=False).update(hidden=True):
            raise Refused("This comment has been hidden already.")
        settled = _heed(Report.objects.filter(comment=found), curator)
        talking.count(found.paper_id)
        return log(curator, "hide_comment", said, comment=found, paper=found.paper, data={"reports": settled})


def ban(
    curator: Reader, reader: int, reason: str, days: int | None = None, hide_words: bool = False
) -> Moderation:
    """Lets a reader read and no longer act, for `days` or for good; `hide_words` hides what they wrote."""
    curate(curator)
    said = because(reason)
    if days is not None and not 1 <= days <= 3_650:
        raise Refused("A ban lasts from 1 to 3,650 days, or for good.", 400)
    with transaction.atomic():
        whom = Reader.objects.select_for_update().filter(pk=reader).first()
        if whom is None:
            raise Refused("There is no such reader.", 404)
        if whom.pk == curator.pk:
            raise Refused("You cannot ban yourself.")
        if whom.is_curator and curator.role != "operator":
            raise Refused("Only operators can ban a curator.", 403)
        if _banned(whom):
            raise Refused("This reader is banned already.")
        until = timezone.now() + timedelta(days=days) if days else None
        Ban.objects.update_or_create(
            reader=whom, defaults={"reason": said, "until": until, "created_at": timezone.now()}
        )
        hidden = _hide_all_of(whom) if hide_words else []
        subject = f"{whom.username}, " + (f"for {days} day{'s' * (days != 1)}" if days else "for good")
        return log(curator, "ban", said, reader=whom, subject=subject, data={"comments": hidden})


def _banned(reader: Reader) -> bool:
    found = Ban.objects.filter(reader=reader).first()
    return found is not None and (found.until is None or found.until > timezone.now())


def _hide_all_of(reader: Reader) -> list[int]:
    rows = Comment.objects.filter(reader=reader, hidden=False).order_by("-pk")
    keys = list(rows.values_list("pk", flat=True)[:MOST_AT_ONCE])
    _set_hidden(keys, True)
    return keys


def _set_hidden(comments: Iterable[int], hidden: bool) -> None:
    keys = list(comments)
    papers: set[int] = set()
    for start in range(0, len(keys), 500):
        rows = Comment.objects.filter(pk__in=keys[start : start + 500])
        papers |= set(rows.values_list("paper_id", flat=True))
        rows.update(hidden=hidden)
    for paper in sorted(papers):
        _paper(paper)
        talking.count(paper)


def give_role(operator: Reader, reader: int, role: str, reason: str) -> Moderation:
    """Makes a reader a curator, a curator a reader. Operators alone do it, and never to themselves."""
    may_act(operator)
    said = because(reason)
    if operator.role != "operator":
        raise Refused("Only operators give roles.", 403)
    if role not in ROLES:
        raise Refused(f"A role is one of {', '.join(ROLES)}.", 400)
    with transaction.atomic():
        whom = Reader.objects.select_for_update().filter(pk=reader).first()
        if whom is None:
            raise Refused("There is no such reader.", 404)
        if whom.pk == operator.pk:
            raise Refused("Another operator has to do that for you.")
        before = whom.role
        if before == role:
            raise Refused(f"{whom.username} is a {role} already.")
        whom.role = role
        whom.save(update_fields=["role"])
        subject = f"{whom.username}: {before} to {role}"
        return log(operator, "role", said, reader=whom, subject=subject, data={"before": before, "to": role})


# The queues


def dismiss(curator: Reader, report: int, reason: str) -> Moderation:
    """Finds nothing wrong: every open report of the same thing is settled."""
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        found = Report.objects.select_related("paper", "comment__reader", "comment__paper").filter(pk=report)
        one = found.first()
        if one is None:
            raise Refused("There is no such report.", 404)
        keys = _heed(Report.objects.filter(paper=one.paper, comment=one.comment), curator, heeded=False)
        if not keys:
            raise Refused("This report has been settled already.")
        return log(curator, "dismiss", said, paper=one.paper, comment=one.comment, data={"reports": keys})


def _heed(reports: QuerySet[Report], curator: Reader, heeded: bool = True) -> list[int]:
    """Settles open reports; their keys."""
    waiting = reports.filter(settled_at=None)
    keys = list(waiting.values_list("pk", flat=True)[:MOST_AT_ONCE])
    Report.objects.filter(pk__in=keys[:900]).update(
        settled_at=timezone.now(), settled_by=curator, heeded=heeded
    )
    return keys[:900]


@dataclass(frozen=True, slots=True)
class Reported:
    """What waits for a curator's look, with everything that was said against it, the oldest first."""

    paper: Paper
    comment: Comment | None
    reports: list[Report]


def report_queue() -> list[Reported]:
    """What is reported, once each: what most readers reported first, then what has waited longest."""
    rows = Report.objects.filter(settled_at=None).select_related("paper", "comment__reader", "reader")
    found: dict[tuple[int, int | None], Reported] = {}
    for row in rows.order_by("pk")[:MOST_REPORTS]:
        key = (row.paper_id, row.comment_id)
        found.setdefault(key, Reported(row.paper, row.comment, [])).reports.append(row)
    return sorted(found.values(), key=lambda one: -len(one.reports))[:200]


def approve(curator: Reader, submission: int, reason: str = "") -> Moderation:
    """Lets a newcomer's submission in: the worker fetches it next, whatever its age."""
    curate(curator)
    said = because(reason or "It belongs here.")
    with transaction.atomic():
        found = _waiting(submission)
        found.state, found.settled_by, found.next_at = "fetching", curator, timezone.now()
        found.save(update_fields=["state", "settled_by", "next_at"])
        return log(curator, "approve", said, submission=found, subject=found.identifier)


def decline(curator: Reader, submission: int, reason: str) -> Moderation:
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        found = _waiting(submission)
        found.state, found.settled_by, found.reason = "declined", curator, said
        found.settled_at = timezone.now()
        found.save(update_fields=["state", "settled_by", "reason", "settled_at"])
        return log(curator, "decline", said, submission=found, subject=found.identifier)


def _waiting(submission: int) -> Submission:
    found = Submission.objects.select_for_update().filter(pk=submission).first()
    if found is None:
        raise Refused("There is no such submission.", 404)
    if found.state != "waiting":
        raise Refused("This submission has been settled already.")
    return found


def settle_claim(curator: Reader, claim: int, grant: bool, reason: str) -> Moderation:
    """Grants or declines an author's claim; a granted one can be declined later."""
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        found = Claim.objects.select_for_update().select_related("paper", "reader").filter(pk=claim).first()
        if found is None:
            raise Refused("There is no such claim.", 404)
        if found.reader_id == curator.pk:
            raise Refused("Another curator has to look at a claim of yours.")
        state = "granted" if grant else "declined"
        if found.state == state:
            raise Refused(f"This claim is {state} already.")
        before = {"state": found.state, "ground": found.ground}
        found.state, found.ground, found.reason = state, "curator" if grant else "", said
        found.settled_at = timezone.now()
        found.save(update_fields=["state", "ground", "reason", "settled_at"])
        return log(
            curator,
            "grant" if grant else "refuse_claim",
            said,
            claim=found,
            paper=found.paper,
            reader=found.reader,
            subject=f"{found.reader.username} as {found.name} of {_subject(paper=found.paper)}",
            data=before,
        )


RULES: Final = tuple(field.name for field in CommunityRules._meta.concrete_fields if field.name != "id")


def change_rules(curator: Reader, wanted: dict[str, int | bool], reason: str) -> Moderation:
    """Sets some of the rules; what they were is kept, so that it can be undone."""
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        known = CommunityRules.objects.select_for_update().first() or rules()
        before = {name: getattr(known, name) for name in RULES if name in wanted}
        for name in before:
            value = wanted[name]
            if not isinstance(value, bool) and not 0 <= value <= 100_000:
                raise Refused("A rule is a number from 0 to 100,000.", 400)
            setattr(known, name, value)
        changed = [name for name, was in before.items() if was != getattr(known, name)]
        if not changed:
            raise Refused("Nothing was changed.", 400)
        known.save()
        words = "; ".join(
            f"{name.replace('_', ' ')}: {before[name]} to {getattr(known, name)}" for name in changed
        )
        return log(curator, "rules", said, subject=words, data={name: before[name] for name in changed})


# Taking it back


def undo(curator: Reader, moderation: int, reason: str) -> Moderation:
    """Takes an act back. What has changed since so that it cannot be is a Refused with the cause."""
    curate(curator)
    said = because(reason)
    with transaction.atomic():
        act = Moderation.objects.select_for_update().filter(pk=moderation).first()
        if act is None:
            raise Refused("There is no such entry in the log.", 404)
        if act.undone_at:
            raise Refused("This has been taken back already.")
        if act.kind not in _UNDO:
            raise Refused("This cannot be taken back from here.")
        if act.kind == "role" and curator.role != "operator":
            raise Refused("Only operators give roles.", 403)
        _UNDO[act.kind](act)
        act.undone_at, act.undone_by, act.undone_reason = timezone.now(), curator, said
        act.save(update_fields=["undone_at", "undone_by", "undone_reason"])
    return act


def _of(act: Moderation) -> Paper:
    if act.paper_id is None:
        raise Refused("The paper is not here any more.")
    return _paper(act.paper_id)


def _reopen(act: Moderation) -> None:
    """Lets reports wait again, but for those whose reporter has sent a new one since."""
    for report in Report.objects.filter(pk__in=act.data.get("reports", [])):
        again = Report.objects.filter(
            reader=report.reader_id, paper=report.paper_id, comment=report.comment_id, settled_at=None
        )
        if not again.exists():
            report.settled_at = report.settled_by = report.heeded = None
            report.save(update_fields=["settled_at", "settled_by", "heeded"])


def _undo_hide(act: Moderation) -> None:
    paper = _of(act)
    if paper.merged_into_id:
        raise Refused("This paper has been merged since; take that back instead.")
    placing.show(paper)
    _reopen(act)


def _undo_merge(act: Moderation) -> None:
    old = _of(act)
    into = Paper.objects.filter(pk=act.data.get("into")).first()
    if old.merged_into_id is None or into is None:
        raise Refused("These papers have come apart already.")
    _paper(into.pk)
    people.move_back(act.data.get("moved", {}), old.pk)
    placing.show(old)
    placing.settle(old.pk, into.pk)


def _undo_move(act: Moderation) -> None:
    paper = _of(act)
    if paper.moved_to is None or paper.moved_to.isoformat() != act.data.get("day"):
        raise Refused("This paper has been moved again since; take that back first.")
    placing.put_back(paper, act.data.get("before", {}))


def _undo_lock(act: Moderation) -> None:
    paper = _of(act)
    paper.locked_at = None
    paper.save(update_fields=["locked_at"])


def _undo_hide_comment(act: Moderation) -> None:
    if act.comment_id is None:
        raise Refused("The comment is not here any more.")
    _set_hidden([act.comment_id], False)
    _reopen(act)


def _undo_ban(act: Moderation) -> None:
    Ban.objects.filter(reader=act.reader_id).delete()
    _set_hidden(act.data.get("comments", []), False)


def _submission(act: Moderation) -> Submission:
    found = Submission.objects.select_for_update().filter(pk=act.submission_id or 0).first()
    if found is None:
        raise Refused("The submission is not here any more.")
    other = Submission.objects.filter(identifier=found.identifier, state__in=("fetching", "waiting"))
    if other.exclude(pk=found.pk).exists():
        raise Refused("The same paper has been brought again since.")
    return found


def _undo_settling(act: Moderation) -> None:
    found = _submission(act)
    if found.state == "listed":
        raise Refused("The paper is in already. To take it out, hide it.")
    found.state, found.settled_at, found.settled_by, found.reason = "waiting", None, None, ""
    found.save(update_fields=["state", "settled_at", "settled_by", "reason"])


def _undo_claim(act: Moderation) -> None:
    found = Claim.objects.filter(pk=act.claim_id or 0).first()
    if found is None:
        raise Refused("The claim is not here any more.")
    found.state, found.ground = act.data.get("state", "asked"), act.data.get("ground", "")
    found.save(update_fields=["state", "ground"])


def _undo_rules(act: Moderation) -> None:
    known = CommunityRules.objects.select_for_update().first() or CommunityRules()
    for name in RULES:
        if name in act.data:
            setattr(known, name, act.data[name])
    known.save()


def _undo_role(act: Moderation) -> None:
    whom = Reader.objects.select_for_update().filter(pk=act.reader_id or 0).first()
    if whom is None:
        raise Refused("The reader is not here any more.")
    if whom.role != act.data.get("to"):
        raise Refused("The role has been changed again since.")
    whom.role = act.data["before"]
    whom.save(update_fields=["role"])


_UNDO: Final[dict[str, Callable[[Moderation], None]]] = {
    "hide": _undo_hide,
    "merge": _undo_merge,
    "move": _undo_move,
    "lock": _undo_lock,
    "hide_comment": _undo_hide_comment,
    "ban": _undo_ban,
    "approve": _undo_settling,
    "decline": _undo_settling,
    "grant": _undo_claim,
    "refuse_claim": _undo_claim,
    "dismiss": _reopen,
    "rules": _undo_rules,
    "role": _undo_role,
}


def can_be_undone(act: Moderation) -> bool:
    return act.undone_at is None and act.kind in _UNDO


def undoable(kind: str, way: Callable[[Moderation], None]) -> None:
    """Another room's kind of act, with how it is taken back."""
    _UNDO[kind] = way


def acts(page: int, per_page: int) -> tuple[list[Moderation], int]:
    """One page of the log, the newest first, and how many acts there are."""
    rows = Moderation.objects.select_related("curator", "paper", "comment", "reader", "undone_by")
    return list(rows.order_by("-pk")[(page - 1) * per_page : page * per_page]), Moderation.objects.count()


def waiting() -> dict[str, int]:
    """How much waits for curators, queue by queue."""
    return {
        "reports": Report.objects.filter(settled_at=None).count(),
        "submissions": Submission.objects.filter(state="waiting").count(),
        "claims": Claim.objects.filter(state="asked").count(),
    }
