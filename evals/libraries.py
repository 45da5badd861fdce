"""Topics as libraries, topics with papers that do not belong, and submitters as readers: who ranks best?

1. A few papers of a curated list are known; how many of the others are recommended among all papers?
2. The same, where the nearest papers of the list's other topics are known not to belong.
3. Who submitted papers to Hugging Face's daily page until a day: which papers of later days did they submit?

Ours and the recipes of others, on the same known papers: arxiv-sanity-lite's click (see sanity.py),
zotero-arxiv-daily's weighted cosine over quick vectors, untrained, the centroid of tf-idf, the centroid
of vectors, the nearest known paper, BM25 of each known paper summed, that fused with the centroid of vectors,
popularity (votes at Hugging Face) and the newest papers. Whatever was chosen was chosen on the development
half. Each topic is drawn from several times and counts once; intervals draw topics.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from broadsheet.embedders.static import StaticEmbedder
from broadsheet.index import MOST_HITS, Filter, Floats, Group, Words
from broadsheet.recommendations import bags, learning
from broadsheet.recommendations.learning import RECIPE, Background, Example, Pool, Recipe
from broadsheet.search.filters import FUNCTION_WORDS
from evals import sanity
from evals.data import Topic, lines, topics
from evals.measures import interval, ndcg, recall
from evals.picks import DEVELOPMENT, TEST
from evals.report import Table, percent
from evals.vectors import VectorStore
from evals.workplace import Workplace

KNOWN = (2, 5, 10, 20)
# A topic takes part where at least so many papers are left to be found.
HIDDEN = 2
# Each topic is drawn from so many times.
DRAWS = 2
AGAINST = 5
DEPTH = 1_000
DRAWN = 6_000
PART = 60
# A reader takes part who submitted so many papers before the day of the split and after it.
BEFORE, AFTER = 5, 2
HALF_LIFE = 40
BATCH = 20_000

Scores = np.ndarray[tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class Case:
    """What is known of one library, newest first where that is known, and what is to be found."""

    topic: int
    known: tuple[int, ...]
    hidden: frozenset[int]
    against: tuple[int, ...] = ()

    @property
    def away(self) -> list[int]:
        return [*self.known, *self.against]


Recommender = Callable[[Case], Scores]
Ranker = Callable[[Case], list[int]]


@dataclass
class Shelf:
    """Everything that the recipes read, made once. The scores of a recipe are of all papers, [papers]."""

    place: Workplace

    def __post_init__(self) -> None:
        place = self.place
        self.index, self.name, self.papers = place.index, place.static.name, len(place.corpus)
        self.terms = dict(self.index.terms())
        drawn = np.random.default_rng(0).choice(self.papers, min(DRAWN, self.papers), replace=False)
        sample = self.index.vectors(self.name, [int(row) for row in drawn])
        self.back: Background = learning.background(sample, self.index.count(), self.holding)
        self.months = np.array([int(month.replace("-", "") or 0) for month in place.corpus.months])

    @cached_property
    def matrix(self) -> Any:
        """arxiv-sanity-lite's features of all papers; minutes, the first time."""
        return sanity.features(self.place.corpus, self.place.folder)

    @cached_property
    def vectors(self) -> Floats:
        """Of all papers, as the index keeps them."""
        parts = range(0, self.papers, BATCH)
        return np.concatenate(
            [self.index.vectors(self.name, range(start, min(start + BATCH, self.papers))) for start in parts]
        )

    @cached_property
    def untrained(self) -> Floats:
        """Of all papers, by the encoder that ours was trained from; minutes, the first time."""
        store = VectorStore(StaticEmbedder.untrained(), self.place.folder)
        return store.embed([self.place.text(row) for row in range(self.papers)], self.place.say)

    @cached_property
    def bags(self) -> bags.Bags:
        """Of all papers, made once."""
        corpus, folder = self.place.corpus, self.place.folder / f"bags-{self.place.limit or 'all'}"
        folder.mkdir(parents=True, exist_ok=True)
        done = f"{self.papers} {hashlib.sha256(bags.COUNTED.read_bytes()).hexdigest()[:8]} {bags.FORMAT}"
        state = bags.read_state(folder)
        if state.bookmark != done:
            bags.drop(folder)
            state = bags.State()
            for start in range(0, self.papers, BATCH):
                rows = range(start, min(start + BATCH, self.papers))
                found = [
                    bags.bag(corpus.titles[row], corpus.abstracts[row], corpus.authors[row]) for row in rows
                ]
                part = bags.packed(list(rows), found, self.months[rows.start : rows.stop].tolist())
                state = bags.append(folder, state, part, done if rows.stop == self.papers else "")
                self.place.say(f"{rows.stop:,} of {self.papers:,} bags")
        return bags.Bags(folder, state)

    @cached_property
    def votes(self) -> Scores:
        """At Hugging Face, of each paper; the newest papers first among equals."""
        found = self.months / 1e6
        for line in lines("hf_daily.jsonl.gz"):
            if (row := self.place.corpus.rows.get(line["id"])) is not None:
                found[row] += line["upvotes"]
        return found

    def holding(self, word: str) -> int:
        return 0 if word in FUNCTION_WORDS else self.terms.get(word, 0)

    def examples(self, case: Case) -> list[Example]:
        """As the product makes them; a reader's newest paper counts most."""
        weights = [1.0] * len(case.known) + [-1.0] * len(case.against)
        if case.topic < 0:
            weights[: len(case.known)] = [0.5 ** (place / HALF_LIFE) for place in range(len(case.known))]
        vectors = self.index.vectors(self.name, case.away)
        return [
            Example(self.place.text(row), weight, row, vector)
            for row, weight, vector in zip(case.away, weights, vectors, strict=True)
        ]

    def ours(self, recipe: Recipe) -> Ranker:
        def ranked(case: Case) -> list[int]:
            away = Filter(exclude=frozenset(case.away))
            examples = self.examples(case)
            return list(learning.rank(self.index, self.name, examples, self.back, away, recipe, self.bags))

        return ranked

    def pool(self, rows: Sequence[int]) -> Pool:
        keys = np.array(rows, np.int64)
        vectors = learning.without_mean(self.vectors[keys], self.back.mean)
        return Pool(self.bags.all.take(self.bags.rows_of(keys)), vectors)

    def click(self, case: Case) -> Scores:
        return self._kept("clicks", case.known, lambda: sanity.click(self.matrix, case.known))

    def _kept(self, folder: str, known: Sequence[int], make: Callable[[], Scores]) -> Scores:
        """Scores that take seconds and do not depend on any embedder, kept between runs."""
        name = hashlib.sha256(repr(sorted(known)).encode()).hexdigest()[:20]
        path = self.place.folder / f"{folder}-{self.papers}" / f"{name}.npy"
        if path.is_file():
            kept: Scores = np.load(path)
            return kept
        found = make().astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, found)
        return found

    def tfidf(self, case: Case) -> Scores:
        middle = np.asarray(self.matrix[list(case.known)].mean(axis=0)).ravel()
        if case.against:  # Rocchio's way, with his usual weights
            middle = middle - 0.25 * np.asarray(self.matrix[list(case.against)].mean(axis=0)).ravel()
        found: Scores = self.matrix @ middle
        return found

    def zotero(self, case: Case) -> Scores:
        weights = 1 / (1 + np.log10(np.arange(len(case.known)) + 1))
        found: Scores = self.untrained @ ((weights / weights.sum()) @ self.untrained[list(case.known)])
        return found

    def plain(self, case: Case) -> Scores:
        found: Scores = self.untrained @ self.untrained[list(case.known)].mean(axis=0)
        return found

    def centroid(self, case: Case) -> Scores:
        found: Scores = self.vectors @ self.vectors[list(case.known)].mean(axis=0)
        return found

    def nearest(self, case: Case) -> Scores:
        found: Scores = (self.vectors @ self.vectors[list(case.known)].T).max(axis=1)
        return found

    def bm25(self, case: Case) -> Scores:
        """Each known paper as a question of all its words, points summed; asked in parts, since a question
        of the index is short. Of readers, the newest papers alone are asked."""
        return self._kept("bm25", case.known[:20], lambda: self._bm25(case.known[:20]))

    def _bm25(self, known: Sequence[int]) -> Scores:
        points = np.zeros(self.papers)
        for row in known:
            words = [
                word for word in dict.fromkeys(bags.words_of(self.place.text(row))) if self.holding(word)
            ]
            for start in range(0, len(words), PART):
                question = Group(should=tuple(Words(word) for word in words[start : start + PART]))
                for hit in self.index.lexical(question, limit=MOST_HITS):
                    if hit.key < self.papers:
                        points[hit.key] += hit.score
        return points

    def fused(self, case: Case) -> Scores:
        points: dict[int, float] = defaultdict(float)
        for scores in (self.bm25(case), self.centroid(case)):
            for place, row in enumerate(best(scores, case), start=1):
                points[row] += 1 / (60 + place)
        found = np.zeros(self.papers)
        found[list(points)] = list(points.values())
        return found

    def popular(self, case: Case) -> Scores:
        return self.votes

    def recent(self, case: Case) -> Scores:
        return self.months


def best(scores: Scores, case: Case) -> list[int]:
    """The first rows by score, without what is known."""
    scores = scores.astype(np.float64)
    scores[case.away] = -np.inf
    some = np.argpartition(-scores, min(DEPTH, len(scores) - 1))[:DEPTH]
    return [int(row) for row in some[np.argsort(-scores[some], kind="stable")]]


def others(shelf: Shelf) -> dict[str, Recommender]:
    """The recipes that ours is compared with."""
    return {
        "arxiv-sanity-lite (SVM)": shelf.click,
        "zotero-arxiv-daily (untrained quick vectors)": shelf.zotero,
        "tf-idf centroid": shelf.tfidf,
        "vector centroid, untrained": shelf.plain,
        "vector centroid, our encoder": shelf.centroid,
        "nearest known paper, our encoder": shelf.nearest,
        "BM25 summed": shelf.bm25,
        "BM25 + vector centroid of our encoder (RRF)": shelf.fused,
        "popular": shelf.popular,
        "newest": shelf.recent,
    }


PARTS: dict[str, Recipe] = {
    "ours": RECIPE,
    "ours without months": replace(RECIPE, months=0.0),
    "ours without months and vectors": replace(RECIPE, months=0.0, nearness=0.0),
    "ours without months and words": replace(RECIPE, months=0.0, words=0.0),
    "ours without months, nothing generic taken off": replace(RECIPE, months=0.0, generic=0.0),
}


def run(place: Workplace) -> list[Table]:
    """The tables of the test half. BROADSHEET_KNOWN=5: that number alone, without the other two questions;
    BROADSHEET_HALF=development: the half on which choices are made; BROADSHEET_FAST=1: no recipe that takes
    seconds."""
    shelf = Shelf(place)
    chosen, half = os.environ.get("BROADSHEET_KNOWN"), os.environ.get("BROADSHEET_HALF", "test")
    asked = [
        (number, topic)
        for number, topic in enumerate(topics(place.corpus))
        if topic.development == (half == "development")
    ]
    recipes = others(shelf)
    if os.environ.get("BROADSHEET_FAST"):
        recipes = {
            name: recipe for name, recipe in recipes.items() if "BM25" not in name and "SVM" not in name
        }
    tables = [
        _table(shelf, f"Libraries, {many} known, {half} half", cases_of(asked, many), recipes, PARTS)
        for many in ([int(chosen)] if chosen else KNOWN)
    ]
    if not chosen:
        parts = {
            "ours": RECIPE,
            "ours without months": replace(RECIPE, months=0.0),
            "ours, deaf to the unwanted": replace(RECIPE, push=0.0),
        }
        cases = with_siblings(shelf, asked, cases_of(asked, 5))
        title = f"Libraries, 5 known and {AGAINST} unwanted from sibling topics, {half} half"
        tables.append(_table(shelf, title, cases, recipes, parts))
    if not chosen:
        tables.append(_readers(shelf, half, recipes))
    return tables


def cases_of(asked: Sequence[tuple[int, Topic]], many: int) -> list[Case]:
    found = []
    for number, topic in asked:
        relevant = sorted(topic.relevant)
        if len(relevant) >= many + HIDDEN:
            for draw in range(DRAWS):
                chosen = np.random.default_rng([number, draw]).choice(relevant, many, replace=False)
                known = tuple(int(row) for row in chosen)
                found.append(Case(number, known, topic.relevant - set(known)))
    return found


def with_siblings(shelf: Shelf, asked: Sequence[tuple[int, Topic]], cases: Sequence[Case]) -> list[Case]:
    """The same cases with the papers of the list's other topics that are nearest to what is known."""
    by_number = dict(asked)
    found = []
    for case in cases:
        own = by_number[case.topic]
        siblings = sorted(
            {row for _, topic in asked if topic.repo == own.repo for row in topic.relevant} - own.relevant
        )
        if len(siblings) >= AGAINST:
            near = shelf.vectors[siblings] @ shelf.vectors[list(case.known)].mean(axis=0)
            order = np.argsort(-near, kind="stable")[:AGAINST]
            found.append(replace(case, against=tuple(siblings[place] for place in order)))
    return found


def _table(
    shelf: Shelf,
    title: str,
    cases: Sequence[Case],
    recipes: dict[str, Recommender],
    parts: dict[str, Recipe],
) -> Table:
    heads = (
        "ranking",
        "recall@20",
        "recall@100",
        "nDCG@20",
        "recall@100: ours − this",
        "ours without months − this",
        "ms a library",
    )
    count = len({case.topic for case in cases})
    table = Table(f"{title}: {count} topics, {len(cases)} libraries", heads)
    ours: Scores = np.zeros(count)
    timeless: Scores = np.zeros(count)
    rankers: dict[str, Ranker] = {name: shelf.ours(recipe) for name, recipe in parts.items()}
    for name, recipe in recipes.items():
        rankers[name] = lambda case, recipe=recipe: best(recipe(case), case)  # type: ignore[misc]
    for name, ranker in rankers.items():
        ranker(cases[0])
        started = time.perf_counter()
        found = [ranker(case) for case in cases]
        spent = 1000 * (time.perf_counter() - started) / len(cases)
        pairs = list(zip(cases, found, strict=True))
        twenty = _by_topic(cases, [recall(order, set(case.hidden), 20) for case, order in pairs])
        hundred = _by_topic(cases, [recall(order, set(case.hidden), 100) for case, order in pairs])
        gains = _by_topic(
            cases,
            [
                ndcg([float(key in case.hidden) for key in order[:20]], [1.0] * len(case.hidden), 20)
                for case, order in pairs
            ],
        )
        if name == "ours":
            ours = hundred
        if name == "ours without months":
            timeless = hundred
        ahead = (_ahead(ours, hundred), _ahead(timeless, hundred) if timeless.any() else "")
        table.rows.append((name, percent(twenty), percent(hundred), percent(gains), *ahead, round(spent)))
        shelf.place.say(f"{table.title}: {name} {percent(hundred)}, {spent:.0f} ms")
    return table


def _by_topic(cases: Sequence[Case], values: Sequence[float]) -> Scores:
    """The mean of each topic's libraries, in the order of topics."""
    found: dict[int, list[float]] = defaultdict(list)
    for case, value in zip(cases, values, strict=True):
        found[case.topic].append(value)
    return np.array([sum(each) / len(each) for each in found.values()])


def _ahead(ours: Scores, other: Scores) -> str:
    low, high = interval(ours - other)
    return f"{100 * (ours - other).mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _readers(shelf: Shelf, half: str, recipes: dict[str, Recommender]) -> Table:
    """Submitters as readers. What they submitted before the split teaches; of each later day on which they
    submitted, that day's papers are ranked."""
    first, end = (DEVELOPMENT, TEST) if half == "development" else (TEST, date.max)
    rows = shelf.place.corpus.rows
    by_day: dict[str, set[int]] = defaultdict(set)
    by_reader: dict[str, dict[int, str]] = defaultdict(dict)
    for line in sorted(lines("hf_daily.jsonl.gz"), key=lambda line: str(line["day"])):
        if line["id"] in rows:
            by_day[line["day"]].add(rows[line["id"]])
            if line.get("submitter"):
                by_reader[line["submitter"]].setdefault(rows[line["id"]], line["day"])
    cases: list[tuple[Case, list[tuple[list[int], set[int]]]]] = []
    for number, submitted in enumerate(by_reader.values(), start=1):
        known = [row for row, day in submitted.items() if day < first.isoformat()][::-1]
        later: dict[str, set[int]] = defaultdict(set)
        for row, day in submitted.items():
            if first.isoformat() <= day < end.isoformat():
                later[day].add(row)
        if len(known) >= BEFORE and sum(map(len, later.values())) >= AFTER:
            pages = [(sorted(by_day[day] - set(known)), hidden) for day, hidden in later.items()]
            case = Case(-number, tuple(known[: 5 * HALF_LIFE]), frozenset())
            cases.append((case, [page for page in pages if len(page[0]) > len(page[1])]))
    cases = [each for each in cases if each[1]]
    days = sum(len(pages) for _, pages in cases)
    heads = ("ranking", "recall@3", "nDCG of the day", "nDCG: ours − this", "ms a reader")
    title = f"Submitters as readers, {half} half: {len(cases)} readers, {days} pages of a day"
    table = Table(title, heads)
    ours: Scores = np.zeros(len(cases))
    parts = {name: recipe for name, recipe in PARTS.items() if name == "ours"} | {
        "ours without authors": replace(RECIPE, people=0.0),
        "ours without vectors": replace(RECIPE, nearness=0.0),
        "ours without words": replace(RECIPE, words=0.0),
    }
    for name in [*parts, *recipes]:
        started = time.perf_counter()
        three, gains = np.zeros(len(cases)), np.zeros(len(cases))
        for place, (case, pages) in enumerate(cases):
            if name in parts:
                orders = _pages_of_ours(shelf, case, pages, parts[name])
            else:
                scores = recipes[name](case)
                orders = [sorted(page, key=lambda row: -scores[row]) for page, _ in pages]
            marks = [
                (
                    recall(order, hidden, 3),
                    ndcg([float(row in hidden) for row in order], [1.0] * len(hidden), 99),
                )
                for order, (_, hidden) in zip(orders, pages, strict=True)
            ]
            three[place], gains[place] = np.mean(marks, axis=0)
        spent = 1000 * (time.perf_counter() - started) / max(1, len(cases))
        if name == "ours":
            ours = gains
        table.rows.append((name, percent(three), percent(gains), _ahead(ours, gains), round(spent)))
        shelf.place.say(f"{title}: {name} {percent(gains)}, {spent:.0f} ms")
    return table


def _pages_of_ours(
    shelf: Shelf, case: Case, pages: Sequence[tuple[list[int], set[int]]], recipe: Recipe
) -> list[list[int]]:
    """Ranked in one pool, as the product ranks a window; then each day's papers in that order."""
    rows = sorted({row for page, _ in pages for row in page})
    recipe = replace(recipe, depth=len(rows))
    found = learning.rank(
        shelf.index,
        shelf.name,
        shelf.examples(case),
        shelf.back,
        recipe=recipe,
        known=shelf.bags,
        pool=shelf.pool(rows),
    )
    return [sorted(page, key=lambda row: -found[row]) for page, _ in pages]
