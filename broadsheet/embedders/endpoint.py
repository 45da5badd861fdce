"""An OpenAI-compatible embedding endpoint: a model that somebody else runs, on this machine or far away.

POST {"model": …, "input": […]} and {"data": [{"index": 0, "embedding": […]}, …]} back, as described at
https://platform.openai.com/docs/api-reference/embeddings; Ollama, vLLM, llama.cpp and others answer alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import numpy as np

from broadsheet.embedders import EmbedderUnavailable, Vectors
from broadsheet.embedders.reading import readable

BATCH = 64  # texts in one request
LETTERS = 2_000  # sent of a text: about 512 tokens, which every such model takes
PATIENCE = 60.0  # seconds for a batch of documents
QUERY_PATIENCE = 5.0  # seconds while somebody waits
LARGEST_ANSWER = 64 * 2**20  # bytes


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is an error: urllib would carry the key to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


class EndpointEmbedder:
    """Asks an endpoint. Nothing is tried twice here: whoever has time asks again later."""

    def __init__(self, setting: str, key: str = "", patience: float = PATIENCE) -> None:
        """`setting` is the address with the model after "#". Asks once, to learn the dimensions.

        Raises EmbedderUnavailable if the setting is malformed or the endpoint does not answer.
        """
        self._address, _, self._model = setting.partition("#")
        parts = urlsplit(self._address)
        if parts.scheme not in ("http", "https") or not parts.hostname or not self._model:
            raise EmbedderUnavailable(
                f"{setting!r} is not an endpoint: write https://host/v1/embeddings#model, model included."
            )
        if parts.username or parts.password:
            raise EmbedderUnavailable("Leave the password out of the endpoint's address: give it as the key.")
        self._headers = {"Content-Type": "application/json", "User-Agent": "Broadsheet"}
        if key:
            if not re.fullmatch(r"[!-~]+", key):
                raise EmbedderUnavailable("The endpoint's key has a space or an odd letter: copy it again.")
            self._headers["Authorization"] = f"Bearer {key}"
        self._opener = build_opener(_NoRedirect)
        self._patience = patience
        self.name = re.sub(r"\s+", "-", f"{self._model}@{parts.netloc}{parts.path}")
        self.dimensions = 0
        self.dimensions = self._ask(["paper"], min(patience, QUERY_PATIENCE)).shape[1]

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        # Many servers refuse an empty text, and its vector is known.
        kept = [row for row, text in enumerate(texts) if _sent(text)]
        for start in range(0, len(kept), BATCH):
            rows = kept[start : start + BATCH]
            vectors[rows] = self._ask([_sent(texts[row]) for row in rows], self._patience)
        return vectors

    def embed_query(self, text: str) -> Vectors:
        if not (sent := _sent(text)):
            return np.zeros(self.dimensions, dtype=np.float32)
        vector: Vectors = self._ask([sent], min(self._patience, QUERY_PATIENCE))[0]
        return vector

    def _ask(self, texts: Sequence[str], patience: float) -> Vectors:
        """The rows for some texts, each of length 1."""
        body = json.dumps({"model": self._model, "input": texts, "encoding_format": "float"}).encode()
        request = Request(self._address, body, self._headers)  # noqa: S310 -- __init__ checked the scheme
        try:
            with self._opener.open(request, timeout=patience) as answer:
                content = answer.read(LARGEST_ANSWER + 1)
        except HTTPError as error:
            raise EmbedderUnavailable(self._refusal(error)) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise EmbedderUnavailable(
                f"{self._address} does not answer ({reason}): see that the server runs and can be reached."
            ) from error
        return self._rows(content, len(texts))

    def _refusal(self, error: HTTPError) -> str:
        """A sentence for an answer that is not 200, with the first words the server gave."""
        with error:
            said = " ".join(error.read(2_000).decode(errors="replace").split())[:200]
        advice = {
            401: "check the key",
            403: "check the key",
            404: "check the address and the model's name",
            429: "it has had enough for now, so try later",
        }.get(error.code, "look into the server's log" if error.code >= 500 else "check address and model")
        return f"{self._address} answered {error.code} ({said}): {advice}."

    def _rows(self, content: bytes, count: int) -> Vectors:
        """The vectors of an answer in the order of the texts, checked and brought to length 1."""
        try:
            entries = json.loads(content)["data"]
            ordered = sorted(entries, key=lambda entry: int(entry["index"]))
            rows = np.array([entry["embedding"] for entry in ordered], dtype=np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise EmbedderUnavailable(
                f"{self._address} did not answer with embeddings ({error!r}): "
                "check that it speaks OpenAI's protocol."
            ) from error
        if rows.ndim != 2 or len(rows) != count or self.dimensions not in (0, rows.shape[1]):
            raise EmbedderUnavailable(
                f"{self._address} gave vectors {rows.shape} for {count} texts: check the model's name."
            )
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise EmbedderUnavailable(f"{self._address} gave numbers that are not finite: restart its model.")
        unit: Vectors = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
        return unit


def _sent(text: str) -> str:
    """What is sent of a text: NUL, which some servers choke on, is a space. Empty if nothing is there."""
    return readable(text.replace("\0", " ").strip(), LETTERS)
