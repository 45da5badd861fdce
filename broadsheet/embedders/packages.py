"""Weights that travel as Python packages: only their data files are read, their code is never imported."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.embedders import EmbedderUnavailable

# The number types that occur in the files we read. https://github.com/huggingface/safetensors#format
NUMBER_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


def data_file(package: str, path: str) -> Path:
    """Where a file of an installed package lies. EmbedderUnavailable if package or file is missing."""
    try:
        found = Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        raise EmbedderUnavailable(f"The package {package} is not installed: run `make env`.") from None
    if not found.is_file():
        raise EmbedderUnavailable(
            f"The installed package {package} lacks {path}: remove the folder .venv and run `make env`."
        )
    return found


def verified(path: Path, sha256: str) -> bytes:
    """The bytes of a file, if they are those that were measured and trusted; else EmbedderUnavailable."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EmbedderUnavailable(f"{path} cannot be read ({error.strerror}): run `make env`.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise EmbedderUnavailable(
            f"{path} is not the file that Broadsheet trusts (its SHA-256 differs): "
            "remove the folder .venv and run `make env`."
        )
    return content


def tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file by name, as read-only views of its bytes."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        first, last = (8 + length + offset for offset in entry["data_offsets"])
        flat = np.frombuffer(memoryview(content)[first:last], dtype=NUMBER_TYPES[entry["dtype"]])
        found[name] = flat.reshape(entry["shape"])
    return found
