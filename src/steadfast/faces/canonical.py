"""The average face, straight into the camera: what poses are measured against and meshes are laid out on."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Landmarks, Points, Topology
from steadfast.faces.topology import FOREHEAD_OVAL, IBUG_TO_MEDIAPIPE


@dataclass(frozen=True, kw_only=True, slots=True)
class CanonicalFace:
    """An average, symmetric face of height 1 (forehead to chin)."""

    points: NDArray[np.float32]  # N × 3: x right, y down, z away from the camera; 0 is the middle of the face
    mirror: NDArray[np.intp]  # N: the point that takes each one's place in a mirrored picture


@cache
def canonical_face(topology: Topology) -> CanonicalFace:
    """The average face in IBUG_68 or MEDIAPIPE_468; its arrays are read-only."""
    text = files("steadfast.faces").joinpath("canonical_mesh.csv").read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines() if line and line[0] not in "#x"]
    points = np.array([row[:3] for row in rows], dtype=np.float32)
    mirror = np.array([row[3] for row in rows], dtype=np.intp)
    if topology is Topology.IBUG_68:
        chosen = np.asarray(IBUG_TO_MEDIAPIPE, dtype=np.intp)
        place = {int(index): row for row, index in enumerate(chosen)}
        points, mirror = points[chosen], np.array([place[int(i)] for i in mirror[chosen]], dtype=np.intp)
    points.setflags(write=False)
    mirror.setflags(write=False)
    return CanonicalFace(points=points, mirror=mirror)


# Points that expressions hardly move and that stay visible: what flat landmarks are fitted on.
_STILL_IBUG = (0, 1, 2, 8, 14, 15, 16, 27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45)


def fit_camera(landmarks: Landmarks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The map under which the canonical face comes nearest to the landmarks: 2 × 3 and a shift of 2 px.

    Picture point = matrix · canonical point + shift: a camera far away (scaled orthographic, fitted by least
    squares on points that expressions hardly move).
    """
    model = canonical_face(Topology.IBUG_68).points[list(_STILL_IBUG)].astype(np.float64)
    points = _as_ibug(landmarks)[list(_STILL_IBUG)].astype(np.float64)
    center, middle = model.mean(axis=0), points.mean(axis=0)
    camera, *_ = np.linalg.lstsq(model - center, points - middle, rcond=None)
    return camera.T, middle - center @ camera


def forehead_points(landmarks: Landmarks) -> Points:
    """13 × 2 px: the outline of the forehead from the left temple over the top to the right temple.

    A topology that has none gets that of the canonical face, seen by the camera that fits the landmarks.
    """
    rows = list(FOREHEAD_OVAL)
    if landmarks.topology is Topology.MEDIAPIPE_468:
        return landmarks.points[rows]
    camera, shift = fit_camera(landmarks)
    model = canonical_face(Topology.MEDIAPIPE_468).points[rows]
    return (model @ camera.T + shift).astype(np.float32)


def _as_ibug(landmarks: Landmarks) -> Points:
    if landmarks.topology is Topology.MEDIAPIPE_468:
        return landmarks.points[list(IBUG_TO_MEDIAPIPE)]
    return landmarks.points
