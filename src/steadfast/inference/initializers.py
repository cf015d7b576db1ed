"""Reading a constant out of an ONNX file without the `onnx` package and without loading the graph.

The file is mapped, so of hundreds of megabytes only the pages that are looked at are read. Field numbers are
those of onnx.proto: ModelProto.graph = 7, GraphProto.initializer = 5, TensorProto.dims = 1, data_type = 2,
float_data = 4, raw_data = 9.
"""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import ModelDamaged
from steadfast.inference.protobuf_wire import fields, integers

_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _FLOAT_DATA, _RAW_DATA = 1, 2, 4, 9
_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 10: np.dtype("<f2"), 11: np.dtype("<f8")}


def last_initializer(path: Path) -> NDArray[np.float32]:
    """The last constant tensor of the graph. Raises ModelDamaged where the file has none that can be read."""
    try:
        return _last_tensor(mapped(path))
    except (OSError, ValueError, IndexError) as error:
        raise ModelDamaged(f"No constant can be read from {path.name}: {error}") from error


def mapped(path: Path) -> memoryview:
    """The bytes of a file, read as they are looked at. Raises OSError, or ValueError for an empty file."""
    with path.open("rb") as file:
        # Not closed by hand: that is an error while a view of it lives, as in the frames of an exception.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _last_tensor(model: memoryview) -> NDArray[np.float32]:
    tensor: memoryview | None = None
    for field in fields(model):
        if field.number == _GRAPH and isinstance(field.value, memoryview):
            for inner in fields(field.value):
                if inner.number == _INITIALIZER and isinstance(inner.value, memoryview):
                    tensor = inner.value
    if tensor is None:
        raise ValueError("the graph holds no initializer")
    return _decoded(tensor)


def _decoded(tensor: memoryview) -> NDArray[np.float32]:
    dims: list[int] = []
    dtype: np.dtype[Any] | None = None
    raw = b""
    for field in fields(tensor):
        value = field.value
        if field.number == _DIMS:
            dims += [value] if isinstance(value, int) else list(integers(value))
        elif field.number == _DATA_TYPE and isinstance(value, int):
            dtype = _DTYPES.get(value)
        elif field.number in (_FLOAT_DATA, _RAW_DATA) and isinstance(value, memoryview):
            raw += bytes(value)
    if dtype is None:
        raise ValueError("its last initializer holds no floats")
    return np.frombuffer(raw, dtype=dtype).reshape(dims).astype(np.float32)
