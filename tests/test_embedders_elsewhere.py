"""Models that others bring: folders of sentence-transformers and endpoints that speak OpenAI's protocol."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from broadsheet.embedders import EmbedderUnavailable, endpoint
from broadsheet.embedders.endpoint import EndpointEmbedder
from broadsheet.embedders.folder import open_folder
from tests.test_embedders import TEXTS, Server, server, small_folder

__all__ = ["server"]


def test_a_folder_is_pooled_as_it_says(tmp_path: Path) -> None:
    mean = open_folder(small_folder(tmp_path / "mean"))
    first = open_folder(small_folder(tmp_path / "first", "cls_token"))
    # The first token is the same for every text, and this model looks no further than one token.
    assert np.ptp(first.embed(TEXTS), axis=0).max() == 0
    assert np.ptp(mean.embed(TEXTS), axis=0).max() > 0


def test_a_folder_reads_questions_with_their_own_prompt(tmp_path: Path) -> None:
    model = open_folder(small_folder(tmp_path / "model"))
    assert not np.array_equal(model.embed(["frogs"])[0], model.embed_query("frogs"))
    (tmp_path / "model" / "config_sentence_transformers.json").unlink()
    plain = open_folder(tmp_path / "model")
    assert np.array_equal(plain.embed(["frogs"])[0], plain.embed_query("frogs"))
    assert plain.name != model.name


def test_a_folder_may_be_named_by_its_file(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    assert open_folder(folder / "onnx" / "model.onnx").name == open_folder(folder).name
    (folder / "onnx" / "model.onnx").rename(folder / "onnx" / "small.onnx")
    assert open_folder(folder).dimensions == 16
    (folder / "onnx" / "smaller.onnx").write_bytes(b"")
    with pytest.raises(EmbedderUnavailable, match="several ONNX files: name one"):
        open_folder(folder)


def test_other_weights_have_another_name(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    before = open_folder(folder).name
    file = folder / "onnx" / "model.onnx"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert open_folder(folder).name != before


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        (".", "There is no folder"),
        ("onnx/model.onnx", "has no ONNX file"),
        ("tokenizer.json", "has no tokenizer.json"),
    ],
)
def test_what_a_folder_lacks_is_said(gone: str, sentence: str, tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    (folder / gone).rename(tmp_path / "gone")
    with pytest.raises(EmbedderUnavailable, match=sentence):
        open_folder(folder)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("tokenizer.json", "{}", "is not a tokenizer"),
        ("onnx/model.onnx", "not a model", "cannot be opened"),
        ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}', "only mean and cls"),
        ("sentence_bert_config.json", "{", "is not JSON"),
    ],
)
def test_what_is_wrong_in_a_folder_is_said(file: str, content: str, sentence: str, tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    (folder / file).write_text(content)
    with pytest.raises(EmbedderUnavailable, match=sentence):
        open_folder(folder)


def test_an_endpoint_is_asked_in_batches_with_the_key_and_never_for_nothing(server: str) -> None:
    model = EndpointEmbedder(f"{server}/v1/embeddings#letters", key="sesame")
    Server.requests.clear()
    vectors = model.embed(["", *(f"text {number}" for number in range(endpoint.BATCH + 1)), "  "])
    assert not vectors[[0, -1]].any()
    assert [len(request["body"]["input"]) for request in Server.requests] == [endpoint.BATCH, 1]
    assert {request["headers"]["Authorization"] for request in Server.requests} == {"Bearer sesame"}
    assert {request["body"]["model"] for request in Server.requests} == {"letters"}


def test_an_endpoint_gives_rows_in_the_order_of_the_texts(server: str) -> None:
    model = EndpointEmbedder(f"{server}/v1/embeddings#letters")
    vectors = model.embed(["aaaa", "bbbb"])
    assert vectors.argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("refuses", "answered 401 .no such key.: check the key"),
        ("redirects", "answered 307"),
        ("babbles", "did not answer with embeddings"),
        ("short", "for 1 texts"),
        ("infinite", "not finite"),
        ("sleeps", "does not answer"),
    ],
)
def test_a_bad_answer_becomes_a_sentence(path: str, sentence: str, server: str) -> None:
    with pytest.raises(EmbedderUnavailable, match=sentence) as raised:
        EndpointEmbedder(f"{server}/{path}#model", key="sesame", patience=0.3)
    assert "sesame" not in str(raised.value)


def test_a_server_that_is_gone_becomes_a_sentence() -> None:
    with pytest.raises(EmbedderUnavailable, match="does not answer"):
        EndpointEmbedder("http://127.0.0.1:9/v1/embeddings#model")


def test_a_model_whose_size_changes_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = EndpointEmbedder(f"{server}/v1/embeddings#letters")
    shorter = {"data": [{"index": 0, "embedding": [1.0, 0.0]}]}
    monkeypatch.setattr(Server, "v1_embeddings", lambda self, body: json.loads(json.dumps(shorter)))
    with pytest.raises(EmbedderUnavailable, match="check the model's name"):
        model.embed_query("frogs")


@pytest.mark.parametrize(
    "setting",
    [
        "http://host/v1/embeddings",
        "file:///etc/passwd#model",
        "https://#model",
        "https://ann:pass@host/v1#model",
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(setting: str) -> None:
    with pytest.raises(EmbedderUnavailable, match=r"is not an endpoint|give it as the key"):
        EndpointEmbedder(setting)


def test_a_key_that_would_break_the_request_is_refused() -> None:
    with pytest.raises(EmbedderUnavailable, match="odd letter"):
        EndpointEmbedder("http://127.0.0.1:9/v1/embeddings#model", key="two\r\nlines")
