"""Gives a target's landmarks the source's proportions without touching pose or expression.

Who somebody is lies as much in how far apart eyes, nose and brows are as in their texture. The source's
landmarks are laid over the target's by a rigid motion and a scale (in space where depth is known, otherwise
by a flat affine map), and the points between the outline, the eyelids and the lips move towards them. Lids
move as one with their eye and lips not at all, so blinks, gaze and speech stay the target's; the outline
stays, so the face still fits its head.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Landmarks, Points, Topology
from steadfast.faces.geometric.mesh import mesh_of
from steadfast.faces.geometric.warp import fit_affine

_FARTHEST = 0.12  # no point moves more than this share of the distance between the eyes
_UNTIL_DEG, _NEVER_BEYOND_DEG = 25.0, 55.0  # between two heads turned so differently the effect fades out


def give_proportions(target: Landmarks, source: Landmarks, amount: float) -> Points:
    """The target's landmarks moved towards the source's proportions; N × 2 px, `amount` 0–1."""
    laid, turned_deg = _lay_over(source, target)
    fade = np.clip((_NEVER_BEYOND_DEG - turned_deg) / (_NEVER_BEYOND_DEG - _UNTIL_DEG), 0, 1)
    weights, eyes = _freedom(target.topology)
    shift = laid - target.points
    for members, nearness in eyes:
        shift += nearness[:, None] * (shift[members].mean(axis=0) - shift)
    shift *= weights[:, None] * (amount * float(fade))
    left, right = (target.points[members].mean(axis=0) for members, _ in eyes)
    limit = _FARTHEST * max(float(np.linalg.norm(right - left)), 1e-6)
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    return np.asarray(target.points + shift * (limit / np.maximum(length, limit)), dtype=np.float32)


def _lay_over(source: Landmarks, target: Landmarks) -> tuple[Points, float]:
    """The source's landmarks in the target's pose, and the angle between both heads where it is known."""
    steady = _steady(target.topology)
    if source.depth is None or target.depth is None:
        affine = fit_affine(source.points[steady], target.points[steady])
        return np.asarray(source.points @ affine[:, :2].T + affine[:, 2], dtype=np.float32), 0.0
    start = np.column_stack((source.points, source.depth)).astype(np.float64)
    end = np.column_stack((target.points, target.depth)).astype(np.float64)
    start_middle, end_middle = start[steady].mean(axis=0), end[steady].mean(axis=0)
    rotation, scale = _rigid(start[steady] - start_middle, end[steady] - end_middle)
    laid = (start - start_middle) @ rotation.T * scale + end_middle
    angle = np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))
    return laid[:, :2].astype(np.float32), float(angle)


def _rigid(start: NDArray[np.float64], end: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Rotation and scale of the best rigid motion; Umeyama, "Least-squares estimation…" (1991)."""
    u, singular, vt = np.linalg.svd(end.T @ start)
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0
    spread = float(np.square(start).sum())
    return (u * sign) @ vt, float((singular * sign).sum()) / max(spread, 1e-9)


@cache
def _steady(topology: Topology) -> NDArray[np.intp]:
    """Landmarks that expressions move least: all but lips, lids and brows."""
    mesh = mesh_of(topology)
    parts = mesh.parts
    moving = {*parts.lips_outer, *parts.lips_inner, *parts.left_brow, *parts.right_brow}
    moving |= {*parts.left_eye, *parts.right_eye} - {*parts.left_eye_corners, *parts.right_eye_corners}
    return np.array([i for i in range(mesh.landmark_count) if i not in moving], dtype=np.intp)


@cache
def _freedom(
    topology: Topology,
) -> tuple[NDArray[np.float32], tuple[tuple[NDArray[np.intp], NDArray[np.float32]], ...]]:
    """How far each landmark may move (0–1), and per eye its members and everyone's nearness to it (0–1)."""
    mesh = mesh_of(topology)
    parts, layout = mesh.parts, mesh.layout[: mesh.landmark_count]
    unit = 300.0  # distance between the eyes in the layout
    from_outline = _distance(layout, mesh.layout[list(mesh.oval)]) / unit
    from_lips = _distance(layout, layout[[*parts.lips_outer, *parts.lips_inner]]) / unit
    weights = np.clip(from_outline / 0.15, 0, 1) * np.clip(from_lips / 0.3, 0, 1)
    eyes = []
    for eye in (parts.left_eye, parts.right_eye):
        nearness = np.clip(1 - _distance(layout, layout[list(eye)]) / (0.2 * unit), 0, 1)
        eyes.append((np.array(eye, dtype=np.intp), nearness.astype(np.float32)))
    return weights.astype(np.float32), tuple(eyes)


def _distance(points: Points, others: Points) -> NDArray[np.float32]:
    offsets = points[:, None] - others[None]
    return np.asarray(np.sqrt(np.square(offsets).sum(axis=2)).min(axis=1), dtype=np.float32)
