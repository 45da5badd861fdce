"""Votes: one for each reader and paper, recounted under a lock, every step of it written into a log.

The log (`Ballot`) is the record and the counts are worked out: adding up a paper's lines gives its votes and
their weight, with or without the lines of any account. docs/ranking.md says what a vote weighs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db import connection, transaction
from django.db.models import F, Model, Q, QuerySet, Sum, Value
from django.utils import timezone

from broadsheet import trending
from broadsheet.community import moderating
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import may_act, open_counts
from broadsheet.models import Ballot, Ban, Claim, Follow, Mark, Moderation, Paper, Reader, Upvote
from broadsheet.models.turns import writing

# A new account's vote counts a quarter and grows evenly to a whole one within a week.
LEAST: Final = 0.25
GROWN_UP: Final = timedelta(days=7)

# Votes whose weight grows at one turn of the worker.
BATCH: Final = 500

NOBODY: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is kept of the request that a vote came by: keyed digests, and the kind of page it stood on."""

    address: str = ""
    network: str = ""
    agent: str = ""
    referrer: str = ""


@dataclass(frozen=True, slots=True)
class Voted:
    """How a paper stands with one reader after a vote."""

    paper: Paper
    upvoted: bool


def weight(age: timedelta) -> float:
    """How much a vote counts whose account is so old: from LEAST, evenly up to 1 at GROWN_UP."""
    return min(1.0, LEAST + (1 - LEAST) * max(age, timedelta()) / GROWN_UP)


def upvote(reader: Reader, paper: Paper | int | str, evidence: Evidence = Evidence()) -> Voted:
    """The reader votes for the paper; a second vote changes nothing. Raises Refused with a sentence.

    `paper`: itself, its number, or its identifier as it is stored.
    """
    now = timezone.now()
    with writing(), transaction.atomic():
        found = open_counts(_key(paper))
        if found.withdrawn:
            raise Refused("Its authors have withdrawn this paper, so it takes no votes.")
        known = _known_of(reader, found)
        if "banned" in known or not reader.is_active:
            may_act(reader)
        if "author" in known:
            raise Refused("You are one of its authors, and authors do not vote for their own papers.", 403)
        if "voted" not in known:
            trusted = reader.distrusted_at is None
            vote = Upvote(reader=reader, paper=found, weight=weight(now - reader.joined_at), counted=trusted)
            vote.created_at = now
            vote.save(force_insert=True)
            _write(vote, 1, "reader", now, reader.joined_at, evidence)
            if not trusted:
                _write(vote, -1, "curator", now, reader.joined_at)
            recount(found)
    return Voted(found, upvoted=True)


def _known_of(reader: Reader, paper: Paper) -> set[str]:
    """What bears on a vote: "voted", "author", "banned".

    One statement written out, as `_count` below is: others wait for the lock meanwhile, and putting the same
    together by the ORM took a fifth of a vote's whole time.
    """
    sql = (
        f"SELECT 'voted' FROM {_table(Upvote)} WHERE reader_id = %s AND paper_id = %s UNION ALL "
        f"SELECT 'author' FROM {_table(Claim)} WHERE reader_id = %s AND paper_id = %s AND state = 'granted' "
        f"UNION ALL SELECT 'banned' FROM {_table(Ban)} WHERE reader_id = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [reader.pk, paper.pk, reader.pk, paper.pk, reader.pk])
        return {str(word) for (word,) in cursor.fetchall()}


def _count(paper: Paper) -> tuple[int, float]:
    sql = f"SELECT count(*), coalesce(sum(weight), 0.0) FROM {_table(Upvote)} WHERE paper_id = %s AND counted"
    with connection.cursor() as cursor:
        cursor.execute(sql, [paper.pk])
        votes, weight = cursor.fetchone()
        return int(votes), float(weight)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def take_back(reader: Reader, paper: Paper | int | str, evidence: Evidence = Evidence()) -> Voted:
    """The reader takes the vote back; where there is none nothing changes. Raises Refused."""
    now = timezone.now()
    with writing(), transaction.atomic():
        found = open_counts(_key(paper))
        vote = Upvote.objects.filter(reader=reader, paper=found).first()
        if vote is not None:
            if not vote.counted:
                _write(vote, 1, "curator", now, reader.joined_at)
            _write(vote, -1, "reader", now, reader.joined_at, evidence)
            vote.delete()
            recount(found)
    return Voted(found, upvoted=False)


def recount(paper: Paper) -> None:
    """Counts a paper's votes and writes what they come to, with its standing. The caller holds the lock."""
    paper.upvotes, paper.upvote_weight = _count(paper)
    trending.restand(paper, counts=("upvotes", "upvote_weight"))


def marks_of(
    reader: Reader, papers: Collection[int], follow: tuple[str, str] | None = None
) -> dict[int, set[str]]:
    """What the reader has said of each of these papers: "upvoted", and the kinds of marks. One query.

    `follow`: (kind, key) of something else that the same query is to tell of: under 0 stands "followed".
    """
    votes = Upvote.objects.filter(reader=reader, paper__in=papers).values_list("paper", Value("upvoted"))
    marks = Mark.objects.filter(reader=reader, paper__in=papers).values_list("paper", "kind")
    said: list[QuerySet[Any, Any]] = [marks]
    if follow is not None:
        mine = Follow.objects.filter(reader=reader, kind=follow[0], key=follow[1])
        said.append(mine.values_list(Value(0), Value("followed")))
    found: dict[int, set[str]] = {}
    for key, kind in votes.union(*said, all=True):
        found.setdefault(key, set()).add(kind)
    return found


@dataclass(frozen=True, slots=True)
class Voters:
    """Who voted for a paper, the newest first: those who let it be seen, and how many more there are."""

    shown: list[Reader]
    others: int


def voters(paper: Paper, most: int = 24) -> Voters:
    """The voters of a paper whose votes count. Two queries at most."""
    if not paper.upvotes:
        return Voters([], 0)
    seen = Reader.objects.filter(
        upvotes__paper=paper, upvotes__counted=True, show_votes=True, is_active=True
    ).order_by("-upvotes__created_at", "-upvotes__pk")
    shown = list(seen.only("username", "name")[:most])
    return Voters(shown, max(0, paper.upvotes - len(shown)))


# --- the log ---------------------------------------------------------------------------------------------


def _write(
    vote: Upvote,
    step: Literal[1, -1],
    cause: str,
    now: datetime,
    joined_at: datetime,
    evidence: Evidence = Evidence(),
) -> None:
    Ballot.objects.create(
        at=now,
        reader=vote.reader_id,
        paper=vote.paper_id,
        step=step,
        weight=vote.weight,
        cause=cause,
        address=evidence.address,
        network=evidence.network,
        agent=evidence.agent,
        referrer=evidence.referrer,
        account_days=max(0.0, (now - joined_at) / timedelta(days=1)),
    )


def from_log(
    without: Collection[int] = NOBODY, until: datetime | None = None
) -> dict[int, tuple[int, float]]:
    """(votes, their weight) of every paper that has any, added up from the log alone.

    `without`: numbers of readers whose lines do not count. `until`: as it was at that moment.
    """
    lines: QuerySet[Ballot] = Ballot.objects.all()
    if until is not None:
        lines = lines.filter(at__lte=until)
    if without:
        lines = lines.exclude(reader__in=without)
    rows = (
        lines.values("paper")
        .annotate(votes=Sum("step"), weight=Sum(F("step") * F("weight")))
        .order_by("paper")
    )
    return {
        row["paper"]: (row["votes"], round(row["weight"], 9)) for row in rows.iterator() if row["votes"] > 0
    }


# --- taking false votes back -----------------------------------------------------------------------------


def take_votes_back(
    curator: Reader, readers: Iterable[int], reason: str, papers: Collection[int] | None = None
) -> Moderation:
    """Takes the votes of these readers back: those for `papers`, or else all, and then none of theirs counts
    from now on. One act in the public log, which `moderating.undo` takes back. Raises Refused.
    """
    moderating.curate(curator)
    said = moderating.because(reason)
    now = timezone.now()
    with transaction.atomic():
        accused = list(Reader.objects.filter(pk__in=set(readers), role="reader").order_by("pk"))
        if not accused:
            raise Refused("None of these is a reader whose votes can be taken back.", 400)
        newly = [reader.pk for reader in accused if reader.distrusted_at is None and papers is None]
        Reader.objects.filter(pk__in=newly).update(distrusted_at=now)
        chosen = Upvote.objects.filter(reader__in=accused, counted=True)
        votes, touched = _settle(chosen if papers is None else chosen.filter(paper__in=papers), False, now)
        subject = (
            f"{counted(len(votes), 'vote')} of {counted(len(accused), 'account')} "
            f"for {counted(touched, 'paper')}"
        )
        data = {"votes": votes, "distrusted": newly}
        return moderating.log(curator, "votes", said, subject=subject, data=data)


def _give_back(act: Moderation) -> None:
    """Lets the votes of an act count again, and with the trust those that were cast since."""
    forgiven = act.data.get("distrusted", [])
    Reader.objects.filter(pk__in=forgiven).update(distrusted_at=None)
    chosen = Q(pk__in=act.data.get("votes", [])) | Q(reader__in=forgiven, created_at__gte=act.created_at)
    _settle(Upvote.objects.filter(chosen, counted=False, reader__distrusted_at=None), True, timezone.now())


moderating.undoable("votes", _give_back)


def _settle(chosen: QuerySet[Upvote], count: bool, now: datetime) -> tuple[list[int], int]:
    """Lets votes count, or not; returns their keys, and how many papers that touched."""
    touched = _lock(chosen)
    votes = list(chosen.filter(paper__in=touched).select_related("reader"))
    for vote in votes:
        _write(vote, 1 if count else -1, "curator", now, vote.reader.joined_at)
    keys = [vote.pk for vote in votes]
    Upvote.objects.filter(pk__in=keys).update(counted=count)
    for paper in touched:
        recount(paper)
    return keys, len(touched)


def forget_votes(reader: Reader) -> int:
    """Takes the votes of an account back that is about to be deleted, and erases their evidence."""
    now = timezone.now()
    with transaction.atomic():
        chosen = Upvote.objects.filter(reader=reader)
        touched = _lock(chosen)
        votes = list(chosen)
        for vote in votes:
            if vote.counted:
                _write(vote, -1, "deletion", now, reader.joined_at)
        chosen.delete()
        Ballot.objects.filter(reader=reader.pk).forget_evidence()
        for paper in touched:
            recount(paper)
    return len(votes)


def ripen_due() -> int:
    """Lets the votes of accounts that have grown up since count in full; returns how many did."""
    now = timezone.now()
    young = Upvote.objects.filter(weight__lt=1.0, reader__joined_at__lte=now - GROWN_UP).order_by("pk")
    keys = list(young.values_list("pk", flat=True)[:BATCH])
    if not keys:
        return 0
    with transaction.atomic():
        chosen = Upvote.objects.filter(pk__in=keys)
        touched = _lock(chosen)
        votes = list(chosen.filter(paper__in=touched).select_related("reader"))
        for vote in votes:
            if vote.counted:
                _write(vote, -1, "age", now, vote.reader.joined_at)
                vote.weight = 1.0
                _write(vote, 1, "age", now, vote.reader.joined_at)
        chosen.update(weight=1.0)
        for paper in touched:
            recount(paper)
    return len(votes)


def _lock(votes: QuerySet[Upvote]) -> list[Paper]:
    """The papers of these votes, locked in the order of their numbers so that no two wait for each other."""
    keys = set(votes.values_list("paper", flat=True))
    return list(Paper.objects.select_for_update().filter(pk__in=keys).order_by("pk"))


def counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'s' * (number != 1)}"


def _key(paper: Paper | int | str) -> int | str:
    return paper.pk if isinstance(paper, Paper) else paper
