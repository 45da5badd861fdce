"""The encoder that is trained: a table of token vectors, summed and brought to length 1.

The same arithmetic as `broadsheet.embedders.static`, so that a trained table can take the place of the one
that ships; here with gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from broadsheet.embedders import Vectors, packages
from broadsheet.embedders.static import TABLE, TABLE_SHA256, token_weights

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bags:
    """Token lists as an embedding bag reads them: each token of a bag once, weighted by its repetition.

    `tokens` int64 [k], `offsets` int64 [n] (where each bag begins), `counts` float32 [k] (square roots of how
    often the token stands in its bag, times what its part of the text weighs).
    """

    tokens: Tensor
    offsets: Tensor
    counts: Tensor

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def of(cls, parts: Sequence[tuple[Sequence[NDArray[np.uint16]], float]]) -> Bags:
        """Bags from parts of texts: for each part, one token list a text and how much the part weighs."""
        tokens, counts, owners = [], [], []
        for lists, weight in parts:
            owner = np.repeat(np.arange(len(lists)), [len(piece) for piece in lists])
            key = owner * 65_536 + np.concatenate([np.zeros(0, np.uint16), *lists]).astype(np.int64)
            unique, times = np.unique(key, return_counts=True)
            tokens.append(unique % 65_536)
            owners.append(unique // 65_536)
            counts.append(weight * np.sqrt(times))
        owner = np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        number = len(parts[0][0])
        offsets = np.searchsorted(owner[order], np.arange(number))
        return cls(
            torch.from_numpy(np.concatenate(tokens)[order]),
            torch.from_numpy(offsets),
            torch.from_numpy(np.concatenate(counts)[order].astype(np.float32)),
        )


class TableEncoder(torch.nn.Module):
    """`table` float32 [tokens, d], one row a token; `weights` float32 [tokens], how much each token tells.

    ValueError if their shapes are others.
    """

    def __init__(self, table: Tensor, weights: Tensor) -> None:
        super().__init__()
        if table.ndim != 2 or weights.shape != table.shape[:1]:
            raise ValueError(f"a table of {tuple(table.shape)} with weights of {tuple(weights.shape)}")
        self.table = torch.nn.Parameter(table.clone())
        self.weights = torch.nn.Parameter(weights.clone(), requires_grad=False)

    @classmethod
    def untrained(cls) -> TableEncoder:
        """The table that training begins with."""
        stored = packages.tensors(packages.verified(packages.data_file("wordllama", TABLE), TABLE_SHA256))
        table = stored["embedding.weight"].astype(np.float32)
        return cls(torch.from_numpy(table), torch.from_numpy(token_weights()[0]))

    @classmethod
    def load(cls, path: Path) -> TableEncoder:
        # Opened here: numpy leaves a file that is no archive open.
        with path.open("rb") as file, np.load(file) as kept:
            return cls(*(torch.from_numpy(kept[name].astype(np.float32)) for name in ("table", "weights")))

    def save(self, path: Path) -> None:
        """Written aside and renamed: no reader sees half a file."""
        part = path.with_suffix(".part.npz")
        np.savez(part, table=self.array(), weights=self.weights.detach().numpy())
        part.replace(path)

    def copy(self) -> TableEncoder:
        return TableEncoder(self.table.detach(), self.weights.detach())

    def array(self) -> Vectors:
        array: Vectors = self.table.detach().numpy()
        return array

    def forward(self, bags: Bags) -> Tensor:
        """Rows of length 1, float32 [n, d]; an empty bag gives zeros."""
        weighted = bags.counts * self.weights[bags.tokens]
        summed = torch.nn.functional.embedding_bag(
            bags.tokens, self.table, bags.offsets, mode="sum", per_sample_weights=weighted
        )
        return torch.nn.functional.normalize(summed, dim=1)

    def rows(self) -> Vectors:
        """The table as the product sums it: weights multiplied in, float32 [tokens, d]."""
        rows: Vectors = self.array() * self.weights.detach().numpy()[:, None]
        return rows
