"""SCRFD's adapter: what goes in, and where the anchors say the faces are."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from steadfast.errors import InvalidModelOutput
from steadfast.faces.neural.detector import ScrfdDetector
from steadfast.inference.sessions import ModelSession
from steadfast.inference.testing import write_graph

Load = Callable[[Path], ModelSession]

RED = np.array([(255 - 127.5) / 128, (0 - 127.5) / 128, (0 - 127.5) / 128], dtype=np.float32)
SIDES = np.array([1, 1.5, 2, 2.5], dtype=np.float32)  # left, top, right, bottom, in cells
POINTS = np.arange(10, dtype=np.float32) / 8  # x, y of five points, in cells
STRIDES = (8, 16, 32)


def scrfd_graph(path: Path, *, answering: Sequence[int], shuffle: bool = False) -> Path:
    """Sees a face in every cell that is red all over, at the strides that answer.

    The second anchor is surer than the first and gives half the distances: the two cannot be confused.
    """
    nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = []
    constants: dict[str, np.ndarray] = {"red": RED.reshape(1, 3, 1, 1), "axis": np.array([1])}
    for stride in STRIDES:
        s = str(stride)
        sure = (
            np.array([0.7, 0.8], dtype=np.float32) if stride in answering else np.zeros(2, dtype=np.float32)
        )
        constants |= {
            f"slope{s}": np.float32(np.where(sure > 0, -1000, 0)).reshape(1, 2, 1, 1),
            f"sure{s}": sure.reshape(1, 2, 1, 1),
            f"sides{s}": np.concatenate((SIDES, SIDES / 2)).reshape(1, 8, 1, 1),
            f"points{s}": np.concatenate((POINTS, POINTS / 2)).reshape(1, 20, 1, 1),
            f"none{s}": np.zeros(1, dtype=np.float32),
        }
        nodes += [
            (
                "AveragePool",
                ["input.1"],
                [f"mean{s}"],
                {"kernel_shape": [stride] * 2, "strides": [stride] * 2},
            ),
            ("Sub", [f"mean{s}", "red"], [f"diff{s}"], {}),
            ("Abs", [f"diff{s}"], [f"abs{s}"], {}),
            ("ReduceSum", [f"abs{s}", "axis"], [f"off{s}"], {}),
            ("Mul", [f"off{s}", f"slope{s}"], [f"less{s}"], {}),
            ("Add", [f"less{s}", f"sure{s}"], [f"raw{s}"], {}),
            ("Relu", [f"raw{s}"], [f"likely{s}"], {}),
            ("Mul", [f"off{s}", f"none{s}"], [f"zero{s}"], {}),
            ("Add", [f"zero{s}", f"sides{s}"], [f"box{s}"], {}),
            ("Add", [f"zero{s}", f"points{s}"], [f"kps{s}"], {}),
        ]
        for source, name, length in (("likely", "score", 1), ("box", "bbox", 4), ("kps", "kpss", 10)):
            constants[f"shape{name}{s}"] = np.array([-1, length])
            nodes += [
                ("Transpose", [f"{source}{s}"], [f"{source}T{s}"], {"perm": [0, 2, 3, 1]}),
                ("Reshape", [f"{source}T{s}", f"shape{name}{s}"], [f"{name}{s}"], {}),
            ]
    names = [f"{name}{stride}" for name in ("score", "bbox", "kpss") for stride in STRIDES]
    lengths = {"score": 1, "bbox": 4, "kpss": 10}
    outputs = {n: ("n" + n, lengths[n.rstrip("0123456789")]) for n in (sorted(names) if shuffle else names)}
    return write_graph(
        path, nodes, inputs={"input.1": (1, 3, 640, 640)}, outputs=outputs, constants=constants
    )


def picture(width: int, height: int, *, left: int, top: int, side: int) -> np.ndarray:
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[top : top + side, left : left + side] = (0, 0, 255)  # red, in BGR
    return image


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_red_cell_is_found_where_its_anchor_puts_the_box_and_points(
    tmp_path: Path, session: Load, stride: int, shuffle: bool
) -> None:
    detector = ScrfdDetector(session(scrfd_graph(tmp_path / "d.onnx", answering=[stride], shuffle=shuffle)))
    x, y = 5 * stride, 3 * stride
    found = detector.detect(picture(640, 480, left=x, top=y, side=stride))
    assert len(found) == 2  # the anchors' boxes overlap by a quarter: both stay
    best = found[0]
    assert best.score == pytest.approx(0.8, abs=1e-3)
    box = best.box
    expected = np.array([x, y, x, y]) + np.array([-1, -1, 1, 1]) * SIDES / 2 * stride
    assert_allclose([box.left, box.top, box.right, box.bottom], expected, atol=1e-3)
    assert best.points5 is not None
    assert_allclose(best.points5, (x, y) + POINTS.reshape(5, 2) / 2 * stride, atol=1e-3)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 235), (20, 0, 255)])
def test_a_cell_of_another_colour_is_not_taken_for_it(
    tmp_path: Path, session: Load, colour: tuple[int, int, int]
) -> None:
    detector = ScrfdDetector(session(scrfd_graph(tmp_path / "d.onnx", answering=STRIDES)))
    image = picture(640, 640, left=320, top=320, side=32)
    image[320:352, 320:352] = colour
    assert detector.detect(image) == []


def test_a_large_picture_is_scaled_down_and_its_faces_are_scaled_up(tmp_path: Path, session: Load) -> None:
    detector = ScrfdDetector(session(scrfd_graph(tmp_path / "d.onnx", answering=[8])))
    found = detector.detect(picture(1280, 960, left=160, top=320, side=16))
    box = found[0].box
    expected = np.array([160, 320, 160, 320]) + np.array([-1, -1, 1, 1]) * SIDES / 2 * 16
    assert_allclose([box.left, box.top, box.right, box.bottom], expected, atol=1e-3)
    assert found[0].points5 is not None
    # The centre of pixel 80 of the small picture lies between pixels 160 and 161 of the large one; the point
    # is offset by (0, ½) small pixels.
    assert_allclose(found[0].points5[0], (160.5, 321.5), atol=1e-3)


def test_boxes_that_cover_the_same_face_are_one(tmp_path: Path, session: Load) -> None:
    detector = ScrfdDetector(session(scrfd_graph(tmp_path / "d.onnx", answering=[8])), max_overlap=0.2)
    assert len(detector.detect(picture(640, 640, left=80, top=80, side=8))) == 1


def test_a_graph_with_other_outputs_is_refused(tmp_path: Path, session: Load) -> None:
    graph = write_graph(
        tmp_path / "d.onnx",
        [("Identity", ["input.1"], ["y"], {})],
        inputs={"input.1": (1, 3, 640, 640)},
        outputs={"y": (1, 3, 640, 640)},
    )
    with pytest.raises(InvalidModelOutput, match="12800"):
        ScrfdDetector(session(graph)).detect(picture(64, 64, left=0, top=0, side=8))
