"""The average face, straight into the camera: what poses are measured against and meshes are laid out on."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Topology
from steadfast.faces.topology import IBUG_TO_MEDIAPIPE


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
