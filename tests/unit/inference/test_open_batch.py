"""A graph exported for one picture takes several, and is otherwise the same graph."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast import events
from steadfast.errors import ModelDamaged
from steadfast.inference.facts import BatchStaysFixed
from steadfast.inference.open_batch import open_batch
from steadfast.inference.sessions import SessionCache
from steadfast.inference.testing import write_graph

RNG = np.random.default_rng(8)
WEIGHTS = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
X = RNG.normal(size=(5, 3, 8, 8)).astype(np.float32)


def fixed_graph(path: Path) -> Path:
    """A convolution scaled by a second input, exported for one picture, with a shape noted in between."""
    import onnx

    write_graph(
        path,
        [("Conv", ["x", "w"], ["c"], {"pads": [1, 1, 1, 1]}), ("Mul", ["c", "s"], ["y"], {})],
        inputs={"x": (1, 3, 8, 8), "s": (1, 1, 1, 1)},
        outputs={"y": (1, 4, 8, 8)},
        constants={"w": WEIGHTS},
    )
    model = onnx.load(path)
    model.graph.value_info.append(onnx.helper.make_tensor_value_info("c", 1, [1, 4, 8, 8]))
    # Old exports list constants among the inputs; theirs is not a batch.
    model.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [4, 3, 3, 3]))
    onnx.save(model, path)
    return path


@pytest.fixture
def told() -> Iterator[list[BatchStaysFixed]]:
    heard: list[BatchStaysFixed] = []
    stop = events.subscribe(lambda e: heard.append(e) if isinstance(e, BatchStaysFixed) else None)
    yield heard
    stop()


def test_several_at_once_get_the_answers_each_gets_alone(tmp_path: Path) -> None:
    path = fixed_graph(tmp_path / "g.onnx")
    opened = SessionCache().get("g", path, open_batch_of=("x", "s"))
    plain = SessionCache().get("g", path)
    scales = np.arange(1, 6, dtype=np.float32).reshape(5, 1, 1, 1)
    together = opened.run({"x": X, "s": scales})["y"]
    for row in range(5):
        alone = plain.run({"x": X[row : row + 1], "s": scales[row : row + 1]})["y"]
        assert_allclose(together[row : row + 1], alone, atol=1e-5)
    assert opened.input_shapes["x"] == (None, 3, 8, 8)
    assert plain.input_shapes["x"] == (1, 3, 8, 8)


def test_the_copy_is_a_valid_graph_with_the_same_constants_and_nothing_else_changed(tmp_path: Path) -> None:
    import onnx

    path = fixed_graph(tmp_path / "g.onnx")
    with open_batch(path, ("x", "s")) as copy:
        model = onnx.load(copy)
    onnx.checker.check_model(model)
    assert_array_equal(onnx.numpy_helper.to_array(model.graph.initializer[0]), WEIGHTS)
    original = onnx.load(path)
    assert list(model.graph.node) == list(original.graph.node)
    assert model.opset_import == original.opset_import
    assert not model.graph.value_info  # they spoke of one picture
    weights = next(i for i in model.graph.input if i.name == "w")
    assert [d.dim_value for d in weights.type.tensor_type.shape.dim] == [4, 3, 3, 3]


def test_the_copy_is_gone_afterwards_and_the_file_is_as_it_was(tmp_path: Path) -> None:
    path = fixed_graph(tmp_path / "g.onnx")
    before = path.read_bytes()
    with open_batch(path, ("x",)) as copy:
        assert copy.exists()
    assert not copy.exists()
    assert path.read_bytes() == before


def test_a_model_that_left_memory_comes_back_with_its_batch_open(tmp_path: Path) -> None:
    cache = SessionCache()
    session = cache.get("g", fixed_graph(tmp_path / "g.onnx"), open_batch_of=("x", "s"))
    assert cache.release() == ("g",)
    answer = session.run({"x": X[:3], "s": np.ones((3, 1, 1, 1), dtype=np.float32)})["y"]
    assert answer.shape == (3, 4, 8, 8)


def test_a_graph_whose_inside_insists_on_one_runs_as_it_is(
    tmp_path: Path, told: list[BatchStaysFixed]
) -> None:
    path = write_graph(
        tmp_path / "g.onnx",
        [("Add", ["x", "two"], ["y"], {})],
        inputs={"x": (1, 3)},
        outputs={"y": (2, 3)},
        constants={"two": np.ones((2, 3), dtype=np.float32)},
    )
    cache = SessionCache()
    session = cache.get("g", path, open_batch_of=("x",))
    assert session.input_shapes["x"] == (1, 3)
    assert_array_equal(session.run({"x": np.ones((1, 3), dtype=np.float32)})["y"], np.full((2, 3), 2))
    assert ["open batch" in fact.reason for fact in told] == [True]

    cache.release()
    session.run({"x": np.ones((1, 3), dtype=np.float32)})
    assert session.input_shapes["x"] == (1, 3)
    assert len(told) == 1  # it is not tried at every load


def test_a_graph_that_mixes_its_pictures_runs_as_it_is(tmp_path: Path, told: list[BatchStaysFixed]) -> None:
    path = write_graph(
        tmp_path / "g.onnx",
        [("ReduceMean", ["x"], ["m"], {"axes": [0]}), ("Sub", ["x", "m"], ["y"], {})],
        inputs={"x": (1, 3)},
        outputs={"y": (1, 3)},
    )
    session = SessionCache().get("g", path, open_batch_of=("x",))
    assert session.input_shapes["x"] == (1, 3)
    assert len(told) == 1


def test_a_graph_that_reshapes_away_from_its_batch_and_back_runs_as_it_is(
    tmp_path: Path, told: list[BatchStaysFixed]
) -> None:
    """Its second Reshape would keep 3 instead of 1: wrong also for one picture."""
    path = write_graph(
        tmp_path / "g.onnx",
        [
            ("Reshape", ["x", "away"], ["c"], {}),
            ("Relu", ["c"], ["d"], {}),
            ("Reshape", ["d", "back"], ["y"], {}),
        ],
        inputs={"x": (1, 3, 2)},
        outputs={"y": (1, 6)},
        constants={"away": np.array([3, 2]), "back": np.array([1, -1])},
    )
    session = SessionCache().get("g", path, open_batch_of=("x",))
    assert session.run({"x": np.ones((1, 3, 2), dtype=np.float32)})["y"].shape == (1, 6)
    assert len(told) == 1


def test_a_graph_that_takes_more_than_pictures_of_a_known_size_runs_as_it_is(
    tmp_path: Path, told: list[BatchStaysFixed]
) -> None:
    path = write_graph(
        tmp_path / "g.onnx",
        [("Identity", ["x"], ["y"], {})],
        inputs={"x": (1, "side")},
        outputs={"y": (1, "side")},
    )
    session = SessionCache().get("g", path, open_batch_of=("x",))
    assert session.input_shapes["x"] == (1, None)
    assert "known size" in told[0].reason


def test_where_the_copy_does_not_load_the_file_itself_does_and_it_is_told(
    tmp_path: Path, told: list[BatchStaysFixed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadfast.inference.open_batch._OPEN_DIM", [b"\xff\xff"])
    session = SessionCache().get("g", fixed_graph(tmp_path / "g.onnx"), open_batch_of=("x",))
    assert session.input_shapes["x"] == (1, 3, 8, 8)
    assert [fact.model for fact in told] == ["g"]


@pytest.mark.parametrize("raw", [True, False])
def test_a_reshape_that_has_the_one_written_down_keeps_what_comes(
    tmp_path: Path, told: list[BatchStaysFixed], raw: bool
) -> None:
    import onnx

    path = write_graph(
        tmp_path / "g.onnx",
        [("Reshape", ["x", "flat"], ["y"], {})],
        inputs={"x": (1, 3, 2)},
        outputs={"y": (1, 6)},
        constants={"flat": np.array([1, 6])},
    )
    if not raw:
        model = onnx.load(path)
        del model.graph.initializer[0]
        model.graph.initializer.append(onnx.helper.make_tensor("flat", onnx.TensorProto.INT64, [2], [1, 6]))
        onnx.save(model, path)
    session = SessionCache().get("g", path, open_batch_of=("x",))
    pictures = X[:, :, :2, 0]
    assert_array_equal(session.run({"x": pictures})["y"], pictures.reshape(5, 6))
    assert told == []


@pytest.mark.parametrize("content", [b"no graph", b"\x3a\xff\xff\xff\x7f"])
def test_a_file_that_is_no_graph_is_called_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "g.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelDamaged), open_batch(path, ("x",)):
        pass
