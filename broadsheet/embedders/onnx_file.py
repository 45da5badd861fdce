"""Writes an ONNX file without the onnx package: the few protobuf messages that a graph of tensors needs.

Field numbers are those of onnx.proto3, which ONNX promises never to reuse: https://onnx.ai/onnx/intro/.
Equal graphs give equal bytes on every machine.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

TENSOR_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
IR_VERSION = 8
Attribute = int | float | Sequence[int]


def _varint(number: int) -> bytes:
    number &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _integer(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _single(field: int, number: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", number)


def _content(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _attribute(name: str, value: Attribute) -> bytes:
    """AttributeProto; its last field says which kind of value it carries."""
    if isinstance(value, float):
        return _content(1, name) + _single(2, value) + _integer(20, 1)
    if isinstance(value, int):
        return _content(1, name) + _integer(3, value) + _integer(20, 2)
    return _content(1, name) + b"".join(_integer(8, number) for number in value) + _integer(20, 7)


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    """TensorProto, its numbers raw and little-endian."""
    shape = b"".join(_integer(1, size) for size in values.shape)
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    kind = _integer(2, TENSOR_TYPES[values.dtype.name])
    return shape + kind + _content(8, name) + _content(9, little.tobytes())


def _value(name: str, kind: str, shape: Sequence[int | str]) -> bytes:
    """ValueInfoProto; a size given as a word is one that varies from call to call."""
    sizes = (_integer(1, size) if isinstance(size, int) else _content(2, size) for size in shape)
    dimensions = b"".join(_content(1, size) for size in sizes)
    tensor = _integer(1, TENSOR_TYPES[kind]) + _content(2, dimensions)
    return _content(1, name) + _content(2, _content(1, tensor))


class Graph:
    """A graph being written. Values are known by name; every method that makes one returns its name."""

    def __init__(self, name: str, opsets: dict[str, int]) -> None:
        """`opsets`: the version of each operator domain that the graph uses; "" is ONNX's own."""
        self._name = name
        self._opsets = opsets
        self._parts: list[bytes] = []
        self._made = 0

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self._parts.append(_content(5, _tensor(name, values)))
        return name

    def input(self, name: str, kind: str, shape: Sequence[int | str]) -> str:
        self._parts.append(_content(11, _value(name, kind, shape)))
        return name

    def output(self, name: str, kind: str, shape: Sequence[int | str]) -> None:
        self._parts.append(_content(12, _value(name, kind, shape)))

    def node(
        self, operator: str, inputs: Sequence[str], count: int = 1, domain: str = "", **attributes: Attribute
    ) -> tuple[str, ...]:
        """Apply an operator; the names of its `count` outputs. An input named "" is left out."""
        self._made += 1
        outputs = tuple(f"{operator}{self._made}.{place}" for place in range(count))
        message = [_content(1, name) for name in inputs] + [_content(2, name) for name in outputs]
        message += [_content(4, operator)]
        message += [_content(5, _attribute(name, value)) for name, value in sorted(attributes.items())]
        message += [_content(7, domain)] if domain else []
        self._parts.append(_content(1, b"".join(message)))
        return outputs

    def content(self) -> bytes:
        """The bytes of the file (ModelProto)."""
        versions = (_content(1, domain) + _integer(2, version) for domain, version in self._opsets.items())
        graph = b"".join(self._parts) + _content(2, self._name)
        opsets = b"".join(_content(8, version) for version in versions)
        return _integer(1, IR_VERSION) + _content(2, "broadsheet") + _content(7, graph) + opsets
