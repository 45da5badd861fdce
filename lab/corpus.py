"""What the laboratory reads: every paper of the corpus as tokens, read once and kept in a cache folder.

The tokens are those of the static encoder that ships (`broadsheet.embedders.static`), so that what is
trained here can take its place. No paper that is judged anywhere is ever given to training: see
`training_rows`.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from broadsheet import identifiers
from broadsheet.embedders.static import StaticEmbedder
from evals.data import Corpus, Topic, csfcube_texts, data_file, front_page, topics

if TYPE_CHECKING:
    from lab.teacher import Teacher

Tokens = NDArray[np.uint16]
Starts = NDArray[np.int64]

# A sentence ends at a full stop, question or exclamation mark before a space and a capital.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
FEW = 8  # papers of an author whose papers are taken to be about like things
MANY = 15  # authors of a paper that says little about any of them
PIECES = ("titles", "sentences")
SAID_EVERY = 20_000  # papers between two lines of progress


@dataclass(frozen=True, slots=True)
class Pieces:
    """Token lists end to end: list i is tokens[starts[i]:starts[i + 1]]; starts has one more than lists."""

    tokens: Tokens
    starts: Starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> Tokens:
        piece: Tokens = self.tokens[self.starts[place] : self.starts[place + 1]]
        return piece

    @classmethod
    def of(cls, lists: Iterable[Sequence[int] | NDArray[np.int64]]) -> Pieces:
        arrays = [np.asarray(tokens, dtype=np.uint16) for tokens in lists]
        starts = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(tokens) for tokens in arrays], out=starts[1:])
        return cls(np.concatenate([np.zeros(0, np.uint16), *arrays]), starts)


class Library:
    """The corpus as tokens. `limit`: only so many papers, the first ones."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.papers = Corpus(limit)
        self.reader = StaticEmbedder.untrained()
        self._folder = folder

    @cached_property
    def fingerprint(self) -> str:
        """What a run's results depend on besides its recipe: the data file, its length, and the tokenizer."""
        path = data_file("arxiv.parquet")
        said = f"{path.stat().st_size} {len(self.papers)} {self.reader.name}"
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @cached_property
    def titles(self) -> Pieces:
        return self._pieces["titles"]

    @cached_property
    def sentences(self) -> Pieces:
        """All sentences of all abstracts; those of paper p begin at `first_sentence[p]`."""
        return self._pieces["sentences"]

    @cached_property
    def first_sentence(self) -> Starts:
        return self._kept["first"]

    def abstract(self, row: int) -> Tokens:
        """The tokens of all sentences of a paper's abstract."""
        pieces, first = self.sentences, self.first_sentence
        tokens: Tokens = pieces.tokens[pieces.starts[first[row]] : pieces.starts[first[row + 1]]]
        return tokens

    def sentences_of(self, row: int) -> list[Tokens]:
        first = self.first_sentence
        return [self.sentences[place] for place in range(first[row], first[row + 1])]

    def category_tokens(self, row: int) -> Tokens:
        """The tokens of a paper's category codes, as words: "cs.LG" reads as "cs lg"."""
        return self._categories[row]

    @cached_property
    def _categories(self) -> list[Tokens]:
        codes = self.papers.categories
        read = {
            code: self.reader.read(code.replace(".", " ").replace("-", " ")) for code in set().union(*codes)
        }
        empty = np.zeros(0, np.int64)
        return [
            np.concatenate([empty, *(read[code] for code in sorted(some))]).astype(np.uint16)
            for some in codes
        ]

    @cached_property
    def archives(self) -> NDArray[np.str_]:
        """The archive of each paper's first category: "cs" of "cs.LG", "" without any."""
        return np.array([(some[0] if some else "").partition(".")[0] for some in self.papers.categories])

    @cached_property
    def fields(self) -> NDArray[np.int64]:
        """A number for each paper's first category, the same for papers of the same one."""
        first = [some[0] if some else "" for some in self.papers.categories]
        return np.unique(first, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def teacher(self) -> Teacher:
        """MiniLM's vectors of some training papers, read once: minutes of one core."""
        from lab.teacher import read

        return read(self, self._folder)

    @cached_property
    def neighbours(self) -> dict[int, list[int]]:
        """For a training paper, others that share an author of at most FEW papers; none that is judged."""
        allowed = set(self.training_rows.tolist())
        written: dict[str, list[int]] = {}
        for row, names in enumerate(self.papers.authors):
            if row in allowed and len(names) <= MANY:
                for name in names:
                    written.setdefault(name, []).append(row)
        found: dict[int, list[int]] = {}
        for rows in written.values():
            if 1 < len(rows) <= FEW:
                for row in rows:
                    found.setdefault(row, []).extend(other for other in rows if other != row)
        return found

    @cached_property
    def rarity(self) -> NDArray[np.float32]:
        """How much a token tells, float32 [tokens]: the logarithm of papers over papers that have it."""
        pieces, first = self.sentences, self.first_sentence
        owners = np.repeat(np.arange(len(first) - 1), np.diff(pieces.starts[first]))
        keys = np.unique(owners * self.reader.tokens + pieces.tokens.astype(np.int64))
        having = np.bincount(keys % self.reader.tokens, minlength=self.reader.tokens)
        rarity: NDArray[np.float32] = np.log((len(first)) / (1 + having)).astype(np.float32)
        return rarity

    @cached_property
    def _pieces(self) -> dict[str, Pieces]:
        kept = self._kept
        return {name: Pieces(kept[name].astype(np.uint16), kept[f"{name}_starts"]) for name in PIECES}

    @cached_property
    def _kept(self) -> dict[str, NDArray[np.int64]]:
        path = self._folder / f"tokens-{self.fingerprint}.npz"
        if not path.is_file():
            self._read(path)
        with np.load(path) as kept:
            return dict(kept)

    def _read(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        read, papers = self.reader.read, self.papers
        titles, sentences = list[NDArray[np.int64]](), list[NDArray[np.int64]]()
        first = np.zeros(len(papers) + 1, dtype=np.int64)
        for row, (title, abstract) in enumerate(zip(papers.titles, papers.abstracts, strict=True)):
            titles.append(read(title))
            sentences += [read(sentence) for sentence in SENTENCE_END.split(abstract.strip()) if sentence]
            first[row + 1] = len(sentences)
            if not (row + 1) % SAID_EVERY:
                print(f"read {row + 1:,} of {len(papers):,} papers", file=sys.stderr, flush=True)
        made = {"titles": Pieces.of(titles), "sentences": Pieces.of(sentences)}
        part = path.with_suffix(".part.npz")
        arrays: dict[str, Any] = {"first": first}
        for name, pieces in made.items():
            arrays |= {name: pieces.tokens, f"{name}_starts": pieces.starts}
        np.savez(part, **arrays)
        part.replace(path)

    @cached_property
    def topics(self) -> list[Topic]:
        return topics(self.papers)

    @cached_property
    def training_rows(self) -> NDArray[np.int64]:
        """The papers that training may see: none under a heading of the test half, none of CSFCube by title,
        none of the built-in front page, none without an abstract."""
        judged = {row for topic in self.topics if not topic.development for row in topic.relevant}
        names = {identifiers.title_key(title) for title, _ in csfcube_texts().values()}
        names |= {identifiers.title_key(title) for title, _ in front_page()}
        papers = self.papers
        allowed = [
            row
            for row, title in enumerate(papers.titles)
            if row not in judged and papers.abstracts[row] and identifiers.title_key(title) not in names
        ]
        return np.array(allowed, dtype=np.int64)
