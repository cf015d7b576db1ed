"""The restorers' adapter: FFHQ's template, RGB from −1 to 1, a share of the answer and no more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from steadfast.errors import InvalidModelOutput
from steadfast.faces.face import Face, Points
from steadfast.faces.neural.enhancer import FaceRestorer
from steadfast.inference.sessions import ModelSession
from steadfast.inference.testing import write_graph
from steadfast.media.canvas import BgrImage, GreyImage

Load = Callable[[Path], ModelSession]
REGION_BGR = (50, 100, 210)
REGION = np.full((360, 400, 3), REGION_BGR, dtype=np.uint8)


def restorer_graph(path: Path, marks: np.ndarray) -> Path:
    """Red: its own red squared, green: marks where the template puts the points, blue: far too bright."""
    return write_graph(
        path,
        [
            ("Split", ["input"], ["r", "g", "b"], {"axis": 1}),
            ("Mul", ["r", "r"], ["red"], {}),
            ("Mul", ["b", "none"], ["zero"], {}),
            ("Add", ["zero", "marks"], ["green"], {}),
            ("Add", ["zero", "bright"], ["blue"], {}),
            ("Concat", ["red", "green", "blue"], ["output"], {"axis": 1}),
        ],
        inputs={"input": (1, 3, 512, 512)},
        outputs={"output": (1, 3, 512, 512)},
        constants={
            "none": np.zeros(1, dtype=np.float32),
            "marks": (marks * 2 - 1)[None, None],
            "bright": np.array([1.7], dtype=np.float32),
        },
    )


@pytest.fixture
def graph(tmp_path: Path, template_points: Callable[[str, int], Points], spots: Any) -> Path:
    return restorer_graph(
        tmp_path / "gpen_bfr_512.onnx", spots(template_points("ffhq_512", 512), 512, 512, radius=12)
    )


@pytest.fixture
def face(template_points: Callable[[str, int], Points], placed: Any, face_at: Any) -> Face:
    made: Face = face_at(placed(template_points("ffhq_512", 128), degrees=-8.0, scale=1.9, shift=(70, 70)))
    return made


def test_colours_and_numbers_are_those_of_the_contract(graph: Path, session: Load, face: Face) -> None:
    patch = FaceRestorer(session(graph), blend=1.0).enhance(REGION, face)
    shown = patch.pixels[patch.mask == 255].astype(float)
    assert len(shown) > 5000
    assert_allclose(shown[:, 2], ((REGION_BGR[2] / 127.5 - 1) ** 2 + 1) * 127.5, atol=1)
    assert_allclose(shown[:, 0], 255)


def test_the_networks_points_land_on_the_points_of_the_face(graph: Path, session: Load, face: Face) -> None:
    green = FaceRestorer(session(graph), blend=1.0).enhance(REGION, face).pixels[..., 1].astype(float)
    for x, y in face.points5:
        left, top = round(float(x)) - 8, round(float(y)) - 8
        light = green[top : top + 17, left : left + 17]
        rows, columns = np.mgrid[0:17, 0:17]
        center = left + (light * columns).sum() / light.sum(), top + (light * rows).sum() / light.sum()
        assert center == pytest.approx((x, y), abs=0.35)


def test_the_blend_is_the_share_of_the_answer(graph: Path, session: Load, face: Face) -> None:
    patch = FaceRestorer(session(graph), blend=0.4).enhance(REGION, face)
    assert patch.pixels[..., 0].max() == round(REGION_BGR[0] + 0.4 * (255 - REGION_BGR[0]))


def test_nothing_outside_the_mask_changes(graph: Path, session: Load, face: Face) -> None:
    region = np.random.default_rng(2).integers(0, 256, REGION.shape, dtype=np.uint8)
    patch = FaceRestorer(session(graph)).enhance(region, face)
    assert (patch.mask == 0).any()
    assert_array_equal(patch.pixels[patch.mask == 0], region[patch.mask == 0])


def test_what_lies_before_the_face_stays(graph: Path, session: Load, face: Face) -> None:
    class Nothing:
        def visible(self, region: BgrImage, face: Face) -> GreyImage:
            return np.zeros(region.shape[:2], dtype=np.uint8)

    patch = FaceRestorer(session(graph), masks=[Nothing()]).enhance(REGION, face)
    assert not patch.mask.any()
    assert_array_equal(patch.pixels, REGION)


def test_an_answer_of_another_size_is_refused(tmp_path: Path, session: Load, face: Face) -> None:
    graph = write_graph(
        tmp_path / "odd.onnx",
        [("MaxPool", ["input"], ["output"], {"kernel_shape": [2, 2], "strides": [2, 2]})],
        inputs={"input": (1, 3, 512, 512)},
        outputs={"output": (1, 3, 256, 256)},
    )
    with pytest.raises(InvalidModelOutput, match="256"):
        FaceRestorer(session(graph)).enhance(REGION, face)
