"""The regions of a face that its landmarks span, on a grid."""

from collections.abc import Sequence

import numpy as np

from steadfast.faces.face import Points
from steadfast.faces.geometric.mesh import FaceMesh
from steadfast.faces.geometric.warp import GridSize
from steadfast.faces.geometric.zones import Weights, fill_hull

# Gap between the lips, as a share of the mouth's width, from which a mouth is open.
OPEN_MOUTH = 0.045
_ONTO_LIPS = 0.06  # of the gap between the lips: landmarks err by about so much


def face_width(mesh: FaceMesh, points: Points) -> float:
    """The longer side of the outline's bounding box divided by 1.2: steady when a head turns."""
    outline = points[list(mesh.oval)]
    extent = outline.max(axis=0) - outline.min(axis=0)
    return float(max(extent[0], extent[1] / 1.2))


def trusted_zone(points: Points, mesh: FaceMesh, size: GridSize) -> Weights:
    """The middle of the face from the brows down, where what is seen is face whatever its colour."""
    parts = mesh.parts
    brows = [*parts.left_brow, *parts.right_brow]
    eyes = [*parts.left_eye, *parts.right_eye]
    outline = [i for i in parts.oval if i in _lower_half(parts.oval, mesh)]
    lower = fill_hull(points[[*outline, *eyes]], size, 0.9)
    middle = fill_hull(points[[*brows, *eyes, *parts.nose_base]], size, 1.06)
    return np.maximum(lower, middle)


def _lower_half(oval: Sequence[int], mesh: FaceMesh) -> set[int]:
    eye_line = float(mesh.layout[list(mesh.parts.left_eye), 1].mean())
    return {i for i in oval if mesh.layout[i, 1] > eye_line + 60}


def below_ears(points: Points, mesh: FaceMesh, size: GridSize) -> Weights:
    """Chin and mouth: the part of the face that no ear is beside."""
    outline = [i for i in mesh.parts.oval if mesh.layout[i, 1] > mesh.layout[mesh.parts.nose_tip, 1] + 80]
    return fill_hull(points[[*outline, *mesh.parts.lips_outer]], size, 1.1)


def skin_core(points: Points, mesh: FaceMesh, size: GridSize) -> Weights:
    """Cheeks and nose: skin on every face, whatever it wears."""
    parts = mesh.parts
    middle = points[parts.nose_tip]
    outline = points[[i for i in parts.oval if i in _lower_half(parts.oval, mesh)]]
    near = (middle + (outline - middle) * 0.72).astype(np.float32)
    core = fill_hull(np.concatenate((near, points[list(parts.nose_bridge)])), size)
    mouth = fill_hull(points[list(parts.lips_outer)], size, 1.2)
    eyes = [fill_hull(points[list(eye)], size, 1.4) for eye in (parts.left_eye, parts.right_eye)]
    return np.asarray(core * (1 - np.maximum.reduce([mouth, *eyes])), dtype=np.float32)


def mouth_opening(points: Points, mesh: FaceMesh) -> float:
    """The largest gap between the lips as a share of the mouth's width."""
    upper, lower = lip_pairs(mesh)
    left, right = points[list(mesh.parts.mouth_corners)]
    gap = np.linalg.norm(points[upper] - points[lower], axis=1).max()
    return float(gap / max(float(np.linalg.norm(right - left)), 1e-6))


def with_lips_closed(points: Points, mesh: FaceMesh) -> Points:
    """The points with the inner edges of the lips laid on each other, so that no mouth shows between them."""
    upper, lower = lip_pairs(mesh)
    closed = points.copy()
    closed[upper] = closed[lower] = (points[upper] + points[lower]) / 2
    return closed


def with_lips_off_teeth(points: Points, mesh: FaceMesh) -> Points:
    """The points with the inner edges of open lips drawn onto the lips, so that nothing else is between."""
    upper, lower = lip_pairs(mesh)
    moved = points.copy()
    apart = (points[lower] - points[upper]) * _ONTO_LIPS
    moved[upper] -= apart
    moved[lower] += apart
    return moved


def lip_pairs(mesh: FaceMesh) -> tuple[list[int], list[int]]:
    """Points of the inner upper and lower lip that lie above each other."""
    inner = mesh.parts.lips_inner
    half = len(inner) // 2
    return list(inner[:half:-1]), list(inner[1:half])
