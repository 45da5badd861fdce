"""What the evaluations share: the corpus, an index of it, embedders, and a cache outside the repository."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from broadsheet import identifiers
from broadsheet.embedders import Embedder, open_embedder
from broadsheet.index import Document, Hit, Words
from broadsheet.index.embedded import EmbeddedIndex
from evals.data import Corpus, Topic, front_page, topics
from evals.vectors import VectorStore

BATCH = 4_000  # papers indexed between two lines of progress
SEED = 5


@dataclass
class Workplace:
    """One run of the evaluations. `limit`: only so many papers of the corpus, None for all. `headings`: only
    so many topics of each half, chosen by lot and the same in every run."""

    folder: Path
    limit: int | None = None
    headings: int | None = None

    def say(self, line: str) -> None:
        """A line of progress, apart from the tables."""
        print(line, file=sys.stderr, flush=True)

    @cached_property
    def corpus(self) -> Corpus:
        return Corpus(self.limit)

    def topics(self) -> list[Topic]:
        """The headings that are asked, those of the development half first."""
        asked = topics(self.corpus)
        halves = [[topic for topic in asked if topic.development is half] for half in (True, False)]
        if self.headings is not None:
            halves = [random.Random(SEED).sample(half, len(half))[: self.headings] for half in halves]
        return halves[0] + halves[1]

    @cached_property
    def static(self) -> Embedder:
        return open_embedder("static", self.folder)

    @cached_property
    def thorough(self) -> Embedder:
        return open_embedder("small", self.folder, threads=os.cpu_count() or 1)

    @cached_property
    def thorough_store(self) -> VectorStore:
        return VectorStore(self.thorough, self.folder)

    @cached_property
    def front_page_rows(self) -> range:
        """The keys of the front page's papers: they follow those of the corpus."""
        return range(len(self.corpus), len(self.corpus) + len(front_page()))

    @cached_property
    def index(self) -> EmbeddedIndex:
        """The corpus and the front page with static vectors, filled once; a paper's key is its row."""
        index = EmbeddedIndex(self.folder / f"index-{self.limit or 'all'}", threads=1)
        done = f"{len(self.corpus)} {self.static.name}"
        if index.bookmark() != done:
            index.drop()
            documents = self.documents()
            for start in range(0, len(documents), BATCH):
                some = documents[start : start + BATCH]
                texts = [f"{paper.title}\n{paper.abstract}" for paper in some]
                index.put(some, {self.static.name: self.static.embed(texts)})
                self.say(f"indexed {start + len(some):,} of {len(documents):,} papers")
            index.commit(done)
        return index

    @cached_property
    def by_surname_and_year(self) -> dict[tuple[str, str], set[int]]:
        """The papers of each surname (in small letters) and year."""
        found: dict[tuple[str, str], set[int]] = {}
        for row, (names, month) in enumerate(zip(self.corpus.authors, self.corpus.months, strict=True)):
            for name in names:
                found.setdefault((identifiers.surname(name).casefold(), month[:4]), set()).add(row)
        return found

    @cached_property
    def _by_title(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for row, title in enumerate(self.corpus.titles):
            found.setdefault(identifiers.title_key(title), set()).add(row)
        return found

    def titled(self, title: str) -> set[int]:
        """The corpus papers with this title, whatever its capitals and punctuation."""
        return self._by_title.get(identifiers.title_key(title), set())

    def vectors(self, setting: str) -> VectorStore:
        """Vectors of one embedder ("static", "small", "minilm"), kept between runs."""
        known = {"static": self.static, "small": self.thorough}
        return VectorStore(known.get(setting) or open_embedder(setting, self.folder), self.folder)

    def text(self, row: int) -> str:
        """What embedders read of a paper, of the corpus or of the front page."""
        if row < len(self.corpus):
            return self.corpus.text(row)
        title, summary = front_page()[row - len(self.corpus)]
        return f"{title}\n{summary}"

    def lists(self, query: str, depth: int) -> list[list[Hit]]:
        """What words find, and what nearness to the static vector finds; as broadsheet.search would ask."""
        near = self.index.nearest(self.static.name, self.static.embed_query(query), limit=depth)
        return [self.index.lexical(Words(query), limit=depth), near]

    def cosines(self, query: str, rows: Sequence[int]) -> dict[int, float]:
        """The transformer's nearness of papers to a query."""
        if not rows:
            return {}
        vectors = self.thorough_store.embed([self.text(row) for row in rows], self.say)
        near = vectors @ self.thorough.embed_query(query)
        return {row: float(value) for row, value in zip(rows, near, strict=True)}

    def documents(self) -> list[Document]:
        """Everything that is indexed: the corpus, then the front page."""
        corpus = self.corpus
        papers = [
            Document(
                row,
                corpus.titles[row],
                corpus.abstracts[row],
                f"arxiv:{corpus.ids[row]}",
                tuple(corpus.authors[row]),
                year=int(corpus.months[row][:4] or 0),
            )
            for row in range(len(corpus))
        ]
        added = zip(self.front_page_rows, front_page(), strict=True)
        return papers + [Document(row, title, summary) for row, (title, summary) in added]
