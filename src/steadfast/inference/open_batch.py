"""Opening the batch of a graph that was exported for exactly one picture.

Most published face models declare 1 × …, though nothing inside them need be so. A copy of the graph whose
inputs and outputs leave the first length open takes any number at once; where something inside does need one,
the copy fails to load or to run, and the caller goes back to the graph as it is. Field numbers are those of
onnx.proto.
"""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from steadfast.errors import ModelDamaged
from steadfast.inference.initializers import mapped
from steadfast.inference.protobuf_wire import Field, Parts, fields, with_length

_GRAPH = 7  # of ModelProto
_INPUT, _OUTPUT, _VALUE_INFO = 11, 12, 13  # of GraphProto
_NAME, _TYPE = 1, 2  # of ValueInfoProto
_TENSOR = 1  # of TypeProto
_SHAPE = 2  # of TypeProto.Tensor
_DIM = 1  # of TensorShapeProto
_DIM_PARAM = 2  # of TensorShapeProto.Dimension
_OPEN_DIM = with_length(_DIM, with_length(_DIM_PARAM, [b"batch"]))


@contextmanager
def open_batch(path: Path, inputs: Collection[str]) -> Iterator[Path]:
    """A copy of the file, there while the context lasts, that takes any number of these inputs at once.

    Raises ModelDamaged where the file is no graph, OSError where there is no room for the copy.
    """
    try:
        parts = [part for field in fields(mapped(path)) for part in _of_model(field, inputs)]
    except (ValueError, IndexError) as error:
        raise ModelDamaged(f"{path.name} is no graph: {error}") from error
    with tempfile.TemporaryDirectory(prefix="steadfast-") as folder:
        copy = Path(folder) / path.name
        with copy.open("wb") as file:
            file.writelines(parts)
        yield copy


def _of_model(field: Field, inputs: Collection[str]) -> Parts:
    if field.number != _GRAPH or isinstance(field.value, int):
        return [field.raw]
    return with_length(_GRAPH, [p for inner in fields(field.value) for p in _of_graph(inner, inputs)])


def _of_graph(field: Field, inputs: Collection[str]) -> Parts:
    if field.number == _VALUE_INFO:
        return []  # shapes in between, of a batch of one: the runtime infers them anew
    if isinstance(field.value, int) or field.number not in (_INPUT, _OUTPUT):
        return [field.raw]
    # Old exports list their constants among the inputs; those keep their shapes.
    if field.number == _INPUT and _name(field.value) not in inputs:
        return [field.raw]
    return with_length(field.number, _open_first(field.value, (_TYPE, _TENSOR, _SHAPE)))


def _open_first(message: memoryview, way: tuple[int, ...]) -> Parts:
    """The message with the first dimension of the shape that lies at the end of the way left open."""
    if not way:
        return _OPEN_DIM + [field.raw for field in list(fields(message))[1:]]
    parts: Parts = []
    for field in fields(message):
        if field.number == way[0] and isinstance(field.value, memoryview):
            parts += with_length(field.number, _open_first(field.value, way[1:]))
        else:
            parts.append(field.raw)
    return parts


def _name(value_info: memoryview) -> str:
    for field in fields(value_info):
        if field.number == _NAME and isinstance(field.value, memoryview):
            return bytes(field.value).decode("utf-8", "replace")
    return ""
