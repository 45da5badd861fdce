"""The index follows the papers table, whatever happens to either."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pytest_django import Settings as SettingsWrapper

from broadsheet import catalog, doors, search
from broadsheet.index import ALL_PAPERS, Words
from broadsheet.models import Paper
from broadsheet.search import documents, indexing
from broadsheet.search.background import Pace
from broadsheet.search.walking import Walk
from tests.factories import NOW, paper, papers, record

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def opened(settings: SettingsWrapper) -> Iterator[None]:
    settings.RERANKER = ""
    yield
    doors.close()


def index_all(limit: int = 2_000) -> int:
    done = 0
    while count := search.index_due(limit):
        done += count
    return done


def indexed() -> set[int]:
    return {hit.key for hit in doors.index().lexical(ALL_PAPERS, limit=1_000)}


def listed() -> set[int]:
    return set(Paper.objects.listed().values_list("pk", flat=True))


def rewrite(key: int, title: str, at: datetime) -> None:
    Paper.objects.filter(pk=key).update(title=title, changed_at=at)


def found(words: str) -> set[int]:
    return {hit.key for hit in doors.index().lexical(Words(words, at_least=9))}


def test_every_paper_is_put_once_with_its_quick_vector() -> None:
    papers(5)
    assert index_all() == 5
    assert indexed() == listed()
    assert list(doors.index().vector_counts().values()) == [5]
    assert search.index_due() == 0


def test_batches_of_any_size_read_papers_of_one_moment() -> None:
    papers(7)
    assert Paper.objects.values("changed_at").distinct().count() == 1
    assert index_all(limit=2) == 7
    assert indexed() == listed()


def test_new_changed_hidden_shown_and_deleted_papers() -> None:
    first, second, third = papers(3)
    index_all()
    new = paper(9, title="Quantum zebras")
    rewrite(first.pk, "Turbulent giraffes", NOW + timedelta(days=1))
    Paper.objects.filter(pk=second.pk).update(hidden=True, hotness=None)
    third.delete()
    index_all()
    assert indexed() == {first.pk, new.pk}
    assert found("turbulent giraffes") == {first.pk} and found("quantum zebras") == {new.pk}
    assert found("newspapers part 1") == set()
    Paper.objects.filter(pk=second.pk).update(hidden=False, hotness=1.0)
    index_all()
    assert indexed() == {first.pk, second.pk, new.pk}


def test_votes_wake_nobody() -> None:
    papers(2)
    index_all()
    Paper.objects.update(upvotes=9, hotness=77.0)
    assert search.index_due() == 0


def test_a_slow_transaction_is_read_within_the_minute() -> None:
    """A row that appears with an older `changed_at` than one already read."""
    now = datetime.now(UTC)
    catalog.take_in([record(1)], now=now)
    index_all()
    catalog.take_in([record(2, title="A late zebra")], now=now - timedelta(seconds=30))
    index_all()
    assert len(found("late zebra")) == 1
    rewrite(Paper.objects.get(title="A late zebra").pk, "A late giraffe", now - timedelta(seconds=20))
    index_all()
    assert len(found("late giraffe")) == 1 and not found("late zebra")


def test_a_settled_minute_is_not_read_again() -> None:
    papers(3)
    index_all()
    mark = indexing.read_bookmark(doors.index())
    assert mark is not None and mark.settled
    doors.close()
    assert search.index_due() == 0


def test_an_unknown_bookmark_means_growing_anew() -> None:
    papers(3)
    index_all()
    doors.index().commit("0 of another age")
    index_all()
    assert indexed() == listed()
    assert indexing.read_bookmark(doors.index()) is not None


def test_a_deleted_folder_grows_back(home: Path) -> None:
    papers(4)
    index_all()
    shutil.rmtree(home / "index")
    index_all()
    assert indexed() == listed()


def test_a_large_missing_index_grows_beside_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    papers(6)
    monkeypatch.setattr(indexing, "FEW", 3)
    assert search.index_due(2) == 1  # it begins
    assert search.index_due(2) == 2
    assert doors.index().bookmark() is None  # and is seen by nobody
    index_all(2)
    assert indexed() == listed()


@pytest.mark.parametrize("name", ["manifest.json", "papers.rows", "words/meta.json"])
def test_a_damaged_index_grows_anew(home: Path, name: str) -> None:
    papers(4)
    index_all()
    doors.close()
    damaged = next((home / "index").glob(f"*/{name}"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(bytes(content))
    index_all()
    assert indexed() == listed()
    assert search.verify() == []


def test_rebuild_keeps_the_slow_vectors() -> None:
    kept = papers(4)
    index_all()
    index = doors.index()
    slow = np.random.default_rng(1).normal(size=(4, 16)).astype(np.float32)
    index.put_vectors("slow", [each.pk for each in kept], slow)
    index.commit(index.bookmark() or "")
    before = index.vectors("slow", [each.pk for each in kept])
    seen: list[tuple[int, int]] = []
    assert search.rebuild(lambda done, total: seen.append((done, total))) == 4
    assert seen == [(4, 4)]
    after = doors.index().vectors("slow", [each.pk for each in kept])
    assert (before * after).sum(axis=1).min() > 0.99


def test_a_new_embedder_grows_while_the_former_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    papers(5)
    index_all()
    former = doors.embedder()

    class Other:
        name, dimensions = "other", former.dimensions

        def embed(self, texts: list[str]) -> np.ndarray:
            return former.embed(texts)[:, ::-1].copy()

        def embed_query(self, text: str) -> np.ndarray:
            return former.embed_query(text)[::-1].copy()

    other = Other()
    monkeypatch.setattr(doors, "embedder", lambda: other)
    assert search.search("gazettes").papers  # the former one, remembered by its name
    assert search.index_due(2) == 2
    index_all(2)
    assert doors.index().vector_counts() == {former.name: 5, "other": 5}
    assert search.search("gazettes").papers


# In the background


def test_thorough_vectors_come_newest_first_and_once(settings: SettingsWrapper) -> None:
    papers(3)
    late = paper(9, title="Voted for", announced_on=datetime(2025, 3, 20, tzinfo=UTC).date())
    index_all()
    settings.RERANKER = "small"
    index_all()
    first = Walk(doors.index(), "x").lacking(1)
    assert first == [late.pk]
    assert search.embed_due(1.0) == 4
    assert search.embed_due(1.0) == 0
    reranker = doors.reranker()
    assert reranker and doors.index().vector_counts()[reranker.name] == 4
    assert search.search("newspapers").papers
    Paper.objects.filter(pk=late.pk).delete()
    paper(10)
    index_all()
    assert search.embed_due(1.0) == 1


def test_no_share_no_work(settings: SettingsWrapper) -> None:
    papers(1)
    index_all()
    settings.RERANKER = "small"
    assert search.embed_due(0) == 0


def test_a_share_of_a_core_is_kept() -> None:
    pace, worked, began = Pace(), 0.0, time.monotonic()
    while time.monotonic() - began < 1.0:
        if pace.rest():
            time.sleep(0.02)
            pace.worked(0.02, 0.25)
            worked += 0.02
    assert worked / (time.monotonic() - began) < 0.27


# Order and numbers


def test_rows_are_read_in_the_order_of_marks() -> None:
    papers(5)
    mark, read = None, list[int]()
    while rows := documents.past(mark, 2):
        read += [row.pk for row in rows]
        mark = documents.Mark(rows[-1].changed_at, rows[-1].pk)
    assert read == sorted(listed())
    assert documents.count_past(None) == 5 and documents.count_past(mark) == 0


def test_status_and_differences() -> None:
    papers(3)
    assert (search.status().indexed, search.status().due) == (0, 3)
    index_all()
    found = search.status()
    assert (found.papers, found.indexed, found.due, found.trouble) == (3, 3, 0, "")
    Paper.objects.order_by("pk")[0].delete()
    assert search.verify() == ["1 papers in the index are not in the table any more."]


# Several processes


def test_a_second_writer_waits_its_turn(home: Path) -> None:
    papers(2)
    index_all()
    paper(3)
    script = (
        "import sys, pathlib; from broadsheet.index.embedded import EmbeddedIndex; "
        "index = EmbeddedIndex(pathlib.Path(sys.argv[1])); index.remove([1]); "
        "print('holds', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(home / "index")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout and holder.stdout.readline() == "holds\n"
        assert search.index_due() == 0
        assert len(search.search("newspapers").papers) == 2
    finally:
        holder.communicate("\n", timeout=60)
    index_all()
    assert indexed() == listed()


@pytest.mark.django_db(transaction=True)
def test_commands(broadsheet: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    """One process brings papers in, another indexes, others ask; damage is told with what to type."""
    lines = tmp_path / "papers.bib"
    lines.write_text("@article{a, title={Diffusion models}, author={Grace Hopper}, eprint={2203.00002}}\n")
    assert broadsheet("migrate").returncode == 0
    imported = broadsheet("import", lines)
    assert imported.returncode == 0, imported.stderr
    assert "titles are searched" in broadsheet("search", "diffusion").stdout
    assert "1 papers are in the index" in broadsheet("index", "rebuild").stdout
    assert "Diffusion models" in broadsheet("search", "diffusion", "--limit", 3).stdout
    assert '"pinned": true' in broadsheet("search", "2203.00002", "--json").stdout
    assert "1 of 1 papers are in the index, 0 are due" in broadsheet("index", "status").stdout
    assert "The index is whole" in broadsheet("index", "verify").stdout
    assert "No paper found" in broadsheet("related", "2203.00002").stdout
    refused = broadsheet("search", "year:soon")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "a year such as 2024" in refused.stderr
    assert "no paper 2203.09999" in broadsheet("related", "2203.09999").stderr
