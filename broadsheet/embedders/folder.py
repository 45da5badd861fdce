"""Any sentence-transformers model that has an ONNX file: a folder as its makers publish it, used as it is.

Read from the folder: the ONNX file (`onnx/model.onnx` or `model.onnx`, or another that the setting names),
`tokenizer.json`, the pooling (`1_Pooling/config.json`: mean or first token), the longest input
(`sentence_bert_config.json`) and the prompts (`config_sentence_transformers.json`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from broadsheet.embedders import EmbedderUnavailable
from broadsheet.embedders.reading import tokenizer_from
from broadsheet.embedders.transformer import TOKENS, Run, TransformerEmbedder, open_session

MOST_TOKENS = 512  # attention grows with the square of the length, and an abstract has 200 to 300
CONFIGURATIONS = ("1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json")


def open_folder(path: Path, threads: int = 1) -> TransformerEmbedder:
    """The encoder in a folder, or of one ONNX file in it. EmbedderUnavailable says what the folder lacks."""
    model = _model(path.expanduser())
    folder = model.parent.parent if model.parent.name == "onnx" else model.parent
    vocabulary = folder / "tokenizer.json"
    if not vocabulary.is_file():
        raise EmbedderUnavailable(f"{folder} has no tokenizer.json: copy the model's whole folder there.")
    tokenizer = tokenizer_from(vocabulary.read_bytes(), vocabulary)
    pooling, sizes, prompts = (_configuration(folder / name) for name in CONFIGURATIONS)
    try:
        session = open_session(str(model), threads)
    except Exception as error:  # onnxruntime's errors share no class
        raise EmbedderUnavailable(f"{model} cannot be opened ({error}): copy the model again.") from error
    run = _runner(session, _takes_first_token(pooling, folder), folder)
    tokens = min(int(sizes.get("max_seq_length") or TOKENS), MOST_TOKENS)
    phrases = prompts.get("prompts") or {}
    name = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', folder.resolve().name)}-{_fingerprint(model, folder)}"
    try:
        dimensions = len(run(np.array([tokenizer.encode("paper").ids], dtype=np.int64)))
    except Exception as error:
        raise EmbedderUnavailable(f"{model} does not answer as a text encoder does: {error}") from error
    return TransformerEmbedder(
        f"{name}-{tokens}",
        dimensions,
        tokenizer,
        run,
        tokens,
        query_prefix=str(phrases.get("query") or ""),
        text_prefix=str(phrases.get("document") or phrases.get("passage") or ""),
    )


def _model(path: Path) -> Path:
    """The ONNX file that is meant."""
    if path.suffix == ".onnx" and path.is_file():
        return path
    if not path.is_dir():
        raise EmbedderUnavailable(f"There is no folder {path}: check the spelling of the embedder setting.")
    for name in ("onnx/model.onnx", "model.onnx"):
        if (path / name).is_file():
            return path / name
    others = sorted(path.glob("onnx/*.onnx")) + sorted(path.glob("*.onnx"))
    if len(others) == 1:
        return others[0]
    if others:
        raise EmbedderUnavailable(f"{path} has several ONNX files: name one, as in folder:{others[0]}.")
    raise EmbedderUnavailable(f"{path} has no ONNX file: export the model to {path}/onnx/model.onnx.")


def _configuration(path: Path) -> dict[str, Any]:
    """A JSON object from a file; an empty one if there is no such file."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise EmbedderUnavailable(f"{path} is not JSON ({error}): copy the model again.") from error
    return found if isinstance(found, dict) else {}


def _takes_first_token(pooling: Mapping[str, Any], folder: Path) -> bool:
    """Whether the first token speaks for the text (else the mean of all does)."""
    chosen = {
        key.removeprefix("pooling_mode_") for key, on in pooling.items() if on is True and "pooling" in key
    }
    chosen |= {str(pooling["pooling_mode"])} if "pooling_mode" in pooling else set()
    if chosen & {"cls_token", "cls"}:
        return True
    if chosen and not chosen & {"mean_tokens", "mean"}:
        raise EmbedderUnavailable(
            f"{folder} pools by {', '.join(sorted(chosen))}: only mean and cls will do."
        )
    return False


def _runner(session: onnxruntime.InferenceSession, first_token: bool, folder: Path) -> Run:
    """From token numbers to one vector of length 1, by the inputs and outputs that the file declares."""
    wanted = [value.name for value in session.get_inputs()]
    offered = [value.name for value in session.get_outputs()]
    if unknown := set(wanted) - {"input_ids", "attention_mask", "token_type_ids"}:
        raise EmbedderUnavailable(
            f"The ONNX file in {folder} wants {', '.join(sorted(unknown))}: no encoder."
        )
    # A file that pools by itself has been through all of the model's modules, so it is believed.
    pooled = "sentence_embedding" in offered
    if not pooled and any(folder.glob("*_Dense")):
        raise EmbedderUnavailable(
            f"{folder} has a Dense module: export it with the output sentence_embedding."
        )
    output = "sentence_embedding" if pooled else offered[0]

    def run(ids: NDArray[np.int64]) -> NDArray[np.float32]:
        values = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        answer = session.run([output], {name: values[name] for name in wanted})[0][0]
        if answer.ndim == 2:
            answer = answer[0] if first_token else answer.mean(axis=0)
        vector: NDArray[np.float32] = answer.astype(np.float32) / max(float(np.linalg.norm(answer)), 1e-12)
        return vector

    return run


def _fingerprint(model: Path, folder: Path) -> str:
    """Eight letters that change with the weights, the tokenizer and the configuration."""
    digest = hashlib.sha256()
    weights = [model, *sorted(model.parent.glob(f"{model.name}[._]*data"))]
    for path in [*weights, folder / "tokenizer.json", *(folder / name for name in CONFIGURATIONS)]:
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8]
