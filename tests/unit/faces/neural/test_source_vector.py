"""What is read out of an inswapper file is its own matrix, or the file is called damaged."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast.errors import InvalidModelOutput, ModelDamaged
from steadfast.faces.neural.source_vector import mean_measure, read_emap, through_emap
from steadfast.inference.testing import write_graph

RNG = np.random.default_rng(4)


def graph(path: Path, last: np.ndarray) -> Path:
    return write_graph(
        path,
        [("Identity", ["x"], ["y"], {})],
        inputs={"x": (1,)},
        outputs={"y": (1,)},
        constants={"decoy": RNG.normal(size=(512, 512)).astype(np.float32), "last": last},
    )


def test_the_matrix_is_the_last_constant_not_another_of_its_shape(tmp_path: Path) -> None:
    emap = RNG.normal(size=(512, 512)).astype(np.float32)
    assert_array_equal(read_emap(graph(tmp_path / "i.onnx", emap)), emap)


def test_a_file_that_ends_with_something_else_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged, match="512"):
        read_emap(graph(tmp_path / "i.onnx", np.ones((512, 256), dtype=np.float32)))


def test_the_embeddings_length_cancels_and_the_matrixs_does_not() -> None:
    emap = RNG.normal(size=(512, 512)).astype(np.float32)
    vector = RNG.normal(size=512).astype(np.float32)
    once, again = through_emap(vector, emap=emap), through_emap(7 * vector, emap=emap)
    assert_allclose(once, again, atol=1e-3)
    assert_allclose(through_emap(vector, emap=2 * emap), 2 * once, atol=1e-3)
    assert_allclose(once, vector / np.linalg.norm(vector) @ emap, atol=1e-3)


def test_a_vector_without_length_is_refused() -> None:
    with pytest.raises(InvalidModelOutput):
        through_emap(np.zeros(512, dtype=np.float32), emap=np.eye(512, dtype=np.float32))
    with pytest.raises(InvalidModelOutput):
        mean_measure([np.ones(512, dtype=np.float32), -np.ones(512, dtype=np.float32)])


def test_one_photo_is_its_own_mean() -> None:
    vector = RNG.normal(size=512).astype(np.float32)
    assert_allclose(mean_measure([vector]), vector, atol=1e-5)
