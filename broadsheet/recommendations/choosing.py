"""Which papers a taste should be shown: learned, varied, with a reason each."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from broadsheet import doors, scoring, trending
from broadsheet.embedders import EmbedderUnavailable
from broadsheet.index import Filter, Index, IndexTrouble
from broadsheet.models import Paper
from broadsheet.recommendations import bags, keeping
from broadsheet.recommendations.learning import (
    RECIPE,
    Background,
    Circle,
    Example,
    background,
    circle_of,
    rank,
    telling,
)
from broadsheet.search import LONGEST_QUERY, documents
from broadsheet.search.answering import speller_now
from broadsheet.search.filters import EPOCH, FUNCTION_WORDS
from broadsheet.search.spelling import Speller
from broadsheet.text import plain_line

log = logging.getLogger("broadsheet.recommendations")

# Of a large library the newest papers teach: what was saved years ago says less of tomorrow.
MOST_EXAMPLES = 200
MOST_PICKS = 200
# Near-copies are moved to the end of so many papers.
BLOCK = 60
# Of the places of a page, this one of so many goes to a paper drawn from further down.
EXPLORING_EVERY = 10
MOST_VOTED = 2_000
# Papers known by their words alone that a slow model reads while somebody waits.
MOST_READ_NOW = 20
# Vectors drawn to learn what papers are like in general.
DRAWN = 6_000
# How much the points count beside unlikeness to what already stands above. To be on one subject is what was
# asked for: only papers nearer than NEAR to each other count as alike.
TASTE = 0.8
NEAR = 0.8
NAME_SOMETHING = "Name at least one paper that you like, or say in a sentence what you look for."
SHOWN_TERMS = 3
# A word in more than this share of all papers is no reason for one of them, unless those are few anyway.
USUAL_WORD = 0.1
FEW_PAPERS = 50
USUAL_WINDOW = 30  # days
# Of a large library the first examples say which words to name.
MOST_TELLING = 20
TITLE = 80


@dataclass(frozen=True, slots=True)
class Pick:
    """A paper to show and why, in words. `points` order the picks before variety does; `exploring`: it stands
    here by chance, further from the taste than its neighbours."""

    paper: Paper
    points: float
    why: str
    exploring: bool = False


@dataclass(slots=True)
class Picks:
    """Papers in the order to show them, how many there are to leaf through, and sentences about what was not
    possible. `silent`: nothing was wanted, so no other window holds more."""

    picks: list[Pick] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    total: int = 0
    silent: bool = False


@dataclass(slots=True)
class Taste:
    """All that is known of what somebody wants, and what must not be shown.

    `papers` with their weights (negative: unwanted); `texts`: papers that are not here, by their words;
    `sentence`: what is looked for. `seen` does not return, `first` is the earliest day. `favoured` papers
    come up whatever they are about, each with a reason. `votes` (0 to 1): how much readers' votes count.
    `chance`: what explorations are drawn by, empty for none.
    """

    papers: list[tuple[Paper, float]] = field(default_factory=list)
    texts: list[tuple[str, float]] = field(default_factory=list)
    sentence: str = ""
    first: date | None = None
    seen: frozenset[int] = frozenset()
    favoured: dict[int, str] = field(default_factory=dict)
    votes: float = 0.0
    chance: str = ""

    @property
    def teaches(self) -> bool:
        """Whether anything is wanted."""
        return bool(
            self.sentence
            or any(weight > 0 for _, weight in self.papers)
            or any(weight > 0 for _, weight in self.texts)
        )


def for_examples(
    plus: Sequence[Paper],
    minus: Sequence[Paper] = (),
    *,
    text: str = "",
    first: date | None = None,
    limit: int = 30,
    start: int = 0,
    exclude: Collection[int] = (),
) -> Picks:
    """Papers like `plus`, unlike `minus`, about `text`; none of the examples returns.

    At most MOST_EXAMPLES count on each side, and LONGEST_QUERY characters of the sentence. A paper on both
    sides is taken as wanted. With nothing wanted there is nothing to show, and a note says so.
    """
    wanted = list({paper.pk: paper for paper in plus}.values())[:MOST_EXAMPLES]
    keys = {paper.pk for paper in wanted}
    unwanted = list({paper.pk: paper for paper in minus if paper.pk not in keys}.values())[:MOST_EXAMPLES]
    text = " ".join(text.split())[:LONGEST_QUERY]
    if not wanted and not text:
        return Picks(notes=[NAME_SOMETHING], silent=True)
    seen = frozenset([*keys, *(paper.pk for paper in unwanted), *exclude])
    examples = [(paper, 1.0) for paper in wanted] + [(paper, -1.0) for paper in unwanted]
    return chosen(Taste(examples, sentence=text, first=first, seen=seen), limit, start)


def since(days: int) -> date:
    """The first day of a window of so many, counted back from today, or from the newest day that has papers
    where that was longer ago, so that a quiet house shows something too."""
    return min(timezone.now().date(), trending.newest_day() or date.max) - timedelta(days=days)


def warm_up() -> None:
    """Makes ready what all readers share, for the usual window, before the first of them comes. Says nothing
    of failures: whoever asks will be told."""
    try:
        for_examples(list(Paper.objects.listed().order_by("-pk")[:1]), first=since(USUAL_WINDOW))
    except Exception:
        log.debug("Warming up failed", exc_info=True)
    finally:
        connection.close()


def chosen(taste: Taste, limit: int = 30, start: int = 0) -> Picks:
    """The papers for a taste from place `start` on (from 0): at most `limit`, of MOST_PICKS in all."""
    limit, start = max(1, min(limit, MOST_PICKS)), max(0, start)
    try:
        return _learned(doors.index(), taste, limit, start)
    except IndexTrouble as trouble:
        log.warning("%s", trouble)
        return Picks(notes=["Recommendations appear when the search index has been built."], silent=True)


def rows_of(keys: Collection[int]) -> dict[int, Paper]:
    """Papers that may teach, with no more than their words."""
    return Paper.objects.filter(hidden=False).only("title", "abstract").in_bulk(list(keys))


def _learned(index: Index, taste: Taste, limit: int, start: int) -> Picks:
    examples, back, points = points_of(index, taste)
    order = _ordered(index, vectors_named(index), points, taste, start + limit)
    keys = [key for key, _ in order[start : start + limit]]
    exploring = {key for key, by_chance in order if by_chance}
    rows = Paper.objects.listed().cards().in_bulk(keys)
    liked = [each for each in examples if each.weight > 0]
    titles = {paper.pk: paper.title for paper, _ in taste.papers}
    usual = max(FEW_PAPERS, USUAL_WORD * back.papers)
    words = [word for word, _ in telling(examples[:MOST_TELLING], back)]
    terms = [word for word in words if back.holding(word) <= usual]
    known = keeping.bags_now()
    circle = circle_of(examples, known) if known else None
    vectors = index.vectors(vectors_named(index), keys)
    found = Picks(total=len(order))
    for key, vector in zip(keys, vectors, strict=True):
        if key in rows:
            by = _by(rows[key], circle) if circle and key not in taste.favoured else ""
            said = [taste.favoured.get(key, ""), by, _why(rows[key], vector, liked, titles, terms)]
            if key in exploring:
                said.insert(0, "by chance, a little further away")
            why = "; ".join(filter(None, said))
            found.picks.append(Pick(rows[key], points.get(key, 0.0), why, key in exploring))
    if taste.sentence and not taste.papers and not words and found.picks and not start:
        found.notes.append(
            "No word of this sentence stands in the papers here. These are the nearest in meaning, as far as "
            "it was understood."
        )
    if not found.picks and not start:
        found.notes.append("No new paper here is like these. A longer window may hold some.")
    return found


def vectors_named(index: Index) -> str:
    """The embedder that has read the most papers; empty where none has read any."""
    counts = index.vector_counts()
    return max(counts, key=lambda each: counts[each]) if counts else ""


def points_of(
    index: Index, taste: Taste, rank_papers: bool = True
) -> tuple[list[Example], Background, dict[int, float]]:
    """What teaches, what all papers are like, and points by paper, most first (none unless `rank_papers`).
    Raises IndexTrouble."""
    name = vectors_named(index)
    if index.bookmark() is None:
        raise IndexTrouble("There is no index yet.")
    examples = [*_examples(index, name, taste.papers, taste.sentence), *_of_texts(name, taste.texts)]
    back = _background(str(doors.index_folder()), name, index.count() // 1024)
    back = replace(back, holding=_holding())
    days = (taste.first - EPOCH).days if taste.first else None
    filter = Filter(exclude=taste.seen, first_day=days)
    points: dict[int, float] = {}
    if taste.teaches and rank_papers:
        known = keeping.bags_now()
        pool = keeping.pool_of(index, name, known, back, taste.first) if known else None
        points = rank(index, name, examples, back, filter, RECIPE, known, pool)
    for key in taste.favoured:
        if key not in taste.seen:
            # As much as the first place of one ranking.
            points[key] = points.get(key, 0.0) + 1.0 / (RECIPE.k + 1.0)
    if taste.votes and points:
        points = _voted(points, taste.votes)
    return examples, back, dict(sorted(points.items(), key=lambda each: (-each[1], each[0])))


def _voted(points: dict[int, float], share: float) -> dict[int, float]:
    """The same with readers' votes as one ranking more, which weighs `share` as much as both others."""
    keys = list(points)[:MOST_VOTED]
    rows = Paper.objects.filter(pk__in=keys).filter(Q(upvotes__gt=0) | Q(outside_upvotes__gt=0))
    most = rows.order_by("-score", "pk").values_list("pk", flat=True)
    return points | {
        key: points[key] + 2.0 * share / (RECIPE.k + place) for place, key in enumerate(most, start=1)
    }


def _ordered(
    index: Index, name: str, points: dict[int, float], taste: Taste, shown: int
) -> list[tuple[int, bool]]:
    """At most MOST_PICKS keys in the order to show them, and which stand there by chance. The first `shown`
    are the same however many that is; those behind them are not varied."""
    keys = list(points)
    order: list[tuple[int, bool]] = []
    for begin in range(0, min(len(keys), MOST_PICKS), BLOCK):
        block = keys[begin : begin + BLOCK]
        order += [(key, False) for key in (_varied(index, name, block) if begin < shown else block)]
    further = keys[MOST_PICKS:]
    if taste.chance and further:
        draw = random.Random(taste.chance)  # noqa: S311 - variety, not security
        for place in range(EXPLORING_EVERY - 1, len(order), EXPLORING_EVERY):
            if further:
                order.insert(place, (further.pop(draw.randrange(len(further))), True))
    return order[:MOST_PICKS]


def _of_texts(name: str, texts: Sequence[tuple[str, float]]) -> list[Example]:
    """Papers that are not here, by their words; those that a model can read quickly have a vector too."""
    read: list[Any] = [None] * len(texts)
    if texts:
        try:
            embedder = doors.embedder_named(name)
            if embedder is not None:
                many = len(texts) if embedder.name == doors.embedder().name else MOST_READ_NOW
                read[:many] = list(embedder.embed([text for text, _ in texts[:many]]))
        except EmbedderUnavailable as trouble:
            log.warning("%s", trouble)
    return [Example(text, weight, None, vector) for (text, weight), vector in zip(texts, read, strict=True)]


def _examples(index: Index, name: str, papers: Sequence[tuple[Paper, float]], text: str) -> list[Example]:
    vectors = index.vectors(name, [paper.pk for paper, _ in papers])
    examples = [
        Example(documents.readable(paper.title, paper.abstract), weight, paper.pk, vector)
        for (paper, weight), vector in zip(papers, vectors, strict=True)
    ]
    if text:
        vector = None
        try:
            embedder = doors.embedder_named(name)
            vector = embedder.embed_query(text) if embedder else None
        except EmbedderUnavailable as trouble:
            log.warning("%s", trouble)
        # A sentence says what is meant; it weighs as much as all the papers of an ordinary few.
        examples.append(Example(text, 3.0, None, vector))
    return examples


@lru_cache(maxsize=4)
def _background(folder: str, name: str, grown: int) -> Background:
    """Of the index in `folder`; drawn again when the corpus has `grown` by some thousand papers."""
    index = doors.index()
    return background(index.vectors(name, drawn_keys()), index.count(), lambda word: 1)


def drawn_keys() -> list[int]:
    """Keys drawn evenly from those in use, the same as long as no paper comes; some may be no paper's."""
    ordered = Paper.objects.order_by("pk").values_list("pk", flat=True)
    first, last = ordered.first(), ordered.last()
    if first is None or last is None:
        return []
    some = np.random.default_rng(0).choice(last - first + 1, min(last - first + 1, DRAWN), replace=False)
    return sorted(int(each) + first for each in some)


def _holding() -> Callable[[str], int]:
    """In how many papers a word stands; while no vocabulary is known, all words count alike."""
    return _remembering(speller_now())


@lru_cache(maxsize=1)
def _remembering(speller: Speller | None) -> Callable[[str], int]:
    # The same words are asked for again and again.
    @lru_cache(maxsize=100_000)
    def holding(word: str) -> int:
        if word in FUNCTION_WORDS:
            return 0
        return speller.papers_with(word) if speller else 1

    return holding


def _varied(index: Index, name: str, keys: list[int]) -> list[int]:
    """The keys with near-copies moved down. Places count, since fused points differ little."""
    vectors = index.vectors(name, keys)
    nearness = np.clip((vectors @ vectors.T - NEAR) / (1 - NEAR), 0, 1)
    order = scoring.diverse([1 - place / len(keys) for place in range(len(keys))], nearness.tolist(), TASTE)
    return [keys[place] for place in order]


def _by(paper: Paper, circle: Circle) -> str:
    """The author of this paper who tells most, of those who wrote several of the examples."""
    people = circle.people[circle.several]
    counted = dict(zip(people.tolist(), circle.weights[circle.several].tolist(), strict=True))
    names = [(name, bags.people_of([name]).tolist()) for name in paper.authors[: bags.MOST_AUTHORS]]
    known = [(counted[mark[0]], name) for name, mark in names if mark and mark[0] in counted]
    if not known:
        return ""
    name = max(known, key=lambda each: each[0])[1]
    return f"by {plain_line(name[:TITLE])}, who wrote several of these"


def _why(
    paper: Paper,
    vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    liked: Sequence[Example],
    titles: dict[int, str],
    terms: Sequence[str],
) -> str:
    """`like “On Looms”; on engines, cards; 12 votes here`."""
    said = []
    near = [
        (float(each.vector @ vector), each.key)
        for each in liked
        if each.key not in (None, paper.pk) and each.vector is not None and len(each.vector) == len(vector)
    ]
    if near and (best := max(near))[0] > 0 and best[1] is not None:
        title = titles[best[1]]
        said.append(f"like “{title if len(title) <= TITLE else title[: TITLE - 1].rstrip() + '…'}”")
    words = set(documents.readable(paper.title, paper.abstract).lower().replace("-", " ").split())
    shared = [term for term in terms if term in words][:SHOWN_TERMS]
    if shared:
        said.append("on " + ", ".join(shared))
    if paper.upvotes:
        said.append(f"{paper.upvotes:,} vote{'s' * (paper.upvotes != 1)} here")
    return "; ".join(said)
