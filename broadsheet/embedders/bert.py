"""The graph of a BERT encoder with 8-bit weights, written from its tensors for onnxruntime.

One text at a time goes through it: nothing has to be padded or masked, and since activations are quantised
by their range over the whole input, a text's vector does not depend on which texts came with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.embedders.onnx_file import Graph

# Part of every embedder's name: raise it when the graph below gives other vectors than before.
GRAPH_VERSION = 1

CONTRIB = "com.microsoft"  # onnxruntime's own operators, https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
EPSILON = 1e-12  # layer_norm_eps of the model's config.json

Tensors = Mapping[str, NDArray[Any]]


def encoder(weights: Tensors, layers: int, heads: int) -> bytes:
    """An ONNX file that maps `tokens` int64 [1, n] to `vector` float32 [1, d]: the tokens' mean, length 1.

    If the weights have a `head.weight` float32 [d, d], the mean is turned by it first.
    """
    graph = Graph("bert", {"": 17, CONTRIB: 1})
    tokens = graph.input("tokens", "int64", [1, "n"])
    state = _embeddings(graph, weights, tokens)
    for layer in range(layers):
        state = _layer(graph, weights, f"encoder.layer.{layer}.", heads, state)
    # The mean's denominator would be undone by the next line, so the sum over tokens is enough.
    axis = graph.constant("axis", np.array([1], dtype=np.int64))
    (total,) = graph.node("ReduceSum", [state, axis], keepdims=0)
    if "head.weight" in weights:
        (total,) = graph.node("MatMul", [total, graph.constant("head", weights["head.weight"])])
    (length,) = graph.node("ReduceL2", [total], axes=[1], keepdims=1)
    (vector,) = graph.node("Div", [total, length])
    graph.output(vector, "float32", [1, int(weights["embeddings.LayerNorm.bias"].shape[0])])
    return graph.content()


def quantised(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """8-bit integers and the scale of each column: matrix ≈ integers × scales. Symmetric about zero."""
    scales = np.maximum(np.abs(matrix).max(axis=0), np.float32(1e-12)) / np.float32(127)
    return np.rint(matrix / scales).astype(np.int8), scales.astype(np.float32)


def _embeddings(graph: Graph, weights: Tensors, tokens: str) -> str:
    """Word, position and segment vectors added up and normalised; words in 8 bits, one scale a word."""
    integers, scales = quantised(weights["embeddings.word_embeddings.weight"].T)
    table = graph.constant("words", np.ascontiguousarray(integers.T))
    (rows,) = graph.node("Gather", [table, tokens])
    (numbers,) = graph.node("Cast", [rows], to=1)
    (factors,) = graph.node("Gather", [graph.constant("words.scale", scales[:, None]), tokens])
    (words,) = graph.node("Mul", [numbers, factors])
    # Only the first segment is ever used, so its vector is added to every position here, once.
    places = (
        weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    starts = graph.constant("zero", np.array([0], dtype=np.int64))
    (shape,) = graph.node("Shape", [tokens], start=1, end=2)
    (positions,) = graph.node("Slice", [graph.constant("places", places), starts, shape])
    (total,) = graph.node("Add", [words, positions])
    scale, bias = _pair(graph, weights, "embeddings.LayerNorm")
    return graph.node("LayerNormalization", [total, scale, bias], axis=-1, epsilon=EPSILON)[0]


def _layer(graph: Graph, weights: Tensors, layer: str, heads: int, state: str) -> str:
    """Attention and feed-forward, each added to its input and normalised."""
    parts = [f"{layer}attention.self.{part}" for part in ("query", "key", "value")]
    joined = _linear(graph, weights, parts, state)
    query, key, value = graph.node("Split", [joined], count=3, axis=2)
    (mixed,) = graph.node("MultiHeadAttention", [query, key, value], domain=CONTRIB, num_heads=heads)
    attended = _linear(graph, weights, [f"{layer}attention.output.dense"], mixed)
    state = _residual(graph, weights, f"{layer}attention.output.LayerNorm", attended, state)
    wide = _linear(graph, weights, [f"{layer}intermediate.dense"], state)
    (bent,) = graph.node("Gelu", [wide], domain=CONTRIB)
    narrow = _linear(graph, weights, [f"{layer}output.dense"], bent)
    return _residual(graph, weights, f"{layer}output.LayerNorm", narrow, state)


def _linear(graph: Graph, weights: Tensors, names: list[str], state: str) -> str:
    """state @ weight.T + bias in 8 bits, one scale a column; several layers side by side in one product."""
    matrix = np.concatenate([weights[f"{name}.weight"] for name in names]).T
    integers, scales = quantised(matrix)
    bias = np.concatenate([weights[f"{name}.bias"] for name in names])
    inputs = [
        state,
        graph.constant(f"{names[0]}.weight", np.ascontiguousarray(integers)),
        graph.constant(f"{names[0]}.scale", scales),
        "",
        graph.constant(f"{names[0]}.bias", bias),
    ]
    return graph.node("DynamicQuantizeMatMul", inputs, domain=CONTRIB)[0]


def _residual(graph: Graph, weights: Tensors, name: str, change: str, state: str) -> str:
    """The change added to the state it was made from, normalised."""
    scale, bias = _pair(graph, weights, name)
    inputs = [change, state, scale, bias]
    return graph.node("SkipLayerNormalization", inputs, domain=CONTRIB, epsilon=EPSILON)[0]


def _pair(graph: Graph, weights: Tensors, name: str) -> tuple[str, str]:
    scale = graph.constant(f"{name}.weight", weights[f"{name}.weight"])
    return scale, graph.constant(f"{name}.bias", weights[f"{name}.bias"])
