"""Every paper's words as a short list of weights, kept in one folder, for models that are linear in words.

A bag is a unit vector over 2¹⁸ places; a word's place is its checksum, so there is no vocabulary to keep
in step. Counts (those of the title three times) enter by 1 + log, rarity by its root, and the commonest words
not at all. How common each place is, and what an average bag looks like, was counted once on arXiv and comes
along as a file: a bag never changes because other papers came in, so the folder only grows.

Beside the words stand the authors, each as the checksum of their name, for a model of its own.

Files, all append-only, read through memory maps: `rows` (a record for each bag), `places` and `weights` (one
entry for each word), `people` (one for each author). `state.json` says how much of them counts; what stands
behind it was left by a crash.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from broadsheet import identifiers

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
People = npt.NDArray[np.uint32]

BUCKETS = 1 << 18
TITLE = 3
# What stands in more than this share of all papers tells nothing.
COMMON = 0.3
# How much rarity counts (1 as in tf-idf), chosen on the development half of evals/libraries.
RARITY = 0.5
COUNTED = Path(__file__).parent.parent / "data" / "bags.npz"
# Raise it when `bag` says something else of the same text: folders are then made anew.
FORMAT = 3
MOST_AUTHORS = 30
# Of a text; an abstract has 1,000 to 2,000 letters.
LETTERS = 20_000
LONGEST_WORD = 40
STEPS = 8.0  # of the logarithms in the counted file, to a doubling
SMALLEST = 32  # doublings below 1

_WORD = re.compile(r"[^\W\d_]\w+")
ROW = np.dtype(
    [("key", "<i8"), ("end", "<i8"), ("scale", "<f4"), ("common", "<f4"), ("month", "<i4"), ("people", "<i4")]
)


class BagsBusy(Exception):
    """Another process is writing."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What arXiv's words are like: weight of each place (0 for the commonest) and the average bag."""

    weight: Floats
    mean: Floats


@cache
def counted() -> Counted:
    """From the file that comes along; `python -m evals.bags` makes it."""
    with np.load(COUNTED) as kept:
        papers = float(kept["papers"])
        held = np.where(kept["held"] > 0, np.exp2(kept["held"] / STEPS), 1.0)
        mean = np.where(kept["mean"] > 0, np.exp2(kept["mean"] / STEPS - SMALLEST), 0.0)
    weight = np.log1p(papers / held) ** RARITY
    weight[held > COMMON * papers] = 0.0
    return Counted(weight.astype(np.float32), mean.astype(np.float32))


def coded(values: npt.NDArray[np.float64], shift: int) -> npt.NDArray[np.uint8]:
    """Numbers as eighths of doublings, 0 for 0; for the counted file."""
    with np.errstate(divide="ignore"):
        codes = np.rint((np.log2(values) + shift) * STEPS)
    return np.where(values > 0, np.clip(codes, 1, 255), 0).astype(np.uint8)


def words_of(text: str) -> list[str]:
    """The words of a text, in order, in small letters."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(text[:LETTERS].lower())]


def place_of(word: str) -> int:
    return crc32(word.encode("utf-8", "replace")) & (BUCKETS - 1)


def counts(title: str, abstract: str) -> Counter[str]:
    """How often each word counts in a paper. A sentence is a title without an abstract."""
    found = Counter(words_of(abstract))
    for word in words_of(title):
        found[word] += TITLE
    return found


@dataclass(frozen=True, slots=True)
class Bag:
    """Places and weights of the words, together of length 1, and who wrote it."""

    places: Ints
    weights: Floats
    people: People


def bag(title: str, abstract: str = "", authors: Sequence[str] = ()) -> Bag:
    """Of a paper, of a bibliography's entry, or of a sentence."""
    found = counts(title, abstract)
    places = np.array([place_of(word) for word in found], np.int64)
    places, weights = weighed(places, 1 + np.log(np.array(list(found.values()), np.float64)))
    return Bag(places, weights, people_of(authors))


def people_of(authors: Sequence[str]) -> People:
    """Checksums of at most MOST_AUTHORS names, each once; however a name is spelt, it is one."""
    slugs = dict.fromkeys(identifiers.author_slug(name) for name in authors[:MOST_AUTHORS])
    return np.array([crc32(slug.encode("utf-8", "replace")) for slug in slugs if slug], np.uint32)


def weighed(places: Ints, weights: npt.NDArray[np.float64]) -> tuple[Ints, Floats]:
    """Damped counts with rarity laid over them, made of length 1."""
    weights = weights * counted().weight[places]
    some = weights > 0
    order = np.argsort(places[some], kind="stable")
    places, weights = places[some][order], weights[some][order]
    length = float(np.linalg.norm(weights))
    return places, (weights / length if length else weights).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some papers' bags side by side: row i holds entries ends[i − 1] to ends[i] of `places` and `weights`,
    `scale[i]` times which are its weights, and was written by `people` up to people_ends[i]. `common` is each
    bag's product with the average one; `month` is as in 202411, 0 if unknown."""

    keys: Ints
    ends: Ints
    places: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.uint8]
    scale: Floats
    common: Floats
    month: npt.NDArray[np.int32]
    people: People
    people_ends: Ints

    def __len__(self) -> int:
        return len(self.keys)

    def products(self, dense: Floats) -> Floats:
        """Of each row with a vector over all places [2¹⁸], float32 [rows]."""
        found = np.zeros(len(self), np.float32)
        starts = np.concatenate([[0], self.ends[:-1]]).astype(np.int64)
        for first in range(0, len(self), BLOCK):
            last = min(first + BLOCK, len(self))
            begin, end = int(starts[first]), int(self.ends[last - 1])
            if begin == end:
                continue
            entries = dense.take(self.places[begin:end])
            entries *= self.weights[begin:end]
            filled = np.flatnonzero(self.ends[first:last] > starts[first:last])
            found[first + filled] = np.add.reduceat(entries, starts[first + filled] - begin)
        return found * self.scale

    def take(self, rows: Ints) -> Rows:
        """Only these rows, in this order, copied into memory of their own."""
        entries, ends = _entries(self.ends, rows)
        authors, people_ends = _entries(self.people_ends, rows)
        return Rows(
            self.keys[rows],
            ends,
            self.places[entries],
            self.weights[entries],
            self.scale[rows],
            self.common[rows],
            self.month[rows],
            self.people[authors],
            people_ends,
        )

    def written_by(self, people: People, weights: Floats) -> Floats:
        """Of each row the weights of its authors among `people` (sorted), over the root of their number."""
        found = np.zeros(len(self), np.float32)
        if len(people) and len(self.people):
            # Nearly nobody is among them, which a small table says of all authors quickly.
            maybe = np.zeros(FEW, np.bool_)
            maybe[people & np.uint32(FEW - 1)] = True
            hits = np.flatnonzero(maybe[self.people & np.uint32(FEW - 1)])
            at = np.minimum(np.searchsorted(people, self.people[hits]), len(people) - 1)
            same = people[at] == self.people[hits]
            rows = np.searchsorted(self.people_ends, hits[same], side="right")
            np.add.at(found, rows, weights[at[same]])
            lengths = np.diff(self.people_ends, prepend=0)
            found[rows] /= np.sqrt(lengths[rows])
        return found

    def total(self, shares: Floats) -> Floats:
        """The sum of the rows, each times its share, over all places [2¹⁸]."""
        lengths = np.diff(self.ends, prepend=0)
        entries = self.weights * np.repeat(shares * self.scale, lengths)
        return np.bincount(self.places, entries, BUCKETS).astype(np.float32)


# Rows multiplied at once: few enough that their entries stay in the cache.
BLOCK = 1_024
FEW = 1 << 16


def _entries(ends: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Where the entries of some rows are, one row after the other, and where each row ends among them."""
    # Of a few rows among all: no array of all starts is made.
    starts = np.where(rows > 0, ends[rows - 1], 0) if len(ends) else np.zeros(0, np.int64)
    lengths = ends[rows] - starts
    found = np.cumsum(lengths)
    return np.repeat(starts - (found - lengths), lengths) + np.arange(int(lengths.sum())), found


def packed(keys: Sequence[int], found: Sequence[Bag], months: Sequence[int]) -> Rows:
    """Bags made here and now as rows."""
    top = np.array([float(each.weights.max()) if len(each.weights) else 0.0 for each in found])
    scale = (np.maximum(top, 1e-9) / 255).astype(np.float32)
    lengths = np.array([len(each.places) for each in found], np.int64)
    if lengths.sum():
        places = np.concatenate([each.places for each in found]).astype(np.uint32)
        weights = np.concatenate([each.weights for each in found])
    else:
        places, weights = np.zeros(0, np.uint32), np.zeros(0, np.float32)
    codes = np.rint(weights / np.repeat(scale, lengths)).astype(np.uint8)
    people = np.concatenate([each.people for each in found]) if found else np.zeros(0, np.uint32)
    rows = Rows(
        np.array(keys, np.int64),
        np.cumsum(lengths),
        places,
        codes,
        scale,
        np.zeros(len(scale), np.float32),
        np.array(months, np.int32),
        people,
        np.cumsum(np.array([len(each.people) for each in found], np.int64)),
    )
    return replace(rows, common=rows.products(counted().mean))


def joined(one: Rows, other: Rows) -> Rows:
    """Both, one after the other."""
    return Rows(
        np.concatenate([one.keys, other.keys]),
        np.concatenate([one.ends, other.ends + len(one.places)]),
        np.concatenate([one.places, other.places]),
        np.concatenate([one.weights, other.weights]),
        np.concatenate([one.scale, other.scale]),
        np.concatenate([one.common, other.common]),
        np.concatenate([one.month, other.month]),
        np.concatenate([one.people, other.people]),
        np.concatenate([one.people_ends, other.people_ends + len(one.people)]),
    )


@dataclass(frozen=True, slots=True)
class State:
    """How much of the files counts, and how far the papers table was read."""

    rows: int = 0
    entries: int = 0
    people: int = 0
    bookmark: str = ""


class Bags:
    """All bags as one commit left them; of a key that was put twice, the later one counts."""

    def __init__(self, folder: Path, state: State) -> None:
        """OSError or ValueError if the files are not what the state says."""
        self.state = state
        rows: npt.NDArray[Any] = _mapped(folder / "rows", ROW, state.rows)
        self.all = Rows(
            np.ascontiguousarray(rows["key"]),
            np.ascontiguousarray(rows["end"]),
            _mapped(folder / "places", np.dtype("<u4"), state.entries),
            _mapped(folder / "weights", np.dtype("u1"), state.entries),
            np.ascontiguousarray(rows["scale"]),
            np.ascontiguousarray(rows["common"]),
            np.ascontiguousarray(rows["month"]),
            _mapped(folder / "people", np.dtype("<u4"), state.people),
            np.cumsum(rows["people"], dtype=np.int64),
        )
        order = np.argsort(self.all.keys, kind="stable")
        ordered = self.all.keys[order]
        last = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else np.zeros(0, np.bool_)
        self._keys: Ints = ordered[last]
        self._rows: Ints = order[last]
        self._written = np.bincount(self.all.people & np.uint32(BUCKETS - 1), minlength=BUCKETS).astype(
            np.int32
        )

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def live(self) -> Ints:
        """The rows that count, in the order of their keys."""
        return self._rows

    def written(self, people: People) -> Ints:
        """How many papers each of these wrote, or a few more: names that agree in 18 bits count as one."""
        found: Ints = np.maximum(self._written[people & np.uint32(BUCKETS - 1)], 1)
        return found

    def rows_of(self, keys: Ints) -> Ints:
        """The row of each key, −1 where it has none."""
        if not len(self._keys):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self._rows[at], -1)


def _mapped(path: Path, kind: np.dtype[Any], count: int) -> npt.NDArray[Any]:
    if not count:
        return np.zeros(0, kind)
    return np.memmap(path, kind, "r", shape=(count,))


def read_state(folder: Path) -> State:
    """An empty one where there is nothing, or what other rules made."""
    try:
        kept = json.loads((folder / "state.json").read_text())
        if kept.pop("format") == FORMAT:
            return State(**kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return State()


def opened(folder: Path) -> Bags | None:
    """What is there to read; None where there is nothing or it is damaged."""
    state = read_state(folder)
    try:
        return Bags(folder, state) if state.rows else None
    except (OSError, ValueError):
        return None


def whole(folder: Path, state: State) -> bool:
    """Whether the files are as long as they must be."""
    wanted = {
        "rows": state.rows * ROW.itemsize,
        "places": state.entries * 4,
        "weights": state.entries,
        "people": state.people * 4,
    }
    try:
        return all((folder / name).stat().st_size >= size for name, size in wanted.items())
    except OSError:
        return False


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """The only writer. BagsBusy while there is another."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BagsBusy from error
        yield


def append(folder: Path, state: State, rows: Rows, bookmark: str) -> State:
    """Behind what `state` says is there; durable with its bookmark when this returns. For `writing` only."""
    record = np.zeros(len(rows), ROW)
    record["key"], record["end"] = rows.keys, rows.ends + state.entries
    record["scale"], record["common"], record["month"] = rows.scale, rows.common, rows.month
    record["people"] = np.diff(rows.people_ends, prepend=0)
    _write(folder / "rows", state.rows * ROW.itemsize, record.tobytes())
    _write(folder / "places", state.entries * 4, rows.places.astype("<u4").tobytes())
    _write(folder / "weights", state.entries, rows.weights.tobytes())
    _write(folder / "people", state.people * 4, rows.people.astype("<u4").tobytes())
    found = State(
        state.rows + len(rows), state.entries + len(rows.places), state.people + len(rows.people), bookmark
    )
    keep_state(folder, found)
    return found


def keep_state(folder: Path, state: State) -> None:
    part = folder / f"state.{os.getpid()}"
    said = {"format": FORMAT, **asdict(state)}
    with part.open("w") as file:
        file.write(json.dumps(said))
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / "state.json")


def drop(folder: Path) -> None:
    """Forget everything; readers that have it open go on with what they mapped."""
    for name in ("state.json", "rows", "places", "weights", "people"):
        with suppress(FileNotFoundError):
            (folder / name).unlink()


def _write(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b" if path.exists() else "w+b") as file:
        if at > os.fstat(file.fileno()).st_size:
            raise ValueError(f"{path} is shorter than it was.")
        file.seek(at)
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
