"""Which papers a reader, or a handful of papers, should be shown: learned, varied, with a reason each."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import numpy as np
from django.db.models import Max, Min

from broadsheet import doors, scoring
from broadsheet.embedders import EmbedderUnavailable
from broadsheet.index import Filter, Index, IndexTrouble
from broadsheet.models import Mark, Paper, Reader, Upvote
from broadsheet.recommendations.learning import RECIPE, Background, Example, background, rank, telling
from broadsheet.search import LONGEST_QUERY, documents
from broadsheet.search.answering import speller_now
from broadsheet.search.filters import EPOCH, FUNCTION_WORDS

log = logging.getLogger("broadsheet.recommendations")

# Of a large library the newest papers teach: what was saved years ago says less of tomorrow.
MOST_EXAMPLES = 200
MOST_PICKS = 200
# Papers after which an example of a reader's history counts half.
HALF_LIFE = 40
# Vectors drawn to learn what papers are like in general.
DRAWN = 6_000
# How much the points count beside unlikeness to what already stands above. To be on one subject is what was
# asked for: only papers nearer than NEAR to each other count as alike.
TASTE = 0.8
NEAR = 0.8
SHOWN_TERMS = 3
TITLE = 80


@dataclass(frozen=True, slots=True)
class Pick:
    """A paper to show and why, in words. `points` order the picks before variety does."""

    paper: Paper
    points: float
    why: str


@dataclass(slots=True)
class Picks:
    """Papers in the order to show them, and sentences about what was not possible."""

    picks: list[Pick] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def for_reader(
    reader: Reader, *, first: date | None = None, limit: int = 30, exclude: Collection[int] = ()
) -> Picks:
    """New papers for a reader, from what they saved, voted for and refused; the newest of it counts most.

    `first`: only papers of this day or later. `exclude`: keys that must not return, such as those mailed.
    Whatever the reader marked or voted for does not return. Empty, with a note, for a reader who has said
    nothing yet.
    """
    marks = list(
        Mark.objects.filter(reader=reader)
        .order_by("-created_at", "-pk")
        .values_list("paper_id", "kind")[:50_000]
    )
    votes = list(
        Upvote.objects.filter(reader=reader)
        .order_by("-created_at", "-pk")
        .values_list("paper_id", flat=True)[:50_000]
    )
    refused = [key for key, kind in marks if kind == "refused"]
    against = set(refused)
    saved = [key for key, kind in marks if kind == "saved"]
    liked = [key for key in dict.fromkeys(_in_turn(saved, votes)) if key not in against]
    if not liked:
        return Picks(notes=["Save a few papers, or vote for them, and this page becomes yours."])
    seen = frozenset([*(key for key, _ in marks), *votes, *exclude])
    weights = {key: 0.5 ** (place / HALF_LIFE) for place, key in enumerate(liked[:MOST_EXAMPLES])}
    weights |= dict.fromkeys(refused[:MOST_EXAMPLES], -1.0)
    rows = _rows(weights)
    return _chosen(
        [(rows[key], weight) for key, weight in weights.items() if key in rows], "", first, limit, seen
    )


def for_examples(
    plus: Sequence[Paper],
    minus: Sequence[Paper] = (),
    *,
    text: str = "",
    first: date | None = None,
    limit: int = 30,
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
        return Picks(notes=["Name at least one paper that you like, or say in a sentence what you look for."])
    seen = frozenset([*keys, *(paper.pk for paper in unwanted), *exclude])
    examples = [(paper, 1.0) for paper in wanted] + [(paper, -1.0) for paper in unwanted]
    return _chosen(examples, text, first, limit, seen)


def _in_turn(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Both lists, newest first, one of each in turn."""
    both = [key for pair in zip(one, other, strict=False) for key in pair]
    short = min(len(one), len(other))
    return [*both, *one[short:], *other[short:]]


def _rows(keys: Collection[int]) -> dict[int, Paper]:
    return Paper.objects.filter(hidden=False).only("title", "abstract").in_bulk(list(keys))


def _chosen(
    papers: Sequence[tuple[Paper, float]], text: str, first: date | None, limit: int, seen: frozenset[int]
) -> Picks:
    found = Picks()
    try:
        return _learned(doors.index(), papers, text, first, max(1, min(limit, MOST_PICKS)), seen)
    except IndexTrouble as trouble:
        log.warning("%s", trouble)
        found.notes.append("Recommendations appear when the search index has been built.")
        return found


def _learned(
    index: Index,
    papers: Sequence[tuple[Paper, float]],
    text: str,
    first: date | None,
    limit: int,
    seen: frozenset[int],
) -> Picks:
    counts = index.vector_counts()
    if index.bookmark() is None:
        raise IndexTrouble("There is no index yet.")
    name = max(counts, key=lambda each: counts[each]) if counts else ""
    examples = _examples(index, name, papers, text)
    back = _background(str(doors.index_folder()), name, index.count() // 1024)
    filter = Filter(exclude=seen, first_day=(first - EPOCH).days if first else None)
    points = rank(index, name, examples, back, filter, RECIPE, _texts)
    keys = _varied(index, name, points, limit)
    rows = Paper.objects.listed().cards().in_bulk(keys)
    liked = [each for each in examples if each.weight > 0]
    titles = {paper.pk: paper.title for paper, _ in papers}
    terms = [word for word, _ in telling(examples, back)]
    vectors = index.vectors(name, keys)
    found = Picks()
    for key, vector in zip(keys, vectors, strict=True):
        if key in rows:
            why = _why(rows[key], vector, liked, titles, terms)
            found.picks.append(Pick(rows[key], points[key], why))
    if not found.picks:
        found.notes.append("No new paper here is like these. A longer window may hold some.")
    return found


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
    ends = Paper.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        keys: list[int] = []
    else:
        span = ends["last"] - ends["first"] + 1
        some = np.random.default_rng(0).choice(span, min(span, DRAWN), replace=False)
        keys = sorted(int(each) + ends["first"] for each in some)
    return background(index.vectors(name, keys), index.count(), _holding)


def _holding(word: str) -> int:
    """In how many papers a word stands; while no vocabulary is known, all words count alike."""
    if word in FUNCTION_WORDS:
        return 0
    speller = speller_now()
    return speller.papers_with(word) if speller else 1


def _texts(keys: Sequence[int]) -> list[str]:
    rows = _rows(keys)
    return [documents.readable(rows[key].title, rows[key].abstract) if key in rows else "" for key in keys]


def _varied(index: Index, name: str, points: dict[int, float], limit: int) -> list[int]:
    """The first `limit` keys, near-copies moved down. Places count, since fused points differ little."""
    keys = list(points)[: 2 * limit]
    if not keys:
        return []
    vectors = index.vectors(name, keys)
    nearness = np.clip((vectors @ vectors.T - NEAR) / (1 - NEAR), 0, 1)
    order = scoring.diverse([1 - place / len(keys) for place in range(len(keys))], nearness.tolist(), TASTE)
    return [keys[place] for place in order[:limit]]


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
        if each.key is not None and each.vector is not None and len(each.vector) == len(vector)
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
