"""A triangle mesh over the landmarks of a face, widened beyond them to the hair line and past the jaw.

Every topology has one layout: where its landmarks lie on an average frontal face (own measurement: the mean
of the landmarkers' answers on a few portraits and their mirror images, symmetrised, eyes and chin at fixed
places). Its mouth is opened by a Joukowski map, which keeps angles, so that lips that touch do not mesh.
Triangles are the Delaunay triangulation of that layout, so source and target share one mesh in any pose.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points, Topology
from steadfast.faces.topology import PARTS, FaceParts

Triangles = NDArray[np.int32]
"""T × 3 indices of points, all turning the same way on a face seen from the front."""

LAYOUT_SIDE = 1000  # eyes at (350, 400) and (650, 400), chin at (500, 900)
_RING_FACTOR = 1.22  # the outermost points, from the middle of the face, as a multiple of its outline
_FOREHEAD_POINTS = 11


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FaceMesh:
    """The mesh of one topology; its points are the landmarks, then the forehead (if missing), then a ring."""

    parts: FaceParts
    landmark_count: int
    layout: Points  # M × 2, LAYOUT_SIDE units
    triangles: Triangles
    oval: tuple[int, ...]  # closed outline of the face including the forehead

    def widen(self, points: Points) -> Points:
        """The mesh's points on a face with these landmarks; M × 2 px."""
        if not self.parts.oval_is_closed:
            points = np.concatenate((points, self._forehead(points)))
        outline = points[list(self.oval)]
        middle = outline.mean(axis=0)
        return np.concatenate((points, middle + (outline - middle) * _RING_FACTOR)).astype(np.float32)

    def widen_depth(self, depth: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """The depth of the mesh's points where that of all landmarks of the outline is known; M."""
        if depth is None or not self.parts.oval_is_closed:
            return None
        return np.concatenate((depth, depth[list(self.oval)])).astype(np.float32)

    def _forehead(self, points: Points) -> Points:
        anchors = [*self.parts.left_brow, *self.parts.right_brow, *self.parts.nose_bridge]
        anchors += [*self.parts.left_eye, *self.parts.right_eye, self.parts.oval[0], self.parts.oval[-1]]
        anchors = [*anchors, self.parts.chin]
        flat = np.column_stack((self.layout[anchors], np.ones(len(anchors), np.float32)))
        affine = np.asarray(np.linalg.lstsq(flat, points[anchors], rcond=None)[0], dtype=np.float32)
        forehead = self.layout[self.landmark_count : self.landmark_count + _FOREHEAD_POINTS]
        return np.asarray(forehead @ affine[:2] + affine[2], dtype=np.float32)


@cache
def mesh_of(topology: Topology) -> FaceMesh:
    """The mesh of a topology; the same object every time."""
    parts = PARTS[topology]
    layout = _read_layout(topology)
    count = len(layout)
    oval = tuple(parts.oval)
    if not parts.oval_is_closed:
        layout = np.concatenate((layout, _layout_forehead(layout[oval[0]], layout[oval[-1]])))
        oval = (*oval, *range(count, count + _FOREHEAD_POINTS))
    outline = layout[list(oval)]
    middle = outline.mean(axis=0)
    layout = np.concatenate((layout, middle + (outline - middle) * _RING_FACTOR)).astype(np.float32)
    triangles = _delaunay(layout)
    return FaceMesh(
        parts=parts,
        landmark_count=count,
        layout=layout,
        triangles=triangles,
        oval=oval,
    )


def _read_layout(topology: Topology) -> Points:
    text = files(__package__).joinpath(f"{topology.value}.csv").read_text(encoding="ascii")
    return np.array([line.split(",") for line in text.split()], dtype=np.float32)


def _layout_forehead(left: Points, right: Points) -> Points:
    """An arch from the left to the right end of the jaw line, as high as the mesh of 468 points reaches."""
    top_y = float(_read_layout(Topology.MEDIAPIPE_468)[:, 1].min())
    angles = np.linspace(0, np.pi, _FOREHEAD_POINTS + 2)[1:-1]
    middle, half = (left + right) / 2, float(right[0] - left[0]) / 2
    # Runs right to left: the jaw line runs left to right, together they close the outline.
    return np.column_stack(
        (middle[0] + half * np.cos(angles), middle[1] - (middle[1] - top_y) * np.sin(angles))
    ).astype(np.float32)


def _delaunay(layout: Points) -> Triangles:
    low, high = layout.min(axis=0) - 8, layout.max(axis=0) + 8
    subdivision = cv2.Subdiv2D(
        (int(low[0]), int(low[1]), int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)
    )
    index = {}
    for number, (x, y) in enumerate(layout):
        subdivision.insert((float(x), float(y)))
        index[np.float32(x), np.float32(y)] = number
    corners = np.asarray(subdivision.getTriangleList()).reshape(-1, 3, 2)
    found = [[index.get((x, y), -1) for x, y in triangle] for triangle in corners]
    triangles = np.array([t for t in found if -1 not in t], dtype=np.int32)
    turned = signed_areas(layout, triangles) < 0
    triangles[turned] = triangles[turned][:, ::-1]
    return triangles[np.lexsort(triangles.T[::-1])]


def signed_areas(points: Points, triangles: Triangles) -> NDArray[np.float32]:
    """Twice the area of every triangle, negative where it is seen from behind; T, px²."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    return np.asarray(ux * vy - uy * vx, dtype=np.float32)
