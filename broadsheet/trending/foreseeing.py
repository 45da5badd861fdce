"""Gives every new paper its outlook: the chance that people pick it, worked out once, before they could.

A step of the worker, so that taking papers in stays quick. Whatever happens later does not change it: what
counts is what was known when the paper appeared, and of its authors' earlier papers those that somebody had
voted on by then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

from django.db import transaction
from django.db.models import F, Min

from broadsheet import doors, outlook
from broadsheet.embedders import EmbedderUnavailable
from broadsheet.models import Authorship, Paper, Signal, Upvote, bulk
from broadsheet.trending.days import listing_day, today
from broadsheet.trending.standing import rescore

BATCH = 500
KEYS_AT_ONCE = 500

_READ = ("pk", "title", "abstract", "comment", "authors", "listed_on", "month")


def foresee_due(batch: int = BATCH) -> int:
    """Gives an outlook to the newest papers that have none; says how many they were."""
    # The built-in page has an order of its own, and its summaries are ours: they say nothing of the paper.
    due = Paper.objects.filter(outlook__isnull=True, hotness__isnull=False).exclude(source="builtin")
    papers = list(due.order_by(F("listed_on").desc(nulls_last=True), "pk").only(*_READ)[:batch])
    if not papers:
        return 0
    rows = [
        (found.chance, " ".join(f"{found.terms[term]:.2f}" for term in outlook.TERMS), paper.pk)
        for paper, found in zip(papers, foreseen(papers), strict=True)
    ]
    with transaction.atomic():
        bulk.update(Paper, ("outlook", "outlook_terms"), rows)
        rescore([paper.pk for paper in papers])
    return len(papers)


def forget_outlooks() -> int:
    """Takes every paper's outlook away, so that the worker gives them anew: after new coefficients."""
    return Paper.objects.filter(outlook__isnull=False).update(outlook=None, outlook_terms="")


def terms_of(paper: Paper) -> dict[str, float]:
    """What speaks for a paper and against it, in doublings of the odds, by `outlook.TERMS`."""
    words = paper.outlook_terms.split()
    return (
        dict(zip(outlook.TERMS, map(float, words), strict=True)) if len(words) == len(outlook.TERMS) else {}
    )


def foreseen(papers: Sequence[Paper]) -> list[outlook.Outlook]:
    """The outlook of each paper. Without the encoder's weights the words count as average."""
    model = outlook.model()
    vectors = None
    try:
        encoder = doors.static_embedder()
        if encoder.name == model.embedder:
            vectors = encoder.embed([f"{paper.title}\n{paper.abstract}" for paper in papers])
    except EmbedderUnavailable:
        pass
    counted = _picks(papers)
    traits = [
        outlook.traits(paper.title, paper.abstract, paper.comment, counted[paper.pk], len(paper.authors))
        for paper in papers
    ]
    return model.read(traits, vectors)


def _picks(papers: Sequence[Paper]) -> dict[int, list[int]]:
    """For each paper, how many papers of each of its authors people picked in the year before its day."""
    people = _people(papers)
    voted = _voted({author for authors in people.values() for author in authors})
    found = {}
    for paper in papers:
        day = paper.listed_on or _month(paper.month) or today()
        since = day - timedelta(days=outlook.MEMORY)
        found[paper.pk] = [
            bisect_left(known, day) - bisect_left(known, since)
            for known in (voted.get(author, []) for author in people.get(paper.pk, ()))
        ]
    return found


def _month(month: int | None) -> date | None:
    return date(month // 100, month % 100, 1) if month else None


def _people(papers: Sequence[Paper]) -> dict[int, Sequence[int]]:
    """The authors of each paper that are looked up, in order."""
    found: dict[int, list[int]] = defaultdict(list)
    rows = Authorship.objects.filter(paper_id__in=[paper.pk for paper in papers])
    for pk, author in rows.order_by("paper_id", "position").values_list("paper_id", "author_id"):
        found[pk].append(author)
    return {pk: outlook.looked_up(authors) for pk, authors in found.items()}


def _voted(authors: Iterable[int]) -> dict[int, list[date]]:
    """For each author, the days on which papers of theirs got their first vote, oldest first."""
    written: list[tuple[int, int]] = []
    for some in _parts(sorted(authors)):
        rows = Authorship.objects.filter(author_id__in=some, paper__voted=True)
        written += rows.values_list("author_id", "paper_id")
    first = _first_votes({paper for _, paper in written})
    found: dict[int, list[date]] = defaultdict(list)
    for author, paper in written:
        if paper in first:
            found[author].append(first[paper])
    for days in found.values():
        days.sort()
    return found


def _first_votes(papers: Iterable[int]) -> dict[int, date]:
    """The day on which somebody, here or elsewhere, first voted for each paper."""
    found: dict[int, date] = {}
    for some in _parts(sorted(papers)):
        outside = Signal.objects.filter(paper_id__in=some, kind="upvotes", value__gt=0)
        here = Upvote.objects.filter(paper_id__in=some)
        for rows, column in ((outside, "seen_at"), (here, "created_at")):
            for pk, at in rows.order_by().values_list("paper_id").annotate(first=Min(column)):
                day = listing_day(at)
                found[pk] = min(found.get(pk, day), day)
    return found


def _parts(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]
