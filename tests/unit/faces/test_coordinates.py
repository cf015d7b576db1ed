"""Faces keep their place when they are carried between thumbnail, picture and region."""

import cv2
import numpy as np
import pytest

from steadfast.faces.coordinates import (
    enlarge_detection,
    face_in_region,
    move_detection,
    move_landmarks,
)
from steadfast.faces.face import Box, Detection, Face, Landmarks, Pose, Topology
from steadfast.media.canvas import ArrayCanvas, Region

POINTS = np.array([[10, 20], [30, 20], [20, 30], [12, 40], [28, 40]], dtype=np.float32)
BOX = Box(left=5, top=10, right=35, bottom=50)
LANDMARKS = Landmarks(topology=Topology.FIVE, points=POINTS, depth=None, presence=0.9)


def test_a_point_of_a_thumbnail_returns_to_the_pixel_it_shows() -> None:
    picture = np.zeros((400, 600, 3), dtype=np.uint8)
    cv2.circle(picture, (301, 151), 12, (255, 255, 255), -1, cv2.LINE_AA)
    small, scale = ArrayCanvas(picture).thumbnail(150)
    rows, columns = np.nonzero(small[..., 0])
    weights = small[rows, columns, 0].astype(float)
    center = np.array([[np.average(columns, weights=weights), np.average(rows, weights=weights)]])
    found = Detection(box=BOX, score=1, points5=center.astype(np.float32))
    points = enlarge_detection(found, scale).points5
    assert points is not None
    np.testing.assert_allclose(points, [[301, 151]], atol=0.1)


def test_a_box_of_a_thumbnail_grows_with_its_picture() -> None:
    large = enlarge_detection(Detection(box=BOX, score=0.5, points5=None), 0.25)
    assert large.box == Box(left=20, top=40, right=140, bottom=200)
    assert large.points5 is None
    assert large.score == 0.5


def test_moving_there_and_back_changes_nothing() -> None:
    detection = Detection(box=BOX, score=0.5, points5=POINTS)
    there_and_back = move_detection(move_detection(detection, 7, -3), -7, 3)
    assert there_and_back.box == BOX
    assert there_and_back.points5 is not None
    np.testing.assert_array_equal(there_and_back.points5, POINTS)
    np.testing.assert_array_equal(move_landmarks(LANDMARKS, 2, 5).points, POINTS + np.array((2, 5)))


def test_a_face_in_a_region_is_where_the_regions_pixels_show_it() -> None:
    face = Face(
        box=BOX,
        score=0.9,
        landmarks=LANDMARKS,
        points5=POINTS,
        pose=Pose(yaw_deg=1, pitch_deg=2, roll_deg=3),
        embedding=None,
        sharpness=50,
    )
    placed = face_in_region(face, Region(left=4, top=8, right=60, bottom=60))
    assert (placed.box.left, placed.box.bottom) == (1, 42)
    np.testing.assert_array_equal(placed.landmarks.points, POINTS - np.array((4, 8)))
    np.testing.assert_array_equal(placed.points5, POINTS - np.array((4, 8)))
    assert placed.pose == face.pose
    np.testing.assert_array_equal(face.points5, POINTS)  # the original stays


@pytest.mark.parametrize("dtype", [np.float32])
def test_points_stay_single_precision(dtype: type[np.float32]) -> None:
    moved = move_landmarks(LANDMARKS, 0.5, 0.5)
    assert moved.points.dtype == dtype
