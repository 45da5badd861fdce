"""Mistyped words are corrected when it is sure what was meant, and only then."""

from __future__ import annotations

import gzip
import json
import random
import time
from pathlib import Path

import numpy as np
import pytest

from broadsheet.search import vocabulary
from broadsheet.search.spelling import Speller, readings, slip_cost
from broadsheet.search.vocabulary import LONGEST, Vocabulary, distances

COUNTS = {
    "diffusion": 900, "transformer": 800, "language": 5000, "learning": 9000, "reinforcement": 700,
    "model": 9000, "models": 8000, "causal": 300, "casual": 40, "trial": 200, "trail": 20, "modal": 250,
    "retrieval": 400, "receive": 100, "separate": 90, "network": 3000, "networks": 2900, "graph": 2000,
    "engine": 80,
}  # fmt: skip


@pytest.fixture
def words(tmp_path: Path) -> Vocabulary:
    path = tmp_path / "vocabulary.npy"
    vocabulary.write(path, COUNTS.items(), 10_000)
    return Vocabulary(path)


def correct(words: Vocabulary, *typed: str, meaningful: str = "") -> dict[str, str]:
    return Speller(words).corrections(typed, lambda word: word in meaningful.split())


def by_hand(one: str, other: str) -> int:
    """Edits between two words by the book: optimal string alignment."""
    rows = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                rows[i][j] = i + j
                continue
            changed = rows[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


def test_distances_are_exact() -> None:
    chance = random.Random(3)
    drawn = ["".join(chance.choices("abcd", k=chance.randrange(1, 13))) for _ in range(300)]
    letters = np.array(drawn, f"S{LONGEST}").view(np.uint8).reshape(len(drawn), LONGEST)
    lengths = np.array([len(word) for word in drawn], np.uint8)
    for word in drawn[:60]:
        expected = [by_hand(word, other) for other in drawn]
        assert distances(word.encode(), letters, lengths).tolist() == expected


def test_every_word_within_two_edits_is_near(words: Vocabulary) -> None:
    for typed in ("modle", "langauge", "grph", "xetworks"):
        near = {word for word, _ in words.near(typed, 2)}
        assert near == {word for word in COUNTS if by_hand(typed, word) <= 2}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("difusion", "diffusion"),
        ("transfromer", "transformer"),
        ("langauge", "language"),
        ("reinforcment", "reinforcement"),
        ("retreival", "retrieval"),
        ("recieve", "receive"),
        ("seperate", "separate"),
        ("Difusion", "diffusion"),
        ("DIFUSION", "diffusion"),
    ],
)
def test_what_was_surely_mistyped_is_corrected(words: Vocabulary, typed: str, meant: str) -> None:
    assert correct(words, typed) == {typed: meant}


@pytest.mark.parametrize(
    "typed",
    [
        "diffusion",  # right
        "casual",  # right, though causal is commoner
        "trail",
        "modal",
        "grph7",  # a digit
        "grp",  # too short
        "DifuSion",  # a name's capitals
        "multi-modle",
        "zyxwvuts",  # near to nothing
        "дифузия",
        "x" * 40,
        "",
        "\0\ud800",
    ],
)
def test_what_may_be_meant_is_left_alone(words: Vocabulary, typed: str) -> None:
    assert correct(words, typed) == {}


def test_names_are_left_alone(words: Vocabulary) -> None:
    assert correct(words, "grapf") == {"grapf": "graph"}
    assert correct(words, "grapf", meaningful="grapf") == {}


def test_two_likely_readings_are_no_certainty(tmp_path: Path) -> None:
    vocabulary.write(tmp_path / "v", {"adapted": 500, "adopted": 480}.items(), 10_000)
    found = Vocabulary(tmp_path / "v")
    assert correct(found, "adepted") == {}
    assert [reading.word for reading in readings("adepted", found)][:2] == ["adapted", "adopted"]


def test_likelier_slips_cost_less() -> None:
    swapped, doubled = slip_cost("langauge", "language"), slip_cost("difusion", "diffusion")
    vowel, far = slip_cost("seperate", "separate"), slip_cost("sepqrate", "separate")
    assert 0 == slip_cost("graph", "graph") < doubled < swapped < vowel < far
    assert slip_cost("xanguage", "language") > slip_cost("lanxuage", "language")


def test_words_too_rare_to_be_trusted_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "v"
    terms = [("graph", 900), ("grpah", 1), ("x1", 900), ("ab", 900), ("é" * 5, 900), ("y" * 30, 900)]
    assert vocabulary.write(path, terms, 100_000) == 1
    found = Vocabulary(path)
    assert (len(found), found.papers, found.papers_with("graph"), found.papers_with("grpah")) == (
        1,
        100_000,
        900,
        0,
    )


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY rubbish", b"\0" * 4096])
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(ValueError):
        Vocabulary(path)
    assert vocabulary.papers_of(path) == 0


@pytest.mark.real_data
def test_real_misspellings(data_folder: Path, tmp_path: Path) -> None:
    """Against a vocabulary of the very words that were meant, with their frequencies in the corpus."""
    with gzip.open(data_folder / "spelling.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    counts = {word: row["corpus_df"] for row in rows for word in row["corrections"]}
    vocabulary.write(tmp_path / "v", counts.items(), 300_000)
    speller = Speller(Vocabulary(tmp_path / "v"))
    chosen = [row for row in random.Random(5).sample(rows, 2_000) if row["misspelling"].isalpha()]
    right = wrong = 0
    started = time.thread_time()
    for row in chosen:
        meant = speller.corrections([row["misspelling"]], lambda _: False).get(row["misspelling"])
        right += meant in row["corrections"]
        wrong += meant is not None and meant not in row["corrections"]
    assert right / len(chosen) > 0.75
    assert wrong / len(chosen) < 0.04
    assert (time.thread_time() - started) / len(chosen) < 0.003
