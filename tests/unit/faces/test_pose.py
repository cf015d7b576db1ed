"""A head's yaw, pitch and roll follow from its landmarks, with the signs that face.py promises."""

import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.faces.canonical import canonical_face
from steadfast.faces.face import Landmarks, Topology
from steadfast.faces.pose import head_pose

ANGLES = [
    (0, 0, 0),
    (25, 0, 0),
    (-40, 0, 0),
    (0, 20, 0),
    (0, -15, 0),
    (0, 0, 35),
    (20, -10, -50),
    (-15, 12, 170),
]


def turned(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """The rotation, built from what the words mean: x right, y down, z away from the camera."""
    yaw, pitch, roll = np.radians((yaw_deg, pitch_deg, roll_deg))
    # To the right edge of the picture: the nose, at -z, gains x.
    about_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    # Up: the nose, at -z, loses y.
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    # Clockwise as seen: what is at the right goes down.
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, dtype=np.float64)


def landmarks(topology: Topology, rotation: NDArray[np.float64], *, depth: bool) -> Landmarks:
    points = canonical_face(topology).points @ rotation.T * 120 + (300, 200, 0)
    return Landmarks(
        topology=topology,
        points=points[:, :2].astype(np.float32),
        depth=points[:, 2].astype(np.float32) if depth else None,
        presence=1.0,
    )


@pytest.mark.parametrize("angles", ANGLES)
@pytest.mark.parametrize(("topology", "depth"), [(Topology.MEDIAPIPE_468, True), (Topology.IBUG_68, False)])
def test_the_angles_by_which_a_face_was_turned_are_found(
    topology: Topology, depth: bool, angles: tuple[float, float, float]
) -> None:
    pose = head_pose(landmarks(topology, turned(*angles), depth=depth))
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx(angles, abs=0.1)


def test_a_nose_that_moves_right_means_positive_yaw_and_one_that_moves_up_positive_pitch() -> None:
    straight = landmarks(Topology.MEDIAPIPE_468, turned(0, 0, 0), depth=True)
    right = landmarks(Topology.MEDIAPIPE_468, turned(20, 0, 0), depth=True)
    up = landmarks(Topology.MEDIAPIPE_468, turned(0, 20, 0), depth=True)
    assert right.points[4, 0] > straight.points[4, 0] + 5
    assert up.points[4, 1] < straight.points[4, 1] - 5


def test_turning_the_picture_changes_roll_alone() -> None:
    pose = head_pose(landmarks(Topology.MEDIAPIPE_468, turned(25, 10, 5), depth=True))
    rolled = head_pose(landmarks(Topology.MEDIAPIPE_468, turned(0, 0, 30) @ turned(25, 10, 5), depth=True))
    assert rolled.roll_deg == pytest.approx(pose.roll_deg + 30, abs=0.01)
    assert (rolled.yaw_deg, rolled.pitch_deg) == pytest.approx((pose.yaw_deg, pose.pitch_deg), abs=0.01)


@pytest.mark.parametrize("topology", [Topology.MEDIAPIPE_468, Topology.IBUG_68])
@pytest.mark.parametrize("depth", [True, False])
def test_points_without_extent_have_no_pose_and_raise_nothing(topology: Topology, depth: bool) -> None:
    count = len(canonical_face(topology).points)
    flat = Landmarks(
        topology=topology,
        points=np.full((count, 2), 7, dtype=np.float32),
        depth=np.zeros(count, dtype=np.float32) if depth else None,
        presence=1.0,
    )
    pose = head_pose(flat)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == (0, 0, 0)
