"""The geometric swap: a source face warped, lit and blended onto a target, without a generator."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidOption
from steadfast.faces.face import Face, Points
from steadfast.faces.geometric.anatomy import face_width, skin_core, trusted_zone
from steadfast.faces.geometric.blending import blend
from steadfast.faces.geometric.crop import FaceCrop, crop_around
from steadfast.faces.geometric.mesh import FaceMesh, mesh_of
from steadfast.faces.geometric.resample import resize, sample
from steadfast.faces.geometric.skin import measure_skin, skin_likeness, to_lab
from steadfast.faces.geometric.source import (
    GeometricSource,
    Texture,
    prepare_source,
)
from steadfast.faces.geometric.tone import apply_tone, match_tone
from steadfast.faces.geometric.warp import Field, dense_map, rasterise
from steadfast.faces.geometric.zones import (
    Weights,
    fill_outline,
    grow_outwards,
    shrink_inwards,
    soften,
)
from steadfast.faces.roles import Occluder, Patch, SourceIdentity, SourcePhoto, SwapMemory
from steadfast.media.canvas import BgrImage

_SMALLEST_FACE_PX = 12.0
_GRID_OF_PICTURE, _GRID_OF_FRAME = 224, 96


class GeometricMemory(SwapMemory):
    """What the swap remembers of one target face from frame to frame."""


class GeometricSwapper:
    """Fills the `Swapper` role for landmarks of any meshed topology; holds no state, safe for threads."""

    def __init__(self, occluder: Occluder | None = None) -> None:
        self._occluder = occluder

    @property
    def is_generative(self) -> bool:
        """No trained generator makes these pixels."""
        return False

    @property
    def margin(self) -> float:
        """The region holds the ring around the face and the neck's first pixels."""
        return 1.5

    def prepare(self, photos: Sequence[SourcePhoto]) -> SourceIdentity:
        """See `Swapper.prepare`; raises FaceTooSmall or InvalidOption."""
        return prepare_source(photos)

    def remember(self) -> SwapMemory:
        """See `Swapper.remember`."""
        return GeometricMemory()

    def render(
        self, region: BgrImage, face: Face, source: SourceIdentity, memory: SwapMemory | None = None
    ) -> Patch:
        """See `Swapper.render`; a face that cannot be drawn leaves the region untouched."""
        if not isinstance(source, GeometricSource):
            raise InvalidOption("This source was prepared by another swapper.")
        mesh = mesh_of(face.landmarks.topology)
        points = mesh.widen(face.landmarks.points)
        crop = self._crop(region, points, mesh, memory)
        if crop is None:
            return Patch(pixels=region.copy(), mask=np.zeros(region.shape[:2], dtype=np.uint8))
        return _paint(region, _Job.of(region, crop, points, mesh, source))

    def _crop(
        self, region: BgrImage, points: Points, mesh: FaceMesh, memory: SwapMemory | None
    ) -> FaceCrop | None:
        if not np.isfinite(points).all() or face_width(mesh, points) < _SMALLEST_FACE_PX:
            return None
        longest = _GRID_OF_PICTURE if memory is None else _GRID_OF_FRAME
        return crop_around(points, region.shape[1], region.shape[0], longest_grid=longest)


@dataclass(kw_only=True, slots=True, eq=False)
class _Job:
    """One face being drawn: everything on the crop's grid."""

    crop: FaceCrop
    mesh: FaceMesh
    points: Points  # grid
    width: float  # of the face, grid points
    target: NDArray[np.uint8]  # grid, BGR
    texture: Texture
    field: Field  # grid → texture px
    warped: NDArray[np.uint8]  # grid, BGR and alpha

    @staticmethod
    def of(
        region: BgrImage, crop: FaceCrop, points: Points, mesh: FaceMesh, source: GeometricSource
    ) -> "_Job":
        grid_points = crop.to_grid(points)
        width_px = face_width(mesh, points)
        texture = source.texture_for(width_px)
        ids = rasterise(grid_points, mesh.triangles, crop.grid, None)
        field = dense_map(grid_points, texture.points, mesh.triangles, ids)
        coarse = source.texture_for(face_width(mesh, grid_points))
        step = coarse.face_width_px / texture.face_width_px
        warped = sample(coarse.pixels, (field + 0.5) * step - 0.5)
        warped[..., 3] *= (ids >= 0).astype(np.uint8)
        return _Job(
            crop=crop,
            mesh=mesh,
            points=grid_points,
            width=face_width(mesh, grid_points),
            target=crop.shrink(crop.cut(region)),
            texture=texture,
            field=field,
            warped=warped,
        )


def _visible_target(job: _Job) -> tuple[Weights, Weights]:
    """Where the target's face may be covered, and where it is skin."""
    lab = to_lab(job.target)
    size = job.crop.grid
    core = skin_core(job.points, job.mesh, size)
    skin = measure_skin(lab, core)
    if skin is None:
        return np.ones(core.shape, dtype=np.float32), core
    likeness = skin_likeness(lab, skin)
    trusted = trusted_zone(job.points, job.mesh, size)
    return np.maximum(trusted, soften(likeness, job.width * 0.012)), core * likeness


def _mouth_kept(job: _Job) -> Weights:
    parts = job.mesh.parts
    return fill_outline(job.points[list(parts.lips_inner)], job.crop.grid)


def _mask(job: _Job, visible: Weights) -> Weights:
    oval = fill_outline(job.points[list(job.mesh.oval)], job.crop.grid)
    inner = shrink_inwards(oval, job.width * 0.035)
    alpha = job.warped[..., 3].astype(np.float32) / 255
    mask = np.asarray(inner * visible * alpha * (1 - _mouth_kept(job)), dtype=np.float32)
    return soften(mask, job.width * 0.02)


def _paint(region: BgrImage, job: _Job) -> Patch:
    visible, skin = _visible_target(job)
    mask = _mask(job, visible)
    tone = match_tone(
        job.warped[..., :3].astype(np.float32),
        job.target.astype(np.float32),
        skin * (job.warped[..., 3] > 200),
        job.width,
    )
    patch = Patch(pixels=region.copy(), mask=np.zeros(region.shape[:2], dtype=np.uint8))
    if tone is None:
        return patch
    size = job.crop.size_px
    field = resize(job.field, *size)
    pixels = sample(job.texture.pixels, field)
    source = apply_tone(pixels[..., :3].astype(np.float32), tone)
    full_mask = resize(mask, *size)
    support = soften(grow_outwards(mask, job.width * 0.03), job.width * 0.02)
    full_support = resize(support, *size)
    levels = int(np.clip(np.log2(max(job.crop.size_px) / 16), 1, 5))
    target = job.crop.cut(region)
    blended = blend(target, source, full_mask, full_support, levels)
    changed = full_support > 1 / 255
    np.copyto(job.crop.cut(patch.pixels), blended, where=changed[..., None])
    patch.mask[job.crop.top : job.crop.bottom, job.crop.left : job.crop.right][changed] = 255
    return patch
