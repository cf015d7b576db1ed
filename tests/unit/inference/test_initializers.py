"""A constant is read from an ONNX file as the `onnx` package would read it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from steadfast.errors import ModelDamaged
from steadfast.inference.initializers import last_initializer
from steadfast.inference.testing import write_graph

RNG = np.random.default_rng(3)
FIRST = RNG.normal(size=(7,)).astype(np.float32)
LAST = RNG.normal(size=(300, 5)).astype(np.float32)


def graph_with(tmp_path: Path, last: np.ndarray) -> Path:
    return write_graph(
        tmp_path / "g.onnx",
        [("Identity", ["x"], ["y"], {})],
        inputs={"x": (1,)},
        outputs={"y": (1,)},
        constants={"first": FIRST, "last": last},
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_the_last_constant_is_read_in_every_precision(tmp_path: Path, dtype: type[np.floating]) -> None:
    value = LAST.astype(dtype)
    read = last_initializer(graph_with(tmp_path, value))
    assert read.dtype == np.float32
    assert_array_equal(read, value.astype(np.float32))


def test_floats_that_are_not_stored_raw_are_read_as_well(tmp_path: Path) -> None:
    import onnx

    path = graph_with(tmp_path, LAST)
    model = onnx.load(path)
    del model.graph.initializer[-1]
    typed = onnx.helper.make_tensor("last", onnx.TensorProto.FLOAT, LAST.shape, LAST.ravel().tolist())
    model.graph.initializer.append(typed)
    onnx.save(model, path)
    assert_array_equal(last_initializer(path), LAST)


@pytest.mark.parametrize("content", [b"", b"not an ONNX file at all, only text", b"\xff" * 64])
def test_a_file_that_is_no_graph_is_called_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "g.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelDamaged):
        last_initializer(path)


def test_a_file_cut_anywhere_is_called_damaged_or_read_whole(tmp_path: Path) -> None:
    whole = graph_with(tmp_path, LAST).read_bytes()
    for length in range(1, len(whole) - 200, 97):
        cut = tmp_path / "cut.onnx"
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelDamaged):
            last_initializer(cut)


def test_integers_in_the_last_place_are_no_matrix(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged):
        last_initializer(graph_with(tmp_path, np.arange(4)))
