"""What a target face looked like over the last frames, so that a hand in front of it is noticed.

The face is unfolded onto the mesh's own layout, where it stands still however the head moves. A place whose
colour leaves its running mean, together with a neighbourhood that reaches in from the outline, is covered
by something in front. What is covered is not learnt, so a hand that stays is not absorbed (until it has
stayed for seconds: then it was the memory that was wrong).
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Points, Topology
from steadfast.faces.geometric.anatomy import Anatomy
from steadfast.faces.geometric.mesh import LAYOUT_SIDE, mesh_of
from steadfast.faces.geometric.skin import LabImage
from steadfast.faces.geometric.tone import Contrast
from steadfast.faces.geometric.warp import Field, GridSize, IdMap, dense_map, rasterise
from steadfast.faces.geometric.zones import Weights, fill_hulls, fill_outline, grow_outwards, soften
from steadfast.faces.roles import SwapMemory

_SIDE = 72  # points of the unfolded face in each direction
_ORIGIN, _EXTENT = (90.0, 90.0), 850.0  # of the layout
_COLOUR_WEIGHTS = np.array([0.6, 2.0, 2.0], dtype=np.float32)  # of L*, a*, b*: light changes more than colour
_NOTICED, _CERTAIN = 5.5, 8.0  # Lab units: where a change begins to count, and what it must reach somewhere
_DEVIATIONS = 3.5  # and how many usual deviations of that place
_LEARNING = 0.08
_BELIEVED_AFTER_FRAMES = 150  # a change that stays this long is the face
_SMALLEST_SHARE = 0.004  # of the face: smaller changes are noise
_STRANGE_SHARE = 0.55  # of the face: more than this is another light or another scene, not a hand
_SAMPLED = 6  # every so many places of the unfolded face are enough for a median
_SETTLING = 0.15  # of the way to a contrast that was measured anew
_CONTRAST_FIRST, _CONTRAST_AGAIN = 6, 3  # frames: all of the first, then every so many
_GLASSES_ASKED, _GLASSES_AGAIN = 5, 45  # frames
_FADE = 0.55  # of the cover a frame later: a trailing edge must not flicker


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Unfolding:
    """The fixed geometry of the unfolded face of one topology."""

    points: Points  # mesh points on the unfolded grid
    ids: IdMap
    face: NDArray[np.bool_]  # inside the outline
    inside: NDArray[np.intp]  # places of `face`, one of a few: what medians are taken of
    features: NDArray[np.bool_]  # eyes and mouth, which change by themselves
    rim: NDArray[np.bool_]  # the outline's inner edge, where things come in


@cache
def _unfolding(topology: Topology) -> _Unfolding:
    mesh = mesh_of(topology)
    size = GridSize(width=_SIDE, height=_SIDE)
    points = ((mesh.layout - np.array(_ORIGIN, dtype=np.float32)) * (_SIDE / _EXTENT)).astype(np.float32)
    parts = mesh.parts
    face = fill_outline(points[list(mesh.oval)], size) > 0.5
    moving = [points[list(group)] for group in (parts.left_eye, parts.right_eye, parts.lips_outer)]
    features = fill_hulls(moving, size, 1.35) > 0.5
    outside = grow_outwards((~face).astype(np.float32), 2) > 0.5
    return _Unfolding(
        points=points,
        ids=rasterise(points, mesh.triangles, size, None),
        face=face,
        inside=np.flatnonzero(face)[::_SAMPLED],
        features=features,
        rim=outside & face,
    )


class GeometricMemory(SwapMemory):
    """What the swap remembers of one target face; one track's frames in order, from one thread at a time."""

    def __init__(self) -> None:
        self.frames = 0
        self._glasses = (0.0, 0.0)  # frames that were searched, and those where glasses were found
        self._contrast: Contrast | None = None
        self._mean: LabImage | None = None
        self._deviation = np.full((_SIDE, _SIDE), 1.5, dtype=np.float32)
        self._cover = np.zeros((_SIDE, _SIDE), dtype=np.float32)
        self._covered_for = np.zeros((_SIDE, _SIDE), dtype=np.int32)

    @property
    def known_contrast(self) -> Contrast | None:
        """The contrast of the frames before where it need not be measured again: it hardly changes."""
        is_measured = self.frames <= _CONTRAST_FIRST or self.frames % _CONTRAST_AGAIN == 0
        return None if is_measured else self._contrast

    def settle(self, contrast: Contrast) -> Contrast:
        """The contrast of this frame, drawn towards that of the frames before."""
        before = self._contrast
        self._contrast = contrast if before is None else before.mixed(contrast, _SETTLING)
        return self._contrast

    @property
    def looks_for_glasses(self) -> bool:
        """Whether this frame should be searched: always on a wearer, now and then on others."""
        asked, found = self._glasses
        return asked < _GLASSES_ASKED or 2 * found > asked or self.frames % _GLASSES_AGAIN == 0

    def vote_on_glasses(self, found: bool) -> None:
        """Notes one frame's answer; a hundred of them are kept in proportion."""
        asked, wearing = self._glasses
        keep = 1.0 if asked < 100 else 0.5
        self._glasses = (asked * keep + 1, wearing * keep + found)

    def covered(self, lab: LabImage, face: Anatomy, topology: Topology, ids: IdMap) -> Weights:
        """1 where something stands before the face, on the grid of `lab`; learns this frame.

        `ids` is the triangle of the face's mesh that is seen at each point of the grid.
        """
        unfolding = _unfolding(topology)
        there = dense_map(unfolding.points, face.points, face.mesh.triangles, unfolding.ids)
        cover = self._learn(_sample(lab, there), unfolding)
        if not cover.any():
            return np.zeros(lab.shape[:2], dtype=np.float32)
        back = dense_map(face.points, unfolding.points, face.mesh.triangles, ids)
        return np.asarray(_sample(cover, back) * (ids >= 0), dtype=np.float32)

    def _learn(self, seen: LabImage, unfolding: _Unfolding) -> Weights:
        self.frames += 1
        if self._mean is None:
            self._mean = seen.copy()
            return self._cover
        offset = seen - self._mean
        sampled = np.take(offset.reshape(-1, 3), unfolding.inside, axis=0)
        offset -= np.median(sampled, axis=0) * np.array([1, 0.5, 0.5], dtype=np.float32)
        change = soften(np.sqrt(np.square(offset) @ np.square(_COLOUR_WEIGHTS)), 0.9)
        found = self._reaching_in(change, unfolding)
        if float(found[unfolding.face].mean()) > _STRANGE_SHARE:
            self._forget(seen)
            return self._cover
        self._covered_for = np.where(found, self._covered_for + 1, 0)
        self._update(seen, change, found)
        self._cover = np.maximum(soften(found.astype(np.float32), 0.8), self._cover * _FADE)
        self._cover[self._cover < 0.02] = 0
        return self._cover

    def _reaching_in(self, change: NDArray[np.float32], unfolding: _Unfolding) -> NDArray[np.bool_]:
        """Connected changes that come in over the outline and are not just eyes or mouth at work."""
        limit = np.maximum(_NOTICED, _DEVIATIONS * self._deviation)
        candidates = (change > limit) & unfolding.face
        count, labels = cv2.connectedComponents(candidates.astype(np.uint8), connectivity=8)
        found = np.zeros(change.shape, dtype=np.bool_)
        smallest = _SMALLEST_SHARE * float(unfolding.face.sum())
        for label in range(1, count):
            blob = np.asarray(labels) == label
            area = float(blob.sum())
            own = float((blob & unfolding.features).sum())
            enters = bool((blob & unfolding.rim).any())
            if area >= smallest and enters and own < 0.75 * area and change[blob].max() >= _CERTAIN:
                found |= blob
        return np.asarray(grow_outwards(found.astype(np.float32), 2) > 0.5, dtype=np.bool_)

    def _update(self, seen: LabImage, change: NDArray[np.float32], found: NDArray[np.bool_]) -> None:
        assert self._mean is not None
        free = (~found).astype(np.uint8)
        cv2.accumulateWeighted(seen, self._mean, max(_LEARNING, 1 / self.frames), free)
        cv2.accumulateWeighted(change, self._deviation, _LEARNING, free)
        believed = self._covered_for > _BELIEVED_AFTER_FRAMES
        np.copyto(self._mean, seen, where=believed[..., None])

    def _forget(self, seen: LabImage) -> None:
        self.frames = 1
        self._mean = seen.copy()
        self._deviation[:] = 1.5
        self._cover = np.zeros_like(self._cover)
        self._covered_for[:] = 0


def _sample(image: NDArray[np.float32], field: Field) -> NDArray[np.float32]:
    found = cv2.remap(image, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, dtype=np.float32)


assert _ORIGIN[0] + _EXTENT <= LAYOUT_SIDE
