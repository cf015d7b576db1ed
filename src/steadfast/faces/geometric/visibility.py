"""What of a target's face is seen: skin and features, but not hair, hats, glasses or hands in front."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.anatomy import face_width, skin_core, trusted_zone
from steadfast.faces.geometric.mesh import FaceMesh
from steadfast.faces.geometric.skin import LabImage, SkinColour, skin_likeness
from steadfast.faces.geometric.warp import GridSize
from steadfast.faces.geometric.zones import (
    Weights,
    fill_hull,
    fill_outline,
    grow_outwards,
    shrink_inwards,
    soften,
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Visibility:
    """One target face on the grid."""

    seen: Weights  # 1 where the face may be exchanged
    skin: Weights  # 1 where it is bare skin: what tone is measured on

    def behind(self, cover: Weights) -> "Visibility":
        """The same with something in front, 1 where it covers."""
        free = (1 - cover).astype(np.float32)
        return Visibility(seen=self.seen * free, skin=self.skin * free)


def see_target(lab: LabImage, points: Points, mesh: FaceMesh, skin: SkinColour | None) -> Visibility:
    """What colour alone tells: skin everywhere, and anything between brows and chin that no hair reaches."""
    size = GridSize(width=lab.shape[1], height=lab.shape[0])
    core = skin_core(points, mesh, size)
    if skin is None:
        return Visibility(seen=np.ones(lab.shape[:2], dtype=np.float32), skin=core)
    width = face_width(mesh, points)
    likeness = soften(skin_likeness(lab, skin), width * 0.01)
    trusted = trusted_zone(points, mesh, size)
    reaching = _reaching_in(likeness, points, mesh, size)
    inside = np.maximum(trusted, likeness) * (1 - reaching)
    seen = soften(np.asarray(inside, dtype=np.float32), width * 0.01)
    wide = shrink_inwards(fill_outline(points[list(mesh.oval)], size), width * 0.06)
    features = _features(points, mesh, size)
    bare = wide * likeness * seen * (1 - features)
    return Visibility(seen=seen, skin=np.asarray(np.maximum(bare, core * likeness), dtype=np.float32))


def _features(points: Points, mesh: FaceMesh, size: GridSize) -> Weights:
    parts = mesh.parts
    groups = (parts.left_eye, parts.right_eye, parts.left_brow, parts.right_brow, parts.lips_outer)
    zones = [fill_hull(points[list(group)], size, 1.25) for group in groups]
    return np.asarray(np.maximum.reduce(zones), dtype=np.float32)


def _reaching_in(likeness: Weights, points: Points, mesh: FaceMesh, size: GridSize) -> Weights:
    """1 on what is not skin and comes in from outside the face: hair, a hat, a collar, a microphone."""
    parts, width = mesh.parts, face_width(mesh, points)
    oval = fill_outline(points[list(mesh.oval)], size)
    strange = (likeness < 0.35) | (oval < 0.5)
    for group, grow in (
        (parts.left_eye, 1.6),
        (parts.right_eye, 1.6),
        (parts.lips_outer, 1.15),
        (parts.nose_base, 1.2),
        (parts.left_brow, 0.8),
        (parts.right_brow, 0.8),
    ):
        strange &= fill_hull(points[list(group)], size, grow) < 0.5
    # Opening cuts the thin bridges of shadow that join a brow or a wrinkle to the hair.
    opened = shrink_inwards(strange.astype(np.float32), width * 0.03)
    _, labels = cv2.connectedComponents((opened > 0.5).astype(np.uint8), connectivity=4)
    outside = np.unique(np.asarray(labels)[(oval < 0.5) & (opened > 0.5)])
    kept = np.isin(labels, outside[outside > 0]).astype(np.float32)
    return np.asarray(grow_outwards(kept, width * 0.035) * oval, dtype=np.float32)


def outline_mask(points: Points, mesh: FaceMesh, size: GridSize) -> Weights:
    """1 inside the face's outline, drawn in by a little so that soft edges stay on the face."""
    width = face_width(mesh, points)
    return shrink_inwards(fill_outline(points[list(mesh.oval)], size), width * 0.018)


def mouth_interior(points: Points, mesh: FaceMesh, size: GridSize) -> NDArray[np.float32]:
    """1 between the lips."""
    return fill_outline(points[list(mesh.parts.lips_inner)], size)
