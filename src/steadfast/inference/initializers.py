"""Reading a constant out of an ONNX file without the `onnx` package and without loading the graph.

Only as much of protobuf's wire format is read as finds the tensor (onnx.proto: ModelProto.graph = 7,
GraphProto.initializer = 5, TensorProto.dims = 1, data_type = 2, float_data = 4, raw_data = 9). The file is
mapped, so of hundreds of megabytes only the pages that are looked at are read.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import ModelDamaged

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _FLOAT_DATA, _RAW_DATA = 1, 2, 4, 9
_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 10: np.dtype("<f2"), 11: np.dtype("<f8")}

Field = tuple[int, int | memoryview]
"""A field's number and its value: an integer, or the bytes of whatever has a length."""


def last_initializer(path: Path) -> NDArray[np.float32]:
    """The last constant tensor of the graph. Raises ModelDamaged where the file has none that can be read."""
    try:
        with path.open("rb") as file:
            # Not closed by hand: that is an error while a view of it lives, as in the frames of an exception.
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _last_tensor(memoryview(pages))
    except (OSError, ValueError, IndexError) as error:
        raise ModelDamaged(f"No constant can be read from {path.name}: {error}") from error


def _last_tensor(model: memoryview) -> NDArray[np.float32]:
    tensor: memoryview | None = None
    for number, graph in _fields(model):
        if number == _GRAPH and isinstance(graph, memoryview):
            for inner, value in _fields(graph):
                if inner == _INITIALIZER and isinstance(value, memoryview):
                    tensor = value
    if tensor is None:
        raise ValueError("the graph holds no initializer")
    return _decoded(tensor)


def _decoded(tensor: memoryview) -> NDArray[np.float32]:
    dims: list[int] = []
    dtype: np.dtype[Any] | None = None
    raw = b""
    for number, value in _fields(tensor):
        if number == _DIMS:
            dims += [value] if isinstance(value, int) else list(_packed(value))
        elif number == _DATA_TYPE and isinstance(value, int):
            dtype = _DTYPES.get(value)
        elif number in (_FLOAT_DATA, _RAW_DATA) and isinstance(value, memoryview):
            raw += bytes(value)
    if dtype is None:
        raise ValueError("its last initializer holds no floats")
    return np.frombuffer(raw, dtype=dtype).reshape(dims).astype(np.float32)


def _fields(data: memoryview) -> Iterator[Field]:
    """Every field of a message in the order of the file."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        length, at = _varint(data, at) if wire == 2 else (_fixed_length(wire), at)
        if at + length > len(data):
            raise ValueError("it is cut off")
        yield number, data[at : at + length]
        at += length


def _fixed_length(wire: int) -> int:
    if wire not in (1, 5):
        raise ValueError("it is no ONNX file")
    return 8 if wire == 1 else 4


def _packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("it is no ONNX file")
