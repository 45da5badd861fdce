"""The other encoder that is trained: a small BERT, the mean of its last states brought to length 1.

The same arithmetic as the graph of `broadsheet.embedders.bert`, here with gradients and in batches. What it
reads is a vocabulary of its own, and of that it may skip tokens that say little (`Words`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from broadsheet.embedders import bert, packages
from broadsheet.embedders.reading import readable, tokenizer_from
from broadsheet.embedders.transformer import FOLDER, HEADS, PACKAGE, TOKENIZER_SHA256, TOKENS, WEIGHTS_SHA256

Lists = Sequence[NDArray[np.int64]]

WORDS = "embeddings.word_embeddings.weight"
PLACES = "embeddings.position_embeddings.weight"
SEGMENT = "embeddings.token_type_embeddings.weight"
LETTERS = TOKENS * 40  # read of a text, as the product does


@dataclass(frozen=True)
class Words:
    """A tokenizer.json and how texts are read by it: tokens of `skipped` are left out of every text that has
    others, at most `limit` are read, and of the vector of a title so much is added to that of its text."""

    content: str
    skipped: tuple[str, ...] = ()
    limit: int = TOKENS
    title: float = 0.0

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return tokenizer_from(self.content.encode(), Path("tokenizer.json"))

    @cached_property
    def tokens(self) -> list[str]:
        """All tokens by their numbers."""
        known = self.tokenizer.get_vocab()
        return sorted(known, key=lambda token: known[token])

    @cached_property
    def left_out(self) -> NDArray[np.int64]:
        numbers = (self.tokenizer.token_to_id(token) for token in self.skipped)
        return np.array([number for number in numbers if number is not None], dtype=np.int64)

    def read(self, texts: Sequence[str], limit: int | None = None) -> list[NDArray[np.int64]]:
        """The token numbers of each text, both marks included, at most `limit` (None: its own)."""
        found, limit = [], limit or self.limit
        for one in self.tokenizer.encode_batch([readable(text, LETTERS) for text in texts]):
            numbers = np.array(one.ids, dtype=np.int64)
            kept = numbers[~np.isin(numbers, self.left_out)]
            numbers = kept if len(kept) > 2 else numbers
            if len(numbers) > limit:
                numbers = np.append(numbers[: limit - 1], numbers[-1])
            found.append(numbers)
        return found


class TransformerEncoder(torch.nn.Module):
    """`weights` by their names in the files that BERT encoders come in; `words`: what it reads.

    An optional `head.weight` float32 [d, d] turns the mean before it is brought to length 1.
    """

    def __init__(self, weights: Mapping[str, Tensor], words: Words) -> None:
        super().__init__()
        # A parameter's name must not hold a full stop.
        self.held = torch.nn.ParameterDict(
            {
                name.replace(".", "/"): torch.nn.Parameter(value.detach().clone())
                for name, value in weights.items()
            }
        )
        self.words = words

    @classmethod
    def untrained(cls) -> TransformerEncoder:
        """all-MiniLM-L6-v2 as its package has it."""
        path = packages.data_file(PACKAGE, FOLDER + "model.safetensors")
        stored = packages.tensors(packages.verified(path, WEIGHTS_SHA256))
        vocabulary = packages.data_file(PACKAGE, FOLDER + "tokenizer.json")
        weights = {
            name: torch.from_numpy(value.copy())
            for name, value in stored.items()
            if value.dtype == np.float32 and not name.startswith("pooler.")
        }
        return cls(weights, Words(packages.verified(vocabulary, TOKENIZER_SHA256).decode()))

    @classmethod
    def load(cls, path: Path) -> TransformerEncoder:
        with np.load(path) as kept:
            weights = {name: torch.from_numpy(kept[name]) for name in kept.files if name != "words"}
            words = json.loads(kept["words"].tobytes().decode())
        return cls(weights, Words(**{**words, "skipped": tuple(words["skipped"])}))

    def save(self, path: Path) -> None:
        """Written aside and renamed: no reader sees half a file."""
        words = json.dumps(asdict(self.words))
        arrays: dict[str, Any] = {"words": np.frombuffer(words.encode(), dtype=np.uint8), **self.arrays()}
        part = path.with_suffix(".part.npz")
        np.savez(part, **arrays)
        part.replace(path)

    def copy(self) -> TransformerEncoder:
        return TransformerEncoder({name: self[name] for name in self.names}, self.words)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {name: self[name].detach().numpy() for name in self.names}

    @property
    def names(self) -> list[str]:
        return [name.replace("/", ".") for name in self.held]

    def __getitem__(self, name: str) -> Tensor:
        found: Tensor = self.held[name.replace(".", "/")]
        return found

    def __contains__(self, name: str) -> bool:
        return name.replace(".", "/") in self.held

    @property
    def layers(self) -> int:
        return sum(name.endswith("attention.self.query.weight") for name in self.names)

    def states(self, lists: Lists) -> tuple[list[Tensor], Tensor]:
        """The states after the embedding and after each layer, float32 [n, longest, d], and which of them
        are of tokens, bool [n, longest]."""
        longest = max(len(tokens) for tokens in lists)
        padded = np.zeros((len(lists), longest), dtype=np.int64)
        real = np.zeros((len(lists), longest), dtype=bool)
        for row, tokens in enumerate(lists):
            padded[row, : len(tokens)] = tokens
            real[row, : len(tokens)] = True
        mask = torch.from_numpy(real)
        state = functional.embedding(torch.from_numpy(padded), self[WORDS])
        state = self._normalised(state + self[PLACES][:longest] + self[SEGMENT][0], "embeddings.LayerNorm")
        found = [state]
        seen = None if real.all() else mask[:, None, None, :]
        for layer in range(self.layers):
            state = self._layer(state, seen, f"encoder.layer.{layer}.")
            found.append(state)
        return found, mask

    def pooled(self, state: Tensor, mask: Tensor) -> Tensor:
        """The mean of a text's states, turned by the head if there is one, of length 1: float32 [n, d]."""
        weights = mask.to(state.dtype)
        mean = torch.einsum("nld,nl->nd", state, weights) / weights.sum(1, keepdim=True)
        if "head.weight" in self:
            mean = mean @ self["head.weight"]
        return functional.normalize(mean, dim=1)

    def forward(self, lists: Lists) -> Tensor:
        """Rows of length 1, float32 [n, d]."""
        states, mask = self.states(lists)
        return self.pooled(states[-1], mask)

    def embed(self, lists: Lists, tokens: int = 8_192) -> NDArray[np.float32]:
        """Rows of length 1 without gradients, in batches of texts of like length, of so many tokens."""
        vectors = np.zeros((len(lists), self["embeddings.LayerNorm.bias"].shape[0]), dtype=np.float32)
        with torch.no_grad():
            for places in batches([len(one) for one in lists], tokens):
                vectors[places] = self([lists[place] for place in places]).numpy()
        return vectors

    def _layer(self, state: Tensor, seen: Tensor | None, layer: str) -> Tensor:
        parts = [f"{layer}attention.self.{part}" for part in ("query", "key", "value")]
        joined = functional.linear(
            state,
            torch.cat([self[f"{part}.weight"] for part in parts]),
            torch.cat([self[f"{part}.bias"] for part in parts]),
        )
        rows, longest, width = state.shape
        query, key, value = joined.view(rows, longest, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        mixed = mixed.transpose(1, 2).reshape(rows, longest, width)
        attended = self._linear(mixed, f"{layer}attention.output.dense")
        state = self._normalised(attended + state, f"{layer}attention.output.LayerNorm")
        wide = functional.gelu(self._linear(state, f"{layer}intermediate.dense"))
        return self._normalised(
            self._linear(wide, f"{layer}output.dense") + state, f"{layer}output.LayerNorm"
        )

    def _linear(self, state: Tensor, name: str) -> Tensor:
        return functional.linear(state, self[f"{name}.weight"], self[f"{name}.bias"])

    def _normalised(self, state: Tensor, name: str) -> Tensor:
        weight, bias = self[f"{name}.weight"], self[f"{name}.bias"]
        return functional.layer_norm(state, weight.shape, weight, bias, bert.EPSILON)


def batches(lengths: Sequence[int], tokens: int) -> list[NDArray[np.int64]]:
    """Places of texts in batches of like length, each of at most `tokens` with its padding (or one)."""
    found, batch, longest = [], list[int](), 0
    for place in np.argsort(lengths, kind="stable").tolist():
        longest = max(longest, lengths[place])
        if batch and longest * (len(batch) + 1) > tokens:
            found.append(np.array(batch, dtype=np.int64))
            batch, longest = [], lengths[place]
        batch.append(place)
    return [*found, np.array(batch, dtype=np.int64)] if batch else found
