"""Opening the batch of a graph that was exported for exactly one picture.

Most published face models declare 1 × …, and the shapes that Reshape nodes have written down repeat that 1. A
copy of the graph whose inputs and outputs leave the first length open, and whose Reshape nodes keep the first
length they meet, takes any number at once. Whether its answers are right is for the caller to prove: a graph
that needs its 1 fails to load or to run, or answers otherwise. Field numbers are those of onnx.proto.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from steadfast.errors import ModelDamaged
from steadfast.inference.initializers import mapped
from steadfast.inference.protobuf_wire import Field, Parts, fields, with_length

_GRAPH = 7  # of ModelProto
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 1, 5, 11, 12, 13  # of GraphProto
_NODE_INPUT, _NODE_OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5  # of NodeProto
_ATTRIBUTE_TENSOR = 5  # of AttributeProto
_INT64_DATA, _TENSOR_NAME, _RAW_DATA = 7, 8, 9  # of TensorProto
_NAME, _TYPE = 1, 2  # of ValueInfoProto
_TENSOR = 1  # of TypeProto
_SHAPE = 2  # of TypeProto.Tensor
_DIM = 1  # of TensorShapeProto
_DIM_PARAM = 2  # of TensorShapeProto.Dimension
_OPEN_DIM = with_length(_DIM, with_length(_DIM_PARAM, [b"batch"]))

# The first length of a Reshape's target: 1, and what means "as it comes", raw (64 bits) and packed.
_ONE = {_RAW_DATA: (1).to_bytes(8, "little"), _INT64_DATA: b"\x01"}
_AS_IT_COMES = {_RAW_DATA: bytes(8), _INT64_DATA: b"\x00"}


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
    targets = _reshape_targets(field.value)
    return with_length(
        _GRAPH, [p for inner in fields(field.value) for p in _of_graph(inner, inputs, targets)]
    )


def _of_graph(field: Field, inputs: Collection[str], targets: Collection[str]) -> Parts:
    value = field.value
    if field.number == _VALUE_INFO:
        return []  # shapes in between, of a batch of one: the runtime infers them anew
    if isinstance(value, int):
        return [field.raw]
    # Old exports list their constants among the inputs; those keep their shapes.
    if field.number == _OUTPUT or (field.number == _INPUT and _text(value, _NAME) in inputs):
        return with_length(field.number, _open_first(value, (_TYPE, _TENSOR, _SHAPE)))
    if field.number == _INITIALIZER and _text(value, _TENSOR_NAME) in targets:
        return with_length(field.number, _as_it_comes(value))
    if (
        field.number == _NODE
        and _text(value, _OPERATOR) == "Constant"
        and _text(value, _NODE_OUTPUT) in targets
    ):
        return with_length(field.number, _within(value, _ATTRIBUTE, _constants_tensor))
    return [field.raw]


def _reshape_targets(graph: memoryview) -> set[str]:
    """Names of the tensors that say to what a Reshape reshapes: its second input."""
    targets = set()
    for node in fields(graph):
        if (
            node.number == _NODE
            and isinstance(node.value, memoryview)
            and _text(node.value, _OPERATOR) == "Reshape"
        ):
            targets.update(_texts(node.value, _NODE_INPUT)[1:2])
    return targets


def _open_first(message: memoryview, way: tuple[int, ...]) -> Parts:
    """The message with the first dimension of the shape that lies at the end of the way left open."""
    if not way:
        return _OPEN_DIM + [field.raw for field in list(fields(message))[1:]]
    return _within(message, way[0], lambda inner: _open_first(inner, way[1:]))


def _constants_tensor(attribute: memoryview) -> Parts:
    return _within(attribute, _ATTRIBUTE_TENSOR, _as_it_comes)


def _as_it_comes(tensor: memoryview) -> Parts:
    """A Reshape's target that starts with 1, with the length that comes in its place."""
    parts: Parts = []
    for field in fields(tensor):
        one, value = _ONE.get(field.number), field.value
        if one is None or isinstance(value, int) or value[: len(one)] != one:
            parts.append(field.raw)
        else:
            parts += with_length(field.number, [_AS_IT_COMES[field.number], value[len(one) :]])
    return parts


def _within(message: memoryview, number: int, change: Callable[[memoryview], Parts]) -> Parts:
    """The message with every field of that number changed, and the rest as it stands."""
    parts: Parts = []
    for field in fields(message):
        if field.number == number and isinstance(field.value, memoryview):
            parts += with_length(number, change(field.value))
        else:
            parts.append(field.raw)
    return parts


def _text(message: memoryview, number: int) -> str:
    return next(iter(_texts(message, number)), "")


def _texts(message: memoryview, number: int) -> list[str]:
    values = (field.value for field in fields(message) if field.number == number)
    return [bytes(value).decode("utf-8", "replace") for value in values if isinstance(value, memoryview)]
