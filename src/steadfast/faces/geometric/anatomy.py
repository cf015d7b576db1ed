"""The regions of a face that its landmarks span, on a grid, and what its mouth does."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points
from steadfast.faces.geometric.mesh import FaceMesh
from steadfast.faces.geometric.warp import GridSize
from steadfast.faces.geometric.zones import Weights, fill_hulls, fill_outline, shrink_inwards

# Gap between the lips, as a share of the mouth's width, from which a mouth is open.
OPEN_MOUTH = 0.045
_ONTO_LIPS = 0.06  # of the gap between the lips: landmarks err by about so much
_INSET_AT_EARS = 0.06  # the same where a jaw line of few points errs onto the ears

Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Groups:
    """Rows of the mesh's points, as arrays."""

    oval: Indices
    cheeks: Indices  # the outline below the eyes
    jaw: Indices  # the outline below the eyes and above the chin
    chin: Indices  # the outline below the nose
    eyes: tuple[Indices, Indices]
    brows: tuple[Indices, Indices]
    lips: Indices
    nose: Indices
    bridge: Indices
    inner_lips: Indices
    upper_lip: Indices  # inner edge, in pairs with
    lower_lip: Indices


@cache
def _groups(mesh: FaceMesh) -> _Groups:
    parts, height = mesh.parts, mesh.layout[:, 1]
    eye_line = float(height[list(parts.left_eye)].mean())
    mouth = float(height[list(parts.mouth_corners)].mean())
    inner, half = parts.lips_inner, len(parts.lips_inner) // 2

    def rows(group: tuple[int, ...] | list[int]) -> Indices:
        return np.array(group, dtype=np.intp)

    return _Groups(
        oval=rows(mesh.oval),
        cheeks=rows([i for i in parts.oval if height[i] > eye_line + 60]),
        jaw=rows([i for i in parts.oval if eye_line + 60 < height[i] < mouth + 110]),
        chin=rows([i for i in parts.oval if height[i] > height[parts.nose_tip] + 80]),
        eyes=(rows(parts.left_eye), rows(parts.right_eye)),
        brows=(rows(parts.left_brow), rows(parts.right_brow)),
        lips=rows(parts.lips_outer),
        nose=rows(parts.nose_base),
        bridge=rows(parts.nose_bridge),
        inner_lips=rows(inner),
        upper_lip=rows(inner[:half:-1]),
        lower_lip=rows(inner[1:half]),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Anatomy:
    """One face on a grid; each region is drawn when it is first asked for. All are 0–1."""

    mesh: FaceMesh
    points: Points  # of the mesh, grid points
    size: GridSize

    @cached_property
    def width(self) -> float:
        """Of the face, in grid points."""
        return face_width(self.mesh, self.points)

    @cached_property
    def oval(self) -> Weights:
        """Everything inside the outline."""
        return fill_outline(self.points[_groups(self.mesh).oval], self.size)

    @cached_property
    def eyes(self) -> Weights:
        """Both eyes with their lids."""
        left, right = _groups(self.mesh).eyes
        return fill_hulls([self.points[left], self.points[right]], self.size, 1.5)

    @cached_property
    def around_eyes(self) -> Weights:
        """Both eyes with their sockets: where lenses are."""
        left, right = _groups(self.mesh).eyes
        return fill_hulls([self.points[left], self.points[right]], self.size, 3.2)

    @cached_property
    def brows(self) -> Weights:
        """Both brows."""
        left, right = _groups(self.mesh).brows
        return fill_hulls([self.points[left], self.points[right]], self.size, 1.1)

    @cached_property
    def mouth(self) -> Weights:
        """The lips and what is between them."""
        return fill_hulls([self.points[_groups(self.mesh).lips]], self.size, 1.2)

    @cached_property
    def nostrils(self) -> Weights:
        """The base of the nose."""
        return fill_hulls([self.points[_groups(self.mesh).nose]], self.size, 1.2)

    @cached_property
    def features(self) -> Weights:
        """Eyes, brows and mouth: not skin."""
        return np.maximum(np.maximum(self.eyes, self.brows), self.mouth)

    @cached_property
    def core(self) -> Weights:
        """Cheeks and nose: skin on every face, whatever it wears."""
        groups, middle = _groups(self.mesh), self.points[self.mesh.parts.nose_tip]
        near = middle + (self.points[groups.cheeks] - middle) * 0.72
        around = np.concatenate((near, self.points[groups.bridge])).astype(np.float32)
        inside = fill_hulls([around], self.size)
        return np.asarray(inside * (1 - np.maximum(self.eyes, self.mouth)), dtype=np.float32)

    @cached_property
    def trusted(self) -> Weights:
        """The middle of the face from the brows down, where what is seen is face whatever its colour."""
        groups, points = _groups(self.mesh), self.points
        eyes = np.concatenate(groups.eyes)
        lower = fill_hulls([points[np.concatenate((groups.cheeks, eyes))]], self.size, 0.9)
        upper = np.concatenate((*groups.brows, eyes, groups.nose))
        return np.maximum(lower, fill_hulls([points[upper]], self.size, 1.06))

    @cached_property
    def exchangeable(self) -> Weights:
        """The oval without what may be an ear."""
        return self.draw_in(self.oval, 0)

    def draw_in(self, mask: Weights, share: float) -> Weights:
        """A mask of the face drawn in by a share of its width; more beside ears that may be inside it."""
        near = shrink_inwards(mask, self.width * share)
        if self.mesh.parts.oval_is_closed:
            return near
        groups = _groups(self.mesh)
        chin = np.concatenate((self.points[groups.chin], self.points[groups.lips]))
        below_ears = fill_hulls([chin], self.size, 1.1)
        beside = shrink_inwards(mask, self.width * _INSET_AT_EARS)
        return np.asarray(np.maximum(beside, near * below_ears), dtype=np.float32)

    @cached_property
    def between_ears(self) -> Weights:
        """All inside the outline from below the eyes to the mouth."""
        return fill_hulls([self.points[_groups(self.mesh).jaw]], self.size)

    @cached_property
    def mouth_interior(self) -> Weights:
        """Between the lips."""
        return fill_outline(self.points[_groups(self.mesh).inner_lips], self.size)


def face_width(mesh: FaceMesh, points: Points) -> float:
    """The outline's width, or its height divided by 1.2 where that is more: steady when a head turns."""
    outline = points[_groups(mesh).oval]
    extent = outline.max(axis=0) - outline.min(axis=0)
    return float(max(extent[0], extent[1] / 1.2))


def mouth_opening(points: Points, mesh: FaceMesh) -> float:
    """The largest gap between the lips as a share of the mouth's width."""
    groups = _groups(mesh)
    left, right = points[list(mesh.parts.mouth_corners)]
    gap = np.linalg.norm(points[groups.upper_lip] - points[groups.lower_lip], axis=1).max()
    return float(gap / max(float(np.linalg.norm(right - left)), 1e-6))


def with_lips_closed(points: Points, mesh: FaceMesh) -> Points:
    """The points with the inner edges of the lips laid on each other, so that no mouth shows between them."""
    upper, lower = _groups(mesh).upper_lip, _groups(mesh).lower_lip
    closed = points.copy()
    closed[upper] = closed[lower] = (points[upper] + points[lower]) / 2
    return closed


def with_lips_off_teeth(points: Points, mesh: FaceMesh) -> Points:
    """The points with the inner edges of open lips drawn onto the lips, so that nothing else is between."""
    upper, lower = _groups(mesh).upper_lip, _groups(mesh).lower_lip
    moved = points.copy()
    apart = (points[lower] - points[upper]) * _ONTO_LIPS
    moved[upper] -= apart
    moved[lower] += apart
    return moved
