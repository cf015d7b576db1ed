"""One face being drawn: the warped source and the target side by side, on a grid and at full size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Landmarks, Topology
from steadfast.faces.geometric.anatomy import OPEN_MOUTH, Anatomy, face_width, mouth_opening, with_lips_closed
from steadfast.faces.geometric.blending import blend
from steadfast.faces.geometric.crop import FaceCrop
from steadfast.faces.geometric.grain import add_grain
from steadfast.faces.geometric.mesh import FaceMesh
from steadfast.faces.geometric.proportions import give_proportions
from steadfast.faces.geometric.resample import resize, sample
from steadfast.faces.geometric.source import GeometricSource, Texture
from steadfast.faces.geometric.tone import Contrast, ContrastLimits, Tone, apply_tone, match_tone
from steadfast.faces.geometric.warp import Field, IdMap, dense_map, rasterise
from steadfast.faces.geometric.zones import Weights, grow_outwards, soften
from steadfast.media.canvas import BgrImage

_COARSEST_PX = 16  # what the coarsest level of the blend may measure


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Drawing:
    """The geometry of one swap."""

    topology: Topology
    mesh: FaceMesh
    crop: FaceCrop
    face: Anatomy  # the target on the grid
    ids: IdMap
    field: Field  # grid → pixels of `texture`
    texture: Texture
    warped: NDArray[np.uint8]  # the source on the grid: BGR and how far it is face
    mouth_open: bool  # then what is between the lips stays the target's


def draw(
    landmarks: Landmarks, mesh: FaceMesh, crop: FaceCrop, source: GeometricSource, proportions: float
) -> Drawing:
    """The source laid over the target's landmarks, which are in the pixels of the crop's region."""
    points = mesh.widen(landmarks.points)
    mouth_open = mouth_opening(points, mesh) > OPEN_MOUTH
    goal = mesh.widen(give_proportions(landmarks, source.landmarks, proportions))
    drawn = crop.to_grid(goal if mouth_open else with_lips_closed(goal, mesh))
    ids = rasterise(drawn, mesh.triangles, crop.grid, mesh.widen_depth(landmarks.depth))
    texture = source.texture_for(face_width(mesh, points))
    field = dense_map(drawn, texture.points, mesh.triangles, ids)
    face = Anatomy(mesh=mesh, points=crop.to_grid(points), size=crop.grid)
    coarse = source.texture_for(face.width)
    step = np.float32(coarse.face_width_px / texture.face_width_px)
    warped = sample(coarse.pixels, (field + np.float32(0.5)) * step - np.float32(0.5))
    warped[..., 3] *= ids >= 0
    return Drawing(
        topology=landmarks.topology,
        mesh=mesh,
        crop=crop,
        face=face,
        ids=ids,
        field=field,
        texture=texture,
        warped=warped,
        mouth_open=mouth_open,
    )


def tone_for(
    drawing: Drawing,
    small: BgrImage,
    skin: Weights,
    mask: Weights,
    *,
    limits: ContrastLimits,
    contrast: Contrast | None = None,
) -> Tone | None:
    """The tone that suits the target (`small` on the grid); None if too little of its skin is seen.

    Contrast is measured within the limits, unless it is known.
    """
    return match_tone(
        drawing.warped[..., :3].astype(np.float32),
        small.astype(np.float32),
        skin=np.asarray(skin * (drawing.warped[..., 3] > 200), dtype=np.float32),
        face=mask,
        face_width=drawing.face.width,
        limits=limits,
        contrast=contrast,
    )


def paint(
    drawing: Drawing, target: BgrImage, mask: Weights, tone: Tone, grained: Weights | None = None
) -> tuple[BgrImage, NDArray[np.bool_]]:
    """The crop's pixels with the source in its place, and where they may differ from `target`.

    Grain is matched on the skin of `grained`; None adds none, as in a video, where it would stand still.
    """
    size, width = drawing.crop.size_px, drawing.face.width
    support = resize(soften(grow_outwards(mask, width * 0.03), width * 0.02), *size)
    pixels = sample(drawing.texture.pixels, resize(drawing.field, *size))
    lit = apply_tone(pixels[..., :3].astype(np.float32), tone)
    if grained is not None:
        lit = add_grain(lit, target.astype(np.float32), resize(grained, *size))
    levels = int(np.clip(np.log2(max(size) / _COARSEST_PX), 1, 5))
    return blend(target, lit, resize(mask, *size), support, levels), support > 1 / 255


def swap_mask(drawing: Drawing, seen: Weights) -> Weights:
    """Where the source takes the target's place, 0–1 with soft edges, on the grid."""
    mask = drawing.face.exchangeable * seen * (drawing.ids >= 0)
    if drawing.mouth_open:
        mask = mask * (1 - drawing.face.mouth_interior)
    return soften(np.asarray(mask, dtype=np.float32), drawing.face.width * 0.018)
