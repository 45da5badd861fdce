"""Does teaching ask well? An interest that begins with two papers of a topic is answered by the topic itself.

Half of a topic's papers are held out: never asked, to be found. After so many answers: how many of them
stand among the first hundred of all papers? Asked by ours, from the top of the ranking, and at random among
the same candidates, which are papers of curated lists: of others nobody knows whether they fit.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from broadsheet.index import Filter
from broadsheet.recommendations import learning, teaching
from broadsheet.recommendations.learning import RECIPE, Example
from evals.data import topics
from evals.libraries import Shelf
from evals.measures import interval, recall
from evals.report import Table, percent
from evals.workplace import Workplace

FIRST, EACH, ANSWERS = 2, 5, (5, 10, 20)
FEWEST = 16  # papers of a topic that takes part
DRAWS = 2
CANDIDATES = 100
# Nearness in time leaks here (docs/benchmarks.md). Deep enough to hold a hundred papers of lists.
TAUGHT = replace(RECIPE, months=0.0, depth=6_000)
WAYS = ("asked by ours", "the first of the ranking", "at random among the same candidates")


def run(place: Workplace, half: str = "test") -> list[Table]:
    """Of the test half; `half`: "development" while something is chosen."""
    shelf = Shelf(place)
    found: dict[tuple[str, int], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    hits: dict[str, list[float]] = defaultdict(list)
    asked = [
        (number, sorted(topic.relevant))
        for number, topic in enumerate(topics(place.corpus))
        if topic.development == (half == "development") and len(topic.relevant) >= FEWEST
    ]
    labelled = {key for topic in topics(place.corpus) for key in topic.relevant}
    for number, papers in asked:
        for draw in range(DRAWS):
            order = np.random.default_rng([number, draw]).permutation(papers).tolist()
            cut = len(order) // 2
            hidden, open_ones = set(order[:cut]), order[cut:]
            for way in WAYS:
                _taught(shelf, number, hidden, open_ones, labelled, way, found, hits, draw)
        place.say(f"{number}: {len(papers)} papers")
    heads = ("asked", *(f"{many} answers" for many in (0, *ANSWERS)), "ours − this after 20", "belonged")
    table = Table(f"Teaching, {half} half: {len(asked)} topics, recall@100", heads)
    means = {key: np.array([np.mean(each) for each in values.values()]) for key, values in found.items()}
    last = means[WAYS[0], ANSWERS[-1]]
    for way in WAYS:
        ahead = last - means[way, ANSWERS[-1]]
        low, high = interval(ahead)
        cells = [percent(means[way, many]) for many in (0, *ANSWERS)]
        said = f"{100 * ahead.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        table.rows.append((way, *cells, said, f"{100 * float(np.mean(hits[way])):.0f} %"))
    return [table]


def _taught(
    shelf: Shelf,
    number: int,
    hidden: set[int],
    open_ones: list[int],
    labelled: set[int],
    way: str,
    found: dict[tuple[str, int], dict[int, list[float]]],
    hits: dict[str, list[float]],
    draw: int,
) -> None:
    chance = np.random.default_rng([number, draw, 1])
    answers = dict.fromkeys(open_ones[:FIRST], 1.0)
    fits = set(open_ones)
    for many in range(0, ANSWERS[-1] + 1, EACH):
        examples = _examples(shelf, answers)
        filter = Filter(exclude=frozenset(answers))
        order = list(learning.rank(shelf.index, shelf.name, examples, shelf.back, filter, TAUGHT, shelf.bags))
        if many in (0, *ANSWERS):
            found[way, many][number].append(recall(order, hidden, 100))
        if many == ANSWERS[-1]:
            hits[way].append((sum(weight > 0 for weight in answers.values()) - FIRST) / many)
            return
        pool = [key for key in order if key in labelled and key not in hidden][:CANDIDATES]
        if way == WAYS[0]:
            vectors = learning.without_mean(shelf.index.vectors(shelf.name, pool), shelf.back.mean)
            chosen = [pool[at] for at in teaching.most_telling(examples, shelf.back, vectors, EACH)[0]]
        elif way == WAYS[1]:
            chosen = pool[:EACH]
        else:
            chosen = chance.choice(pool, EACH, replace=False).tolist()
        answers |= {key: 1.0 if key in fits else -1.0 for key in chosen}


def _examples(shelf: Shelf, answers: dict[int, float]) -> list[Example]:
    keys = list(answers)[::-1]
    vectors = shelf.index.vectors(shelf.name, keys)
    return [
        replace(Example(shelf.place.text(key), answers[key], key), vector=vector)
        for key, vector in zip(keys, vectors, strict=True)
    ]
