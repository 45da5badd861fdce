"""What the embedded engine survives: kills, full disks, damaged files, two writers, a deleted folder,
hostile text."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadsheet.index import (
    ALL_PAPERS,
    Document,
    Filter,
    Floats,
    Group,
    IndexBusy,
    IndexDamaged,
    IndexNotWritten,
    IndexTrouble,
    LexicalQuery,
    Phrase,
    Words,
)
from broadsheet.index import codes as codes_module
from broadsheet.index.embedded import EmbeddedIndex

D = 32
BATCH = 40
# The suite kills this often; more by hand: BROADSHEET_KILLS=200 pytest tests/test_index_embedded.py -k kill
KILLS = int(os.environ.get("BROADSHEET_KILLS", "20"))


def document(key: int) -> Document:
    return Document(key, f"Paper word{key} common", f"batch{key // BATCH}", day=key + 1, year=2000)


def vectors(keys: range) -> Floats:
    """Each key's own direction, so that the nearest to it is known."""
    return np.stack([np.random.default_rng(key).standard_normal(D) for key in keys]).astype(np.float32)


def batch(number: int) -> range:
    return range(number * BATCH, (number + 1) * BATCH)


def fill(index: EmbeddedIndex, batches: range) -> None:
    for number in batches:
        index.put([document(key) for key in batch(number)], {"static": vectors(batch(number))})
        index.commit(str(number))


def keys_of(index: EmbeddedIndex, query: LexicalQuery, limit: int = 10_000) -> set[int]:
    return {hit.key for hit in index.lexical(query, limit=limit)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(folder: Path) -> Iterator[EmbeddedIndex]:
    made = EmbeddedIndex(folder)
    yield made
    made.close()


@pytest.fixture
def reader(folder: Path) -> Iterator[EmbeddedIndex]:
    made = EmbeddedIndex(folder)
    yield made
    made.close()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_index_embedded import BATCH, EmbeddedIndex, batch, document, vectors
index = EmbeddedIndex(Path(sys.argv[1]))
done = index.bookmark()
print("ready", flush=True)
number = int(done) + 1 if done else 0
while True:
    index.put([document(key) for key in batch(number)], {"static": vectors(batch(number))})
    if number % 3 == 2:
        index.remove([number * BATCH])
    index.commit(str(number))
    print(number, flush=True)
    number += 1
"""


def start_writer(folder: Path) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), here],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(here).parent,
        env={**os.environ, "PYTHONPATH": str(Path(here).parent), "OPENBLAS_NUM_THREADS": "1"},
    )


def check_all_of(index: EmbeddedIndex, acknowledged: int) -> None:
    """Every acknowledged batch is there, in words, columns and vectors, and answers rightly."""
    bookmark = index.bookmark()
    number = int(bookmark) if bookmark else -1
    assert number >= acknowledged
    expected = {
        key for key in range((number + 1) * BATCH) if not (key % BATCH == 0 and key // BATCH % 3 == 2)
    }
    assert index.count() == len(expected)
    for part in np.array_split(sorted(expected), max(number, 0) // 100 + 1):
        only = Filter(only=frozenset(part.tolist()))
        assert {hit.key for hit in index.lexical(Words("common"), only, 10_000)} == set(part.tolist())
    assert index.has_vectors("static", sorted(expected)).all()
    for key in random.Random(number).sample(sorted(expected), min(20, len(expected))):
        assert [hit.key for hit in index.nearest("static", vectors(range(key, key + 1))[0], limit=1)] == [key]
        assert index.lexical(Words(f"word{key}"), limit=1)[0].key == key


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_acknowledged(folder: Path) -> None:
    chance = random.Random(KILLS)
    acknowledged = -1
    for _ in range(KILLS):
        writer = start_writer(folder)
        assert writer.stdout and writer.stdout.readline() == "ready\n"
        time.sleep(chance.random() ** 2 * 1.5)
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.communicate()[0].split())])
        reader = EmbeddedIndex(folder)
        check_all_of(reader, acknowledged)
        reader.close()
    assert acknowledged > KILLS / 4
    healed = EmbeddedIndex(folder)
    bookmark = healed.bookmark()
    fill(healed, range(int(bookmark or -1) + 1, int(bookmark or -1) + 2))
    assert healed.verify() == []
    healed.close()


def test_words_that_were_never_acknowledged_are_taken_out_by_the_next_writer(
    index: EmbeddedIndex, reader: EmbeddedIndex, folder: Path
) -> None:
    fill(index, range(2))
    manifest = (folder / "a" / "manifest.json").read_bytes()
    fill(index, range(2, 3))
    index.close()
    (folder / "a" / "manifest.json").write_bytes(manifest)
    assert reader.bookmark() == "1"
    assert reader.count() == 2 * BATCH
    assert reader.verify() == []
    index.commit("1 again")
    assert keys_of(reader, Words("common")) == set(range(2 * BATCH))
    fill(index, range(2, 3))
    assert keys_of(reader, Words("common")) == set(range(3 * BATCH))
    assert reader.verify() == []


def test_words_older_than_the_manifest_are_damage(index: EmbeddedIndex, folder: Path) -> None:
    fill(index, range(1))
    meta = (folder / "a" / "words" / "meta.json").read_bytes()
    fill(index, range(1, 2))
    index.close()
    (folder / "a" / "words" / "meta.json").write_bytes(meta)
    with pytest.raises(IndexDamaged):
        EmbeddedIndex(folder).count()


def test_readers_follow_each_commit_while_somebody_writes(folder: Path) -> None:
    writer = start_writer(folder)
    reader = EmbeddedIndex(folder)
    assert writer.stdout and writer.stdout.readline() == "ready\n"
    try:
        for _ in range(6):
            number = int(writer.stdout.readline())
            last = batch(number)[-1]
            assert reader.count() >= (number + 1) * (BATCH - 1)
            assert last in keys_of(reader, Words(f"word{last}"))
            assert reader.nearest("static", vectors(range(last, last + 1))[0], limit=1)[0].key == last
    finally:
        writer.kill()
        writer.communicate()
    reader.close()


def test_threads_share_one_reader_while_it_is_written(index: EmbeddedIndex, reader: EmbeddedIndex) -> None:
    fill(index, range(1))
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                count = reader.count()
                assert count % BATCH == 0
                assert len(reader.lexical(Words("common"), limit=5)) == 5
                assert reader.nearest("static", vectors(range(3, 4))[0], limit=1)[0].key == 3
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    fill(index, range(1, 12))
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert reader.count() == 12 * BATCH


def delete(folder: Path) -> None:
    """As `rm -rf` does it, which is not put off by a file that the writer's threads take away meanwhile."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def files_of(folder: Path) -> list[Path]:
    skipped = {".managed.json"}
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    return [path for path in found if path.name not in skipped]


def answers(index: EmbeddedIndex) -> list[object]:
    question = vectors(range(7, 8))[0]
    return [
        index.bookmark(),
        index.count(),
        index.lexical(Words("common word7"), limit=50),
        index.nearest("static", question),
        index.nearest("static", question, Filter(first_day=10, last_day=50)),
        index.facets(ALL_PAPERS),
    ]


@pytest.mark.parametrize("deed", ["flip", "cut", "empty", "remove"])
def test_damaged_files_are_found_out_and_the_index_grows_back(
    folder: Path, tmp_path: Path, deed: str
) -> None:
    whole = EmbeddedIndex(folder)
    fill(whole, range(8))
    whole.remove([3])
    whole.commit("8")
    expected = answers(whole)
    whole.close()
    chance = random.Random(deed)
    for path in files_of(folder):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        damage(copy / path.relative_to(folder), deed, chance)
        reader = EmbeddedIndex(copy)
        try:
            found = answers(reader)
        except IndexDamaged as problem:
            assert "broadsheet index rebuild" in str(problem)
            assert reader.verify() != []
            with pytest.raises(IndexDamaged):
                reader.put([document(1)])
            reader.drop()
            fill(reader, range(1))
            assert reader.count() == BATCH
        else:
            # Without its pointer there is no index; any other file must have been without meaning.
            assert found == expected or (path.name == "current" and found[0] is None), path
        reader.close()
        shutil.rmtree(copy)


def damage(path: Path, deed: str, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if deed == "flip":
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif deed == "cut":
        del content[chance.randrange(len(content)) :]
    elif deed == "empty":
        content.clear()
    path.unlink()
    if deed != "remove":
        path.write_bytes(content)


def test_what_a_writer_killed_within_its_commit_left_does_not_stop_the_next(
    folder: Path, tmp_path: Path
) -> None:
    def changed(place: Path) -> set[str]:
        """Puts one paper of a batch again; names of the files that say which papers are deleted."""
        index = EmbeddedIndex(place)
        index.put([document(batch(1)[0])])
        index.commit("3")
        index.close()
        return {path.name for path in (place / "a" / "words").glob("*.del")}

    index = EmbeddedIndex(folder)
    fill(index, range(3))
    index.close()
    shutil.copytree(folder, tmp_path / "trial")
    left = changed(tmp_path / "trial")
    assert left
    managed = folder / "a" / "words" / ".managed.json"
    managed.write_text(json.dumps([*json.loads(managed.read_text()), *left]))
    for name in left:
        managed.with_name(name).write_bytes(b"half")
    assert changed(folder) == left
    again = EmbeddedIndex(folder)
    assert (again.bookmark(), again.count()) == ("3", 3 * BATCH)
    again.close()


@pytest.mark.parametrize(
    "name",
    [
        "papers.rows",
        "papers.categories",
        "papers.owners",
        "v0/rows",
        "v0/bytes",
        "v0/bits-*",
        "v0/frame-*",
        "words/*.term",
        "words/*.fast",
    ],
)
def test_a_file_cut_short_under_a_reader_is_damage_and_is_not_read(folder: Path, name: str) -> None:
    writer, reader = EmbeddedIndex(folder), EmbeddedIndex(folder)
    documents = [Document(key, "Paper", "common", categories=("cs.LG",)) for key in batch(0)]
    writer.put(documents, {"static": vectors(batch(0))})
    writer.commit("0")
    writer.close()
    whole = answers(reader)
    path = next((folder / "a").glob(name))
    content = path.read_bytes()
    os.truncate(path, len(content) - 1)
    reader._look_again = 0
    for _ in range(2):
        with pytest.raises(IndexDamaged, match="rebuild"):
            reader.count()
    with path.open("r+b") as file:
        file.write(content)
    assert answers(reader) == whole
    reader.close()


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("pointer", ["", "c", "a\n"])
def test_an_index_grows_back_when_its_pointer_is_damaged(
    index: EmbeddedIndex, folder: Path, pointer: str, *, published: bool
) -> None:
    fill(index, range(1))
    if published:
        with_more = index.aside()
        fill(with_more, range(1))
        with_more.publish()
        with_more.close()
    index.close()
    (folder / "current").write_text(pointer)
    with pytest.raises(IndexDamaged, match="broadsheet index rebuild"):
        index.count()
    growing = index.aside()
    fill(growing, range(2))
    growing.publish()
    growing.close()
    assert keys_of(index, Words("common")) == set(range(2 * BATCH))
    assert index.verify() == []


def test_torn_ends_of_files_do_not_matter(index: EmbeddedIndex, reader: EmbeddedIndex, folder: Path) -> None:
    fill(index, range(3))
    index.close()
    for name in ("papers.rows", "papers.categories", "papers.owners", "v0/rows", "v0/bytes"):
        with (folder / "a" / name).open("ab") as file:
            file.write(b"torn")
    assert reader.count() == 3 * BATCH
    fill(index, range(3, 4))
    assert reader.verify() == []
    check_all_of_plain(reader, 4)


def check_all_of_plain(index: EmbeddedIndex, batches: int) -> None:
    assert keys_of(index, Words("common")) == set(range(batches * BATCH))
    assert index.vector_counts() == {"static": batches * BATCH}


def test_there_is_one_writer(index: EmbeddedIndex, folder: Path) -> None:
    fill(index, range(1))
    other = EmbeddedIndex(folder)
    with pytest.raises(IndexBusy, match="one writer"):
        other.put([document(1)])
    assert other.count() == BATCH
    with pytest.raises(IndexBusy):
        other.drop()
    index.close()
    fill(other, range(1, 2))
    assert index.count() == 2 * BATCH
    other.close()


def test_the_writers_place_is_free_again_when_its_process_is_killed(folder: Path) -> None:
    writer = start_writer(folder)
    assert writer.stdout
    for _ in range(2):
        writer.stdout.readline()
    with pytest.raises(IndexBusy):
        EmbeddedIndex(folder).commit("x")
    writer.kill()
    writer.communicate()
    index = EmbeddedIndex(folder)
    index.commit("x")
    assert index.bookmark() == "x"
    index.close()


@pytest.mark.parametrize("room", [3_000, 20_000, 60_000, 150_000])
def test_a_full_disk_is_said_and_nothing_acknowledged_is_lost(folder: Path, room: int) -> None:
    """Files may not grow beyond `room` bytes, which is how a full disk looks to the program."""
    index = EmbeddedIndex(folder)
    fill(index, range(1))
    acknowledged = 0
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(IndexNotWritten, match="Make room"):
            for number in range(1, 200):
                index.put([document(key) for key in batch(number)], {"static": vectors(batch(number))})
                index.commit(str(number))
                acknowledged = number
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert int(index.bookmark() or -1) == acknowledged
    assert set(range((acknowledged + 1) * BATCH)) <= keys_of(index, Words("common"))
    fill(index, range(acknowledged + 1, acknowledged + 2))
    assert index.verify() == []
    check_all_of_plain(index, acknowledged + 2)
    index.close()


def test_a_folder_deleted_under_a_reader_grows_back(
    index: EmbeddedIndex, reader: EmbeddedIndex, folder: Path
) -> None:
    fill(index, range(3))
    before = answers(reader)
    delete(folder)
    assert answers(reader)[1:] == before[1:]
    assert reader.bookmark() is None
    assert index.bookmark() is None
    fill(index, range(1))
    assert reader.bookmark() == "0"
    assert reader.count() == BATCH
    assert keys_of(reader, Words("common")) == set(range(BATCH))


def test_a_folder_deleted_while_papers_are_staged_is_said(index: EmbeddedIndex, folder: Path) -> None:
    fill(index, range(1))
    index.put([document(100)])
    delete(folder)
    with pytest.raises(IndexDamaged, match="deleted while it was written"):
        index.commit("x")
    assert index.bookmark() is None
    fill(index, range(1))
    assert index.count() == BATCH


def test_readers_go_on_with_the_old_index_until_the_new_one_is_published(
    index: EmbeddedIndex, reader: EmbeddedIndex, folder: Path
) -> None:
    fill(index, range(2))
    assert reader.count() == 2 * BATCH
    aside = index.aside()
    fill(aside, range(5))
    assert reader.count() == 2 * BATCH
    aside.publish()
    check_all_of_plain(reader, 5)
    assert sorted(path.name for path in folder.iterdir()) == ["a.lock", "b", "b.lock", "current"]
    again = index.aside()
    assert again.bookmark() is None
    fill(again, range(1))
    again.publish()
    check_all_of_plain(reader, 1)
    fill(index, range(1, 2))
    check_all_of_plain(reader, 2)
    aside.close()


def test_publishing_waits_for_nobody_but_a_writer_elsewhere(index: EmbeddedIndex, folder: Path) -> None:
    fill(index, range(1))
    other = EmbeddedIndex(folder)
    aside = other.aside()
    fill(aside, range(2))
    with pytest.raises(IndexBusy):
        aside.publish()
    index.close()
    aside.publish()
    assert index.count() == 2 * BATCH
    other.close()


# Vectors in numbers that make one-bit codes matter


def crowd(count: int, dimensions: int = 64) -> Floats:
    """Vectors in clusters with a common direction, as real ones are."""
    chance = np.random.default_rng(11)
    centres = chance.standard_normal((50, dimensions)) + 2
    rows = centres[chance.integers(0, 50, count)] + 0.5 * chance.standard_normal((count, dimensions))
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedIndex]:
    index = EmbeddedIndex(tmp_path_factory.mktemp("crowd") / "index")
    rows = crowd(20_000)
    for first in range(0, 20_000, 5_000):
        papers = [
            Document(
                key, f"w{key}", categories=("cs.LG" if key % 4 else "cs.CV", f"x{key % 100}"), day=1 + key
            )
            for key in range(first, first + 5_000)
        ]
        index.put(papers, {"static": rows[first : first + 5_000]})
        index.commit(str(first))
    yield index
    index.close()


@pytest.mark.parametrize(
    "filter",
    [
        Filter(),
        Filter(categories=("cs.LG",)),
        Filter(categories=("cs.CV",)),
        Filter(categories=("x7",)),
        Filter(first_day=2_000),
        Filter(first_day=19_500),
        Filter(exclude=frozenset(range(0, 300))),
        Filter(only=frozenset(range(5, 6_000, 2))),
        Filter(categories=("cs.CV",), first_day=10_000, exclude=frozenset({12_000})),
    ],
    ids=lambda each: repr(each)[:50],
)
def test_filters_do_not_lower_recall(crowded: EmbeddedIndex, filter: Filter) -> None:
    rows = crowd(20_000)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    passing = np.array([passes(key, filter) for key in range(20_000)])
    shares = []
    for question in unit[:10_000:1_000]:
        exact = np.where(passing, unit @ question, -2)
        best = set(np.argsort(-exact)[: min(50, int(passing.sum()))].tolist())
        found = {hit.key for hit in crowded.nearest("static", question, filter, limit=50)}
        assert all(passing[key] for key in found)
        shares.append(len(found & best) / len(best))
    # 0.94 is what the bytes alone keep of these vectors, which lie much closer together than real ones.
    assert np.mean(shares) > 0.93


def passes(key: int, filter: Filter) -> bool:
    codes = {"cs.LG" if key % 4 else "cs.CV", f"x{key % 100}"}
    wanted = not filter.categories or bool(codes & set(filter.categories))
    after = filter.first_day is None or key + 1 >= filter.first_day
    return wanted and after and key not in filter.exclude and (filter.only is None or key in filter.only)


def test_bits_are_made_anew_as_the_collection_grows(crowded: EmbeddedIndex) -> None:
    room = crowded.folder / "a" / "v0"
    assert sorted(path.name for path in room.iterdir()) == ["bits-1", "bytes", "frame-1", "rows"]
    fewer = codes_module.FIRST_FRAME
    assert fewer < 5_000 < codes_module.GROWTH * 5_000


def test_replaced_and_removed_vectors_never_answer(folder: Path) -> None:
    index = EmbeddedIndex(folder)
    rows = crowd(6_000)
    index.put([Document(key, "x") for key in range(6_000)], {"static": rows})
    index.commit("1")
    index.remove(list(range(0, 6_000, 2)))
    index.put_vectors("static", [1, 3], rows[[5_001, 5_003]])
    index.commit("2")
    assert index.vector_counts() == {"static": 3_000}
    hits = {hit.key for hit in index.nearest("static", rows[5_001], limit=2)}
    assert hits == {1, 5_001}
    assert all(hit.key % 2 for hit in index.nearest("static", rows[0], limit=500))
    assert index.verify() == []
    index.close()


# Hostile questions

LETTERS = st.text(max_size=300) | st.text("\"'()*:\\/-+~^[]{}<>&|!?.\0\u202e\u0301א😀 aorandnt", max_size=300)
WORDS = st.builds(
    Words,
    LETTERS,
    field=st.sampled_from(["any", "title", "abstract", "author"]),
    at_least=st.integers(-3, 100),
    prefix=st.booleans(),
)
PHRASES = st.builds(Phrase, LETTERS, slop=st.integers(-1, 30))
QUERIES: st.SearchStrategy[LexicalQuery] = st.recursive(
    WORDS | PHRASES,
    lambda inner: st.builds(
        Group,
        must=st.lists(inner, max_size=3).map(tuple),
        should=st.lists(inner, max_size=3).map(tuple),
        must_not=st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=6,
)
FILTERS = st.builds(
    Filter,
    categories=st.lists(LETTERS, max_size=2).map(tuple),
    authors=st.lists(LETTERS, max_size=2).map(tuple),
    first_day=st.none() | st.integers(),
    last_year=st.none() | st.integers(),
    exclude=st.frozensets(st.integers(), max_size=3),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(query=QUERIES, filter=FILTERS, limit=st.integers(-1, 20_000))
def test_hostile_questions_are_answered_or_refused(
    crowded: EmbeddedIndex, query: LexicalQuery, filter: Filter, limit: int
) -> None:
    start = time.thread_time()
    try:
        crowded.lexical(query, filter, limit)
        crowded.facets(query, filter)
        crowded.matched(query, "a title")
        crowded.nearest("static", crowd(1)[0], filter, limit)
    except ValueError:
        pass
    assert time.thread_time() - start < 1


@pytest.mark.parametrize("piece", ['"', "a ", "(", "\0", "😀", "שלום ", "a*", "-", "\ud800", "w1 "])
def test_a_hundred_thousand_characters_are_refused_at_once(crowded: EmbeddedIndex, piece: str) -> None:
    start = time.thread_time()
    for query in (Words(piece * 100_000), Phrase(piece * 100_000)):
        with pytest.raises(ValueError):
            crowded.lexical(query)
    assert time.thread_time() - start < 1


def test_hostile_papers_are_taken_in(index: EmbeddedIndex) -> None:
    texts = ["\0", "\ud800", "x" * 1_000_000, "😀" * 1000, "\u202eשלום", "a\u0301" * 1000, '"' * 1000]
    papers = [
        Document(key, text, text, text, (text,), (text[:1000], "."), 1) for key, text in enumerate(texts)
    ]
    index.put(papers, {"static": vectors(range(len(texts)))})
    index.commit("\ud800 odd \0 bookmark")
    assert index.count() == len(texts)
    assert index.verify() == []
    assert keys_of(index, Words("שלום")) == {4}
    try:
        assert index.lexical(ALL_PAPERS, Filter(categories=("\ud800",)))
    except IndexTrouble as problem:
        pytest.fail(str(problem))
