"""Words: a tantivy index of titles, abstracts and authors, and the way from a `LexicalQuery` to its queries.

Nothing is stored in it: a hit is a key, read from a fast field. The text of a question is never parsed here,
only cut into words, so no stranger's text can mean anything but words.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import tantivy
from tantivy import FieldType, Occur, Query

from broadsheet.index import (
    MOST_CHARACTERS,
    MOST_LEVELS,
    MOST_WORDS,
    Document,
    Facet,
    Filter,
    Group,
    Hit,
    IndexDamaged,
    IndexNotWritten,
    LexicalQuery,
    Order,
    Phrase,
    Words,
)
from broadsheet.index.files import crc_of, rebuild_words
from broadsheet.index.papers import with_archives

LONGEST_WORD = 64
META = "meta.json"
SEGMENT_PARTS = ("idx", "pos", "term", "fast", "fieldnorm", "store")

# How many longer words a beginning may stand for, and how short it may be.
PREFIX_WORDS, SHORTEST_PREFIX = 30, 2

ORDERS: dict[Order, tuple[str, tantivy.Order]] = {
    "newest": ("day", tantivy.Order.Desc),
    "oldest": ("day", tantivy.Order.Asc),
    "votes": ("votes", tantivy.Order.Desc),
    "hotness": ("hotness", tantivy.Order.Desc),
}
MOST_BUCKETS = 2_000
MOST_SLOP = 20
LARGEST_DAY = 2**31
FOOTER_MAGIC = 1337
LOOKS = 5


@dataclass(frozen=True, slots=True)
class Weights:
    """How much a match in each field counts (factor on BM25; tantivy's k1 = 1.2, b = 0.75). `exact_title` is
    added where the title has the very word, not only its stem; `phrase` is the factor on parts of one word
    standing together. A weight of 0 leaves the field out of "any"."""

    title: float = 2.0
    exact_title: float = 0.5
    abstract: float = 1.0
    author: float = 1.0
    phrase: float = 0.5


def analyzer(stemmed: bool) -> tantivy.TextAnalyzer:
    chain = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    chain = chain.filter(tantivy.Filter.remove_long(LONGEST_WORD))
    chain = chain.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold())
    return (chain.filter(tantivy.Filter.stemmer("english")) if stemmed else chain).build()


STEMMED, PLAIN = analyzer(stemmed=True), analyzer(stemmed=False)


def schema() -> tantivy.Schema:
    build = tantivy.SchemaBuilder()
    build.add_unsigned_field("key", indexed=True, fast=True)
    build.add_text_field("title", tokenizer_name="stemmed")
    build.add_text_field("abstract", tokenizer_name="stemmed")
    build.add_text_field("author", tokenizer_name="plain")
    build.add_text_field("exact_title", tokenizer_name="plain", index_option="freq")
    build.add_text_field("vocabulary", tokenizer_name="plain", index_option="basic")
    build.add_text_field("category", fast=True, tokenizer_name="raw", index_option="basic")
    build.add_integer_field("day", indexed=True, fast=True)
    build.add_integer_field("year", indexed=True, fast=True)
    build.add_boolean_field("has_code", indexed=True, fast=True)
    build.add_boolean_field("has_models", indexed=True, fast=True)
    build.add_float_field("votes", fast=True)
    build.add_float_field("hotness", fast=True)
    return build.build()


SCHEMA = schema()


def clean(text: str) -> str:
    """One spelling of each character, and nothing that cannot be written as UTF-8."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.encode(errors="replace").decode())


def name_spellings(name: str) -> list[str]:
    """As printed, first and last, initials and last: so that "A. Lovelace" finds "Ada King Lovelace"."""
    parts = clean(name).replace("-", " ").replace(".", " ").split()
    if len(parts) < 2:
        return [" ".join(parts)] if parts else []
    *given, family = parts
    initials = " ".join(part[0] for part in given)
    spellings = [" ".join(parts), f"{given[0]} {family}", f"{initials} {family}", f"{given[0][0]} {family}"]
    return list(dict.fromkeys(spellings))


def tantivy_document(document: Document) -> tantivy.Document:
    title, abstract = clean(document.title), clean(document.abstract)
    made = tantivy.Document()
    made.add_unsigned("key", document.key)
    made.add_text("title", title)
    made.add_text("exact_title", title)
    made.add_text("abstract", abstract)
    made.add_text("vocabulary", title)
    made.add_text("vocabulary", abstract)
    for name in document.authors:
        for spelling in name_spellings(name):
            made.add_text("author", spelling)
    for code in with_archives(document.categories):
        made.add_text("category", clean(code))
    made.add_integer("day", document.day)
    made.add_integer("year", document.year)
    made.add_boolean("has_code", document.has_code)
    made.add_boolean("has_models", document.has_models)
    made.add_float("votes", document.votes)
    made.add_float("hotness", document.hotness)
    return made


class Piece(NamedTuple):
    """What stands between two spaces of a question: the words that it is to the index, and their stems."""

    plain: list[str]
    stems: list[str]


class Compiler:
    """From a question to tantivy's queries, word by word, counting what they cost."""

    def __init__(self, weights: Weights, searcher: tantivy.Searcher) -> None:
        self._weights = weights
        self._searcher = searcher
        self._left = MOST_WORDS

    def query(self, asked: LexicalQuery, level: int = 0) -> Query:
        if level > MOST_LEVELS:
            raise ValueError(f"A question may be nested {MOST_LEVELS} deep.")
        if isinstance(asked, Words):
            return self._words(asked)
        if isinstance(asked, Phrase):
            return self._phrase(asked)
        return self._group(asked, level)

    def _group(self, group: Group, level: int) -> Query:
        parts = [(Occur.Must, self.query(part, level + 1)) for part in group.must]
        for part in group.should:
            # Plain words join one flat union, in which tantivy skips what cannot reach the best.
            inner = self._union(part) if _any_word_will_do(part) else [self.query(part, level + 1)]
            parts += [(Occur.Should, query) for query in inner]
        if not group.must and not group.should:
            parts = [(Occur.Must, unscored(Query.all_query()))]
        parts += [(Occur.MustNot, self.query(part, level + 1)) for part in group.must_not]
        return Query.boolean_query(parts)

    def _words(self, asked: Words) -> Query:
        if _any_word_will_do(asked):
            return union(self._union(asked))
        pieces = self._pieces(asked.text)
        found = [self._piece(piece, asked, asked.prefix and piece is pieces[-1]) for piece in pieces]
        needed = max(1, min(asked.at_least, len(found)))
        if needed == len(found) > 1:
            # An intersection is walked from its rarest word; counting matches reads every list whole.
            return Query.boolean_query([(Occur.Must, part) for part in found])
        parts = [(Occur.Should, part) for part in found]
        return (
            Query.boolean_query(parts, minimum_number_should_match=needed) if parts else Query.empty_query()
        )

    def _union(self, asked: Words) -> list[Query]:
        """One query per word and field; words made of several words are one query each."""
        found: list[Query] = []
        for piece in self._pieces(asked.text):
            if len(piece.plain) == 1:
                found += self._leaves(piece, asked.field, asked.boost)
            else:
                found.append(self._compound(piece, asked))
        return found

    def _piece(self, piece: Piece, asked: Words, is_beginning: bool) -> Query:
        if len(piece.plain) > 1:
            return self._compound(piece, asked)
        leaves = self._leaves(piece, asked.field, asked.boost)
        return union(leaves + self._longer(piece.plain[0], asked) if is_beginning else leaves)

    def _compound(self, piece: Piece, asked: Words) -> Query:
        """All words of the piece, and more for those that stand together."""
        each = zip(piece.plain, piece.stems, strict=True)
        words = [Piece([plain], [stem]) for plain, stem in each]
        parts = [(Occur.Must, union(self._leaves(word, asked.field, asked.boost))) for word in words]
        together = self._side_by_side(piece, asked.field, 0, asked.boost * self._weights.phrase)
        return Query.boolean_query([*parts, (Occur.Should, together)])

    def _longer(self, beginning: str, asked: Words) -> list[Query]:
        """The commonest words that begin so, each counting a little less than the word itself."""
        if len(beginning) < SHORTEST_PREFIX:
            return []
        field = "author" if asked.field == "author" else "vocabulary"
        found = self._searcher.terms_with_prefix(field, beginning)
        commonest = sorted(found, key=lambda each: -each[1])[:PREFIX_WORDS]
        pieces = [Piece([word], STEMMED.analyze(word)) for word, _ in commonest if word != beginning]
        return [leaf for piece in pieces for leaf in self._leaves(piece, asked.field, asked.boost * 0.8)]

    def _phrase(self, asked: Phrase) -> Query:
        if not 0 <= asked.slop <= MOST_SLOP:
            raise ValueError(f"The words of a phrase may be 0 to {MOST_SLOP} places out of order.")
        pieces = self._pieces(asked.text)
        if not pieces:
            return Query.empty_query()
        whole = Piece(
            [word for piece in pieces for word in piece.plain],
            [stem for piece in pieces for stem in piece.stems],
        )
        return self._side_by_side(whole, asked.field, asked.slop, asked.boost)

    def _side_by_side(self, piece: Piece, field: str, slop: int, boost: float) -> Query:
        if len(piece.plain) == 1:
            return union(self._leaves(piece, field, boost))
        parts = []
        for name, weight in self._fields(field):
            if name != "exact_title":
                words: list[str | tuple[int, str]] = [*(piece.plain if name == "author" else piece.stems)]
                phrase = Query.phrase_query(SCHEMA, name, words, slop)
                parts.append(Query.boost_query(phrase, weight * boost))
        return union(parts)

    def _leaves(self, piece: Piece, field: str, boost: float) -> list[Query]:
        """A piece of one word, in each of its fields."""
        leaves = []
        for name, weight in self._fields(field):
            word = piece.stems[0] if name in ("title", "abstract") else piece.plain[0]
            leaves.append(Query.boost_query(Query.term_query(SCHEMA, name, word, "freq"), weight * boost))
        return leaves

    def _fields(self, field: str) -> list[tuple[str, float]]:
        weights = self._weights
        if field == "any":
            every = [
                (name, float(getattr(weights, name)))
                for name in ("title", "exact_title", "abstract", "author")
            ]
            return [each for each in every if each[1] > 0]
        if field == "title":
            return [("title", weights.title or 1.0)] + [("exact_title", weights.exact_title)] * (
                weights.exact_title > 0
            )
        if field in ("abstract", "author"):
            return [(field, float(getattr(weights, field)) or 1.0)]
        raise ValueError(f"There is no field {field!r}; there are any, title, abstract and author.")

    def _pieces(self, text: str) -> list[Piece]:
        pieces = pieces_of(text)
        self._left -= sum(len(piece.plain) for piece in pieces)
        if self._left < 0:
            raise ValueError(f"A question may have {MOST_WORDS} words.")
        return pieces


def pieces_of(text: str) -> list[Piece]:
    """What stands between spaces and has a word in it."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"A question may have {MOST_CHARACTERS:,} characters.")
    pieces = [Piece(PLAIN.analyze(piece), STEMMED.analyze(piece)) for piece in clean(text).split()]
    return [piece for piece in pieces if piece.plain]


def _any_word_will_do(asked: LexicalQuery) -> TypeGuard[Words]:
    return isinstance(asked, Words) and asked.at_least <= 1 and not asked.prefix


def union(queries: list[Query]) -> Query:
    if len(queries) == 1:
        return queries[0]
    return (
        Query.boolean_query([(Occur.Should, query) for query in queries]) if queries else Query.empty_query()
    )


def unscored(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def filter_queries(filter: Filter) -> list[Query]:
    """What must hold of a paper besides the question; `exclude` is left to the caller."""
    parts = [
        _range("day", filter.first_day, filter.last_day),
        _range("year", filter.first_year, filter.last_year),
        _flag("has_code", filter.has_code),
        _flag("has_models", filter.has_models),
    ]
    if filter.categories:
        parts.append(Query.term_set_query(SCHEMA, "category", [clean(code) for code in filter.categories]))
    if filter.authors:
        parts.append(union([author_query(name) for name in filter.authors]))
    if filter.only is not None:
        parts.append(
            Query.term_set_query(SCHEMA, "key", sorted(filter.only)) if filter.only else Query.empty_query()
        )
    return [unscored(part) for part in parts if part is not None]


def _range(field: str, first: int | None, last: int | None) -> Query | None:
    if first is None and last is None:
        return None
    low, high = (-LARGEST_DAY if first is None else first), (LARGEST_DAY if last is None else last)
    inside = Query.range_query(SCHEMA, field, FieldType.Integer, low, high)
    unknown = Query.term_query(SCHEMA, field, 0)
    return Query.boolean_query([(Occur.Must, inside), (Occur.MustNot, unknown)])


def _flag(field: str, wanted: bool | None) -> Query | None:
    return None if wanted is None else Query.term_query(SCHEMA, field, wanted)


def author_query(name: str) -> Query:
    """ "Lovelace, Ada" is "Ada Lovelace"; one word is a name's any part."""
    family, comma, given = clean(name).partition(",")
    words = PLAIN.analyze(f"{given} {family}" if comma else family)
    if len(words) > 1:
        return Query.phrase_query(SCHEMA, "author", [*words])
    return Query.term_query(SCHEMA, "author", words[0]) if words else Query.empty_query()


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """What tantivy says of files it cannot read comes as ValueError, OSError or a Rust panic."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as problem:
        raise IndexDamaged(rebuild_words(folder, f"its words cannot be read ({problem})")) from problem
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        raise IndexDamaged(rebuild_words(folder, f"its words cannot be read ({problem})")) from problem


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """The same for files it cannot write."""
    try:
        with reading(folder):
            yield
    except IndexDamaged as problem:
        raise IndexNotWritten(
            f"The words of the search index in {folder} could not be written ({problem.__cause__}). "
            "Make room on its disk and run the same again; nothing acknowledged is lost."
        ) from problem


class WordTable:
    """The reader's end: one folder, as of its last commit."""

    def __init__(self, folder: Path, weights: Weights) -> None:
        self._folder, self._weights = folder, weights
        with reading(folder):
            self._index = opened(folder)
            self._index.config_reader("manual")
            self._index.reload()
            self._searcher = self._index.searcher()

    def refreshed(self) -> WordTable:
        """The same folder at a later commit; this one keeps answering as before."""
        later = object.__new__(WordTable)
        later._folder, later._weights, later._index = self._folder, self._weights, self._index
        with reading(self._folder):
            self._index.reload()
            later._searcher = self._index.searcher()
        return later

    def search(self, asked: LexicalQuery, filter: Filter, limit: int, order: Order) -> list[Hit]:
        if limit <= 0:
            return []
        query = self._whole(asked, filter)
        # Excluded papers are few beside the corpus: ask for as many more and drop them.
        wanted = limit + len(filter.exclude)
        with reading(self._folder):
            if order == "relevance":
                found = self._searcher.search(query, wanted, count=False).hits
            else:
                field, direction = ORDERS[order]
                found = self._searcher.search(
                    query, wanted, count=False, order_by_field=field, order=direction
                ).hits
            keys = self._searcher.fast_field_values("key", [address for _, address in found])
        hits = [Hit(int(key or 0), float(score)) for key, (score, _) in zip(keys, found, strict=True)]
        return [hit for hit in hits if hit.key not in filter.exclude][:limit]

    def keys(self, filter: Filter) -> list[int]:
        """Every paper that passes, in no order."""
        query = self._whole(Group(), filter)
        with reading(self._folder):
            found = self._searcher.search(query, max(1, self._searcher.num_docs), count=False).hits
            return [
                int(key or 0)
                for key in self._searcher.fast_field_values("key", [address for _, address in found])
            ]

    def facets(
        self, asked: LexicalQuery, filter: Filter, fields: Sequence[Facet]
    ) -> dict[str, dict[str, int]]:
        query = self._whole(asked, filter)
        if filter.exclude:
            excluded = Query.term_set_query(SCHEMA, "key", sorted(filter.exclude))
            query = Query.boolean_query([(Occur.Must, query), (Occur.MustNot, excluded)])
        wanted = {field: {"terms": {"field": field, "size": MOST_BUCKETS}} for field in fields}
        with reading(self._folder):
            answer: dict[str, Any] = self._searcher.aggregate(query, wanted) if wanted else {}
        return {field: _counts(answer[field]["buckets"]) for field in fields}

    def terms(self) -> Iterator[tuple[str, int]]:
        with reading(self._folder):
            yield from self._searcher.terms_with_prefix("vocabulary", "")

    def count(self) -> int:
        return self._searcher.num_docs

    def _whole(self, asked: LexicalQuery, filter: Filter) -> Query:
        query = Compiler(self._weights, self._searcher).query(asked)
        conditions = filter_queries(filter)
        if not conditions:
            return query
        return Query.boolean_query([(Occur.Must, query), *((Occur.Must, each) for each in conditions)])


def _counts(buckets: list[dict[str, Any]]) -> dict[str, int]:
    named = {each.get("key_as_string", each["key"]): int(each["doc_count"]) for each in buckets}
    return {
        name if isinstance(name, str) else f"{name:.0f}": count for name, count in named.items() if name != 0
    }


def spans(asked: LexicalQuery, text: str) -> list[tuple[int, int]]:
    """Where the words that are asked for stand in `text`, by their stems."""
    stems, beginnings = set[str](), set[str]()
    for words in _asked_words(asked):
        stems.update(STEMMED.analyze(clean(words.text)))
        if isinstance(words, Words) and words.prefix:
            beginnings.update(PLAIN.analyze(clean(words.text))[-1:])
    found = []
    for token in STEMMED.pre_tokenize(_same_length(text)).tokens:
        start, end = token.char_offset_from, token.char_offset_to or token.char_offset_from
        plain = "".join(PLAIN.analyze(text[start:end]))
        if token.text in stems or any(plain.startswith(each) for each in beginnings):
            found.append((start, end))
    return found


def _same_length(text: str) -> str:
    """Legal UTF-8 without moving a character: offsets must fit the caller's own text."""
    return text.encode(errors="replace").decode()


def _asked_words(asked: LexicalQuery) -> Iterator[Words | Phrase]:
    if isinstance(asked, Group):
        for part in (*asked.must, *asked.should):
            yield from _asked_words(part)
    else:
        yield asked


def opened(folder: Path) -> tantivy.Index:
    index = tantivy.Index.open(str(folder))
    index.register_tokenizer("stemmed", STEMMED)
    index.register_tokenizer("plain", PLAIN)
    return index


class WordLog:
    """The writer's end. Memory: `memory` bytes for each of `threads`, plus what a merge takes."""

    def __init__(self, folder: Path, memory: int, threads: int) -> None:
        self._folder = folder
        with storing(folder):
            if not (folder / META).exists():
                folder.mkdir(exist_ok=True)
                tantivy.Index(SCHEMA, str(folder))
        with reading(folder):
            index = opened(folder)
        with storing(folder):
            self._writer = index.writer(memory * threads, threads)
            # A writer that was killed within its commit may leave a file that the same commit, done again,
            # would make anew, and tantivy refuses to write over it.
            self._writer.garbage_collect_files()
        self._staged = False

    def replace(self, known: Sequence[int], documents: Sequence[Document]) -> None:
        """`known` are the keys of papers that are there already, or are to go."""
        with storing(self._folder):
            if known:
                # delete_documents_by_term takes a number for signed and finds nothing in an unsigned field.
                self._writer.delete_documents_by_query(Query.term_set_query(SCHEMA, "key", list(known)))
            for document in documents:
                self._writer.add_document(tantivy_document(document))
        self._staged = self._staged or bool(known or documents)

    def commit(self) -> int:
        """Returns the number of the commit, larger than all before it."""
        with storing(self._folder):
            if self._staged:
                self._writer.commit()
                self._staged = False
            return stamp_of(self._folder)

    def close(self) -> None:
        """Gives the folder free; what was not committed is forgotten."""
        try:
            with storing(self._folder):
                self._writer.wait_merging_threads()
        except IndexNotWritten:
            # A writer that has failed cannot wait for its threads; its lock goes with it.
            pass
        del self._writer


def stamp_of(folder: Path) -> int:
    """The number of tantivy's last commit in a folder. IndexDamaged where its list of segments cannot be
    read."""
    try:
        return int(json.loads((folder / META).read_text(encoding="utf-8"))["opstamp"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise IndexDamaged(rebuild_words(folder, f"{META} cannot be read ({problem})")) from problem


def problems_in(folder: Path, contents: bool) -> list[str]:
    """What is wrong with tantivy's files. Merges take files away while we look, so a list that changed
    meanwhile is looked at again."""
    for _ in range(LOOKS):
        before = _segments(folder)
        found = [problem for name in before for problem in [_problem_of(folder / name, contents)] if problem]
        if not found or before == _segments(folder):
            return found
    return found


def lengths_in(folder: Path) -> dict[Path, int]:
    """How long each of tantivy's files is now; those that a merge takes away meanwhile are left out."""
    found = {}
    for name in _segments(folder):
        with suppress(FileNotFoundError):
            found[folder / name] = (folder / name).stat().st_size
    return found


def _segments(folder: Path) -> list[str]:
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        return [name for segment in meta["segments"] for name in _files_of(segment)]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise IndexDamaged(rebuild_words(folder, f"{META} cannot be read ({problem})")) from problem


def _files_of(segment: dict[str, Any]) -> list[str]:
    stem = segment["segment_id"].replace("-", "")
    names = [f"{stem}.{part}" for part in SEGMENT_PARTS]
    return [*names, f"{stem}.{segment['deletes']['opstamp']}.del"] if segment["deletes"] else names


def _problem_of(path: Path, contents: bool) -> str:
    """A file of tantivy ends with JSON that holds the CRC-32 of all before it, the length of that JSON and a
    magic number (tantivy's directory/footer.rs)."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 8))
            length, magic = int.from_bytes(file.read(4), "little"), int.from_bytes(file.read(4), "little")
            body = size - 8 - length
            if magic != FOOTER_MAGIC or body < 0:
                return f"{path.name} is cut short or overwritten"
            file.seek(body)
            crc = json.loads(file.read(length))["crc"]
        if contents and crc_of(path, body) != crc:
            return f"{path.name} is not what was written (wrong checksum)"
    except FileNotFoundError:
        return f"{path.name} is missing"
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"{path.name} cannot be read ({problem})"
    return ""
