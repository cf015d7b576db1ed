"""A person's face ready to be warped: one picture of it, at several sizes, and where it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.errors import FaceTooSmall, InvalidOption
from steadfast.faces.face import Embedding, Landmarks, Points, Topology
from steadfast.faces.geometric.anatomy import (
    OPEN_MOUTH,
    Anatomy,
    face_width,
    mouth_opening,
    with_lips_off_teeth,
)
from steadfast.faces.geometric.crop import crop_around
from steadfast.faces.geometric.eye_shade import lighten_eye_shade
from steadfast.faces.geometric.filling import continue_smoothly
from steadfast.faces.geometric.mesh import FaceMesh, mesh_of
from steadfast.faces.geometric.resample import sample
from steadfast.faces.geometric.skin import LabImage, SkinColour, measure_skin, skin_likeness, to_lab
from steadfast.faces.geometric.tone import apply_tone, match_tone
from steadfast.faces.geometric.visibility import reaching_in
from steadfast.faces.geometric.warp import GridSize, dense_map, rasterise
from steadfast.faces.geometric.zones import (
    Weights,
    fill_outline,
    grow_outwards,
    shrink_inwards,
    soften,
)
from steadfast.faces.roles import SourceIdentity, SourcePhoto

_LARGEST_PX = 640  # the longest side of the kept texture
_SMALLEST_FACE_PX = 16
_BESIDE = 0.08  # of the face's width, inside its outline
_SHADOW = 3.0  # spreads of the skin's L*
_SHADE = 18.0  # L*: darker than the cheeks by this is hardly lit
_LINE_SOFT = 0.004
_LINE_BETWEEN_LIPS = np.array([0.26, 0.26, 0.18], dtype=np.float32)  # of the brightness, BGR: it is warm
_SIZE_STEP = 2**0.5  # between two kept sizes: a remap never skips more than this many pixels


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Texture:
    """The face at one size."""

    pixels: NDArray[np.uint8]  # H × W × 4: BGR and how far the pixel is face, 0–255
    points: Points  # M × 2 px, the mesh's points
    face_width_px: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GeometricSource(SourceIdentity):
    """What `GeometricSwapper.prepare` knows of a person."""

    landmarks: Landmarks  # of the best photo, its own pixels
    textures: tuple[Texture, ...]  # largest first

    @property
    def topology(self) -> Topology:
        """Of the landmarks."""
        return self.landmarks.topology

    def texture_for(self, face_width_px: float) -> Texture:
        """The smallest kept size that still has a pixel for each of a face this wide."""
        fitting = [t for t in self.textures if t.face_width_px >= face_width_px * 0.9]
        return fitting[-1] if fitting else self.textures[0]


def prepare_source(photos: Sequence[SourcePhoto]) -> GeometricSource:
    """One identity from one or more photos of a person: the best photo's geometry, all photos' texture."""
    if not photos:
        raise InvalidOption("A source needs at least one photo.")
    ranked = sorted(photos, key=_merit, reverse=True)
    best = ranked[0]
    mesh = mesh_of(best.face.landmarks.topology)
    texture = _texture(best, mesh)
    same = [p for p in ranked[1:] if p.face.landmarks.topology is best.face.landmarks.topology]
    if same:
        texture = _average(texture, [_texture(photo, mesh) for photo in same], mesh)
    return GeometricSource(
        embedding=_mean_embedding(photos),
        photos_used=1 + len(same),
        landmarks=best.face.landmarks,
        textures=_sizes(texture),
    )


def _merit(photo: SourcePhoto) -> float:
    """Frontal before turned, sharp before blurred, large before small."""
    face = photo.face
    turned = abs(face.pose.yaw_deg) + 0.7 * abs(face.pose.pitch_deg)
    size = min(face.box.width, 256.0) / 256
    return float(np.exp(-turned / 20) * np.sqrt(max(face.sharpness, 1.0)) ** 0.5 * np.sqrt(size))


def _mean_embedding(photos: Sequence[SourcePhoto]) -> Embedding:
    known = [p.face.embedding for p in photos if p.face.embedding is not None]
    if not known:
        raise InvalidOption("A source photo needs its embedding.")
    space = known[0].space
    vectors = np.stack([e.vector for e in known if e.space is space])
    mean = vectors.mean(axis=0)
    unit = np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
    return Embedding(space=space, vector=(mean / np.linalg.norm(mean) if unit else mean).astype(np.float32))


def _texture(photo: SourcePhoto, mesh: FaceMesh) -> Texture:
    points = mesh.widen(photo.face.landmarks.points)
    height, width = photo.image.shape[:2]
    crop = crop_around(points, width, height, longest_grid=_LARGEST_PX)
    if crop is None or face_width(mesh, points) < _SMALLEST_FACE_PX:
        raise FaceTooSmall("The source face is too small to be given to anyone.")
    pixels, moved = crop.shrink(crop.cut(photo.image)), crop.to_grid(points)
    anatomy = Anatomy(mesh=mesh, points=moved, size=crop.grid)
    pixels, width = lighten_eye_shade(without_teeth(pixels, anatomy), anatomy), anatomy.width
    visible = visible_source(pixels, anatomy)
    # Edges carry the shadow of hair and hat: what they hide is filled from skin in the light.
    seeds = shrink_inwards(visible, width * 0.03) * _lit(pixels, anatomy)
    pixels = continue_smoothly(pixels, visible, seeds, near=width * 0.02, far=width)
    seen = np.round(visible * 255).astype(np.uint8)
    return Texture(pixels=np.dstack((pixels, seen)), points=moved, face_width_px=width)


def _lit(pixels: NDArray[np.uint8], face: Anatomy) -> Weights:
    """1 where it is as bright as the cheeks, 0 where it is darker by a clear shadow."""
    lab = to_lab(pixels)
    skin = measure_skin(lab, face.core)
    if skin is None:
        return np.ones(lab.shape[:2], dtype=np.float32)
    return np.asarray(np.clip((lab[..., 0] - skin.centre[0]) / _SHADE + 1, 0.02, 1), dtype=np.float32)


def visible_source(pixels: NDArray[np.uint8], face: Anatomy) -> Weights:
    """1 where the picture shows the person's face, 0 where hat, hair or background begins."""
    lab = to_lab(pixels)
    skin = measure_skin(lab, face.core)
    width = face.width
    if skin is None:
        return soften(shrink_inwards(face.oval, width * 0.03), width * 0.02)
    likeness = soften(skin_likeness(lab, skin), width * 0.012)
    solid = (likeness > 0.5).astype(np.float32)
    # Closing swallows wrinkles and stray hairs, opening drops skin-coloured specks of hair.
    solid = shrink_inwards(grow_outwards(solid, width * 0.03), width * 0.06)
    solid = grow_outwards(solid, width * 0.025)
    seen = face.oval * np.maximum(face.trusted, solid) * (1 - reaching_in(likeness, face))
    seen *= 1 - _shadow_of_ears(lab, skin, face)
    return soften(face.draw_in(seen, 0.018), width * 0.012)


def _shadow_of_ears(lab: LabImage, skin: SkinColour, face: Anatomy) -> Weights:
    """1 on what is darker than skin beside the cheeks, where landmarks err: an ear's shadow, a curl."""
    beside = (face.between_ears > 0.5) & (shrink_inwards(face.oval, face.width * _BESIDE) < 0.5)
    dark = beside & (lab[..., 0] < skin.centre[0] - _SHADOW * skin.spread[0]) & (face.around_eyes < 0.5)
    return grow_outwards(dark.astype(np.float32), face.width * 0.012)


def without_teeth(pixels: NDArray[np.uint8], face: Anatomy) -> NDArray[np.uint8]:
    """The picture with what shows between open lips painted over in their colour.

    It is never wanted: an open mouth keeps the target's own, and a closed one must not show teeth where the
    warp jumps from the upper to the lower lip.
    """
    lips = list(face.mesh.parts.lips_inner)
    between = fill_outline(with_lips_off_teeth(face.points, face.mesh)[lips], face.size)
    hole = (grow_outwards(between, 1) > 0.1).astype(np.uint8)
    painted = np.asarray(cv2.inpaint(pixels, hole, 3, cv2.INPAINT_TELEA), dtype=np.uint8)
    if mouth_opening(face.points, face.mesh) < OPEN_MOUTH:
        return painted
    # Where the lips are closed later the warp jumps across this: it becomes the line between them.
    line = soften(face.mouth_interior, face.width * _LINE_SOFT)
    return np.round(painted * (1 - line[..., None] * _LINE_BETWEEN_LIPS)).astype(np.uint8)


def _average(best: Texture, others: Sequence[Texture], mesh: FaceMesh) -> Texture:
    """The best photo's texture with the others, warped onto it and brought to its tone, mixed in."""
    size = GridSize(width=best.pixels.shape[1], height=best.pixels.shape[0])
    ids = rasterise(best.points, mesh.triangles, size, None)
    colour = best.pixels[..., :3].astype(np.float32)
    # The best photo counts twice: averages of unlike expressions blur, and it is the sharpest.
    seen = best.pixels[..., 3:] * np.float32(2 / 255) + np.float32(0.15)
    total = colour * seen
    shown = best.pixels[..., 3].copy()
    for other in others:
        field = dense_map(best.points, other.points, mesh.triangles, ids)
        warped = sample(other.pixels, field)
        alpha = warped[..., 3:] * np.float32(1 / 255) * (ids >= 0)[..., None]
        total = total + _same_tone(warped[..., :3], colour, alpha[..., 0], best) * alpha
        seen = seen + alpha
        shown = np.maximum(shown, np.round(alpha[..., 0] * 255).astype(np.uint8))
    mixed = np.round(np.clip(total / seen, 0, 255)).astype(np.uint8)
    return Texture(pixels=np.dstack((mixed, shown)), points=best.points, face_width_px=best.face_width_px)


def _same_tone(
    pixels: NDArray[np.uint8], wanted: NDArray[np.float32], alpha: Weights, best: Texture
) -> NDArray[np.float32]:
    floats = pixels.astype(np.float32)
    both = np.asarray(alpha * (best.pixels[..., 3] > 127), dtype=np.float32)
    tone = match_tone(floats, wanted, skin=both, face=both, face_width=best.face_width_px)
    return floats if tone is None else apply_tone(floats, tone)


def _sizes(texture: Texture) -> tuple[Texture, ...]:
    sizes, scale = [texture], 1.0
    height, width = texture.pixels.shape[:2]
    while texture.face_width_px * scale > 2 * _SMALLEST_FACE_PX:
        scale /= _SIZE_STEP
        size = (round(width * scale), round(height * scale))
        pixels = cv2.resize(texture.pixels, size, interpolation=cv2.INTER_AREA)
        exact = np.array([size[0] / width, size[1] / height], dtype=np.float32)
        sizes.append(
            Texture(
                pixels=np.asarray(pixels, dtype=np.uint8),
                points=((texture.points + 0.5) * exact - 0.5).astype(np.float32),
                face_width_px=texture.face_width_px * scale,
            )
        )
    return tuple(sizes)
