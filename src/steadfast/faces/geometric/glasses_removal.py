"""Takes found glasses off a picture: the pixels of the frame alone, rebuilt from what lies beside them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.filling import continue_smoothly
from steadfast.faces.geometric.glasses import Glasses
from steadfast.faces.geometric.grain import grain_level, grain_pattern
from steadfast.faces.geometric.resample import resize
from steadfast.faces.geometric.skin import LabImage, SkinColour, to_lab
from steadfast.faces.geometric.zones import grow_outwards, shrink_inwards, soften
from steadfast.media.canvas import BgrImage

# Shares of the distance between the eyes.
_BEYOND = 0.06  # how far from the found rims the frame may lie
_HALF_THICKNESS = 0.1  # of the thickest frame
_HALO = 0.02  # around dark pixels: the frame's antialiased edge
_SPECK = 0.07  # side of the largest area that is no frame
_FILLED_FROM = 0.03
_GLOSS = 0.07
_FEEBLE = 0.03  # weight of what is not of the head when a hole is filled
_DARKER = 12.0  # L*, than both sides


def take_off(glasses: Glasses, pixels: BgrImage, skin: SkinColour) -> tuple[BgrImage, NDArray[np.bool_]]:
    """The pixels with those of the frame rebuilt from what lies beside them, and which ones those are.

    Skin continues in skin and hair in hair; what the frame leaves free keeps its every bit. Deterministic.
    """
    height, width = pixels.shape[:2]
    eye_distance = glasses.eye_distance * width / glasses.frame.shape[1]
    zone = resize(grow_outwards(glasses.frame, _BEYOND * glasses.eye_distance), width, height) > 0.3
    lab = to_lab(pixels)
    # Neither skin nor hair has the colour opposite to skin: a dark frame mirroring the sky has, or the sky.
    opposite = np.asarray(lab[..., 1:] @ skin.centre[1:] < 0, dtype=np.bool_)
    frame = _frame_pixels(lab, zone, opposite, eye_distance)
    if not frame.any():
        return pixels, frame
    known = np.asarray(~frame, dtype=np.float32)
    seeds = np.where(opposite, known * np.float32(_FEEBLE), known)
    reach = max(1.5, _FILLED_FROM * eye_distance)
    filled = continue_smoothly(pixels, known, seeds, near=reach, far=float(max(height, width)))
    beside = (grow_outwards(1 - known, 4 * reach) > 0) & ~frame
    level = grain_level(pixels.astype(np.float32), beside)
    grained = filled + grain_pattern(height, width)[..., None] * np.float32(level)
    share = soften(1 - known, 0.6)[..., None]
    mixed = np.round(np.clip(pixels + (grained - pixels) * share, 0, 255)).astype(np.uint8)
    touched = share > 0.02
    return np.where(touched, mixed, pixels), np.asarray(touched[..., 0], dtype=np.bool_)


def _frame_pixels(
    lab: LabImage, zone: NDArray[np.bool_], opposite: NDArray[np.bool_], eye_distance: float
) -> NDArray[np.bool_]:
    """What in the zone is darker than both of its sides (a black-hat transform) and no speck; with gloss."""
    light = np.ascontiguousarray(lab[..., 0])
    reach = max(1.0, _HALF_THICKNESS * eye_distance)
    closed = shrink_inwards(grow_outwards(light, reach), reach)
    lines = (closed - light > _DARKER) & zone
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] > (_SPECK * eye_distance) ** 2
    large[0] = False
    found = large[np.asarray(labels)].astype(np.float32)
    gloss = opposite & zone & (grow_outwards(found, _GLOSS * eye_distance) > 0)
    found = np.maximum(found, gloss.astype(np.float32))
    return np.asarray(grow_outwards(found, max(1.0, _HALO * eye_distance)) > 0, dtype=np.bool_)
