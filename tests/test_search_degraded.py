"""Search when something is missing: it answers with what is left, and says so."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from pytest_django import Settings as SettingsWrapper

from broadsheet import doors, search
from broadsheet.embedders import Embedder, EmbedderUnavailable
from broadsheet.search import meaning
from tests.factories import paper, papers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def opened(settings: SettingsWrapper) -> Iterator[None]:
    settings.RERANKER = ""
    meaning.forget()
    yield
    meaning.forget()
    doors.close()


def index_all() -> None:
    while search.index_due():
        pass


def unavailable() -> NoReturn:
    raise EmbedderUnavailable("The model is missing.")


def test_without_an_index_titles_are_searched_and_that_is_said() -> None:
    papers(3)
    found = search.search("newspapers")
    assert len(found.papers) == 3 and "only titles are searched" in found.note
    assert search.search("newspapers cat:math").papers == []
    assert len(search.search("cat:cs.LG").papers) == 3
    assert len(search.search("Ada Lovelace").papers) == 3
    assert search.search("zebra").papers == []
    assert search.search("2503.00001").total == 1


def test_without_an_index_there_are_no_similar_papers_and_that_is_said() -> None:
    found = search.related(paper(1))
    assert found.papers == [] and "when the search index has been built" in found.note


def test_a_deleted_index_leaves_pages_working(home: Path) -> None:
    papers(3)
    index_all()
    shutil.rmtree(home / "index")
    assert len(search.search("newspapers").papers) == 3
    index_all()
    found = search.search("newspapers")
    assert len(found.papers) == 3 and not found.note


def test_a_damaged_index_leaves_pages_working(home: Path) -> None:
    papers(3)
    index_all()
    doors.close()
    for manifest in (home / "index").glob("*/manifest.json"):
        manifest.write_text("{")
    found = search.search("newspapers")
    assert len(found.papers) == 3 and "only titles are searched" in found.note
    index_all()
    assert not search.search("newspapers").note


def test_a_missing_model_leaves_words(monkeypatch: pytest.MonkeyPatch) -> None:
    papers(3)
    monkeypatch.setattr(doors, "embedder", unavailable)
    index_all()
    found = search.search("newspapers")
    assert len(found.papers) == 3 and "near in meaning could not be looked for" in found.note
    monkeypatch.undo()
    meaning.forget()
    index_all()  # the vectors are filled in
    assert not search.search("newspapers").note


def test_a_slow_model_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, settings: SettingsWrapper) -> None:
    papers(3)
    index_all()
    quick, release = doors.embedder(), threading.Event()

    class Slow:
        name, dimensions = "slow", quick.dimensions
        embed = staticmethod(quick.embed)

        def embed_query(self, text: str) -> NoReturn:
            release.wait(10)
            raise EmbedderUnavailable("Too late.")

    settings.RERANKER = "small"
    slow: Embedder = Slow()
    monkeypatch.setattr(doors, "reranker", lambda: slow)
    index = doors.index()
    keys = [each.pk for each in search.search("newspapers").papers]
    index.put_vectors("slow", keys, quick.embed(["x"] * 3))
    index.commit(index.bookmark() or "")
    started = time.monotonic()
    found = search.search("newspapers", budget=0.2)
    assert time.monotonic() - started < 5
    assert len(found.papers) == 3
    release.set()


def test_a_model_that_failed_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    papers(1)
    index_all()
    asked: list[int] = []

    def failing() -> NoReturn:
        asked.append(1)
        unavailable()

    monkeypatch.setattr(doors, "embedder", failing)
    for _ in range(3):
        assert search.search("newspapers").papers
    assert len(asked) == 1


@pytest.mark.parametrize("content", [b"", b"rubbish" * 100])
def test_a_damaged_vocabulary_corrects_nothing(home: Path, content: bytes) -> None:
    papers(3)
    index_all()
    doors.vocabulary_file().write_bytes(content)
    assert not search.search("newspapesr").corrected
    doors.vocabulary_file().unlink()
    search.index_due()
    assert doors.vocabulary_file().exists()


HOSTILE = [
    "", "\0", '"', '"""', "-", "a" * 100_000, "* ? *", "author:" * 99, "(((", "🙂", "\ud800", "\u202eabc",
    "a-b" * 90, "ﷺ" * 200, " ".join("abcdefghij" * 9), "-x", "-" + "y" * 600, "year:2020.." * 40,
    '"a b" ' * 60, "x" * 65,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_any_text_is_answered(number: int) -> None:
    papers(2)
    index_all()
    for typing in (False, True):
        started = time.thread_time()
        with suppress(search.BadQuery):
            search.search(HOSTILE[number], typing=typing, facets=True)
        assert time.thread_time() - started < 1
