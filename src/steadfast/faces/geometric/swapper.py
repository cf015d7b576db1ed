"""The geometric swap: a source face warped, lit and blended onto a target, without a generator."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from steadfast.errors import InvalidOption
from steadfast.faces.face import Face, Landmarks
from steadfast.faces.geometric.anatomy import face_width
from steadfast.faces.geometric.crop import FaceCrop, crop_around
from steadfast.faces.geometric.drawing import Drawing, draw, paint, swap_mask, tone_for
from steadfast.faces.geometric.glasses import Glasses, find_glasses
from steadfast.faces.geometric.memory import GeometricMemory
from steadfast.faces.geometric.mesh import FaceMesh, mesh_of
from steadfast.faces.geometric.scene import Scene
from steadfast.faces.geometric.source import GeometricSource, prepare_source
from steadfast.faces.geometric.tone import PICTURE_LIMITS, VIDEO_LIMITS
from steadfast.faces.geometric.visibility import see_target
from steadfast.faces.roles import Occluder, Patch, SourceIdentity, SourcePhoto, SwapMemory
from steadfast.media.canvas import BgrImage

_SMALLEST_FACE_PX = 12.0
_GRID_OF_PICTURE, _GRID_OF_FRAME = 160, 96


class TargetGlasses(StrEnum):
    """What becomes of glasses that the target wears."""

    REMOVE = "remove"  # the whole frame goes: the face is the source's
    KEEP = "keep"  # the whole frame stays in front; recognisers then still see much of the target


@dataclass(frozen=True, kw_only=True, slots=True)
class GeometricOptions:
    """How the geometric swap draws."""

    target_glasses: TargetGlasses = TargetGlasses.REMOVE
    proportions: float = 1.0  # 0–1, how far eyes, brows and nose move to where the source has them
    proportions_flat: float = 0.3  # the same for landmarks without depth, which confuse shape with pose


class GeometricSwapper:
    """Fills the `Swapper` role for IBUG_68 and MEDIAPIPE_468; holds no state, safe for threads."""

    def __init__(self, occluder: Occluder | None = None, options: GeometricOptions | None = None) -> None:
        self._occluder = occluder
        self._options = options or GeometricOptions()

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
        if source.topology is not face.landmarks.topology:
            raise InvalidOption("Source and target were analysed by different engines.")
        if memory is not None and not isinstance(memory, GeometricMemory):
            raise InvalidOption("This memory belongs to another swapper.")
        patch = Patch(pixels=region.copy(), mask=np.zeros(region.shape[:2], dtype=np.uint8))
        mesh = mesh_of(face.landmarks.topology)
        crop = _crop(region, face.landmarks, mesh, still=memory is None)
        if crop is not None:
            drawing = draw(face.landmarks, mesh, crop, source, self._proportions(face.landmarks))
            self._fill(patch, region, face, drawing, memory)
        return patch

    def _proportions(self, landmarks: Landmarks) -> float:
        flat = landmarks.depth is None
        return self._options.proportions_flat if flat else self._options.proportions

    def _fill(
        self, patch: Patch, region: BgrImage, face: Face, drawing: Drawing, memory: GeometricMemory | None
    ) -> None:
        crop, scene = drawing.crop, Scene.of(drawing, region)
        glasses = _glasses_of(scene, drawing, memory)
        if glasses is not None and self._options.target_glasses is TargetGlasses.REMOVE:
            scene = scene.without_glasses(glasses, crop)
        view = see_target(scene.lab, drawing.face, scene.skin)
        if glasses is not None and self._options.target_glasses is TargetGlasses.KEEP:
            view = view.behind(glasses.frame)
        if self._occluder is not None:
            free = crop.shrink(crop.cut(self._occluder.visible(region, face)))
            view = view.behind(1 - free * np.float32(1 / 255))
        if memory is not None:
            cover = memory.covered(scene.lab, drawing.face, drawing.topology, drawing.ids)
            view = view.behind(cover)
        mask = swap_mask(drawing, view.seen)
        limits = PICTURE_LIMITS if memory is None else VIDEO_LIMITS
        known = None if memory is None else memory.known_contrast
        tone = tone_for(drawing, scene.small, view.skin, mask, limits=limits, contrast=known)
        if tone is None:
            return
        if memory is not None and known is None:
            tone = replace(tone, contrast=memory.settle(tone.contrast))
        grained = view.skin if memory is None else None
        blended, changed = paint(drawing, scene.pixels, mask, tone, grained)
        changed |= scene.altered
        np.copyto(crop.cut(patch.pixels), blended, where=changed[..., None])
        crop.cut(patch.mask)[changed] = 255


def _crop(region: BgrImage, landmarks: Landmarks, mesh: FaceMesh, *, still: bool) -> FaceCrop | None:
    points = landmarks.points
    if len(points) != mesh.landmark_count or not np.isfinite(points).all():
        return None
    wide = mesh.widen(points)
    if face_width(mesh, wide) < _SMALLEST_FACE_PX:
        return None
    longest = _GRID_OF_PICTURE if still else _GRID_OF_FRAME
    return crop_around(wide, region.shape[1], region.shape[0], longest_grid=longest)


def _glasses_of(scene: Scene, drawing: Drawing, memory: GeometricMemory | None) -> Glasses | None:
    if scene.skin is None or (memory is not None and not memory.looks_for_glasses):
        return None
    glasses = find_glasses(scene.lab, drawing.face, scene.skin)
    if memory is not None:
        memory.vote_on_glasses(glasses is not None)
    return glasses
