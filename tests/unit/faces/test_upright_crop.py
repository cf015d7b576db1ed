"""What landmark networks see is the face, upright, and their answers return to the right pixels."""

import cv2
import numpy as np
import pytest

from steadfast.faces.face import Box, Detection
from steadfast.faces.upright_crop import UprightCrop, crop_around_detection, crop_around_points

TILTED = UprightCrop(center=(180.0, 140.0), side_px=150.0, angle_rad=0.5, size_px=96)


def spot(x: float, y: float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = np.zeros((300, 360, 3), dtype=np.uint8)
    cv2.circle(picture, (round(x * 16), round(y * 16)), 6 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    return picture


def test_a_spot_in_the_crop_returns_to_its_place_in_the_picture() -> None:
    picture = spot(165.5, 120.25)
    cut = TILTED.cut(picture)[..., 0].astype(float)
    rows, columns = np.indices(cut.shape)
    center = np.array([[(columns * cut).sum(), (rows * cut).sum()]]) / cut.sum()
    np.testing.assert_allclose(TILTED.to_image(center.astype(np.float32)), [[165.5, 120.25]], atol=0.1)


def test_the_middle_of_the_crop_is_its_center() -> None:
    middle = np.array([[(96 - 1) / 2, (96 - 1) / 2]], dtype=np.float32)
    np.testing.assert_allclose(TILTED.to_image(middle), [[180, 140]], atol=1e-4)


def test_the_eyes_lie_level_in_the_crop_around_tilted_points() -> None:
    points = np.array([[100, 100], [160, 140], [110, 180]], dtype=np.float32)
    crop = crop_around_points(points, eyes=points[:2], factor=1.5, size_px=100)
    assert crop is not None
    assert crop.angle_rad == pytest.approx(np.arctan2(40, 60))
    back = np.linalg.inv(np.vstack((crop.matrix, (0, 0, 1))))
    inside = np.column_stack((points, np.ones(3))) @ back.T
    assert inside[0, 1] == pytest.approx(inside[1, 1], abs=1e-3)
    assert inside[:, :2].min() > 10
    assert inside[:, :2].max() < 90


def test_a_detection_is_turned_by_its_eyes_and_level_without_them() -> None:
    box = Box(left=100, top=100, right=200, bottom=220)
    eyes = np.array([[120, 140], [180, 170], [150, 180], [130, 200], [170, 210]], dtype=np.float32)
    turned = crop_around_detection(Detection(box=box, score=1, points5=eyes), factor=1.5, size_px=64)
    level = crop_around_detection(Detection(box=box, score=1, points5=None), factor=1.5, size_px=64)
    assert turned is not None
    assert level is not None
    assert turned.angle_rad == pytest.approx(np.arctan2(30, 60))
    assert level.angle_rad == 0
    assert level.side_px == pytest.approx(180)  # 1.5 × the longer side
    assert level.center == (150, 160)


@pytest.mark.parametrize("side", [0.0, 1.0, float("nan"), float("inf")])
def test_a_face_without_extent_has_no_crop(side: float) -> None:
    box = Box(left=10, top=10, right=10 + side, bottom=10 + side)
    assert crop_around_detection(Detection(box=box, score=1, points5=None), factor=1.5, size_px=64) is None
    points = np.full((5, 2), side, dtype=np.float32)
    assert crop_around_points(points, eyes=points[:2], factor=1.5, size_px=64) is None


def test_a_crop_that_reaches_outside_the_picture_is_still_whole() -> None:
    crop = UprightCrop(center=(0.0, 0.0), side_px=100.0, angle_rad=0.0, size_px=32)
    assert crop.cut(spot(0, 0)).shape == (32, 32, 3)
