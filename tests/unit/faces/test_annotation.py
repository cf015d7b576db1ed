"""A drawing shows every face with its number, at any size, and changes nothing else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.faces.annotation import annotated
from steadfast.faces.face import Box, Face, Landmarks, Pose, Topology


def face(left: float, top: float, side: float, *, yaw_deg: float = 0.0) -> Face:
    points5 = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32) * side
    points5 += np.array([left, top], np.float32)
    return Face(
        box=Box(left=left, top=top, right=left + side, bottom=top + side),
        score=0.9,
        landmarks=Landmarks(topology=Topology.FIVE, points=points5, depth=None, presence=1.0),
        points5=points5,
        pose=Pose(yaw_deg=yaw_deg, pitch_deg=0.0, roll_deg=0.0),
        embedding=None,
        sharpness=100.0,
    )


def grey(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 128, np.uint8)


def changed(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((image != 128).any(axis=2))


def test_a_picture_without_faces_is_only_copied() -> None:
    image = grey(700, 900)
    drawn = annotated(image, [])
    assert (drawn == image).all()
    assert drawn is not image


@pytest.mark.parametrize("shape", [(1, 1), (60, 80), (64, 900), (3000, 2000)])
def test_any_size_can_be_drawn_on_and_small_ones_are_enlarged(shape: tuple[int, int]) -> None:
    side = min(shape) / 2
    drawn = annotated(grey(*shape), [face(shape[1] / 4, shape[0] / 4, side)])
    factor = drawn.shape[0] / shape[0]
    assert factor == int(factor)
    assert drawn.shape[1] == shape[1] * factor
    assert min(drawn.shape[:2]) >= 600 or factor == 8
    assert changed(drawn).any()


def test_frame_and_features_lie_on_the_face_and_the_number_beside_it() -> None:
    drawn = changed(annotated(grey(1000, 1000), [face(400, 400, 200)]))
    assert drawn[400:600, 400:600].any()
    ys, xs = np.nonzero(drawn)
    assert ys.min() >= 330
    assert ys.max() <= 610
    assert xs.min() >= 390
    assert xs.max() <= 610
    assert drawn[345:390, 405:430].mean() > 0.9  # the plate of the number


def test_a_number_at_the_edge_of_the_picture_stays_inside_it() -> None:
    for left, top in ((-30.0, -30.0), (900.0, -30.0), (900.0, 900.0)):
        drawn = changed(annotated(grey(1000, 1000), [face(left, top, 150)]))
        assert drawn.sum() > 1000


def test_numbers_of_neighbours_do_not_cover_each_other() -> None:
    image = annotated(grey(1000, 1000), [face(400, 400, 200), face(410, 405, 200)])
    first, second = np.array([80, 200, 255]), np.array([255, 190, 80])
    plates = [int((image == colour).all(axis=2).sum()) for colour in (first, second)]
    assert min(plates) > 1000


def test_a_turned_face_gets_a_line_towards_where_it_looks() -> None:
    def reach(yaw_deg: float) -> int:
        one = annotated(grey(1000, 1000), [face(400, 400, 200, yaw_deg=yaw_deg)])
        straight = annotated(grey(1000, 1000), [face(400, 400, 200)])
        xs = np.nonzero((one != straight).any(axis=2))[1]
        return int(xs.max()) - 500

    assert reach(60) > 100
    assert (
        int(
            np.nonzero((annotated(grey(1000, 1000), [face(400, 400, 200, yaw_deg=-60)]) != 128).any(axis=2))[
                1
            ].min()
        )
        < 400
    )
