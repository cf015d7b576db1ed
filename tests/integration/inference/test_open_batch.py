"""Real graphs, exported for one picture, take four at once and answer each as if it were alone."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from steadfast.inference.sessions import SessionCache


@pytest.mark.parametrize(
    ("name", "side_px", "feed"),
    [
        ("face_landmark", 192, "input_1"),
        ("mobilefacenet", 112, "input"),
        ("yunet_n_640_640", 640, "input"),
    ],
)
def test_a_published_graph_for_one_picture_takes_four(
    shared_models: Path, name: str, side_px: int, feed: str
) -> None:
    path = shared_models / f"{name}.onnx"
    pictures = np.random.default_rng(0).random((4, 3, side_px, side_px)).astype(np.float32)
    alone = SessionCache().get(name, path)
    assert alone.input_shapes[feed][0] == 1
    together = SessionCache().get(name, path, open_batch_of=(feed,)).run({feed: pictures})
    for row in range(4):
        for output, value in alone.run({feed: pictures[row : row + 1]}).items():
            assert_allclose(together[output][row : row + 1], value, atol=1e-4, err_msg=output)
