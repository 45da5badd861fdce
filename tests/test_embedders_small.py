"""The thorough encoder that ships: the files that were measured, and what is particular to how it reads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from broadsheet.embedders import EmbedderUnavailable, small
from broadsheet.embedders.transformer import TransformerEmbedder

MOST = 25_000_000  # bytes of all that ships to read texts with


@pytest.fixture(scope="module")
def encoder() -> TransformerEmbedder:
    return small.small()


def test_the_files_that_ship_are_those_that_were_measured() -> None:
    card = small.GRAPH.with_name("README.md").read_text()
    for path, sha256 in ((small.GRAPH, small.GRAPH_SHA256), (small.READING, small.READING_SHA256)):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        assert sha256 in card
    assert sum(path.stat().st_size for path in small.GRAPH.parent.iterdir()) < MOST


def test_signs_and_small_words_change_nothing_beside_others(encoder: TransformerEmbedder) -> None:
    plain, signed = encoder.embed(["graph neural networks", "the graph, and (neural) networks."])
    assert np.array_equal(plain, signed)
    assert encoder.embed_query("to be or not to be").any()


def test_words_that_no_token_spells_are_read_letter_by_letter(encoder: TransformerEmbedder) -> None:
    how = json.loads(small.READING.read_text())
    assert {f"{before}{letter}" for before in ("", "##") for letter in "abcxyz019αω"} <= set(
        how["tokenizer"]["model"]["vocab"]
    )
    first, second = encoder.embed(["zzyzxqj", "qqwxyv"])
    assert not np.array_equal(first, second)


def test_a_title_counts_beside_its_text(encoder: TransformerEmbedder) -> None:
    title, text = "Frog calls", "We fit a loss over patches of retinal images, at night."
    joined, apart = encoder.embed([f"{title}\n{text}", f"{title} {text}"])
    question = encoder.embed_query(title)
    assert joined @ question > apart @ question


def test_only_the_first_words_of_a_long_text_are_read(encoder: TransformerEmbedder) -> None:
    text = "spectrum operator discrete simple " * 60
    assert np.array_equal(*encoder.embed([text, text + " zebra"]))


@pytest.mark.parametrize("path", ["GRAPH", "READING"])
def test_altered_files_are_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = tmp_path / "altered"
    altered.write_bytes(getattr(small, path).read_bytes()[:-1] + b"!")
    monkeypatch.setattr(small, path, altered)
    with pytest.raises(EmbedderUnavailable, match="SHA-256 differs"):
        small.small()
    altered.unlink()
    with pytest.raises(EmbedderUnavailable, match="cannot be read"):
        small.small()
