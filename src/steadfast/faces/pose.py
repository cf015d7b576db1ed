"""Where a head looks, from its landmarks.

The head is turned as R = Rz(roll) · Ry(yaw) · Rx(pitch) away from the canonical face: roll is the tilt of the
whole head in the picture, yaw and pitch are what remains once the picture is turned upright. So a picture
turned by 30° has its roll changed by 30° and nothing else, and a mirrored one has yaw and roll negated.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.canonical import canonical_face, fit_camera
from steadfast.faces.face import Landmarks, Pose, Topology

Rotation = NDArray[np.float64]
"""3 × 3, orthonormal, from the canonical face to the picture: x right, y down, z away from the camera."""


def head_pose(landmarks: Landmarks) -> Pose:
    """Yaw, pitch and roll; all 0 where the points have no extent."""
    turned = _rotation_from_depth(landmarks) if landmarks.depth is not None else _rotation_flat(landmarks)
    return Pose(yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0) if turned is None else _angles(turned)


def _rotation_from_depth(landmarks: Landmarks) -> Rotation | None:
    """The best rotation between two sets of 3-D points (Kabsch 1976)."""
    assert landmarks.depth is not None
    points = np.column_stack((landmarks.points, landmarks.depth)).astype(np.float64)
    # Centring one side is enough: the other's mean then meets a sum of zero.
    return _nearest_rotation(points.T @ _centred_model(landmarks.topology))


@cache
def _centred_model(topology: Topology) -> NDArray[np.float64]:
    model = canonical_face(topology).points.astype(np.float64)
    return np.asarray(model - model.mean(axis=0), dtype=np.float64)


def _rotation_flat(landmarks: Landmarks) -> Rotation | None:
    """The rotation under which the canonical face, seen from far away, comes nearest to the flat points.

    The rows of that map point along the first two rows of the rotation (DeMenthon & Davis 1995).
    """
    camera, _ = fit_camera(landmarks)
    first, second = camera
    third = np.cross(first, second)
    length = np.linalg.norm(third)
    if not np.isfinite(length) or length < 1e-9:
        return None
    return _nearest_rotation(np.stack((first, second, third / np.sqrt(length))))


def _nearest_rotation(matrix: NDArray[np.float64]) -> Rotation | None:
    if not np.isfinite(matrix).all():
        return None
    left, strengths, right = np.linalg.svd(matrix)
    if strengths[1] <= 1e-9 * max(strengths[0], 1e-9):
        return None
    handed = np.array((1.0, 1.0, np.sign(np.linalg.det(left @ right))))
    return np.asarray((left * handed) @ right, dtype=np.float64)


def _angles(turned: Rotation) -> Pose:
    yaw = np.arcsin(np.clip(turned[2, 0], -1, 1))
    pitch = -np.arctan2(turned[2, 1], turned[2, 2])
    roll = np.arctan2(turned[1, 0], turned[0, 0])
    yaw_deg, pitch_deg, roll_deg = (float(angle) for angle in np.degrees((yaw, pitch, roll)))
    return Pose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)
