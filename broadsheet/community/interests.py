"""Makes, teaches, shares and copies interests, and judges who may see which."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from broadsheet import identifiers, search, text
from broadsheet.community.refusals import Refused
from broadsheet.community.rules import may_act, open_paper
from broadsheet.models import DIAL, VISIBILITIES, Alias, Interest, Lesson, Mark, Paper, Reader

LONGEST_NAME: Final = 120
LONGEST_SENTENCE: Final = 500
MOST_INTERESTS: Final = 100
MOST_LESSONS: Final = 10_000
OWN_NAME: Final = "For you"
# A page names so many of what taught it; all of it is in the export.
SHOWN_LESSONS: Final = 100

# The same words whether it is private or not there: the answer tells nobody which numbers are taken.
NO_INTEREST: Final = "There is no such interest, or it is not shared with you."


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an interest's form says."""

    name: str = ""
    sentence: str = ""
    query: str = ""
    visibility: str = "private"
    votes: int = 0
    returning: bool = False

    @classmethod
    def of(cls, interest: Interest) -> Wishes:
        return cls(
            interest.name,
            interest.sentence,
            interest.query,
            interest.visibility,
            interest.votes,
            interest.returning,
        )

    def checked(self) -> dict[str, Any]:
        """As columns. Raises Refused with a sentence."""
        name = text.plain_line(self.name[: LONGEST_NAME * 4])
        sentence = text.plain_line(self.sentence[: LONGEST_SENTENCE * 4])
        if not name:
            name = text.shorten(sentence or self.query.strip(), 60)
        if not name:
            raise Refused("Give the interest a name.", 400)
        if len(name) > LONGEST_NAME:
            raise Refused(f"An interest's name has at most {LONGEST_NAME} characters.", 400)
        if name.casefold() == OWN_NAME.casefold():
            raise Refused(f"“{OWN_NAME}” is the page of your library. Choose another name.", 400)
        if len(sentence) > LONGEST_SENTENCE:
            raise Refused(f"The sentence has at most {LONGEST_SENTENCE} characters.", 400)
        if self.visibility not in VISIBILITIES:
            raise Refused(f"An interest is one of {', '.join(VISIBILITIES)}.", 400)
        return {
            "name": name,
            "sentence": sentence,
            "query": _query(self.query),
            "visibility": self.visibility,
            "votes": _dial(self.votes),
            "returning": self.returning,
        }


def _query(said: str) -> str:
    if not said.strip():
        return ""
    try:
        return search.as_text(said)
    except search.BadQuery as refusal:
        raise Refused(str(refusal), 400) from refusal


def _dial(votes: int) -> int:
    if votes not in DIAL:
        raise Refused(f"Votes count {', '.join(map(str, DIAL))} per cent.", 400)
    return votes


def make(reader: Reader, wishes: Wishes, wanted: Sequence[int] = ()) -> Interest:
    """A new interest, with papers that it is to find more like. Raises Refused."""
    may_act(reader)
    told = wishes.checked()
    try:
        with transaction.atomic():
            # Two clicks at once are one after the other.
            Reader.objects.select_for_update().get(pk=reader.pk)
            if Interest.objects.filter(reader=reader).count() >= MOST_INTERESTS:
                raise Refused(f"You have {MOST_INTERESTS} interests. Delete one first.")
            made = Interest.objects.create(reader=reader, **told)
            lessons = [Lesson(interest=made, paper_id=key, wanted=True) for key in dict.fromkeys(wanted)]
            Lesson.objects.bulk_create(lessons[:MOST_LESSONS])
            return made
    except IntegrityError as error:
        raise Refused(f"You have an interest called “{told['name']}” already.") from error


def change(reader: Reader, key: int, wishes: Wishes) -> Interest:
    may_act(reader)
    told = wishes.checked()
    try:
        with transaction.atomic():
            interest = own(reader, key)
            for column, value in told.items():
                setattr(interest, column, value)
            interest.changed_at = timezone.now()
            interest.save(update_fields=[*told, "changed_at"])
            return interest
    except IntegrityError as error:
        raise Refused(f"You have an interest called “{told['name']}” already.") from error


def remove(reader: Reader, key: int) -> Interest:
    """Takes an interest away for good, with what taught it; papers and library stay."""
    with transaction.atomic():
        found = own(reader, key)
        Interest.objects.filter(pk=found.pk).delete()
        return found


def renew_link(reader: Reader, key: int) -> Interest:
    """Makes the secret link lead nowhere, and a new one."""
    with transaction.atomic():
        interest = own(reader, key)
        interest.renew_secret()
        interest.save(update_fields=["serial"])
    return interest


def teach(reader: Reader, key: int, paper: int, wanted: bool | None) -> None:
    """Says that a paper belongs to an interest, or that it does not; None takes the answer back.

    The last answer stands: a paper is never both.
    """
    may_act(reader)
    with transaction.atomic():
        interest = own(reader, key)
        if wanted is None:
            Lesson.objects.filter(interest=interest, paper=paper).delete()
        else:
            about = open_paper(paper)
            lessons = Lesson.objects.filter(interest=interest)
            if lessons.count() >= MOST_LESSONS and not lessons.filter(paper=about).exists():
                raise Refused(
                    f"An interest learns from at most {MOST_LESSONS:,} papers. Take some out first."
                )
            lessons.update_or_create(
                paper=about,
                defaults={"wanted": wanted, "created_at": timezone.now()},
                create_defaults={"interest": interest, "paper": about, "wanted": wanted},
            )
        _touch(interest)


def teach_named(reader: Reader, key: int, spelt: str, wanted: bool = True) -> tuple[int, int]:
    """Answers for every paper whose id or DOI stands in a text. Those that are not here are kept, and count
    once they come in. Returns how many are here and how many are awaited."""
    may_act(reader)
    if len(spelt) > identifiers.LONGEST_TEXT:
        raise Refused("That is too much to paste. Bring it along as a file: “Teach it by a library”.", 413)
    names = identifiers.find_all(spelt, MOST_LESSONS)
    here = named_in(names)
    papers = list({paper.pk: None for paper in here.values()})
    awaited = [name for name in names if name not in here]
    with transaction.atomic():
        interest = own(reader, key)
        known = Lesson.objects.filter(interest=interest)
        digests = {digest_of("", name): name for name in awaited}
        known.filter(Q(paper__in=papers) | Q(paper=None, digest__in=digests)).delete()
        if known.count() + len(papers) + len(awaited) > MOST_LESSONS:
            raise Refused(f"An interest learns from at most {MOST_LESSONS:,} papers. Take some out first.")
        rows = [Lesson(interest=interest, wanted=wanted, paper_id=paper) for paper in papers]
        rows += [
            Lesson(interest=interest, wanted=wanted, identifier=name, digest=digest)
            for digest, name in digests.items()
        ]
        Lesson.objects.bulk_create(rows)
        _touch(interest)
    return len(papers), len(awaited)


def forget(reader: Reader, key: int, lesson: int) -> None:
    """Takes one answer back by its own number, as for papers that are not here."""
    with transaction.atomic():
        interest = own(reader, key)
        Lesson.objects.filter(interest=interest, pk=lesson).delete()
        _touch(interest)


def copy(reader: Reader, found: Interest) -> Interest:
    """Somebody's shared interest as one's own: its words and all that taught it, private from now on."""
    may_act(reader)
    name, number = found.name, 2
    taken = set(Interest.objects.filter(reader=reader).values_list("name", flat=True))
    while name in taken:
        name = f"{found.name[: LONGEST_NAME - 6]} ({number})"
        number += 1
    made = make(reader, Wishes(name, found.sentence, found.query))
    rows = Lesson.objects.filter(interest=found).exclude(paper__hidden=True).order_by("pk")
    columns = ("paper_id", "wanted", "title", "abstract", "identifier", "digest")
    copies = [
        Lesson(interest=made, **dict(zip(columns, row, strict=True)))
        for row in rows.values_list(*columns)[:MOST_LESSONS]
    ]
    Lesson.objects.bulk_create(copies, batch_size=500)
    return made


def _touch(interest: Interest) -> None:
    interest.changed_at = timezone.now()
    interest.save(update_fields=["changed_at"])


# --- one's own “For you” ---------------------------------------------------------------------------------


def own_page(reader: Reader) -> Interest:
    """How “For you” is set, not stored before something was."""
    return Interest.objects.filter(reader=reader, own=True).first() or Interest(
        reader=reader, own=True, name=OWN_NAME
    )


def kept_own_page(reader: Reader) -> Interest:
    """The same, stored."""
    return Interest.objects.get_or_create(reader=reader, own=True, defaults={"name": OWN_NAME})[0]


def set_own(reader: Reader, votes: int, returning: bool) -> None:
    """The dial of votes, and whether what was opened or mailed may come back."""
    may_act(reader)
    votes = _dial(votes)
    with transaction.atomic():
        mine = kept_own_page(reader)
        mine.votes, mine.returning, mine.changed_at = votes, returning, timezone.now()
        mine.save(update_fields=["votes", "returning", "changed_at"])


def reset(reader: Reader, back: bool = False) -> None:
    """“For you” begins anew: what was said up to now teaches no more. The library stays as it is, and what
    was refused stays away. `back` takes the reset back."""
    may_act(reader)
    with transaction.atomic():
        mine = kept_own_page(reader)
        mine.forgot_at = None if back else timezone.now()
        mine.save(update_fields=["forgot_at"])


# --- seeing ----------------------------------------------------------------------------------------------


def own(reader: Reader, key: int) -> Interest:
    """The reader's own interest, locked for this transaction. Raises Refused (404) for any other."""
    interest = Interest.objects.select_for_update().filter(pk=key, reader=reader, own=False).first()
    if interest is None:
        raise Refused(NO_INTEREST, 404)
    return interest


def seen(key: int, viewer: Reader | None = None, secret: str = "") -> Interest:
    """An interest that the viewer may see: one's own, a public one, one whose secret link was followed."""
    interest = Interest.objects.select_related("reader").filter(pk=key, own=False).first()
    if interest is not None:
        if viewer is not None and interest.reader_id == viewer.pk:
            return interest
        if interest.visibility == "public" and interest.reader.is_active:
            return interest
        linked = interest.visibility == "link" and secret.isascii() and interest.reader.is_active
        if linked and constant_time_compare(secret, interest.secret):
            return interest
    raise Refused(NO_INTEREST, 404)


def of_reader(reader: Reader, viewer: Reader | None = None) -> QuerySet[Any]:
    """A reader's interests as the viewer may see them, the last changed first, with how many papers are
    `for_it` and `against_it`."""
    found = Interest.objects.filter(reader=reader, own=False)
    if viewer is None or viewer.pk != reader.pk:
        found = found.filter(visibility="public")
    return found.annotate(
        for_it=Count("lessons", filter=Q(lessons__wanted=True)),
        against_it=Count("lessons", filter=Q(lessons__wanted=False)),
    ).order_by("-changed_at", "-pk")


def named_by(reader: Reader) -> list[Interest]:
    """A reader's interests with no more than their names, the last changed first."""
    mine = Interest.objects.filter(reader=reader, own=False).only("name", "own")
    return list(mine.order_by("-changed_at", "-pk")[:MOST_INTERESTS])


def answers(interest: Interest, papers: Collection[int]) -> dict[int, bool]:
    """What was answered of some papers. One query."""
    rows = Lesson.objects.filter(interest=interest, paper__in=papers)
    return {key: wanted for key, wanted in rows.values_list("paper_id", "wanted") if key is not None}


def lessons(interest: Interest, most: int = SHOWN_LESSONS) -> tuple[list[Lesson], dict[bool, int]]:
    """What taught it, the newest first, and how many answers there are of either kind. Two queries."""
    rows = Lesson.objects.filter(interest=interest).exclude(paper__hidden=True)
    counts = dict(rows.values_list("wanted").annotate(many=Count("pk")))
    newest = rows.select_related("paper").order_by("-created_at", "-pk")[:most]
    return list(newest), {True: counts.get(True, 0), False: counts.get(False, 0)}


def opened(reader: Reader, paper: int) -> None:
    """Notes that a reader has opened a paper's page; twice is once."""
    if Paper.objects.filter(pk=paper).exists():
        Mark.objects.get_or_create(reader=reader, paper_id=paper, kind="opened")


def forget_opened(reader: Reader) -> int:
    """Forgets which papers a reader has opened. Returns how many they were."""
    return Mark.objects.filter(reader=reader, kind="opened").delete()[0]


# --- papers that are not here ----------------------------------------------------------------------------


def digest_of(title: str, identifier: str) -> str:
    """The same for two entries of one paper that is not here: by its identifier, else by its title."""
    said = identifier or f"title {identifiers.title_key(title)}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def named_in(spelt: Iterable[str]) -> dict[str, Paper]:
    """The listed papers that these canonical identifiers name. Two queries for each 500."""
    names = list(dict.fromkeys(spelt))
    found: dict[str, Paper] = {}
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        rows = Paper.objects.listed().only("identifier", "title", "title_key")
        found |= {paper.identifier: paper for paper in rows.filter(identifier__in=part)}
        aliases = Alias.objects.filter(identifier__in=set(part) - found.keys(), paper__hotness__isnull=False)
        found |= {each.identifier: each.paper for each in aliases.select_related("paper")}
    return found


def settle_due(now: datetime | None = None, most: int = 500) -> int:
    """Gives answers about papers that were not here to the papers, once they have come in; at most `most`
    of them. Returns how many."""
    waiting = Lesson.objects.filter(paper=None).exclude(identifier="")
    here = Paper.objects.listed().filter(identifier__in=waiting.values("identifier"))
    papers = dict(here.order_by("pk").values_list("identifier", "pk")[:most])
    done = 0
    for lesson in waiting.filter(identifier__in=papers).select_related("interest")[:most]:
        with transaction.atomic():
            paper = papers[lesson.identifier]
            if lesson.interest.own:
                Mark.objects.get_or_create(reader=lesson.interest.reader, paper_id=paper, kind="saved")
                lesson.delete()
            elif Lesson.objects.filter(interest=lesson.interest_id, paper=paper).exists():
                lesson.delete()
            else:
                lesson.paper_id, lesson.title, lesson.abstract, lesson.digest = paper, "", "", ""
                lesson.save(update_fields=["paper", "title", "abstract", "digest"])
            done += 1
    return done
