"""Takes in papers that readers bring: recognised here, fetched where they live, looked at where due."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from broadsheet import catalog, doors, identifiers, search, text, trending
from broadsheet.catalog import placing
from broadsheet.community import talking
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import is_newcomer, may_act, rules, within
from broadsheet.models import Comment, CommunityRules, Paper, Reader, Submission
from broadsheet.sources import PaperRecord, SourceError

log = logging.getLogger(__name__)

LONGEST_SPELLING: Final = 500
MOST_MEDIA: Final = 4
LONGEST_URL: Final = 500
MOST_ATTEMPTS: Final = 8
# A fetch that was begun and did not end (the worker was killed) is begun again after so long.
CLAIMED: Final = timedelta(minutes=5)

NOT_READ: Final = (
    "We cannot tell which paper that is. Give an arXiv id such as 2503.01234, a DOI, the address of the "
    "paper’s page, or the exact title of a paper that is here."
)


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a submission: the paper that is here already, or the submission on its way."""

    paper: Paper | None = None
    submission: Submission | None = None


def recognise(spelling: str) -> tuple[Paper | None, str]:
    """The paper that is meant, if it is here, and its canonical identifier ("" for a title that is not here).

    Asks nobody else. Raises Refused when nothing can be meant.
    """
    said = text.plain_line(spelling[: LONGEST_SPELLING * 2])
    if not said:
        raise Refused("Say which paper: an arXiv id, a DOI, an address or an exact title.", 400)
    if len(said) > LONGEST_SPELLING:
        raise Refused(f"That is longer than any title: at most {LONGEST_SPELLING} characters.", 400)
    found = identifiers.parse(said)
    name = found.identifier if found else ""
    if not name and (inside := identifiers.find_all(said)) and "://" in said:
        name = inside[0]
    paper = search.by_identifier(name) if name else search.by_title(said)
    if paper is not None and paper.merged_into_id:
        paper = Paper.objects.get(pk=paper.merged_into_id)
    return paper, name


def submit(reader: Reader, spelling: str, comment: str = "", media: Sequence[str] = ()) -> Brought:
    """Brings a paper. What is here already is only pointed to, and the comment is put under it.

    What is not is fetched by the worker, at once or after a curator's look at a newcomer's submission.
    Raises Refused: not recognised, too old, too many today, not wanted here.
    """
    may_act(reader)
    paper, name = recognise(spelling)
    words = talking.checked(reader, comment) if comment.strip() else ""
    links = checked_media(media)
    if paper is not None:
        if paper.hidden:
            raise Refused("This paper was taken out by a curator and cannot be brought again.", 410)
        _say(reader, paper, words, links)
        return Brought(paper=paper)
    if not name:
        raise Refused(NOT_READ, 404)
    if identifiers.scheme(name) == "local":
        raise Refused(NOT_READ, 404)
    known = rules()
    _young_enough(identifiers.month_of(name), known)
    newcomer = is_newcomer(reader, known)
    try:
        with transaction.atomic():
            # The lock on one's own row makes the count of today's submissions exact.
            Reader.objects.select_for_update().get(pk=reader.pk)
            under_way = Submission.objects.filter(identifier=name, state__in=("fetching", "waiting")).first()
            if under_way:
                return Brought(submission=under_way)
            most = known.newcomer_submissions_a_day if newcomer else known.submissions_a_day
            if not reader.is_curator:
                sentence = (
                    f"You have brought {most} paper{'s' if most != 1 else ''} in a day, which is the limit."
                )
                mine = Submission.objects.filter(reader=reader)
                within(mine, "created_at", most, timedelta(days=1), sentence)
            return Brought(
                submission=Submission.objects.create(
                    reader=reader,
                    identifier=name,
                    spelling=spelling[:LONGEST_SPELLING],
                    state="waiting" if newcomer and known.newcomers_wait else "fetching",
                    comment=words,
                    media=links,  # type: ignore[misc]
                )
            )
    except IntegrityError:
        # Somebody else brought it at the same moment.
        return Brought(submission=Submission.objects.filter(identifier=name).order_by("-pk").first())


def checked_media(media: Sequence[str]) -> list[str]:
    """Addresses of pictures, talks, threads about a paper. Nothing of them is fetched."""
    links = list(dict.fromkeys(found for url in media[: MOST_MEDIA + 20] if (found := url.strip())))
    if len(links) > MOST_MEDIA:
        raise Refused(f"At most {MOST_MEDIA} links can go with a paper.", 400)
    return [address(url) for url in links]


def address(url: str) -> str:
    """A web address as it is stored. Raises Refused for anything else."""
    said = url.strip()
    fine = said.startswith(("https://", "http://")) and text.plain_line(said) == said and " " not in said
    host = said.partition("://")[2].partition("/")[0]
    if (
        not fine
        or len(said) > LONGEST_URL
        or "." not in host
        or "@" in host
        or any(c in said for c in '"<>\\^`{|}')
    ):
        raise Refused(f"“{text.plain_line(said[:80])}” is not a web address. Begin with https://", 400)
    return said


def _young_enough(when: date | None, known: CommunityRules) -> None:
    """Refuses what is surely older than curators want. A month counts by its last day."""
    days = known.submission_age_days
    if when and days and _month_is_old(when, days):
        raise Refused(_too_old(days), 409)


def _month_is_old(when: date, days: int) -> bool:
    """Whether the last day of a month is more than so many days ago."""
    last = (when.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return last < trending.today() - timedelta(days=days)


def _too_old(days: int) -> str:
    return (
        f"Here one brings papers that are at most {days} days old. "
        "Older ones come in with the collections that whoever keeps this server imports."
    )


def _say(reader: Reader, paper: Paper, words: str, media: Sequence[str]) -> Comment | None:
    said = "\n\n".join(part for part in (words, "\n".join(f"- <{url}>" for url in media)) if part)
    return talking.say(reader, paper.pk, said) if said else None


# The worker's step


def fetch_due(limit: int = 5) -> int:
    """Asks the sources of papers that were brought, a few at a time; how many were settled or put off."""
    due = Submission.objects.filter(state="fetching", next_at__lte=timezone.now()).order_by("next_at", "pk")
    done = 0
    for submission in list(due[:limit]):
        claimed = Submission.objects.filter(
            pk=submission.pk, state="fetching", next_at=submission.next_at
        ).update(next_at=timezone.now() + CLAIMED, attempts=submission.attempts + 1)
        if claimed:
            submission.attempts += 1
            _fetch(submission)
            done += 1
    return done


def _fetch(submission: Submission) -> None:
    try:
        record = None if search.by_identifier(submission.identifier) else doors.look_up(submission.identifier)
    except SourceError as error:
        _put_off(submission, str(error))
        return
    paper = search.by_identifier(submission.identifier)
    if record is None and paper is None:
        _settle(submission, "failed", "Its source knows no such paper.")
        return
    known = rules()
    if record is not None and not submission.settled_by_id and _is_old(record, known):
        _settle(submission, "declined", _too_old(known.submission_age_days))
        return
    _take(submission, record)


def _is_old(record: PaperRecord, known: CommunityRules) -> bool:
    days = known.submission_age_days
    if not days:
        return False
    if record.published_at is None:
        # Of many DOIs only a month is known.
        return record.month is not None and _month_is_old(record.month, days)
    return record.published_at < timezone.now() - timedelta(days=days + 1)


def _take(submission: Submission, record: PaperRecord | None) -> None:
    """Takes the paper in, puts it on today's list and says what its reader said of it: all or nothing."""
    with transaction.atomic():
        locked = Submission.objects.select_for_update().filter(pk=submission.pk, state="fetching").first()
        if locked is None:
            return
        if record is not None:
            catalog.take_in_batch([record], timezone.now())
        paper = search.by_identifier(submission.identifier)
        if paper is None:
            _settle(submission, "failed", "Its source answered with another paper.")
            return
        if record is not None and not paper.hidden and (paper.listed_on or date.min) < trending.today():
            placing.put_on(paper, trending.today())
        Submission.objects.filter(pk=submission.pk).update(
            state="listed", paper=paper, settled_at=timezone.now(), reason=""
        )
    if locked.reader and not paper.hidden:
        try:
            _say(locked.reader, paper, locked.comment, locked.media)
        except Refused as refusal:
            log.info("the words brought with %s were not taken: %s", submission.identifier, refusal)


def _put_off(submission: Submission, why: str) -> None:
    if submission.attempts >= MOST_ATTEMPTS:
        _settle(submission, "failed", f"Its source could not be asked. {why}")
        return
    wait = timedelta(seconds=30 * 2 ** min(submission.attempts, 9))
    Submission.objects.filter(pk=submission.pk, state="fetching").update(
        next_at=timezone.now() + wait, reason=why[:1_000]
    )


def _settle(submission: Submission, state: str, reason: str) -> None:
    Submission.objects.filter(pk=submission.pk, state="fetching").update(
        state=state, reason=reason[:1_000], settled_at=timezone.now()
    )


def submissions_of(reader: Reader, most: int = 100) -> list[Submission]:
    """What a reader has brought, the newest first."""
    return list(Submission.objects.filter(reader=reader).select_related("paper").order_by("-pk")[:most])


def listed_of(reader: Reader, most: int) -> list[Submission]:
    """The papers that a reader has brought and that stand on the lists, the newest first."""
    rows = Submission.objects.filter(reader=reader, state="listed", paper__hidden=False)
    return list(rows.select_related("paper").order_by("-pk")[:most])


def submission_seen(key: int, viewer: Reader) -> Submission:
    """A submission that the viewer may see: one's own, or any for a curator. Raises Refused (404)."""
    found = Submission.objects.select_related("paper", "reader").filter(pk=key).first()
    if found is None or (found.reader_id != viewer.pk and not viewer.is_curator):
        raise Refused("There is no such submission of yours.", 404)
    return found


def brought_by(paper: Paper) -> Submission | None:
    """Who brought a paper here, if a reader did."""
    return (
        Submission.objects.filter(paper=paper, state="listed", reader__isnull=False)
        .select_related("reader")
        .order_by("pk")
        .first()
    )


def queue() -> list[Submission]:
    """What waits for a curator's look, the oldest first."""
    return list(Submission.objects.filter(state="waiting").select_related("reader").order_by("pk")[:200])
