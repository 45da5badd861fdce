"""Vectors that are kept between runs, in a cache folder outside the repository."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from broadsheet.embedders import Embedder, Vectors

CHUNK = 256  # texts embedded between two looks at the clock
SAVE_EVERY = 60.0  # seconds of embedding that an interruption may cost


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/broadsheet/evals."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "broadsheet" / "evals"


class VectorStore:
    """Vectors of one embedder by the hash of their text: only texts never seen before are embedded."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self._path = folder / f"{embedder.name.replace('/', '_')}.npz"
        self._places: dict[bytes, int] = {}
        self._vectors = np.zeros((0, embedder.dimensions), dtype=np.float16)
        if self._path.is_file():
            with np.load(self._path) as kept:
                self._vectors = kept["vectors"]
                self._places = {key.tobytes(): place for place, key in enumerate(kept["keys"])}

    def embed(self, texts: Sequence[str], progress: Callable[[str], None]) -> Vectors:
        """Vectors of the texts, float32 [n, d]; 16 bits of each number are kept, which no ranking notices."""
        keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._places}
        self._learn(missing, progress)
        places = [self._places[key] for key in keys]
        return self._vectors[places].astype(np.float32)

    def _learn(self, missing: dict[bytes, str], progress: Callable[[str], None]) -> None:
        items = list(missing.items())
        saved, fresh = time.monotonic(), list[Vectors]()
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            fresh.append(self._embedder.embed([text for _, text in chunk]).astype(np.float16))
            for key, _ in chunk:
                self._places[key] = len(self._places)
            last = start + CHUNK >= len(items)
            if last or time.monotonic() - saved > SAVE_EVERY:
                self._vectors = np.concatenate([self._vectors, *fresh])
                fresh.clear()
                self._save()
                saved = time.monotonic()
                progress(f"{self._embedder.name}: {min(start + CHUNK, len(items)):,} of {len(items):,} texts")

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        keys = np.frombuffer(b"".join(self._places), dtype=np.uint8).reshape(-1, 16)
        part = self._path.with_suffix(f".{os.getpid()}.npz")
        np.savez(part, keys=keys, vectors=self._vectors)
        part.replace(self._path)
