"""The box of a face holds all of it, and sharpness tells a sharp face from a blurred one."""

import cv2
import numpy as np
import pytest

from steadfast.faces.appearance import face_box, sharpness
from steadfast.faces.canonical import canonical_face
from steadfast.faces.face import Landmarks, Topology
from steadfast.faces.topology import five_points


def frontal(topology: Topology, size_px: float = 200) -> Landmarks:
    points = canonical_face(topology).points[:, :2] * size_px + 200
    return Landmarks(topology=topology, points=points.astype(np.float32), depth=None, presence=1.0)


def test_the_box_of_68_points_reaches_up_to_the_forehead_as_that_of_the_mesh_does() -> None:
    mesh, ibug = face_box(frontal(Topology.MEDIAPIPE_468)), face_box(frontal(Topology.IBUG_68))
    for side in ("left", "top", "right", "bottom"):
        assert getattr(ibug, side) == pytest.approx(getattr(mesh, side), abs=4)


def test_the_box_holds_every_landmark() -> None:
    landmarks = frontal(Topology.MEDIAPIPE_468)
    box = face_box(landmarks)
    assert (landmarks.points >= (box.left, box.top)).all()
    assert (landmarks.points < (box.right, box.bottom)).all()


def test_blur_lowers_sharpness_and_a_plain_area_has_none() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    points5 = five_points(frontal(Topology.MEDIAPIPE_468))
    blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), dtype=np.uint8)
    plain = np.full_like(picture, 90)
    assert sharpness(picture, points5) > 10 * sharpness(blurred, points5) > 0
    assert sharpness(plain, points5) == pytest.approx(0)


def test_sharpness_is_judged_at_one_size_so_a_large_soft_face_is_not_called_blurred(hopper_path: str) -> None:
    picture = cv2.imread(str(hopper_path))
    assert picture is not None
    points5 = np.array([[224, 197], [307, 195], [265, 239], [230, 274], [304, 272]], dtype=np.float32)
    double = np.asarray(cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    once = sharpness(np.asarray(picture, dtype=np.uint8), points5)
    assert sharpness(double, points5 * 2 + 0.5) == pytest.approx(once, rel=0.3)
