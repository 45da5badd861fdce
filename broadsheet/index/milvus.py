"""The same door over Milvus, for corpora that outgrow a machine. Needs `pymilvus`; Milvus Lite
(`milvus-lite`) is enough to try it: `MilvusIndex("file.db")`.

Words are stemmed here, with the embedded engine's own analyzers, because Milvus Lite has no stemmer: a
server and Lite then agree. Each text field is its words in a VARCHAR with a BM25 function; each embedder has
a collection of its own, which repeats the columns that filters need. What no expression can say (phrases,
"two of these five words", authors) is asked for loosely and checked here on the answer.

What Milvus does not give:

* no transaction: a commit that is cut short leaves some of its papers visible under the former bookmark,
  and what is staged lives in memory until then;
* no place for a single writer: see to it that one worker runs (Lite locks its file by itself);
* BM25 per field is fetched for the best `FETCHED` papers and added up here: beyond them the order is not
  exact, and facets and other orders read every matching row.

Run on Milvus Lite 3.2.2 only, which is a program of its own: nothing here was run on a server or a cluster.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from broadsheet.index import (
    EVERYTHING,
    MOST_LEVELS,
    MOST_WORDS,
    Document,
    Facet,
    Filter,
    Floats,
    Group,
    Hit,
    IndexNotWritten,
    IndexTrouble,
    LexicalQuery,
    Mask,
    Order,
    Phrase,
    Words,
)
from broadsheet.index.asked import (
    checked_document,
    checked_filter,
    checked_keys,
    checked_limit,
    checked_vectors,
)
from broadsheet.index.codes import unit
from broadsheet.index.papers import text_hash, with_archives
from broadsheet.index.words import (
    MOST_SLOP,
    ORDERS,
    PLAIN,
    PREFIX_WORDS,
    SHORTEST_PREFIX,
    STEMMED,
    Piece,
    Weights,
    clean,
    name_spellings,
    pieces_of,
    spans,
)

if TYPE_CHECKING:
    from pymilvus import MilvusClient

ROOMS = ("a", "b")
FETCHED = 2_000
PAGE = 1_000
LONGEST = 60_000
CODE_LENGTH, MOST_CODES = 64, 256
TEXT_FIELDS = ("title", "abstract", "author")
BETWEEN_NAMES = " | "
STORED = ("key", "text", "day", "year", "has_code", "has_models", "categories", "votes", "hotness")


class Asked(NamedTuple):
    """A question as an expression. Where it is not `exact` it lets too many through, and `holds` must be
    asked of each row."""

    expression: str
    exact: bool
    holds: Callable[[Mapping[str, Any]], bool]


NOTHING = Asked("key < 0", True, lambda row: False)


@contextmanager
def speaking(write: bool = False) -> Iterator[None]:
    """Turns what Milvus says into a sentence."""
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as problem:
        kind = IndexNotWritten if write else IndexTrouble
        raise kind(f"Milvus did not do it ({problem}). See that it runs and try again.") from problem


def listed(words: Iterable[str]) -> str:
    """Words as Milvus stores them, at most `LONGEST` bytes."""
    return " ".join(words)[:LONGEST].encode()[:LONGEST].decode(errors="ignore")


def code_of(category: str) -> str:
    """A category as it can stand in an expression."""
    return re.sub(r"[^\w.+-]", "_", clean(category))[: CODE_LENGTH // 4]


def contains(words: Sequence[str], phrase: Sequence[str], slop: int) -> bool:
    """Whether the words of `phrase` stand in order with at most `slop` others between them."""
    starts = [place for place, word in enumerate(words) if word == phrase[0]]
    for start in starts:
        place = start
        for wanted in phrase[1:]:
            last = start + len(phrase) + slop
            later = next((at for at in range(place + 1, min(last, len(words))) if words[at] == wanted), -1)
            if later < 0:
                break
            place = later
        else:
            return True
    return False


class Reader:
    """From questions to expressions and back to what they score."""

    def __init__(self, weights: Weights, longer: Callable[[str, bool], list[str]]) -> None:
        self._weights = weights
        self._longer = longer
        self._left = MOST_WORDS
        self.scored: dict[str, list[str]] = {field: [] for field in TEXT_FIELDS}

    def read(self, asked: LexicalQuery, level: int = 0, positive: bool = True) -> Asked:
        if level > MOST_LEVELS:
            raise ValueError(f"A question may be nested {MOST_LEVELS} deep.")
        if isinstance(asked, Words):
            return self._words(asked, positive)
        if isinstance(asked, Phrase):
            return self._phrase(asked, positive)
        return self._group(asked, level, positive)

    def _group(self, group: Group, level: int, positive: bool) -> Asked:
        must = [self.read(part, level + 1, positive) for part in group.must]
        should = [self.read(part, level + 1, positive) for part in group.should]
        never = [self.read(part, level + 1, False) for part in group.must_not]
        needed = must or ([any_of(should)] if should else [])
        parts = [part.expression for part in needed]
        parts += [f"not ({part.expression})" for part in never if part.exact]
        return Asked(
            joined(parts, "and") or "key >= 0",
            all(part.exact for part in (*needed, *never)),
            lambda row: (
                all(each.holds(row) for each in needed) and not any(each.holds(row) for each in never)
            ),
        )

    def _words(self, asked: Words, positive: bool) -> Asked:
        pieces = self._pieces(asked.text)
        parts = []
        for piece in pieces:
            each = [
                self._word(plain, stem, asked.field, positive) for plain, stem in zip(*piece, strict=True)
            ]
            if asked.prefix and piece is pieces[-1] and len(each) == 1:
                each = [any_of([each[0], *self._beginning(piece.plain[0], asked.field, positive)])]
            parts.append(all_of(each))
        if not parts:
            return NOTHING
        needed = max(1, min(asked.at_least, len(parts)))
        if needed == len(parts):
            return all_of(parts)
        loose = any_of(parts)
        if needed == 1:
            return loose
        return Asked(loose.expression, False, lambda row: sum(each.holds(row) for each in parts) >= needed)

    def _beginning(self, beginning: str, field: str, positive: bool) -> list[Asked]:
        if len(beginning) < SHORTEST_PREFIX:
            return []
        found = self._longer(beginning, field == "author")
        return [self._word(word, STEMMED.analyze(word)[0], field, positive) for word in found]

    def _word(self, plain: str, stem: str, field: str, positive: bool) -> Asked:
        parts = []
        for name in self._fields(field):
            word = plain if name == "author" else stem
            if positive:
                self.scored[name].append(word)
            parts.append(_has(name, word))
        return any_of(parts)

    def _phrase(self, asked: Phrase, positive: bool) -> Asked:
        if not 0 <= asked.slop <= MOST_SLOP:
            raise ValueError(f"The words of a phrase may be 0 to {MOST_SLOP} places out of order.")
        pieces = self._pieces(asked.text)
        if not pieces:
            return NOTHING
        plain = [word for piece in pieces for word in piece.plain]
        stems = [stem for piece in pieces for stem in piece.stems]
        parts = []
        for name in self._fields(asked.field):
            words = plain if name == "author" else stems
            if positive:
                self.scored[name] += words
            parts.append(_side_by_side(name, words, asked.slop))
        return any_of(parts)

    def _fields(self, field: str) -> list[str]:
        if field == "any":
            return [name for name in TEXT_FIELDS if getattr(self._weights, name) > 0]
        if field not in TEXT_FIELDS:
            raise ValueError(f"There is no field {field!r}; there are any, title, abstract and author.")
        return [field]

    def _pieces(self, text: str) -> list[Piece]:
        pieces = pieces_of(text)
        self._left -= sum(len(piece.plain) for piece in pieces)
        if self._left < 0:
            raise ValueError(f"A question may have {MOST_WORDS} words.")
        return pieces


def _has(field: str, word: str) -> Asked:
    return Asked(f'text_match({field}, "{word}")', True, lambda row: word in row[field].split())


def _side_by_side(field: str, words: list[str], slop: int) -> Asked:
    every = all_of([_has(field, word) for word in words])
    if len(words) == 1:
        return every

    def holds(row: Mapping[str, Any]) -> bool:
        return any(contains(part.split(), words, slop) for part in row[field].split(BETWEEN_NAMES))

    return Asked(every.expression, False, holds)


def any_of(parts: Sequence[Asked]) -> Asked:
    if len(parts) == 1:
        return parts[0]
    expression, exact = joined((part.expression for part in parts), "or"), all(part.exact for part in parts)
    return Asked(expression, exact, lambda row: any(part.holds(row) for part in parts)) if parts else NOTHING


def all_of(parts: Sequence[Asked]) -> Asked:
    if len(parts) == 1:
        return parts[0]
    expression, exact = joined((part.expression for part in parts), "and"), all(part.exact for part in parts)
    return Asked(expression, exact, lambda row: all(part.holds(row) for part in parts)) if parts else NOTHING


def joined(parts: Iterable[str], by: str) -> str:
    return f" {by} ".join(f"({part})" for part in parts)


def author_asked(name: str) -> Asked:
    family, comma, given = clean(name).partition(",")
    words = PLAIN.analyze(f"{given} {family}" if comma else family)
    return _side_by_side("author", words, 0) if words else NOTHING


def ranges(filter: Filter) -> Iterator[tuple[str, int | None, int | None]]:
    yield "day", filter.first_day, filter.last_day
    yield "year", filter.first_year, filter.last_year


def columns_expression(filter: Filter) -> str:
    """Everything but authors. "" where all pass."""
    parts = []
    if filter.categories:
        codes = json.dumps([code_of(each) for each in filter.categories], ensure_ascii=False)
        parts.append(f"array_contains_any(categories, {codes})")
    for name, first, last in ranges(filter):
        if first is not None or last is not None:
            parts.append(f"{name} != 0")
        if first is not None:
            parts.append(f"{name} >= {first}")
        if last is not None:
            parts.append(f"{name} <= {last}")
    for name, wanted in (("has_code", filter.has_code), ("has_models", filter.has_models)):
        if wanted is not None:
            parts.append(f"{name} == {str(wanted).lower()}")
    if filter.exclude:
        parts.append(f"not (key in {sorted(filter.exclude)})")
    if filter.only is not None:
        parts.append(f"key in {sorted(filter.only)}" if filter.only else "key < 0")
    return joined(parts, "and") if parts else ""


class MilvusIndex:
    """An `Index` in Milvus at `uri` ("http://host:19530", or a file name for Lite); `prefix` begins the names
    of its collections. `client` is for those who have one already."""

    def __init__(
        self,
        uri: str,
        *,
        token: str = "",
        prefix: str = "broadsheet",
        weights: Weights = Weights(),  # noqa: B008 (frozen)
        client: MilvusClient | None = None,
    ) -> None:
        if client is None:
            try:
                from pymilvus import MilvusClient
            except ImportError as problem:
                raise IndexTrouble(
                    "Milvus needs a package: pip install pymilvus (and milvus-lite to try it)."
                ) from problem
            with speaking():
                client = MilvusClient(uri, token=token)
        self._uri, self._client, self._prefix, self._weights = uri, client, prefix, weights
        self._aside_room: str | None = None
        self._parent: MilvusIndex | None = None
        self._vocabulary: tuple[str | None, Counter[str]] = (None, Counter())
        self._forget()

    def again(self) -> MilvusIndex:
        """Another index over the same connection."""
        return MilvusIndex(self._uri, prefix=self._prefix, weights=self._weights, client=self._client)

    def _forget(self) -> None:
        self._documents: dict[int, Document | None] = {}
        self._vectors: dict[str, dict[int, tuple[int, Floats]]] = {}

    # Where things lie

    @property
    def _meta(self) -> str:
        return f"{self._prefix}_meta"

    def _note(self, name: str) -> str | None:
        with speaking():
            if not self._client.has_collection(self._meta):
                return None
            found = self._client.get(self._meta, [name], output_fields=["value"])
        return str(json.loads(found[0]["value"])) if found else None

    def _write_note(self, name: str, value: str) -> None:
        """JSON in ASCII, so that any text can be a bookmark."""
        if not self._client.has_collection(self._meta):
            self._make_meta()
        row = {"name": name, "value": json.dumps(value), "place": [0.0, 1.0]}
        self._client.upsert(self._meta, [row])

    def _make_meta(self) -> None:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False)
        schema.add_field("name", DataType.VARCHAR, max_length=256, is_primary=True)
        schema.add_field("value", DataType.VARCHAR, max_length=65_535)
        # Milvus wants a vector in every collection.
        schema.add_field("place", DataType.FLOAT_VECTOR, dim=2)
        self._create(self._meta, schema, {"place": ("AUTOINDEX", "L2")})

    def _create(self, name: str, schema: Any, indexes: Mapping[str, tuple[str, str]]) -> None:
        params = self._client.prepare_index_params()
        for field, (kind, metric) in indexes.items():
            params.add_index(field, index_type=kind, metric_type=metric)
        self._client.create_collection(name, schema=schema, index_params=params, consistency_level="Strong")

    def _room(self) -> str | None:
        room = self._aside_room or self._note("current")
        return room if room and self._note(f"bookmark {room}") is not None else None

    def _papers(self, room: str) -> str:
        return f"{self._prefix}_{room}_papers"

    def _embedders(self, room: str) -> dict[str, tuple[str, int]]:
        """Name → collection and dimensions."""
        noted = self._note(f"embedders {room}")
        return {name: (place, size) for name, (place, size) in json.loads(noted).items()} if noted else {}

    # Reading

    def bookmark(self) -> str | None:
        room = self._room()
        return self._note(f"bookmark {room}") if room else None

    def count(self) -> int:
        room = self._room()
        return self._count(self._papers(room)) if room else 0

    def _count(self, collection: str) -> int:
        with speaking():
            return int(self._client.query(collection, filter="", output_fields=["count(*)"])[0]["count(*)"])

    def vector_counts(self) -> dict[str, int]:
        room = self._room()
        return (
            {name: self._count(place) for name, (place, _) in self._embedders(room).items()} if room else {}
        )

    def lexical(
        self, query: LexicalQuery, filter: Filter = EVERYTHING, limit: int = 100, order: Order = "relevance"
    ) -> list[Hit]:
        limit, filter = checked_limit(limit), checked_filter(filter)
        if order != "relevance" and order not in ORDERS:
            raise ValueError(f"There is no order {order!r}.")
        room = self._room()
        reader = Reader(self._weights, self._longer)
        expression = self._settled(room, reader.read(query), filter) if room else ""
        if not room or not limit:
            return []
        if order != "relevance":
            return self._ordered(room, expression, limit, order)
        scores = self._scores(room, reader.scored, expression, max(FETCHED, limit))
        if len(scores) < limit:
            for row in self._rows(self._papers(room), expression, ["key"]):
                scores.setdefault(row["key"], 0.0)
        best = sorted(scores.items(), key=lambda each: (-each[1], each[0]))[:limit]
        return [Hit(key, score) for key, score in best]

    def _settled(self, room: str, asked: Asked, filter: Filter) -> str:
        """One exact expression for the question and its filter; reads rows where it takes that."""
        parts = (
            [asked, any_of([author_asked(name) for name in filter.authors])] if filter.authors else [asked]
        )
        whole = all_of(parts)
        columns = columns_expression(filter)
        expression = joined([whole.expression, *([columns] if columns else [])], "and")
        if whole.exact:
            return expression
        rows = self._rows(self._papers(room), expression, ["key", *TEXT_FIELDS])
        return f"key in {[row['key'] for row in rows if whole.holds(row)]}"

    def _scores(
        self, room: str, scored: Mapping[str, list[str]], expression: str, limit: int
    ) -> dict[int, float]:
        total: defaultdict[int, float] = defaultdict(float)
        for field, words in scored.items():
            if words:
                with speaking():
                    found = self._client.search(
                        self._papers(room),
                        data=[" ".join(words)],
                        anns_field=f"{field}_bm25",
                        filter=expression,
                        limit=limit,
                        output_fields=["key"],
                    )
                for hit in found[0]:
                    # Lite gives BM25 as a distance, below zero; a server as a score.
                    weight = float(getattr(self._weights, field)) or 1.0
                    total[hit["key"]] += weight * abs(hit["distance"])
        return total

    def _ordered(self, room: str, expression: str, limit: int, order: Order) -> list[Hit]:
        field, sign = ORDERS[order][0], 1 if order == "oldest" else -1
        rows = self._rows(self._papers(room), expression, ["key", field])
        rows.sort(key=lambda row: (sign * row[field], row["key"]))
        return [Hit(row["key"], float(row[field])) for row in rows[:limit]]

    def _rows(self, collection: str, expression: str, fields: list[str]) -> list[dict[str, Any]]:
        """All matching rows, a page at a time."""
        with speaking():
            pages = self._client.query_iterator(
                collection, batch_size=PAGE, filter=expression, output_fields=fields
            )
            rows: list[dict[str, Any]] = []
            while page := pages.next():
                rows += page
            pages.close()
        return rows

    def nearest(self, name: str, vector: Floats, filter: Filter = EVERYTHING, limit: int = 100) -> list[Hit]:
        limit, filter = checked_limit(limit), checked_filter(filter)
        room = self._room()
        embedders = self._embedders(room) if room else {}
        if room is None or name not in embedders:
            return []
        place, size = embedders[name]
        question = unit(checked_vectors(np.asarray(vector)[None], 1, size))[0]
        if not limit or not question.any():
            return []
        expression = columns_expression(filter)
        if filter.authors:
            everything = Asked("key >= 0", True, lambda row: True)
            expression = self._settled(room, everything, filter)
            if "key in" not in expression:
                expression = (
                    f"key in {[row['key'] for row in self._rows(self._papers(room), expression, ['key'])]}"
                )
        with speaking():
            found = self._client.search(
                place, data=[question.tolist()], anns_field="vector", filter=expression, limit=limit
            )
        return [Hit(hit["key"], float(hit["distance"])) for hit in found[0]]

    def vectors(self, name: str, keys: Sequence[int]) -> Floats:
        place, size = self._place(name)
        found = np.zeros((len(keys), size), np.float32)
        known = (
            {row["key"]: row["vector"] for row in self._got(place, keys, ["key", "vector"])} if place else {}
        )
        for row, key in enumerate(keys):
            if key in known:
                found[row] = known[key]
        return found

    def has_vectors(self, name: str, keys: Sequence[int]) -> Mask:
        place, _ = self._place(name)
        known = {row["key"] for row in self._got(place, keys, ["key"])} if place else set()
        return np.array([key in known for key in keys], np.bool_)

    def _place(self, name: str) -> tuple[str | None, int]:
        room = self._room()
        return (self._embedders(room) if room else {}).get(name, (None, 0))

    def _got(self, collection: str, keys: Sequence[int], fields: list[str]) -> list[dict[str, Any]]:
        wanted = sorted({int(key) for key in keys})
        with speaking():
            pages = [wanted[first : first + PAGE] for first in range(0, len(wanted), PAGE)]
            return [
                dict(row)
                for page in pages
                for row in self._client.get(collection, page, output_fields=fields)
            ]

    def facets(
        self,
        query: LexicalQuery,
        filter: Filter = EVERYTHING,
        fields: Sequence[Facet] = ("category", "year", "has_code"),
    ) -> dict[str, dict[str, int]]:
        room = self._room()
        reader = Reader(self._weights, self._longer)
        asked = reader.read(query) if room else NOTHING
        if room is None:
            return {field: {} for field in fields}
        expression = self._settled(room, asked, checked_filter(filter))
        columns = {"category": "categories"}
        rows = self._rows(
            self._papers(room), expression, ["key", *(columns.get(field, field) for field in fields)]
        )
        counts = {field: Counter(_values(row[columns.get(field, field)]) for row in rows) for field in fields}
        return {field: _flattened(count) for field, count in counts.items()}

    def terms(self) -> Iterator[tuple[str, int]]:
        return iter(sorted(self._known_words().items()))

    def _known_words(self) -> Counter[str]:
        """Counted over all papers once per bookmark: slow, and meant for the spelling list alone."""
        bookmark = self.bookmark()
        if self._vocabulary[0] != bookmark or bookmark is None:
            room = self._room()
            rows = self._rows(self._papers(room), "", ["key", "plain"]) if room else []
            self._vocabulary = (bookmark, Counter(word for row in rows for word in set(row["plain"].split())))
        return self._vocabulary[1]

    def _longer(self, beginning: str, in_authors: bool) -> list[str]:
        if in_authors:
            return []
        found = [
            each
            for each in self._known_words().items()
            if each[0].startswith(beginning) and each[0] != beginning
        ]
        return [word for word, _ in sorted(found, key=lambda each: -each[1])[:PREFIX_WORDS]]

    def matched(self, query: LexicalQuery, text: str) -> list[tuple[int, int]]:
        return spans(query, text)

    def verify(self) -> list[str]:
        room = self._room()
        if room is None:
            return []
        try:
            texts = {row["key"]: row["text"] for row in self._rows(self._papers(room), "", ["key", "text"])}
            found = []
            for name, (place, _) in self._embedders(room).items():
                rows = self._rows(place, "", ["key", "text"])
                strays = sum(texts.get(row["key"]) != row["text"] for row in rows)
                if strays:
                    found.append(
                        f"{strays:,} vectors of {name} belong to papers that are gone or were reworded."
                    )
            return found
        except IndexTrouble as problem:
            return [str(problem)]

    # Writing

    def put(self, documents: Sequence[Document], vectors: Mapping[str, Floats] | None = None) -> None:
        for document in documents:
            checked_document(document)
        arrays = {
            name: unit(checked_vectors(rows, len(documents), self._dimensions(name)))
            for name, rows in (vectors or {}).items()
        }
        for row, document in enumerate(documents):
            self._documents[document.key] = document
            text = signed_hash(document)
            for name, rows in arrays.items():
                self._vectors.setdefault(name, {})[document.key] = (text, rows[row])

    def put_vectors(self, name: str, keys: Sequence[int], vectors: Floats) -> None:
        rows = unit(checked_vectors(vectors, len(keys), self._dimensions(name)))
        texts = self._texts(checked_keys(keys).tolist())
        for row, key in enumerate(keys):
            if key in texts:
                self._vectors.setdefault(name, {})[key] = (texts[key], rows[row])

    def remove(self, keys: Sequence[int]) -> None:
        for key in keys:
            self._documents[int(key)] = None
            for staged in self._vectors.values():
                staged.pop(int(key), None)

    def _dimensions(self, name: str) -> int | None:
        staged = self._vectors.get(name)
        if staged:
            return len(next(iter(staged.values()))[1])
        return self._place(name)[1] or None

    def _texts(self, keys: Sequence[int]) -> dict[int, int]:
        """The hash of the words of each key that is a paper, staged or committed."""
        room = self._room()
        known = (
            {row["key"]: int(row["text"]) for row in self._got(self._papers(room), keys, ["key", "text"])}
            if room
            else {}
        )
        for key in keys:
            if key in self._documents:
                document = self._documents[key]
                known.pop(key, None)
                if document:
                    known[key] = signed_hash(document)
        return known

    def commit(self, bookmark: str) -> None:
        room = self._aside_room or self._note("current") or ROOMS[0]
        with speaking(write=True):
            if self._room() is None:
                self._clear(room)
                self._make_papers(room)
                self._write_note(f"embedders {room}", "{}")
            kept = {key: document for key, document in self._documents.items() if document}
            gone = [key for key, document in self._documents.items() if document is None]
            for first in range(0, len(kept), PAGE):
                rows = [paper_row(each) for each in list(kept.values())[first : first + PAGE]]
                self._client.upsert(self._papers(room), rows)
            if gone:
                self._client.delete(self._papers(room), ids=gone)
            self._commit_vectors(room, kept, gone)
            self._write_note(f"bookmark {room}", bookmark)
            if not self._aside_room:
                self._write_note("current", room)
        self._forget()

    def _commit_vectors(self, room: str, kept: Mapping[int, Document], gone: list[int]) -> None:
        embedders = self._embedders(room)
        for name, staged in self._vectors.items():
            if name not in embedders and staged:
                size = len(next(iter(staged.values()))[1])
                embedders[name] = (f"{self._prefix}_{room}_v{len(embedders)}", size)
                self._make_vectors(*embedders[name])
                self._write_note(f"embedders {room}", json.dumps(embedders))
        for name, (place, _) in embedders.items():
            staged = self._vectors.get(name, {})
            stored = {row["key"]: row for row in self._got(place, list(kept), ["key", "text", "vector"])}
            vectors = {
                key: (int(row["text"]), np.array(row["vector"], np.float32)) for key, row in stored.items()
            }
            self._upsert_vectors(room, place, {**vectors, **staged}, kept, gone)

    def _upsert_vectors(
        self,
        room: str,
        place: str,
        vectors: Mapping[int, tuple[int, Floats]],
        kept: Mapping[int, Document],
        gone: list[int],
    ) -> None:
        """Vectors with the columns of their papers as they are now; those whose words have changed go."""
        others = [key for key in vectors if key not in kept]
        columns = {key: columns_of(document) for key, document in kept.items()}
        columns |= {
            row["key"]: {name: row[name] for name in STORED}
            for row in self._got(self._papers(room), others, [*STORED])
        }
        rows, void = [], list(gone)
        for key, (text, vector) in vectors.items():
            if key in columns and columns[key]["text"] == text and vector.any():
                rows.append(
                    {
                        **columns[key],
                        "categories": list(columns[key]["categories"]),
                        "vector": vector.tolist(),
                    }
                )
            else:
                void.append(key)
        for first in range(0, len(rows), PAGE):
            self._client.upsert(place, rows[first : first + PAGE])
        if void:
            self._client.delete(place, ids=void)

    def _make_papers(self, room: str) -> None:
        from pymilvus import DataType, Function, FunctionType

        schema = self._columns()
        schema.add_field("plain", DataType.VARCHAR, max_length=65_535)
        for field in TEXT_FIELDS:
            schema.add_field(
                field,
                DataType.VARCHAR,
                max_length=65_535,
                enable_analyzer=True,
                enable_match=True,
                analyzer_params={"tokenizer": "standard"},
            )
            schema.add_field(f"{field}_bm25", DataType.SPARSE_FLOAT_VECTOR)
            schema.add_function(Function(f"{field}_to_bm25", FunctionType.BM25, [field], [f"{field}_bm25"]))
        indexes = {f"{field}_bm25": ("SPARSE_INVERTED_INDEX", "BM25") for field in TEXT_FIELDS}
        self._create(self._papers(room), schema, indexes)

    def _make_vectors(self, place: str, dimensions: int) -> None:
        from pymilvus import DataType

        schema = self._columns()
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
        self._create(place, schema, {"vector": ("AUTOINDEX", "COSINE")})

    def _columns(self) -> Any:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        for name in ("text", "day", "year"):
            schema.add_field(name, DataType.INT64)
        for name in ("has_code", "has_models"):
            schema.add_field(name, DataType.BOOL)
        for name in ("votes", "hotness"):
            schema.add_field(name, DataType.DOUBLE)
        schema.add_field(
            "categories",
            DataType.ARRAY,
            element_type=DataType.VARCHAR,
            max_length=CODE_LENGTH,
            max_capacity=MOST_CODES,
        )
        return schema

    # Growing anew

    def aside(self) -> MilvusIndex:
        if self._aside_room:
            raise ValueError("An aside has no aside of its own.")
        made = self.again()
        made._aside_room = ROOMS[1 - ROOMS.index(self._note("current") or ROOMS[0])]
        made._parent = self
        return made

    def publish(self) -> None:
        if self._aside_room is None or self._parent is None:
            raise ValueError("Only what aside() made can be published.")
        if self._documents or self._vectors or self._parent._documents or self._parent._vectors:
            raise ValueError("Commit what is staged before you publish.")
        if self._room() is None:
            raise ValueError("Nothing was committed that could be published.")
        former = ROOMS[1 - ROOMS.index(self._aside_room)]
        with speaking(write=True):
            self._write_note("current", self._aside_room)
            self._clear(former)
        self._aside_room = self._parent = None

    def drop(self) -> None:
        self._forget()
        with speaking(write=True):
            if self._client.has_collection(self._meta) and not self._aside_room:
                self._client.delete(self._meta, ids=["current"])
            for room in [self._aside_room] if self._aside_room else ROOMS:
                self._clear(room)

    def _clear(self, room: str) -> None:
        """The bookmark goes first: without it the room counts as empty."""
        if self._client.has_collection(self._meta):
            self._client.delete(self._meta, ids=[f"bookmark {room}", f"embedders {room}"])
        for name in self._client.list_collections():
            if name.startswith(f"{self._prefix}_{room}_"):
                self._client.drop_collection(name)

    def close(self) -> None:
        """Forgets what is staged. The connection is shared by `again` and ends with the process."""
        self._forget()


def signed_hash(document: Document) -> int:
    """Milvus has no unsigned numbers."""
    return text_hash(document) - 2**63


def columns_of(document: Document) -> dict[str, Any]:
    codes = [code_of(each) for each in with_archives(document.categories)]
    return {
        "key": document.key,
        "text": signed_hash(document),
        "day": document.day,
        "year": document.year,
        "has_code": document.has_code,
        "has_models": document.has_models,
        "votes": float(document.votes),
        "hotness": float(document.hotness),
        "categories": codes[:MOST_CODES],
    }


def paper_row(document: Document) -> dict[str, Any]:
    names = [spelling for name in document.authors for spelling in name_spellings(name)]
    plain = PLAIN.analyze(clean(f"{document.title} {document.abstract}"))
    return {
        **columns_of(document),
        "title": listed(STEMMED.analyze(clean(document.title))),
        "abstract": listed(STEMMED.analyze(clean(document.abstract))),
        "author": BETWEEN_NAMES.join(listed(PLAIN.analyze(name)) for name in names)[: LONGEST // 4],
        "plain": listed(sorted(set(plain))),
    }


def _values(value: Any) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, int):
        return (str(value),) if value else ()
    return tuple(value)


def _flattened(counts: Counter[tuple[str, ...]]) -> dict[str, int]:
    flat: Counter[str] = Counter()
    for values, count in counts.items():
        for value in values:
            flat[value] += count
    return dict(flat.most_common())
