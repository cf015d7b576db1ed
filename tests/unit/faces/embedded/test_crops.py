"""dlib and its judge see every face upright, at one size and in one place, however it lies in the picture."""

import numpy as np
import pytest

from steadfast.faces.canonical import canonical_face
from steadfast.faces.embedded.crops import (
    CROP_PX,
    FACE_LEFT_PX,
    FACE_PX,
    FACE_TOP_PX,
    crop_at_detection,
    crop_at_landmarks,
)
from steadfast.faces.face import Box, Detection, Points, Topology
from steadfast.faces.upright_crop import UprightCrop

SHAPE = canonical_face(Topology.IBUG_68).points[:, :2].astype(np.float64)


def placed(*, size_px: float = 80, turn_deg: float = 0, stretch: float = 1) -> Points:
    turn = np.radians(turn_deg)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((SHAPE * size_px @ matrix.T) * (stretch, 1) + (300, 200), dtype=np.float32)


def in_crop(crop: UprightCrop | None, points: Points) -> Points:
    assert crop is not None
    back = np.linalg.inv(np.vstack((crop.matrix, (0, 0, 1))))
    return np.asarray((np.column_stack((points, np.ones(len(points)))) @ back.T)[:, :2], dtype=np.float32)


@pytest.mark.parametrize(("size_px", "turn_deg"), [(40, 0), (300, 0), (80, 30), (80, -75), (80, 180)])
def test_landmarks_of_any_size_and_tilt_come_to_lie_in_the_same_place(
    size_px: float, turn_deg: float
) -> None:
    usual = in_crop(crop_at_landmarks(placed()), placed())
    points = placed(size_px=size_px, turn_deg=turn_deg)
    np.testing.assert_allclose(in_crop(crop_at_landmarks(points), points), usual, atol=0.05)


def test_the_box_of_the_landmarks_lies_where_the_predictor_is_told_to_look() -> None:
    points = in_crop(crop_at_landmarks(placed()), placed())
    middle_x = (points[:, 0].min() + points[:, 0].max()) / 2
    assert middle_x == pytest.approx(FACE_LEFT_PX + FACE_PX / 2 - 0.5, abs=0.1)
    assert points[:, 1].min() > FACE_TOP_PX
    assert points[:, 1].max() < FACE_TOP_PX + FACE_PX * 1.1


def test_a_stretched_face_is_made_narrow_again_and_a_normal_one_is_left_alone() -> None:
    def ratio(points: Points) -> float:
        return float(np.ptp(points[:, 0]) / np.ptp(points[:, 1]))

    usual, stretched = placed(), placed(stretch=1.4)
    crop = crop_at_landmarks(usual)
    assert crop is not None
    assert crop.stretch == 1
    narrowed = ratio(in_crop(crop_at_landmarks(stretched), stretched))
    assert narrowed < ratio(usual) * 1.16
    assert narrowed > ratio(usual)


def test_a_detection_fills_the_place_of_the_face() -> None:
    box = Box(left=100, top=50, right=180, bottom=130)
    crop = crop_at_detection(Detection(box=box, score=1, points5=None))
    corners = np.array([[100, 50], [180, 130]], dtype=np.float32)
    found = in_crop(crop, corners)
    assert found[0] == pytest.approx((FACE_LEFT_PX, FACE_TOP_PX), abs=1)
    assert found[1] == pytest.approx((FACE_LEFT_PX + FACE_PX, FACE_TOP_PX + FACE_PX), abs=1)
    assert FACE_TOP_PX + FACE_PX < CROP_PX


def test_points_without_extent_or_sense_have_no_crop() -> None:
    assert crop_at_landmarks(np.full((68, 2), 5, dtype=np.float32)) is None
    assert crop_at_landmarks(np.full((68, 2), np.nan, dtype=np.float32)) is None
