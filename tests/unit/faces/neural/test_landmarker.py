"""2DFAN's adapter: 68 heat maps of an RGB crop become 68 points of the picture."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from steadfast.errors import InvalidModelOutput
from steadfast.faces.face import Box, Detection, Landmarks, Points, Topology
from steadfast.faces.neural.landmarker import INPUT_PX, Fan68Landmarker, crop_of, decode_heatmaps
from steadfast.inference.sessions import ModelSession
from steadfast.inference.testing import write_graph

Load = Callable[[Path], ModelSession]

# 68 colours of which none is near another, also not with red and blue exchanged (blue has its own levels).
BGR = [(b, g, r) for b, g, r in product((20, 130, 240), (0, 64, 128, 191, 255), (40, 90, 150, 190, 220))][:68]


def fan_graph(path: Path) -> Path:
    """A map per point, hot where the crop has the point's colour over a whole 4 × 4 cell."""
    rgb = np.array(BGR, dtype=np.float32)[:, ::-1] / 255
    return write_graph(
        path,
        [
            ("AveragePool", ["input"], ["cells"], {"kernel_shape": [4, 4], "strides": [4, 4]}),
            ("Mul", ["cells", "cells"], ["squares"], {}),
            ("ReduceSum", ["squares", "channels"], ["length"], {}),
            ("Conv", ["cells", "colours", "lengths"], ["likeness"], {}),
            ("Sub", ["likeness", "length"], ["distance"], {}),
            ("Mul", ["distance", "steepness"], ["cold"], {}),
            ("Exp", ["cold"], ["heatmaps"], {}),
            ("Identity", ["nowhere"], ["landmarks"], {}),
        ],
        inputs={"input": (1, 3, 256, 256)},
        outputs={"landmarks": (1, 68, 3), "heatmaps": (1, 68, 64, 64)},
        constants={
            "channels": np.array([1]),
            "colours": (2 * rgb).reshape(68, 3, 1, 1),
            "lengths": -(rgb**2).sum(axis=1),
            "steepness": np.float32(800).reshape(1),
            "nowhere": np.zeros((1, 68, 3), dtype=np.float32),
        },
    )


@pytest.fixture
def landmarker(tmp_path: Path, session: Load) -> Fan68Landmarker:
    return Fan68Landmarker(session(fan_graph(tmp_path / "f.onnx")))


@pytest.fixture
def points() -> Points:
    """68 places in a box of 180 × 195 around (300, 260)."""
    rows = [(x, y) for y in np.linspace(172, 348, 9) for x in np.linspace(220, 380, 8)]
    return np.array(rows[:68], dtype=np.float32)


@pytest.fixture
def picture(points: Points) -> np.ndarray:
    image = np.zeros((520, 600, 3), dtype=np.uint8)
    for (x, y), colour in zip(points, BGR, strict=True):
        cv2.rectangle(image, (round(x) - 6, round(y) - 6), (round(x) + 6, round(y) + 6), colour, -1)
    return image


def detection(*, side: float = 195.0) -> Detection:
    box = Box(left=300 - side / 2, top=260 - side / 2, right=300 + side / 2, bottom=260 + side / 2)
    return Detection(box=box, score=0.9, points5=None)


def test_every_point_is_found_where_its_colour_is(
    landmarker: Fan68Landmarker, points: Points, picture: np.ndarray
) -> None:
    found = landmarker.locate(picture, detection())
    assert found is not None
    assert found.topology is landmarker.topology is Topology.IBUG_68
    assert_allclose(found.points, points, atol=2.0)
    assert np.abs((found.points - points).mean(axis=0)).max() < 0.5
    assert found.presence > 0.9
    assert found.depth is None


def test_the_box_fills_195_of_256_pixels_as_in_training() -> None:
    crop = crop_of(detection(side=390))
    assert crop is not None
    assert crop.side_px == pytest.approx(512)
    assert crop.center == pytest.approx((300, 260))


def test_a_face_is_followed_by_its_own_points(
    landmarker: Fan68Landmarker, points: Points, picture: np.ndarray
) -> None:
    before = Landmarks(topology=Topology.IBUG_68, points=points + 4, depth=None, presence=1.0)
    found = landmarker.locate(picture, before)
    assert found is not None
    assert np.median(np.abs(found.points - points)) < 2.0


def test_where_nothing_is_hot_there_is_no_face(landmarker: Fan68Landmarker) -> None:
    assert landmarker.locate(np.full((520, 600, 3), 12, dtype=np.uint8), detection()) is None


def test_a_hint_without_extent_is_no_face(landmarker: Fan68Landmarker, picture: np.ndarray) -> None:
    assert landmarker.locate(picture, detection(side=0)) is None


def test_a_peak_between_cells_is_found_between_them() -> None:
    maps = np.zeros((68, 64, 64), dtype=np.float32)
    maps[:, 10, 20] = maps[:, 10, 21] = 0.5
    found, peaks = decode_heatmaps(maps)
    assert_allclose(found, np.full((68, 2), ((20.5 + 0.5) * 4 - 0.5, (10 + 0.5) * 4 - 0.5)), atol=1e-4)
    assert_allclose(peaks, 0.5)
    assert INPUT_PX == 256


def test_a_graph_without_heat_maps_is_refused(tmp_path: Path, session: Load, picture: np.ndarray) -> None:
    graph = write_graph(
        tmp_path / "g.onnx",
        [("Identity", ["input"], ["y"], {})],
        inputs={"input": (1, 3, 256, 256)},
        outputs={"y": (1, 3, 256, 256)},
    )
    with pytest.raises(InvalidModelOutput, match="heat maps"):
        Fan68Landmarker(session(graph)).locate(picture, detection())
