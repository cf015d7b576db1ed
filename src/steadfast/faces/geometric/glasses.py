"""Finds the rims of glasses, so that a face can be changed behind them.

A rim is a closed line around each eye that differs from what lies inside and outside of it. Lines are
measured on polar grids around both eyes, mirrored onto each other (frames are symmetric, wrinkles are not),
and the best closed path is found by dynamic programming. A face without glasses has no path that is strong
all the way round.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.anatomy import Anatomy
from steadfast.faces.geometric.mesh import FaceMesh
from steadfast.faces.geometric.skin import LabImage, SkinColour
from steadfast.faces.geometric.zones import Weights, grow_outwards, soften

_ANGLES, _RADII = 72, 32
_NEAREST, _FARTHEST = 0.17, 0.48  # radii, as a share of the distance between the eyes
_RIM_WIDTHS = (0.05, 0.085)  # as a share of the same: thin rims, and thick ones above the eye only
_DRAWN_WIDTH = 0.065
_BEND_COST = 1.2  # Lab units that a step of one radius between neighbouring angles must gain
_STRONGEST = 14.0  # Lab units: a thick black rim may not outweigh the rest of the path
_WEAKEST_TENTH = 3.2  # Lab units: the tenth of the path that is weakest is at least so strong on glasses
_LEAST_EYE_DISTANCE = 16.0  # grid points: below it rims are thinner than a point
_SHIFT = 4  # OpenCV's fixed-point bits
_DARKER = 22.0  # L*: frames darker than skin by this belong to the rim


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _EyeGrid:
    """Polar grids around both eyes."""

    places: NDArray[np.float32]  # 2 × angles × radii × 2, grid points; angle 0 points away from the nose
    eye_distance: float
    temples: NDArray[np.float32]  # 2 × 4 × 2: where upper rims, tips and temples may lie, per eye


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Glasses:
    """Where the glasses of one face are, on the grid."""

    frame: Weights  # 1 on rims, bridge and dark temples, and a little beyond them
    eye_distance: float  # grid points


def find_glasses(lab: LabImage, face: Anatomy, skin: SkinColour) -> Glasses | None:
    """The glasses of the face; None on a face without, or too small to tell."""
    grid = _eye_grid(face.points, face.mesh)
    if grid.eye_distance < _LEAST_EYE_DISTANCE:
        return None
    strength = _line_strength(lab, grid)
    path = _closed_path(np.minimum(strength, _STRONGEST).mean(axis=0))
    rows = np.arange(_ANGLES)
    if float(np.percentile(strength[:, rows, path].min(axis=0), 10)) < _WEAKEST_TENTH:
        return None
    frame = _draw(lab, skin, grid, np.ascontiguousarray(grid.places[:, rows, path]))
    return Glasses(frame=frame, eye_distance=grid.eye_distance)


def _eye_grid(points: Points, mesh: FaceMesh) -> _EyeGrid:
    left = points[list(mesh.parts.left_eye)].mean(axis=0)
    right = points[list(mesh.parts.right_eye)].mean(axis=0)
    across = right - left
    distance = float(np.linalg.norm(across))
    across = across / max(distance, 1e-6)
    down = np.array([-across[1], across[0]], dtype=np.float32)
    angles = np.arange(_ANGLES, dtype=np.float32) * (2 * np.pi / _ANGLES)
    radii = np.linspace(_NEAREST, _FARTHEST, _RADII, dtype=np.float32) * distance
    places, temples = [], []
    for eye, outwards in ((left, -across), (right, across)):
        centre = eye + 0.08 * distance * outwards + 0.12 * distance * down
        rays = 1.15 * np.cos(angles)[:, None] * outwards + np.sin(angles)[:, None] * down
        box = np.array([(-0.4, -0.24), (0.53, -0.24), (0.53, 0.1), (-0.4, 0.1)], dtype=np.float32) * distance
        temples.append(eye + box[:, :1] * outwards + box[:, 1:] * down)
        places.append(centre + rays[:, None] * radii[None, :, None])
    return _EyeGrid(
        places=np.stack(places).astype(np.float32),
        eye_distance=distance,
        temples=np.stack(temples).astype(np.float32),
    )


def _line_strength(lab: LabImage, grid: _EyeGrid) -> NDArray[np.float32]:
    """How much each place differs from those a rim's width inside and outside; 2 × angles × radii."""
    flat = np.ascontiguousarray(grid.places.reshape(2 * _ANGLES, _RADII, 2))
    seen = cv2.remap(lab, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colour = np.asarray(cv2.GaussianBlur(seen, (3, 3), 0.8), dtype=np.float32)
    strength = np.zeros((2 * _ANGLES, _RADII), dtype=np.float32)
    for width in _RIM_WIDTHS:
        step = max(1, round(width * (_RADII - 1) / (_FARTHEST - _NEAREST)))
        line = colour[:, step:-step] - (colour[:, : -2 * step] + colour[:, 2 * step :]) / 2
        found = np.sqrt(np.square(line) @ np.array([1, 2, 2], dtype=np.float32))
        above = slice(_ANGLES // 2, None) if width > _RIM_WIDTHS[0] else slice(None)
        part = strength.reshape(2, _ANGLES, _RADII)[:, above, step:-step]
        np.maximum(part, found.reshape(2, _ANGLES, -1)[:, above], out=part)
    return strength.reshape(2, _ANGLES, _RADII)


def _closed_path(strength: NDArray[np.float32]) -> NDArray[np.intp]:
    """The radius per angle of the strongest path that moves at most one radius a step.

    Two rounds are walked and the one in their middle kept, which closes the path.
    """
    rounds = np.concatenate((strength, strength))
    best = np.full(_RADII + 2, -np.inf, dtype=np.float32)
    best[1:-1] = rounds[0]
    choices = np.empty((len(rounds), _RADII), dtype=np.intp)
    options = np.empty((3, _RADII), dtype=np.float32)
    for angle in range(1, len(rounds)):
        np.subtract(best[:-2], _BEND_COST, out=options[0])
        options[1] = best[1:-1]
        np.subtract(best[2:], _BEND_COST, out=options[2])
        options.argmax(axis=0, out=choices[angle])
        np.add(options.max(axis=0), rounds[angle], out=best[1:-1])
    path = [int(best[1:-1].argmax())]
    for angle in range(len(rounds) - 1, 0, -1):
        path.append(path[-1] + int(choices[angle, path[-1]]) - 1)
    # The middle round, so that both ends had the same run-up.
    half = _ANGLES // 2
    return np.roll(np.array(path[::-1], dtype=np.intp)[half : half + _ANGLES], half)


def _draw(lab: LabImage, skin: SkinColour, grid: _EyeGrid, rims: NDArray[np.float32]) -> Weights:
    distance = grid.eye_distance
    mask = np.zeros(lab.shape[:2], dtype=np.uint8)
    cv2.polylines(mask, _fixed(rims), True, 255, max(1, round(_DRAWN_WIDTH * distance)), cv2.LINE_AA, _SHIFT)
    bridge = int(np.linalg.norm(rims[0] - rims[1], axis=1).argmin())
    thickness = max(1, round(2 * _DRAWN_WIDTH * distance))
    cv2.polylines(mask, _fixed(rims[None, :, bridge]), False, 255, thickness, cv2.LINE_AA, _SHIFT)
    drawn = np.asarray(mask, dtype=np.float32) / np.float32(255)
    return soften(np.maximum(drawn, _dark_frame(lab, skin, grid, rims, drawn)), 0.012 * distance)


def _fixed(lines: NDArray[np.float32]) -> list[NDArray[np.int32]]:
    """Lines in OpenCV's fixed point."""
    return list(np.ascontiguousarray(np.round(lines * (1 << _SHIFT))).astype(np.int32))


def _dark_frame(
    lab: LabImage, skin: SkinColour, grid: _EyeGrid, rims: NDArray[np.float32], drawn: Weights
) -> Weights:
    """What is far darker than skin, at the height of the eyes, and connected to the rims: thick upper
    rims, their tips and the temples."""
    near = np.zeros(lab.shape[:2], dtype=np.uint8)
    for lens, corners in zip(rims, grid.temples, strict=True):
        cv2.fillPoly(near, _fixed(corners[None]), 255, cv2.LINE_8, _SHIFT)
        middle = lens.mean(axis=0)  # never the eye itself
        cv2.fillPoly(near, _fixed((middle + (lens - middle) * 0.72)[None]), 0, cv2.LINE_8, _SHIFT)
    dark = ((lab[..., 0] < skin.centre[0] - _DARKER) & (near > 0)) | (drawn > 0.5)
    _, labels = cv2.connectedComponents(dark.astype(np.uint8), connectivity=8)
    touching = np.unique(np.asarray(labels)[drawn > 0.5])
    frame = np.isin(labels, touching[touching > 0]).astype(np.float32)
    return grow_outwards(frame, 0.015 * grid.eye_distance)
