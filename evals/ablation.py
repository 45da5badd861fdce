"""What each part of the ranking adds: the default with one part left out, on topics and on known items.

Topics are those of the test half. Known items are asked without the query parser, so that only the ranking
speaks; what spelling correction adds is asked of a whole installation (`--searcher evals.whole:search` beside
`evals.whole:uncorrected`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from broadsheet.index import Hit, Words, words
from broadsheet.index.embedded import EmbeddedIndex
from broadsheet.index.words import Weights
from evals.data import Topic
from evals.known_items import Item, items
from evals.measures import Floats, interval, ndcg, recall
from evals.ranking import Recipe, fused, ranked
from evals.report import Table, percent
from evals.topics import DEFAULT, LISTED, NDCG_AT, RECALL_AT
from evals.workplace import BATCH, Workplace

KINDS = ("title, two typos", "first half of the title", "second half of the title")
SAMPLE = 300
# Known items are not re-ranked: their heads would be a hundred thousand texts for the transformer.
UNRANKED = replace(DEFAULT, rerank=0, trust=0.0)

Lexical = Callable[[str, int], list[Hit]]


@dataclass(frozen=True, slots=True)
class Part:
    """One row: what is left out, who finds by words then, and how lists become one."""

    name: str
    lexical: Lexical
    recipe: Recipe


def run(place: Workplace) -> list[Table]:
    parts = _parts(place)
    return [_topics(place, parts), _known(place, parts)]


def _parts(place: Workplace) -> list[Part]:
    index = place.index
    flat = EmbeddedIndex(index.folder, weights=Weights(title=1.0, exact_title=0.0), check=False)
    plain = _unstemmed(place)

    def by(found: EmbeddedIndex) -> Lexical:
        return lambda query, limit: found.lexical(Words(query), limit=limit)

    def plainly(query: str, limit: int) -> list[Hit]:
        with _as_written():
            return plain.lexical(Words(query), limit=limit)

    return [
        Part("everything", by(index), DEFAULT),
        Part("without re-ranking", by(index), UNRANKED),
        Part("without stemming", plainly, DEFAULT),
        Part("without weights of fields", by(flat), DEFAULT),
        Part("without meaning (words, re-ranked)", by(index), replace(DEFAULT, weights=(1.0, 0.0))),
        Part("without words (meaning, re-ranked)", by(index), replace(DEFAULT, weights=(0.0, 1.0))),
        Part("words alone", by(index), replace(UNRANKED, weights=(1.0, 0.0))),
        Part("meaning alone", by(index), replace(UNRANKED, weights=(0.0, 1.0))),
    ]


@contextmanager
def _as_written() -> Iterator[None]:
    """Words count as they are written, in what is indexed and in what is asked meanwhile."""
    stemmed, words.STEMMED = words.STEMMED, words.PLAIN
    try:
        yield
    finally:
        words.STEMMED = stemmed


def _unstemmed(place: Workplace) -> EmbeddedIndex:
    """The same papers, unstemmed. To be asked within `_as_written` alone."""
    documents = place.documents()
    index = EmbeddedIndex(place.folder / f"unstemmed-{place.limit or 'all'}", check=False)
    with _as_written():
        if index.bookmark() != (done := str(len(documents))):
            index.drop()
            for start in range(0, len(documents), BATCH):
                index.put(documents[start : start + BATCH])
                place.say(f"indexed {min(start + BATCH, len(documents)):,} papers without stemming")
            index.commit(done)
        index.count()
    return index


def _topics(place: Workplace, parts: Sequence[Part]) -> Table:
    heads = ("ranking", f"recall@{RECALL_AT}", f"nDCG@{NDCG_AT}", "recall − everything", "nDCG − everything")
    asked = [topic for topic in place.topics() if not topic.development]
    table = Table(f"Ablation on topics, test half: {len(asked)} headings", heads)
    if not asked:
        place.say(
            "ablation: none of these papers stands under a heading of the test half; topics are left out"
        )
        return table
    found = {part.name: [_lists(place, part, topic.query, LISTED) for topic in asked] for part in parts}
    # All at once: embedding heading by heading would write the store to disk each time.
    read = {
        key
        for part in parts
        for lists in found[part.name]
        for key in list(fused(part.recipe, lists))[: part.recipe.rerank if part.recipe.trust else 0]
    }
    place.thorough_store.embed([place.text(row) for row in sorted(read)], place.say)
    base: Floats | None = None
    for part in parts:
        mine = np.array(
            [_scored(place, part, *one) for one in zip(asked, found[part.name], strict=True)],
        )
        base = mine if base is None else base
        less = [_gained(mine[:, column] - base[:, column]) for column in (0, 1)]
        table.rows.append((part.name, percent(mine[:, 0]), percent(mine[:, 1]), *less))
        place.say(f"ablation: {part.name}")
    return table


def _scored(
    place: Workplace, part: Part, topic: Topic, lists: Sequence[Sequence[Hit]]
) -> tuple[float, float]:
    order = ranked(part.recipe, lists, lambda rows: place.cosines(topic.query, rows))
    relevant = [float(key in topic.relevant) for key in order[:NDCG_AT]]
    gain = ndcg(relevant, [1.0] * len(topic.relevant), NDCG_AT)
    return recall(order, set(topic.relevant), RECALL_AT), gain


def _known(place: Workplace, parts: Sequence[Part]) -> Table:
    table = Table(
        f"Ablation on known items: success@10, {SAMPLE} of each, no re-ranking", ("ranking", *KINDS)
    )
    asked = items(place)
    for part in parts:
        if part.recipe.rerank:
            bare = replace(part, recipe=replace(part.recipe, rerank=0, trust=0.0))
            table.rows.append((part.name.replace(", re-ranked", ""), *_found(place, bare, asked)))
    return table


def _found(place: Workplace, part: Part, asked: Sequence[Item]) -> Iterator[str]:
    for kind in KINDS:
        some = [item for item in asked if item.kind == kind][:SAMPLE]
        heads = [_ranked(place, part, item.query, part.recipe.depth)[:10] for item in some]
        yield percent(
            [float(bool(item.answers.intersection(head))) for item, head in zip(some, heads, strict=True)]
        )


def _lists(place: Workplace, part: Part, query: str, depth: int) -> list[list[Hit]]:
    near = place.index.nearest(place.static.name, place.static.embed_query(query), limit=depth)
    return [part.lexical(query, depth), near]


def _ranked(place: Workplace, part: Part, query: str, depth: int) -> list[int]:
    lists = _lists(place, part, query, depth)
    return ranked(part.recipe, lists, lambda rows: place.cosines(query, rows))


def _gained(differences: Floats) -> str:
    low, high = interval(differences)
    return f"{100 * differences.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
